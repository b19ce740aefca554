"""A wiki, a connection to it, and rounds of publishing as a worker makes them."""

from datetime import timedelta

from django.utils import timezone

from projects.models import Project
from publishing.confluence.rounds import Rounds
from publishing.models import Connection, Publication, StackPublishing
from releases.models import Release
from tests.deployments.rows import a_rows_shop, went_live
from tests.factories import a_connection, a_publishing, a_release
from tests.publishing.confluence_server import There


class Site:
    """A wiki in one dialect, and the worker that publishes there."""

    def __init__(self, there: There, dialect: str) -> None:
        self.there = there
        self.dialect = dialect
        self.rounds = Rounds()

    @property
    def is_cloud(self) -> bool:
        return self.dialect == "cloud"

    def connected(self, **fields: object) -> Connection:
        there = self.there
        if self.is_cloud:
            usual = {"url": there.cloud_url, "username": there.email}
        else:
            usual = {"url": there.data_center_url, "username": ""}
        return a_connection(**usual | {"dialect": self.dialect, "secret": there.token} | fields)

    def publishes(self, project: Project, **fields: object) -> StackPublishing:
        connection = Connection.objects.first() or self.connected()
        return a_publishing(project, connection, **fields)

    def round(self) -> None:
        """What a worker does every other second: everything that is due has been visited when it returns."""
        self.rounds.settled_at = float("-inf")
        self.rounds.once()

    def later(self, hours: float = 2) -> None:
        """As if so much time had passed: every page is due for the look that it gets now and then, and so is what waits."""
        past = timezone.now() - timedelta(hours=hours)
        for row in Publication.objects.exclude(next_at=None):
            row.next_at -= timedelta(hours=hours)
            row.verified_at = row.verified_at and min(row.verified_at - timedelta(hours=hours), past)
            row.save()
        for connection in Connection.objects.exclude(next_at=None):
            connection.next_at -= timedelta(hours=hours)
            connection.save()
        self.round()


def publication(title: str) -> Publication:
    return Publication.objects.get(title=title)


def states() -> dict[str, str]:
    """State by what each page is about."""
    rows = Publication.objects.select_related("project", "environment", "release__project")
    return {f"{row.kind}: {row.subject}": row.state for row in rows}


def a_live_shop(site: Site, number: str = "1.0.0", **versions: str) -> tuple[Project, Release]:
    """A stack of API and UI whose release is live in TEST, and that publishes all its pages. Not yet published."""
    shop = a_rows_shop()
    site.publishes(shop)
    release = a_release(shop, number, **(versions or {"api": "1.0.0", "ui": "1.4.17"}))
    went_live(release)
    return shop, release


def titles(there: There) -> list[str]:
    return sorted(page.title for page in there.pages)
