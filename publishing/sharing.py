"""The page of a stack that is read by a secret link: switched on and off, and found.

A token is 256 random bits. Its SHA-256 finds the page; the token itself is kept encrypted, only so that those who may
configure the stack can pass the link on.
"""

import hashlib
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts import trail
from accounts.models import User
from config import encryption
from config.encryption import CannotDecrypt
from projects.models import Project
from publishing.models import SharedPage

LONGEST = 100  # characters of what is looked for; a token has 43


class SharingRefused(Exception):
    """Carries a sentence and a code."""

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.sentence, self.code = sentence, code


@dataclass(frozen=True)
class Sharing:
    """How a stack is shared now. `url`: the link; empty where it is off, or cannot be shown."""

    page: SharedPage | None
    url: str
    trouble: str
    """Why the link cannot be shown although it works, in a sentence; usually empty."""

    @property
    def is_on(self) -> bool:
        return self.page is not None and self.page.is_on


def sharing_of(project: Project) -> Sharing:
    """For those who may configure the project, and nobody else."""
    page = SharedPage.objects.select_related("by", "project").filter(project=project).first()
    if page is None or not page.is_on:
        return Sharing(page, "", "")
    try:
        return Sharing(page, address_of(encryption.decrypt(page.token)), "")
    except CannotDecrypt as error:
        return Sharing(page, "", f"The link works, but cannot be shown. {error} A new link can be made.")


def address_of(token: str) -> str:
    """The link, complete."""
    return f"{settings.BASE_URL.rstrip('/')}{reverse('portal:shared', args=[token])}"


@transaction.atomic
def switch_on(project: Project, *, by: User, names_people: bool) -> SharedPage:
    """Make the page readable by a new link. Where it is on already, only whether it names people changes.

    Raises SharingRefused for a component: its stack's page shows it.
    """
    page = _locked(project)
    if page.is_on:
        return _say_who(page, by=by, names_people=names_people)
    page.names_people = names_people
    _give_link(page, by)
    people = "with the names of people" if names_people else "without the names of people"
    trail.record(by, "sharing.switched_on", page, f"Whoever has the link may read about {project}, {people}.")
    return page


@transaction.atomic
def renew(project: Project, *, by: User) -> SharedPage:
    """Replace the link: the old one leads nowhere from now on. Raises SharingRefused where the page is switched off."""
    page = _locked(project)
    if not page.is_on:
        raise SharingRefused(f"The page of {project} is switched off, so that it has no link. Switch it on.", "is_off")
    _give_link(page, by)
    trail.record(by, "sharing.renewed", page, f"{project} is shared by a new link. The old one leads nowhere.")
    return page


@transaction.atomic
def switch_off(project: Project, *, by: User) -> SharedPage:
    """From now on the link leads nowhere, and it never comes back. Switching it off again changes nothing."""
    page = _locked(project)
    if page.is_on:
        page.digest, page.token, page.since, page.by = None, "", None, None
        page.save()
        trail.record(by, "sharing.switched_off", page, f"{project} is not shared any more. The link leads nowhere.")
    return page


def page_of(token: str) -> SharedPage | None:
    """The page that this token opens, with its project; None for whatever else is asked."""
    if len(token) > LONGEST or not token.isascii():
        return None
    found = SharedPage.objects.select_related("project__lifecycle").filter(digest=_digest(token))
    return found.first()


def _locked(project: Project) -> SharedPage:
    """The project's row, held until the transaction ends; made where there is none yet. Changes of one stack come one by
    one."""
    if project.parent_id:
        raise SharingRefused(
            f"{project} is a component: share the page of {project.parent}, which shows it.", "is_component"
        )
    Project.objects.select_for_update().get(pk=project.pk)
    return SharedPage.objects.select_related("project").get_or_create(project=project)[0]


def _say_who(page: SharedPage, *, by: User, names_people: bool) -> SharedPage:
    if page.names_people != names_people:
        page.names_people = names_people
        page.save(update_fields=["names_people"])
        said = "names people from now on" if names_people else "names no people any more"
        trail.record(by, "sharing.changed", page, f"The shared page of {page.project} {said}.")
    return page


def _give_link(page: SharedPage, by: User) -> None:
    token = secrets.token_urlsafe(32)
    page.digest, page.token = _digest(token), encryption.encrypt(token)
    page.since, page.by = timezone.now(), by
    page.save()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
