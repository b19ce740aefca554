"""The train: starts what may start, and advances a stack's deployment through its stages.

A stack's deployment is a state machine and holds no worker. `advance` looks at the children and does what is due; it
may be called any number of times, from anywhere, also by two at once.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import trail
from accounts.models import User
from config import quick
from deployments import doorbell, nearby, outcomes, plans, policy
from deployments.models import DONE, FINAL, UNFINISHED, Deployment, Status, move
from deployments.wording import in_seconds, together
from projects.models import Project
from releases.models import ReleaseComponent

SETTLED_BADLY = (Status.FAILED, Status.CANCELLED)
ASKS_A_PERSON = (Status.INTERRUPTED, Status.NEEDS_ATTENTION)


def lock_track(project: Project) -> None:
    """Everybody who asks for, starts or ends something in one stack queues up here (until the transaction ends).

    Not so strong a lock that rows which only refer to the project (what is live, the trail) would have to wait: a
    worker writes those while it holds the train, which those who hold the track wait for.
    """
    if lock := quick.locked():
        quick.select(Project, ("id",), {"id": project.parent_id or project.pk}, lock)


@transaction.atomic
def start_if_clear(deployment: Deployment) -> list[policy.Blocker]:
    """Start a scheduled deployment if nothing stands in its way; otherwise return the reasons, and it waits.

    A plan that is no longer the one that was approved sends the request back to its approvers.
    """
    lock_track(deployment.project)
    row = Deployment.objects.with_names().get(pk=deployment.pk)
    if row.status != Status.SCHEDULED:
        return []
    if blockers := policy.why_not_deployable(row.release, row.environment, deployment=row):
        return blockers
    plan = plans.plan_for(row.release, row.environment)
    if plan.fingerprint != row.fingerprint and not take_new_plan(row, plan):
        return [] if row.is_final else policy.why_not_deployable(row.release, row.environment, deployment=row)
    move(row.pk, Status.QUEUED)
    if row.project.is_stack:
        _depart(row, plan)
    else:
        doorbell.ring(row)
    return []


def take_new_plan(row: Deployment, plan: plans.Plan) -> bool:
    """Put a changed plan in place of the one that a waiting request has; whether the request may go on under it.

    Not where somebody had to approve the old one: the approvals are withdrawn and it waits for new ones. And not where
    it has become a rollback: nobody asked for one, and asking takes more than asking for a promotion.
    """
    if plan.mode == Deployment.Mode.ROLLBACK != row.mode:
        sentence = f"Something newer than {row.release} went live in {row.environment} first."
        outcomes.end(row, Status.SUPERSEDED, sentence)
        return False
    _replace_plan(row, plan)
    if not row.gates:
        return True
    if move(row.pk, Status.REQUESTED):
        row.status = Status.REQUESTED
    return False


def _replace_plan(row: Deployment, plan: plans.Plan) -> None:
    now = timezone.now()
    because = "The plan changed: something else went live there in the meantime."
    withdrawn = row.approvals.filter(withdrawn_at=None).update(withdrawn_at=now, withdrawn_because=because)
    Deployment.objects.filter(pk=row.pk).update(plan=plan.as_json(), fingerprint=plan.fingerprint, mode=plan.mode)
    row.plan, row.fingerprint, row.mode = plan.as_json(), plan.fingerprint, plan.mode
    if withdrawn:
        trail.record(None, "deployment.replanned", row, f"{row} needs new approvals. {because}")


def _depart(row: Deployment, plan: plans.Plan) -> None:
    """A stack's deployment starts at once: its components' rows come into being with it."""
    now = timezone.now()
    move(row.pk, Status.RUNNING, started_at=now, overdue_at=_end_of_time(row, now))
    Deployment.objects.bulk_create(
        Deployment(
            project_id=item.component_id,
            release_id=item.release_id,
            environment=row.environment,
            parent=row,
            stage=item.stage,
            status=Status.PENDING,
            mode=_mode_of(item, row),
            plan=[],
            requested_by=row.requested_by,
            reason=row.reason,
        )
        for item in plan.items
    )
    trail.record(None, "deployment.started", row, f"{row} has started.")
    advance(row.pk)


def _mode_of(item: plans.PlanItem, row: Deployment) -> str:
    if item.from_number is None:
        return Deployment.Mode.PROMOTE
    return Deployment.Mode.REDEPLOY if item.from_number == item.number else row.mode


@transaction.atomic(savepoint=False)
def advance(pk: int) -> None:
    """Do what is due in the stack's deployment `pk`: nothing, the next stage, or its end."""
    parent, children = nearby.locked_train(pk)
    if parent.status in FINAL:
        return
    if parent.cancel_requested_at:
        _stop(parent, children)
    elif any(_keeps_others_back(child) for child in children):
        _drop(children, (Status.PENDING,), "The stage before did not succeed.")
    elif is_late(parent):
        sentence = f"{parent} took longer than {_limit_of(parent)}, before this one had started."
        _drop(children, (Status.PENDING, Status.QUEUED), sentence)
    else:
        _start_stages(parent, children)
    _conclude(parent, children)


def is_late(parent: Deployment) -> bool:
    """Whether it has taken longer than it may. What runs of it is stopped by whoever follows it."""
    return parent.overdue_at is not None and parent.overdue_at <= timezone.now()


def _keeps_others_back(child: Deployment) -> bool:
    """Whether the later stages may not start any more."""
    return child.status in SETTLED_BADLY and not _is_ignored(child)


def _is_ignored(child: Deployment) -> bool:
    """Whether it has failed, and a person let the others go on."""
    return child.status == Status.FAILED and child.failure_ignored


def _start_stages(parent: Deployment, children: list[Deployment]) -> None:
    """Start the first stage that has not been; components passed over may complete it at once, so look again."""
    for stage in sorted({child.stage for child in children}):
        due = [child for child in children if child.stage == stage]
        waiting = [child for child in due if child.status == Status.PENDING]
        conditions = _conditions(parent) if waiting else {}
        for child in waiting:
            _start_child(child, conditions[child.project_id])
        if not all(child.status in DONE or _is_ignored(child) for child in due):
            return


def _conditions(parent: Deployment) -> dict[int, str]:
    """When each component is to be deployed, as frozen in the stack's release."""
    lines = quick.select(ReleaseComponent, ("id", "component_id", "condition"), {"parent": parent.release_id})
    return {line.component_id: line.condition for line in lines}


def _start_child(child: Deployment, condition: str) -> None:
    if because := plans.why_skip(child.release, condition, child.environment):
        outcomes.end(child, Status.SKIPPED, because)
    elif move(child.pk, Status.QUEUED):
        child.status = Status.QUEUED
        doorbell.ring(child)


def _stop(parent: Deployment, children: list[Deployment]) -> None:
    """Cancel what has not started; ask what runs to stop where that was wanted."""
    by = parent.cancel_requested_by
    _drop(children, (Status.PENDING, Status.QUEUED), "Its stack's deployment was cancelled before it started.", by=by)
    if parent.cancel_stops_running:
        _drop(
            children, ASKS_A_PERSON, "Its stack's deployment was cancelled; what is really there is not known.", by=by
        )
        parent.children.filter(status=Status.RUNNING, cancel_requested_at=None).update(
            cancel_requested_at=parent.cancel_requested_at, cancel_requested_by=by, cancel_stops_running=True
        )


def _drop(children: Iterable[Deployment], statuses: Collection[str], sentence: str, by: User | None = None) -> None:
    for child in children:
        if child.status in statuses:
            outcomes.end(child, Status.CANCELLED, sentence, by=by, fence=F("fence") + 1)


def _conclude(parent: Deployment, children: list[Deployment]) -> None:
    """End the stack's deployment once no child is unfinished; until then show whether it waits for a person."""
    unfinished = [child for child in children if child.status in UNFINISHED]
    bad = [child for child in children if child.status in SETTLED_BADLY]
    if unfinished:
        _show(parent, asks=any(child.status in ASKS_A_PERSON for child in children))
    elif not bad:
        outcomes.end(parent, Status.SUCCEEDED, f"{parent.release} is live in {parent.environment}.")
    elif parent.cancel_requested_at:
        outcomes.end(parent, Status.CANCELLED, _what_became(parent, children), by=parent.cancel_requested_by)
    else:
        outcomes.end(parent, Status.FAILED, _what_became(parent, children))


def _show(parent: Deployment, *, asks: bool) -> None:
    """The time for which it waits for a person does not count against its limit, which then begins anew."""
    wanted = Status.NEEDS_ATTENTION if asks else Status.RUNNING
    if parent.status == wanted:
        return
    if move(parent.pk, wanted, overdue_at=None if asks else _end_of_time(parent, timezone.now())):
        parent.status = wanted
        if asks:
            trail.record(None, "deployment.needs_attention", parent, f"{parent} waits for a person to decide.")


def _end_of_time(parent: Deployment, since: datetime) -> datetime | None:
    limit = parent.project.time_limit_seconds
    return since + timedelta(seconds=limit) if limit else None


def _limit_of(parent: Deployment) -> str:
    return in_seconds(parent.project.time_limit_seconds or 0)


def _what_became(parent: Deployment, children: list[Deployment]) -> str:
    """What had been done and what not, in a sentence that names the components."""
    done = [child.project.name for child in children if child.status == Status.SUCCEEDED]
    there = [child.project.name for child in children if child.status == Status.SKIPPED]
    failed = [child.project.name for child in children if child.status == Status.FAILED and not _is_ignored(child)]
    ignored = [child.project.name for child in children if _is_ignored(child)]
    stopped = [child.project.name for child in children if child.status == Status.CANCELLED and child.started_at]
    never = [child.project.name for child in children if child.status == Status.CANCELLED and not child.started_at]
    words = [
        f"{together(names)} {word}"
        for names, word in (
            (failed, "failed"),
            (ignored, "failed, which was ignored"),
            (stopped, "stopped midway"),
            (done, "deployed"),
            (there, "there already"),
            (never, "not started"),
        )
        if names
    ]
    return f"{parent.release} {_how_it_ended(parent, children)}: {'; '.join(words)}."


def _how_it_ended(parent: Deployment, children: list[Deployment]) -> str:
    if parent.cancel_requested_at:
        return f"was cancelled in {parent.environment}"
    if not any(_keeps_others_back(child) for child in children):
        return f"went through {parent.environment} but does not count as deployed there"
    if is_late(parent):
        return f"stopped in {parent.environment} because it took longer than {_limit_of(parent)}"
    return f"stopped in {parent.environment}"


def stuck() -> list[int]:
    """Stack deployments whose last advance was lost, since nothing of theirs is moving or a question is not shown, and
    those whose time is up."""
    moving = (Status.QUEUED, Status.RUNNING)
    parents = Deployment.objects.filter(project__kind=Project.Kind.STACK)
    idle = parents.filter(status__in=(Status.RUNNING, Status.NEEDS_ATTENTION)).exclude(
        children__status__in=(*moving, *ASKS_A_PERSON)
    )
    unasked = parents.filter(status=Status.RUNNING, children__status__in=ASKS_A_PERSON)
    asked = parents.filter(status=Status.NEEDS_ATTENTION).exclude(children__status__in=ASKS_A_PERSON)
    stopping = parents.filter(cancel_requested_at__isnull=False, status__in=UNFINISHED).filter(
        Q(children__status=Status.QUEUED) | Q(cancel_stops_running=True, children__status__in=ASKS_A_PERSON)
    )
    late = parents.filter(
        status=Status.RUNNING, overdue_at__lte=timezone.now(), children__status__in=(Status.PENDING, Status.QUEUED)
    )
    found = [idle, unasked, asked, stopping, late]
    return sorted({pk for rows in found for pk in rows.values_list("pk", flat=True)})
