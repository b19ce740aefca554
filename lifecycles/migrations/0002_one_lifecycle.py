from typing import ClassVar

from django.db import migrations

from config.immutable import Refuse

SENTENCE = "An environment's place names the lifecycle of its phase."
WHEN = "NEW.lifecycle_id <> (SELECT lifecycle_id FROM lifecycles_phase WHERE id = NEW.phase_id)"


class Migration(migrations.Migration):
    """`PhaseEnvironment.lifecycle` repeats the phase's so that a constraint can see it: the two never differ."""

    dependencies: ClassVar = [("lifecycles", "0001_initial")]
    operations: ClassVar = [
        Refuse("lifecycles_phaseenvironment", "INSERT", SENTENCE, when=WHEN),
        Refuse("lifecycles_phaseenvironment", "UPDATE", SENTENCE, columns=("phase_id", "lifecycle_id"), when=WHEN),
    ]
