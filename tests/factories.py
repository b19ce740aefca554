"""Rows for tests, as plain functions with articles. What a test does not name is made up or found again by its name."""

import secrets
from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import Membership, Role, User
from accounts.trail import record
from config.encryption import encrypt
from deployments.models import Deployment
from lifecycles.models import Environment, Lifecycle
from projects.models import ApprovalRule, Process, Project
from publishing.models import KINDS, Channel, Connection, Delivery, Kind, Notice, StackPublishing, Subscription
from registry.models import Artifact, Feed, ManifestSource, Package, PackageVersion
from registry.outside import watch
from registry.versions import parse
from releases import actions
from releases.models import Release, Trigger
from releases.needs import needs_of

SIGNING_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def a_user(
    name: str = "ann",
    role: str | None = None,
    project: Project | None = None,
    environment: Environment | None = None,
) -> User:
    """The person of this name; with `role` also a grant, everywhere unless project or environment narrow it."""
    user = User.objects.filter(username=name).first() or User.objects.create_user(name)
    if role is not None:
        Membership.objects.get_or_create(user=user, role=Role(role), project=project, environment=environment)
    return user


def an_administrator(name: str = "admin") -> User:
    return a_user(name, role=Role.ADMINISTRATOR)


def a_service_account(name: str = "ci") -> User:
    """A pipeline: no password, acts with tokens."""
    there = User.objects.filter(username=name).first()
    return there or User.objects.create_user(name, is_service_account=True)


def a_group(name: str, *people: User) -> Group:
    group, _ = Group.objects.get_or_create(name=name)
    group.user_set.add(*people)
    return group


def an_environment(name: str = "TEST", **fields: object) -> Environment:
    """PROD and whatever begins so is production; positions count up in order of creation."""
    defaults = {
        "slug": slugify(name),
        "position": Environment.objects.count() + 1,
        "is_production": name.upper().startswith("PROD"),
    }
    return Environment.objects.get_or_create(name=name, defaults=defaults | fields)[0]


def a_lifecycle(*names: str) -> Lifecycle:
    """One phase per environment, in this order; TEST, then PROD where none are named."""
    names = names or ("TEST", "PROD")
    title = ", then ".join(names)
    if there := Lifecycle.objects.filter(name=title).first():
        return there
    lifecycle = Lifecycle.objects.create(name=title, slug=slugify(title))
    for position, name in enumerate(names, start=1):
        phase = lifecycle.phases.create(name=name, position=position)
        phase.places.create(environment=an_environment(name))
    return lifecycle


def a_process(name: str = "Execute the release package") -> Process:
    """One step that runs the release package."""
    process, new = Process.objects.get_or_create(name=name, defaults={"slug": slugify(name)})
    if new:
        process.steps.create(position=1, name="Run the release package")
    return process


def a_package(name: str = "ui") -> Package:
    there = Package.objects.named(name).first()
    return there or Package.objects.create(feed=Feed.builtin(), name=name)


def an_outside_feed(slug: str = "exchange", name: str = "Anypoint Exchange") -> Feed:
    """A store that is only looked into."""
    fields = {"name": name, "kind": Feed.Kind.MAVEN, "url": f"https://{slug}.example/maven"}
    return Feed.objects.get_or_create(slug=slug, defaults=fields)[0]


def an_outside_package(name: str, label: str = "", feed: str = "exchange") -> Package:
    return Package.objects.create(feed=an_outside_feed(feed), name=name, label=label)


def a_source(package: Package, components: str = "*", name: str = "{component}", **fields: object) -> ManifestSource:
    """Where the components of this package's manifest lie."""
    fields = {"feed": an_outside_feed()} | fields
    return ManifestSource.objects.create(package=package, components=components, name=name, **fields)


def a_version(package: Package | str, version: str = "1.0.0", **fields: object) -> PackageVersion:
    """A published version: rows only, no bytes are stored."""
    if isinstance(package, str):
        package = a_package(package)
    parsed = parse(version)
    if there := package.versions.filter(version=parsed.normalised).first():
        return there
    fields = {"format": "zip", "entry_point": "release.sh", "members": 1, "unpacked_bytes": 1} | fields
    return package.versions.create(
        version=parsed.normalised,
        sort_key=parsed.sort_key,
        original=parsed.original,
        artifact=Artifact.objects.create(sha256=secrets.token_hex(32), size=1),
        published_by=a_service_account(),
        **fields,
    )


def a_stack(
    name: str = "Shop", components: dict[str, int] | None = None, lifecycle: Lifecycle | None = None, **fields: object
) -> Project:
    """A stack whose components are given as name → stage; each holds one package, called like its slug."""
    stack = Project.objects.create(
        name=name,
        slug=slugify(name),
        kind=Project.Kind.STACK,
        lifecycle=lifecycle or a_lifecycle(),
        **fields,
    )
    for component, stage in (components or {}).items():
        a_component(stack, component, stage=stage)
    return stack


def a_component(
    stack: Project, name: str = "UI", stage: int = 1, package: str | None = None, **fields: object
) -> Project:
    component = Project.objects.create(
        name=name,
        slug=slugify(name),
        kind=Project.Kind.COMPONENT,
        parent=stack,
        stage=stage,
        position=stack.components.count() + 1,
        **({"process": a_process()} | fields),
    )
    component.project_packages.create(package=a_package(package or slugify(name)), position=1)
    return component


def a_lone_project(name: str = "Website", package: str | None = None, **fields: object) -> Project:
    """A project on its own: neither stack nor component."""
    fields = {"lifecycle": a_lifecycle(), "process": a_process()} | fields
    project = Project.objects.create(name=name, slug=slugify(name), kind=Project.Kind.ALONE, **fields)
    project.project_packages.create(package=a_package(package or slugify(name)), position=1)
    return project


def a_trigger(project: Project, name: str = "Every push", *packages: Package) -> Trigger:
    trigger = Trigger.objects.create(project=project, name=name)
    trigger.packages.set(packages)
    return trigger


def a_release(project: Project, number: str | None = None, by: User | None = None, **versions: str) -> Release:
    """A release of a stack or a project on its own, put together by the real verb.

    versions  package → version, “_” standing for “-”; published where they are missing, and 1.0.0 of every package of
              which there is no version yet
    """
    stated = {package.replace("_", "-"): version for package, version in versions.items()}
    for package, version in stated.items():
        a_version(package, version)
    members = Package.objects.filter(projects__in=[project, *project.components.all()])
    for package in members.filter(versions=None):
        a_version(package)
    return actions.create(project, by=by or a_user("creator"), versions=stated, number=number)[0]


def a_rule(
    name: str,
    environments: Iterable[Environment | str] = (),
    projects: Iterable[Project] = (),
    roles: Iterable[str] = (),
    groups: Iterable[Group] = (),
    people: Iterable[User] = (),
    **fields: object,
) -> ApprovalRule:
    """Environments by name or as rows; none named means everywhere, as in the product."""
    rule = ApprovalRule.objects.create(name=name, roles=[str(Role(role)) for role in roles], **fields)
    rule.environments.set(an_environment(place) if isinstance(place, str) else place for place in environments)
    rule.projects.set(projects)
    rule.groups.set(groups)
    rule.people.set(people)
    return rule


def provided(release: Release) -> Release:
    """The same release, now that the outside stores have everything that it needs."""
    for need in needs_of(release):
        listing = watch(need.feed, need.name).listing
        if need.version not in [version for version, *_ in listing.versions]:
            listing.versions = [[need.version, parse(need.version).normalised, "", ""], *listing.versions]
        type(listing).objects.filter(pk=listing.pk).update(versions=listing.versions, checked_at=timezone.now())
    return release


def a_connection(url: str = "https://confluence.example.com", name: str = "Wiki", **fields: object) -> Connection:
    """A Data Center with a personal access token, unless the fields say otherwise."""
    usual = {"slug": slugify(name), "dialect": Connection.Dialect.DATA_CENTER, "secret": "a-token"} | fields
    connection = Connection(name=name, url=url, **{key: value for key, value in usual.items() if key != "secret"})
    connection.set_secret(str(usual["secret"]))
    connection.save()
    return connection


def a_publishing(project: Project, connection: Connection, space: str = "REL", **fields: object) -> StackPublishing:
    """All its pages, in this space."""
    return StackPublishing.objects.create(project=project, connection=connection, space=space, **fields)


# -- messages ---------------------------------------------------------------------------------------------------------


def a_notice(about: Deployment, kind: str = Kind.FINISHED, **fields: object) -> Notice:
    """Something worth telling about this deployment, as the trail would have led to it."""
    event = record(None, "deployment.told", about, f"{about}: {kind}.")
    usual = {
        "key": f"{kind}:{event.pk}",
        "kind": kind,
        "at": event.at,
        "event": event,
        "project": about.project,
        "environment": about.environment,
        "deployment": about,
        "subject": f"{about}: {kind}",
        "sentence": event.sentence,
        "data": {"release": about.release.number, "requested_by": about.requested_by.username},
    }
    return Notice.objects.create(**(usual | fields))


def a_delivery(notice: Notice, to: User | Channel, **fields: object) -> Delivery:
    """On its way to this person or channel, and due."""
    recipient = {"channel": to} if isinstance(to, Channel) else {"person": to}
    return Delivery.objects.create(notice=notice, **({"next_at": timezone.now()} | recipient | fields))


def a_channel(
    url: str = "http://127.0.0.1:9/hook", kind: str = Channel.Kind.WEBHOOK, name: str = "Hook", **fields: object
) -> Channel:
    """A channel in the internal network, where the receivers of tests are. Webhooks are signed with SIGNING_SECRET."""
    secret = encrypt(SIGNING_SECRET) if kind == Channel.Kind.WEBHOOK else ""
    usual = {
        "slug": slugify(name),
        "address": encrypt(url),
        "host": "127.0.0.1",
        "secret": secret,
        "allow_private": True,
    }
    return Channel.objects.create(name=name, kind=kind, **(usual | fields))


def a_subscription(
    of: User | Channel | str, *kinds: str, timing: str = Subscription.Timing.AT_ONCE, **fields: object
) -> Subscription:
    """Of a person, a channel or everybody with a role (by its name); of every kind where none is named."""
    who = {"role": Role(of)} if isinstance(of, str) else {"channel" if isinstance(of, Channel) else "person": of}
    return Subscription.objects.create(kinds=list(kinds) or KINDS, timing=timing, **who, **fields)
