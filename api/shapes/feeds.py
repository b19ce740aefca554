"""Outside stores as JSON."""

from datetime import datetime

from ninja import Schema
from pydantic import Field

from deployments.stores import FeedLine, PackageLine
from releases.needs import Need


class FeedShape(Schema):
    slug: str
    name: str
    kind: str
    url: str
    enabled: bool
    checked_at: datetime | None = Field(description="When it last answered.")
    problem: str = Field(description="Why it could not be asked the last time; empty when all is well.")
    failing_since: datetime | None
    packages: int = Field(description="Packages that are looked up there for your projects.")


class DeployedShape(Schema):
    environment: str
    versions: list[str]
    behind: int = Field(description="How many listed versions are higher.")


class OutsidePackageShape(Schema):
    name: str
    label: str
    newest: str | None
    newest_published_at: datetime | None
    checked_at: datetime | None
    problem: str
    deployed: list[DeployedShape]


class NeedShape(Schema):
    """A component of a manifest that lies in an outside store."""

    component: str
    version: str
    feed: str
    package: str | None = Field(description="What the store calls it; null for those who see no technical details.")
    state: str = Field(description="found, missing, unknown (not looked up yet) or moved (no longer the same bytes)")
    sentence: str
    digest: str | None = Field(
        description="As it was when the release was resolved; empty where the store states none, and null for those who see"
        " no technical details."
    )
    checked_at: datetime | None


def feed(line: FeedLine) -> FeedShape:
    found = line.feed
    return FeedShape(
        slug=found.slug,
        name=found.name,
        kind=found.kind,
        url=found.url,
        enabled=found.enabled,
        checked_at=found.checked_at,
        problem=found.problem,
        failing_since=found.failing_since,
        packages=line.packages,
    )


def package(line: PackageLine) -> OutsidePackageShape:
    return OutsidePackageShape(
        name=line.package.name,
        label=str(line.package),
        newest=line.newest.version if line.newest else None,
        newest_published_at=line.newest.published_at if line.newest else None,
        checked_at=line.listing.checked_at if line.listing else None,
        problem=line.listing.problem if line.listing else "",
        deployed=[
            DeployedShape(environment=place.environment.slug, versions=place.versions, behind=place.behind)
            for place in line.deployed
        ],
    )


def need(found: Need, *, technical: bool) -> NeedShape:
    return NeedShape(
        component=found.component,
        version=found.version,
        feed=found.feed.slug,
        package=found.name if technical else None,
        state=found.state.value,
        sentence=found.sentence,
        digest=found.digest if technical else None,
        checked_at=found.checked_at,
    )
