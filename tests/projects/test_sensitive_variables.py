"""A sensitive value is encrypted at rest and shown to nobody: not in a form, a list, a refusal, a log or the trail."""

import pytest
from django.contrib.admin.models import LogEntry

from accounts.models import Event
from projects.models import Variable
from tests.factories import an_administrator
from tests.projects.doors import add, address, applied, change, says

pytestmark = pytest.mark.django_db

SECRET = "correct-horse-battery-staple"


@pytest.fixture
def admin(client):
    client.force_login(an_administrator())
    return client


@pytest.fixture
def token():
    variable = Variable(name="API_TOKEN")
    variable.set_value(SECRET, sensitive=True)
    variable.save()
    return variable


def written_down():
    """Everything that the portal remembers about changes."""
    events = [f"{event.sentence} {event.data} {event.subject_label}" for event in Event.objects.all()]
    entries = [f"{entry.change_message} {entry.object_repr}" for entry in LogEntry.objects.all()]
    return "\n".join([*events, *entries])


def test_it_is_encrypted_at_rest(admin):
    add(admin, Variable, name="API_TOKEN", new_value=SECRET, sensitive="on")

    stored = Variable.objects.get()
    assert stored.plaintext == SECRET
    assert SECRET not in stored.value


def test_nobody_reads_it_in_the_record_of_changes(admin, token):
    add(admin, Variable, name="OTHER_TOKEN", new_value=SECRET, sensitive="on")
    change(admin, token, name="API_TOKEN", new_value=f"{SECRET}-2", sensitive="on")

    assert SECRET not in written_down()
    assert "Variable API_TOKEN of all projects: value changed" in written_down()


@pytest.mark.parametrize("page", ["changelist", "change", "history", "delete"])
def test_no_page_shows_it(admin, token, page):
    arguments = [] if page == "changelist" else [token.pk]

    shown = admin.get(address(Variable, page, *arguments))

    assert shown.status_code == 200
    assert SECRET not in shown.content.decode()
    assert token.value not in shown.content.decode()


def test_a_refusal_does_not_repeat_it(admin):
    page = add(admin, Variable, name="PATH", new_value=SECRET, sensitive="on")

    assert page.status_code == 200
    assert SECRET not in page.content.decode()


def test_an_empty_field_keeps_it(admin, token):
    change(admin, token, name="RENAMED", new_value="", sensitive="on")

    stored = Variable.objects.get()
    assert (stored.name, stored.plaintext) == ("RENAMED", SECRET)


def test_it_does_not_become_readable_by_unticking_a_box(admin, token):
    page = change(admin, token, name="API_TOKEN", new_value="")

    assert says(page, "A sensitive value is never shown again. State the value anew to make it readable.")
    assert Variable.objects.get().sensitive


def test_it_becomes_readable_with_a_new_value(admin, token):
    change(admin, token, name="API_TOKEN", new_value="open")

    stored = Variable.objects.get()
    assert (stored.sensitive, stored.value) == (False, "open")
    assert SECRET not in written_down()


def test_a_readable_value_becomes_sensitive(admin):
    variable = Variable.objects.create(name="API_TOKEN", value=SECRET)

    change(admin, variable, name="API_TOKEN", new_value=SECRET, sensitive="on")

    assert Variable.objects.get().plaintext == SECRET
    assert SECRET not in Variable.objects.get().value
    assert SECRET not in written_down()


def test_keeping_nothing_secret_is_refused(admin):
    page = add(admin, Variable, name="API_TOKEN", new_value="", sensitive="on")

    assert says(page, "State the value that is to be kept secret.")
    assert not Variable.objects.exists()


def test_a_readable_value_keeps_its_line_breaks(admin):
    add(admin, Variable, name="MOTTO", new_value="one\r\ntwo ")

    assert Variable.objects.get().value == "one\ntwo "


def test_a_blueprint_never_prints_it(token):
    text = "variables: [{name: API_TOKEN, value: '${TOKEN}', sensitive: true}]"

    changes = applied(text, {"TOKEN": f"{SECRET}-2"})

    assert changes == ["Variable API_TOKEN of all projects: value changed"]
    assert Variable.objects.get().plaintext == f"{SECRET}-2"
    assert SECRET not in written_down()


def test_a_blueprint_compares_what_is_encrypted(token):
    changes = applied("variables: [{name: API_TOKEN, value: '${TOKEN}', sensitive: true}]", {"TOKEN": SECRET})

    assert changes == []
    assert Variable.objects.get().value == token.value


def test_a_blueprint_that_makes_a_value_sensitive_does_not_print_it():
    Variable.objects.create(name="API_TOKEN", value=SECRET)

    changes = applied("variables: [{name: API_TOKEN, value: '${TOKEN}', sensitive: true}]", {"TOKEN": SECRET})

    assert changes == ["Variable API_TOKEN of all projects: sensitive no → yes"]
    assert Variable.objects.get().plaintext == SECRET
