import pytest
from django.contrib import admin
from django.contrib.admin.utils import lookup_field
from django.contrib.auth import get_user_model
from django.test import RequestFactory

from registry import actions, storage
from registry.models import Artifact, Feed, Package, PackageVersion
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


def test_a_package_is_neither_renamed_nor_deleted_in_the_admin(request_of_administrator):
    pages = admin.site.get_model_admin(Package)

    assert not pages.has_change_permission(request_of_administrator)
    assert not pages.has_delete_permission(request_of_administrator)


def test_a_package_is_named_in_the_admin_before_its_first_push(client, request_of_administrator):
    client.force_login(request_of_administrator.user)

    client.post("/admin/registry/package/add/", {"name": "patient-ui"})

    assert [(package.name, package.feed) for package in Package.objects.all()] == [("patient-ui", Feed.builtin())]


def test_a_package_is_not_named_twice_in_the_admin(client, request_of_administrator):
    client.force_login(request_of_administrator.user)
    client.post("/admin/registry/package/add/", {"name": "patient-ui"})

    answer = client.post("/admin/registry/package/add/", {"name": "Patient-UI"})

    assert "There is a package Patient-UI already." in answer.content.decode()
    assert Package.objects.count() == 1


@pytest.mark.parametrize("model", REGISTERED)
def test_the_admin_lists_what_was_published(request_of_administrator, pusher, model):
    received = storage.receive([SCRIPT], max_bytes=1000)
    actions.publish(received, name="patient-ui", version="1.4.0", filename="", by=pusher)
    pages = admin.site.get_model_admin(model)

    row = pages.get_changelist_instance(request_of_administrator).result_list[0]

    assert all(lookup_field(column, row, pages)[2] not in (None, "") for column in pages.list_display)
