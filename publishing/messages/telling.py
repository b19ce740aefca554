"""What of the trail is worth telling, and in which words. Looks only; nothing is written here.

To add a kind of message, name it in `Kind`, say here which lines of the trail it comes from, and test it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.models import Event
from deployments import alignment
from deployments.models import DONE, Deployment, Hold, LiveVersion, Status
from deployments.wording import together
from lifecycles.models import Environment
from projects.models import Project
from publishing.models import Kind

DEPLOYMENTS, HOLDS = "deployments.deployment", "deployments.hold"
TITLES: dict[Kind, str] = {
    Kind.DECISION_NEEDED: "{} waits for a decision",
    Kind.APPROVED: "{} was approved",
    Kind.REJECTED: "{} was rejected",
    Kind.STARTED: "{} has started",
    Kind.FAILED: "{} failed",
    Kind.INTERRUPTED: "{} waits for a person",
    Kind.CANCELLED: "{} was cancelled",
}


@dataclass(frozen=True)
class Draft:
    """A notice that is not written yet. `key`: the same for the same thing, whoever drafts it how often."""

    key: str
    kind: Kind
    subject: str
    sentence: str
    project: Project | None  # None: every one
    environment: Environment | None
    deployment: Deployment | None = None
    data: dict[str, Any] = field(default_factory=dict)


Drafts = Iterator[Draft]


def drafts_of(events: Iterable[Event]) -> Iterator[tuple[Event, list[Draft]]]:
    """What each of these lines comes to, in their order: usually one draft, for many nothing. In a few queries, and
    some more for each deployment that has ended."""
    events = list(events)
    deployments = _deployments({int(event.subject_id) for event in events if event.subject_type == DEPLOYMENTS})
    holds = Hold.objects.select_related("project", "environment", "by", "released_by").in_bulk(
        [int(event.subject_id) for event in events if event.subject_type == HOLDS]
    )
    for event in events:
        if event.subject_type == HOLDS:
            hold = holds.get(int(event.subject_id))
            yield event, list(_of_hold(event, hold)) if hold else []
        else:
            row = deployments.get(int(event.subject_id))
            yield event, list(VERBS[event.verb](event, row)) if row else []


def _deployments(pks: set[int]) -> dict[int, Deployment]:
    names = ("parent__project__parent", "parent__release__project", "parent__environment", "parent__requested_by")
    return Deployment.objects.with_names().select_related(*names).in_bulk(list(pks))


# -- what each line comes to ------------------------------------------------------------------------------------------
# A train's components stay quiet: the train speaks for them. Only what asks a person to decide is told of each.


def _requested(event: Event, row: Deployment) -> Drafts:
    if row.gates:
        said = str(event.data.get("reason", "")).strip()
        yield _draft(event, row, Kind.DECISION_NEEDED, f"{event.sentence}{f' Reason: {said}' if said else ''}")


def _asked_again(event: Event, row: Deployment) -> Drafts:
    """The plan has changed, or somebody took an approval back."""
    if row.gates and row.status == Status.REQUESTED:
        yield _draft(event, row, Kind.DECISION_NEEDED, event.sentence)


def _approved(event: Event, row: Deployment) -> Drafts:
    yield _draft(event, row, Kind.APPROVED, event.sentence)


def _rejected(event: Event, row: Deployment) -> Drafts:
    yield _draft(event, row, Kind.REJECTED, event.sentence)


def _started(event: Event, row: Deployment) -> Drafts:
    """A train departs; what goes on its own is claimed by a worker, with every new attempt again."""
    if row.is_top:
        yield _draft(event, row, Kind.STARTED, f"{row} has started.", key=f"started:{row.pk}")


def _succeeded(event: Event, row: Deployment) -> Drafts:
    if row.is_top:
        title = f"{row.release} is live in {row.environment}"
        yield _draft(event, row, Kind.FINISHED, event.sentence, title=title)
        yield from _out_of_step(event, row)


def _failed(event: Event, row: Deployment) -> Drafts:
    if row.is_top:
        yield _draft(event, row, Kind.FAILED, event.sentence)
        yield from _out_of_step(event, row)


def _cancelled(event: Event, row: Deployment) -> Drafts:
    if row.is_top:
        title = f"{row} has expired" if event.verb == "deployment.expired" else ""
        yield _draft(event, row, Kind.CANCELLED, event.sentence, title=title)
        yield from _out_of_step(event, row)


def _asks_a_person(event: Event, row: Deployment) -> Drafts:
    """Of a train each script that waits is told of, with what became of it; that the train waits, too, adds nothing."""
    if not row.project.is_stack:
        yield _draft(event, row.parent or row, Kind.INTERRUPTED, event.sentence, title=f"{row} waits for a person")


def _of_hold(event: Event, hold: Hold) -> Drafts:
    what = hold.what[:1].upper() + hold.what[1:]
    title = f"{what} is on hold" if event.verb == "hold.put" else f"The hold of {hold.what} is released"
    facts = _facts(event, hold.project, hold.environment)
    yield Draft(
        f"hold:{event.pk}",
        Kind.HOLD,
        title,
        event.sentence,
        hold.project,
        hold.environment,
        data=facts | {"hold": hold.pk},
    )


VERBS: dict[str, Callable[[Event, Any], Drafts]] = {
    "deployment.requested": _requested,
    "deployment.replanned": _asked_again,
    "approval.withdrawn": _asked_again,
    "approval.approved": _approved,
    "approval.rejected": _rejected,
    "deployment.started": _started,
    "deployment.claimed": _started,
    "deployment.succeeded": _succeeded,
    "deployment.failed": _failed,
    "deployment.cancelled": _cancelled,
    "deployment.expired": _cancelled,
    "deployment.interrupted": _asks_a_person,
    "deployment.needs_attention": _asks_a_person,
    "hold.put": _of_hold,
    "hold.released": _of_hold,
}
"""Which lines are looked at. What a newer request has superseded is not told: the newer one is."""


# -- out of step ------------------------------------------------------------------------------------------------------


def _out_of_step(event: Event, row: Deployment) -> Drafts:
    """After something was deployed: the components that do not run what their stack's live release names."""
    stack = row.project if row.project.is_stack else row.project.parent
    if stack is None or not _has_changed_something(row):
        return
    odd = out_of_step(stack, row.environment, event.at)
    if odd:
        names, sentences = together([str(component) for component, _ in odd]), " ".join(said for _, said in odd)
        title = f"{names} {'is' if len(odd) == 1 else 'are'} out of step in {row.environment}"
        key = f"out_of_step:{event.pk}"
        yield _draft(event, row, Kind.OUT_OF_STEP, f"{title}. {sentences}", title=title, key=key)


def _has_changed_something(row: Deployment) -> bool:
    return row.status in DONE or row.children.filter(status=Status.SUCCEEDED).exists()


def out_of_step(stack: Project, environment: Environment, at: datetime) -> list[tuple[Project, str]]:
    """The components of this stack that were out of step there at this moment, each with the sentence that the grid
    showed."""
    components = list(stack.components.order_by("stage", "position", "name"))
    lines = LiveVersion.objects.at(at).filter(environment=environment, project__in=[stack, *components])
    live = {line.project_id: line.release for line in lines.select_related("release__project")}
    stack_release = live.get(stack.pk)
    named = alignment.named_by([stack_release.pk]) if stack_release else {}
    found = []
    for component in components:
        wanted = named.get((stack_release.pk, component.pk)) if stack_release else None
        verdict = alignment.alignment_of(live.get(component.pk), wanted, stack_release)
        if not verdict.in_step:
            found.append((component, verdict.sentence))
    return found


# -- how they are put -------------------------------------------------------------------------------------------------


def _draft(event: Event, row: Deployment, kind: Kind, sentence: str, *, title: str = "", key: str = "") -> Draft:
    facts = _facts(event, row.project, row.environment) | {
        "deployment": row.pk,
        "release": row.release.number,
        "mode": row.mode,
        "requested_by": row.requested_by.username,
    }
    return Draft(
        key or f"{kind}:{event.pk}",
        kind,
        title or TITLES[kind].format(row),
        sentence,
        row.project,
        row.environment,
        row,
        facts,
    )


def _facts(event: Event, project: Project | None, environment: Environment | None) -> dict[str, Any]:
    stack = project.parent if project else None
    return {
        "verb": event.verb,
        "actor": event.actor.username if event.actor else None,
        "project": {"slug": project.slug, "name": project.name} if project else None,
        "stack": {"slug": stack.slug, "name": stack.name} if stack else None,
        "environment": {"slug": environment.slug, "name": environment.name} if environment else None,
    }
