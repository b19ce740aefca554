"""A component of a manifest is found in the outside store that its package's sources name, and called what people call it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.models import ManifestSource
from registry.sources import labels_for, where_is
from tests.factories import a_package, a_source, an_outside_package


def a_plain_source(components="*", name="{component}", feed=1, position=0) -> ManifestSource:
    return ManifestSource(components=components, name=name, feed_id=feed, position=position)


# -- where it is ------------------------------------------------------------------------------------------------------


def test_without_a_source_nobody_knows_where_a_component_is():
    assert where_is("patient-api", []) is None


def test_a_source_for_everything_takes_the_components_own_name():
    assert where_is("patient-api", [a_plain_source(feed=7)]) == (7, "patient-api")


def test_the_name_in_the_store_is_made_from_the_components():
    assert where_is("patient-api", [a_plain_source(name="com.example:{component}")]) == (1, "com.example:patient-api")


def test_a_store_may_call_it_something_else_altogether():
    assert where_is("runtime", [a_plain_source("runtime", name="org.mule/mule-ee")]) == (1, "org.mule/mule-ee")


@pytest.mark.parametrize(("pattern", "fits"), [("*-api", True), ("patient-*", True), ("patient-api", True),
                                               ("PATIENT-API", True), ("*-app", False), ("patient", False)])  # fmt: skip
def test_a_source_is_for_a_name_or_for_a_pattern(pattern, fits):
    assert (where_is("patient-api", [a_plain_source(pattern)]) is not None) == fits


def test_the_first_source_that_fits_counts_in_the_order_of_their_positions():
    sources = [a_plain_source("*", feed=2, position=5), a_plain_source("*-api", feed=1, position=1)]

    assert where_is("patient-api", sources) == (1, "patient-api")
    assert where_is("runtime", sources) == (2, "runtime")


def test_braces_of_a_component_say_nothing():
    assert where_is("{0.__class__}", [a_plain_source(name="x:{component}")]) == (1, "x:{0.__class__}")


# -- what it is called ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_component_is_called_what_its_package_in_the_store_is_called():
    an_outside_package("com.example:patient-api", label="Patient API")
    package = a_source(a_package("state"), name="com.example:{component}").package

    assert labels_for([package.pk]).of(package.pk, "patient-api") == "Patient API"


@pytest.mark.django_db
def test_upper_and_lower_case_do_not_keep_a_component_from_its_label():
    an_outside_package("com.example:Patient-API", label="Patient API")
    package = a_source(a_package("state"), name="com.example:{component}").package

    assert labels_for([package.pk]).of(package.pk, "patient-api") == "Patient API"


@pytest.mark.django_db
def test_a_component_without_a_label_keeps_its_own_name():
    an_outside_package("com.example:patient-api")
    package = a_source(a_package("state"), name="com.example:{component}").package

    labels = labels_for([package.pk])

    assert labels.of(package.pk, "patient-api") == "patient-api"
    assert labels.of(package.pk, "unheard-of") == "unheard-of"


@pytest.mark.django_db
def test_a_label_in_another_store_is_not_taken():
    an_outside_package("patient-api", label="Patient API", feed="elsewhere")
    package = a_source(a_package("state")).package

    assert labels_for([package.pk]).of(package.pk, "patient-api") == "patient-api"


@pytest.mark.django_db
def test_a_package_does_not_borrow_the_sources_of_another():
    an_outside_package("patient-api", label="Patient API")
    one, other = a_source(a_package("state")).package, a_package("other")

    labels = labels_for([one.pk, other.pk])

    assert (labels.of(one.pk, "patient-api"), labels.of(other.pk, "patient-api")) == ("Patient API", "patient-api")


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 5])
def test_many_packages_take_as_many_queries_as_one(count):
    packages = [a_source(a_package(f"state-{n}")).package for n in range(count)]
    an_outside_package("patient-api", label="Patient API")

    with CaptureQueriesContext(connection) as queries:
        labels = labels_for(package.pk for package in packages)
        names = [labels.of(package.pk, "patient-api") for package in packages]

    assert names == ["Patient API"] * count
    assert len(queries) == 2


@pytest.mark.django_db
def test_nothing_is_asked_for_no_packages(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert labels_for([]).of(1, "patient-api") == "patient-api"
