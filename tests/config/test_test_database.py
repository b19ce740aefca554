"""A test with real transactions leaves the database as migrations made it, history-keeping triggers included."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError

from accounts import trail
from accounts.models import Event
from registry.models import Feed
from tests.factories import a_user, an_outside_feed

pytestmark = pytest.mark.django_db(transaction=True)


def test_emptying_the_database_keeps_rows_of_migrations_and_triggers() -> None:
    ann = a_user("ann")
    trail.record(ann, "account.seen", ann, "Ann was seen.")

    call_command("flush", interactive=False, verbosity=0)

    assert not Event.objects.exists()
    assert Feed.objects.count() == 1
    assert an_outside_feed().pk is not None
    event = trail.record(None, "account.seen", a_user("bob"), "Bob was seen.")
    with pytest.raises(DatabaseError):
        Event.objects.filter(pk=event.pk).update(sentence="Nobody was seen.")
