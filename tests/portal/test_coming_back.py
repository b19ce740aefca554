"""Whoever signs in again after a session has ended lands on the page whose form was sent, not on an empty one."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.deployments.rows import a_rows_shop
from tests.deployments.scenes import a_manager
from tests.factories import a_release

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("verb", ["prevent", "allow"])
def test_the_address_of_a_releases_form_leads_back_to_the_release(client: Client, verb: str):
    release = a_release(a_rows_shop(), "1.0.0")
    client.force_login(a_manager())

    answer = client.get(reverse(f"portal:{verb}", args=["shop", release.number]))

    assert (answer.status_code, answer["Location"]) == (302, reverse("portal:release", args=["shop", release.number]))


@pytest.mark.parametrize("verb", ["withdraw-version", "restore-version"])
def test_the_address_of_a_versions_form_leads_back_to_the_version(client: Client, verb: str):
    a_release(a_rows_shop(), "1.0.0")
    client.force_login(a_manager())

    answer = client.get(reverse(f"portal:{verb}", args=["ui", "1.0.0"]))

    assert (answer.status_code, answer["Location"]) == (302, reverse("portal:version", args=["ui", "1.0.0"]))
