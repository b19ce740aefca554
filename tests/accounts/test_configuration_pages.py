"""Every configuration page opens for an administrator, and for nobody else."""

import pytest
from django.contrib import admin
from django.urls import reverse

from registry.models import Feed, Package
from tests.factories import a_release, a_rule, a_stack, a_trigger, an_administrator

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def address_of(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def something_of_everything():
    stack = a_stack(components={"UI": 1})
    a_trigger(stack)
    a_release(stack)
    a_rule("Release manager opens TEST", environments=["TEST"], roles=["release_manager"])


@pytest.mark.usefixtures("something_of_everything")
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_the_list_of_everything_opens(client, model):
    client.force_login(an_administrator())

    page = client.get(address_of(model, "changelist"))

    assert page.status_code == 200


@pytest.mark.usefixtures("something_of_everything")
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_the_page_of_one_row_opens(client, model):
    client.force_login(an_administrator())
    row = model.objects.first()

    page = client.get(address_of(model, "change", row.pk if row else 0))

    assert page.status_code == (200 if row else 302)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_what_is_written_elsewhere_is_not_added_here(client, model):
    client.force_login(an_administrator())
    rooms_of_record = {"deployments", "registry"}
    records = {"Event", "Release", "TriggerEvaluation", "Publication", "SharedPage", "Notice", "Delivery"}
    is_configured = model in (Feed, Package)  # of the registry, what an administrator adds
    is_record = (model._meta.app_label in rooms_of_record or model.__name__ in records) and not is_configured

    page = client.get(address_of(model, "add"))

    assert page.status_code == (403 if is_record else 200)
