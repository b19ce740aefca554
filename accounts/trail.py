"""The trail: every change by a person or a machine leaves one line. `record` is the only writer of `Event`."""

from typing import Any

from django.db import models

from accounts import address
from accounts.models import Event, User
from config import quick

SUBJECT_LABEL_MAX = 300


def record(
    actor: User | None, verb: str, subject: models.Model, sentence: str, project_id: int | None = None, **data: Any
) -> Event:
    """Write one line, in the caller's transaction: who (None: the system), what, on what, and a sentence for people.

    project_id  the project that the line is shown with; where it is not given, the subject's own `project_id` is taken
    data        JSON-serialisable facts for machines; never a secret
    """
    return quick.insert(
        Event(
            actor=actor,
            verb=verb,
            subject_type=subject._meta.label_lower,
            subject_id=str(subject.pk),
            subject_label=str(subject)[:SUBJECT_LABEL_MAX],
            project_id=project_id or getattr(subject, "project_id", None),
            sentence=sentence,
            data=data,
            address=address.current(),
        )
    )
