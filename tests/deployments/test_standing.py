"""What is live in one place, in words: the release, since when, who approved it, what is in it, and what came with it."""

import pytest

from deployments.models import LiveVersion
from deployments.standing import Approved, Standing, approvals_of, standing_of, standings_of
from lifecycles.models import Environment
from projects.models import Project
from releases.models import Release
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, approved, run_out, went_live
from tests.deployments.scenes import a_gate, requested
from tests.factories import a_component, a_package, a_release, a_user, a_version, an_environment

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Project:
    return a_rows_shop()


@pytest.fixture
def test(shop) -> Environment:
    return an_environment("TEST")


def the(slug: str) -> Project:
    return Project.objects.get(slug=slug)


def test_where_nothing_is_live_nothing_stands(shop, test):
    assert standing_of(shop, test) is None
    assert standings_of([shop, the("ui")], test) == []


def test_a_component_stands_with_its_version_and_the_release_it_came_with(shop, test):
    release = a_release(shop, "1.0.0", ui="1.4.0")
    went_live(release)

    found = standing_of(the("ui"), test)

    assert (found.version, found.release.number, found.stack_release) == ("1.4.0", "1.4.0", release)
    assert found.live == LiveVersion.objects.now().get(project__slug="ui")


def test_a_version_is_spelt_as_it_was_published(shop, test):
    went_live(a_release(shop, "1.0.0", ui="1.4"))

    assert standing_of(the("ui"), test).version == "1.4"


def test_a_component_of_several_packages_stands_with_the_number_of_its_release(shop, test):
    the("ui").project_packages.create(package=a_package("texts"), position=2)
    went_live(a_release(shop, "1.0.0", ui="1.4.0", texts="7.0.0"))

    found = standing_of(the("ui"), test)

    assert found.version == found.release.number
    assert [held.version.package.name for held in found.packages] == ["ui", "texts"]


def test_what_went_on_its_own_came_with_no_release_of_its_stack(shop, test):
    went_live(a_release(shop, "1.0.0"))
    went_live(a_release(shop, "1.1.0", ui="2.0.0").components.get(component__slug="ui").release)

    assert standing_of(the("ui"), test).stack_release is None
    assert standing_of(the("api"), test).stack_release.number == "1.0.0"


def test_the_stack_stands_by_itself_without_packages(shop, test):
    went_live(a_release(shop, "1.0.0"))

    found = standing_of(shop, test)

    assert (found.version, list(found.packages), found.contents, found.stack_release) == ("1.0.0", [], [], None)


def test_what_its_manifest_names_is_in_it(shop, test):
    a_version("ui", "2.0.0", contents={"b": "2", "a": "1"})
    went_live(a_release(shop, "1.0.0", ui="2.0.0"))

    assert [(entry.label, entry.version) for entry in standing_of(the("ui"), test).contents] == [("a", "1"), ("b", "2")]


def test_who_approved_the_train_approved_its_components(shop, test):
    otto, petra = a_gate("TEST", minimum=2), a_user("petra", role="approver")
    otto.approval_rules.get().people.add(petra)
    deployment = requested(a_release(shop, "1.0.0"))
    for person, comment in ((otto, "Good."), (petra, "")):
        approved(deployment, person, comment)
    run_out()

    for slug in ("shop", "ui"):
        assert [(one.person, one.comment) for one in standing_of(the(slug), test).approved] == [
            ("otto", "Good."),
            ("petra", ""),
        ]
    assert all(one.capacity and isinstance(one, Approved) for one in approvals_of(deployment))


def test_what_was_withdrawn_or_rejected_is_no_approval(shop, test):
    otto = a_gate("TEST")
    deployment = requested(a_release(shop, "1.0.0"))
    approved(deployment, otto)
    run_out()
    deployment.approvals.update(withdrawn_at=deployment.requested_at)

    assert standing_of(shop, test).approved == []


def test_several_stand_in_the_order_asked_for(shop, test):
    went_live(a_release(shop, "1.0.0"))
    ui, api = the("ui"), the("api")

    assert [found.project for found in standings_of([ui, shop, api], test)] == [ui, shop, api]


def test_what_came_stands_with_it(shop, test):
    went_live(a_release(shop, "1.0.0", ui="1.0.0"))
    went_live(a_release(shop, "1.1.0", ui="2.0.0"))

    (part,) = standing_of(the("ui"), test).brought.parts
    assert (part.older.number, part.newer.number) == ("1.0.0", "2.0.0")


def test_it_takes_the_same_questions_however_many_stand(shop, test, django_assert_num_queries):
    a_component(shop, "Docs", stage=3)
    went_live(a_release(shop, "1.0.0", api="1.0.0", ui="1.0.0", docs="1.0.0"))
    a_version("docs", "2.0.0", contents={"a": "1"})
    went_live(a_release(shop, "1.1.0", api="2.0.0", ui="2.0.0", docs="2.0.0"))

    for asked in ([shop, the("docs")], [shop, *shop.components.all()]):
        with django_assert_num_queries(12):
            for found in standings_of(asked, test):
                everything_about(found)


def everything_about(found: Standing) -> list[object]:
    """Whatever a page says of it."""
    release: Release = found.release
    said = [str(release), found.version, str(found.environment), str(found.stack_release), *found.approved]
    return (
        said
        + [str(held.version) for held in found.packages]
        + [part.newer.project.slug for part in found.brought.parts]
    )
