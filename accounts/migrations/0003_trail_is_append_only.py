from typing import ClassVar

from django.db import migrations

from config.immutable import Refuse

SENTENCE = "The trail is append-only: a line is never changed and never removed."


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0002_grants_and_tokens")]
    operations: ClassVar = [
        Refuse("accounts_event", "UPDATE", SENTENCE),
        Refuse("accounts_event", "DELETE", SENTENCE),
    ]
