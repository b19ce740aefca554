import pytest
from django.contrib import admin
from django.contrib.admin.utils import lookup_field
from django.contrib.auth import get_user_model
from django.test import RequestFactory

from accounts.models import Event
from registry import actions, storage
from registry.models import Artifact, Feed, Package, PackageVersion
from tests.factories import a_package, an_outside_feed, an_outside_package
from tests.projects.doors import rows
from tests.registry.packages import SCRIPT

REGISTERED = [Artifact, Feed, Package, PackageVersion]


@pytest.fixture
def request_of_administrator(db):
    request = RequestFactory().get("/")
    request.user = get_user_model().objects.create_superuser("administrator", password="not used here")
    return request


@pytest.mark.parametrize("model", [Artifact, PackageVersion])
def test_what_was_published_is_not_changed_in_the_admin(request_of_administrator, model):
    pages = admin.site.get_model_admin(model)

    assert pages.has_view_permission(request_of_administrator)
    assert not pages.has_add_permission(request_of_administrator)
    assert not pages.has_change_permission(request_of_administrator)
    assert not pages.has_delete_permission(request_of_administrator)


def test_a_package_is_not_deleted_in_the_admin(request_of_administrator):
    assert not admin.site.get_model_admin(Package).has_delete_permission(request_of_administrator)


def test_of_a_package_of_an_outside_store_only_its_label_and_its_pre_releases_are_changed(request_of_administrator):
    outside = an_outside_package("patient-api")
    pages = admin.site.get_model_admin(Package)

    form = pages.get_form(request_of_administrator, outside)

    assert list(form.base_fields) == ["label", "prereleases"]
    assert pages.get_inlines(request_of_administrator, outside) == []


def test_a_package_of_an_outside_store_is_looked_up_once_it_has_been_named(client, request_of_administrator):
    client.force_login(request_of_administrator.user)
    feed = an_outside_feed()

    client.post("/admin/registry/package/add/", a_form(feed=feed.pk, name="com:api", label="API"))

    package = Package.objects.get(name="com:api")
    assert (package.feed, package.label, package.listing.checked_at) == (feed, "API", None)


def test_a_package_is_not_named_as_no_package_of_the_store_can_be(client, request_of_administrator):
    client.force_login(request_of_administrator.user)

    answer = client.post("/admin/registry/package/add/", a_form(feed=an_outside_feed().pk, name="api"))

    assert "Enter group:artifact" in answer.content.decode()
    assert not Package.objects.filter(name="api").exists()


def a_form(*sources: dict[str, object], **fields: object) -> dict[str, object]:
    """The form of a package, with new sources."""
    return {"manifest_form": "properties"} | fields | rows("manifest_sources", *sources)


def test_a_package_gets_a_label_and_a_manifest_and_keeps_its_name(client, request_of_administrator):
    client.force_login(request_of_administrator.user)
    package = a_package("state")
    fields = {
        "name": "renamed",
        "label": "Desired state",
        "manifest_file": "deploy/state.yaml",
        "manifest_form": "yaml",
    }

    client.post(f"/admin/registry/package/{package.pk}/change/", a_form(**fields))

    package.refresh_from_db()
    assert (package.name, package.feed, package.label) == ("state", Feed.builtin(), "Desired state")
    assert (package.manifest_file, package.manifest_form) == ("deploy/state.yaml", "yaml")


def test_what_was_changed_of_a_package_is_on_the_trail(client, request_of_administrator):
    client.force_login(request_of_administrator.user)
    package, source = a_package("state"), {"components": "*-api", "feed": an_outside_feed().pk, "position": 0}

    client.post(
        f"/admin/registry/package/{package.pk}/change/",
        a_form(source | {"name": "com.example:{component}"}, label="Desired state"),
    )

    line = Event.objects.get(verb="configuration.changed")
    assert line.sentence == (
        "Package Desired state: shown as nothing → Desired state, manifest source “*-api of Desired state in Anypoint"
        " Exchange” added"
    )


@pytest.mark.parametrize("name", ["", "com.example:{component", "{other}", "a b", "com.example: {component}"])
def test_a_source_that_makes_no_name_is_refused(client, request_of_administrator, name):
    client.force_login(request_of_administrator.user)
    package, source = a_package("state"), {"components": "*", "feed": an_outside_feed().pk, "position": 0}

    answer = client.post(f"/admin/registry/package/{package.pk}/change/", a_form(source | {"name": name}))

    assert answer.status_code == 200
    assert not package.manifest_sources.exists()


def test_the_feed_that_ci_pushes_to_is_no_source(client, request_of_administrator):
    client.force_login(request_of_administrator.user)
    package, source = a_package("state"), {"components": "*", "feed": Feed.builtin().pk, "position": 0}

    answer = client.post(
        f"/admin/registry/package/{package.pk}/change/", a_form(source | {"name": "com.example:{component}"})
    )

    assert "Choose an outside store." in answer.content.decode()
    assert not package.manifest_sources.exists()


def test_a_package_is_named_in_the_admin_before_its_first_push(client, request_of_administrator):
    client.force_login(request_of_administrator.user)

    client.post("/admin/registry/package/add/", a_form(name="patient-ui"))

    assert [(package.name, package.feed) for package in Package.objects.all()] == [("patient-ui", Feed.builtin())]


def test_a_package_is_not_named_twice_in_the_admin(client, request_of_administrator):
    client.force_login(request_of_administrator.user)
    client.post("/admin/registry/package/add/", a_form(name="patient-ui"))

    answer = client.post("/admin/registry/package/add/", a_form(name="Patient-UI"))

    assert "There is a package Patient-UI already." in answer.content.decode()
    assert Package.objects.count() == 1


@pytest.mark.parametrize("model", REGISTERED)
def test_the_admin_lists_what_was_published(request_of_administrator, pusher, model):
    received = storage.receive([SCRIPT], max_bytes=1000)
    actions.publish(received, name="patient-ui", version="1.4.0", filename="", by=pusher)
    pages = admin.site.get_model_admin(model)

    Package.objects.update(label="Patient UI")
    row = pages.get_changelist_instance(request_of_administrator).result_list[0]

    assert all(lookup_field(column, row, pages)[2] not in (None, "") for column in pages.list_display)
