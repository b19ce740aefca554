"""Where things may go: environments and lifecycles."""

from accounts.configuring import difference, titled
from lifecycles.actions import place_environments
from lifecycles.models import Environment, Lifecycle, Phase
from lifecycles.rules import WantedPhase, why_not_phase, why_not_together, why_not_without
from releases import blueprint as shapes
from releases.applying.work import Work, in_order
from releases.blueprint import Blueprint


def environments(work: Work, blueprint: Blueprint) -> None:
    for index, shape in enumerate(blueprint.environments):
        place = f"environments[{index}]"
        if work.once(place, Environment, shape.slug):
            row = Environment.objects.filter(slug=shape.slug).first() or Environment(slug=shape.slug)
            values = shape.said(
                "name", "is_production", "worker_pool", "base_url", "guided_failure", "second_pair_of_eyes", "capacity"
            )
            values["position"] = index + 1 if shape.position is None else shape.position
            work.bring(place, row, values, named=shape.slug)


def lifecycles(work: Work, blueprint: Blueprint) -> None:
    for index, shape in enumerate(blueprint.lifecycles):
        place = f"lifecycles[{index}]"
        if work.once(place, Lifecycle, shape.slug):
            row = Lifecycle.objects.filter(slug=shape.slug).first() or Lifecycle(slug=shape.slug)
            new = row._state.adding
            if (
                work.bring(place, row, shape.said("name", "description"), named=shape.slug)
                and "phases" in shape.model_fields_set
            ):
                _phases(work, f"{place}.phases", row, shape.phases, new=new)


def _phases(work: Work, place: str, lifecycle: Lifecycle, wanted: list[shapes.PhaseShape], *, new: bool) -> None:
    refused = len(work.problems)
    phases = [_wanted_phase(work, f"{place}[{index}]", shape) for index, shape in enumerate(wanted)]
    for index, phase in enumerate(phases):
        work.once(f"{place}[{index}]", Phase, lifecycle.pk, phase.name)
    staying = {environment.pk for phase in phases for environment in phase.environments}
    leaving = Environment.objects.filter(places__lifecycle=lifecycle).exclude(pk__in=staying)
    for sentence in (*why_not_together(phases), *why_not_without(lifecycle, leaving)):
        work.refuse(place, sentence)
    if len(work.problems) > refused:
        return
    before = _route(lifecycle)
    rows = in_order(work, lifecycle, lifecycle.phases, [phase.name for phase in phases], quiet=new)
    for index, (phase, shape) in enumerate(zip(phases, wanted, strict=True)):
        row = rows.get(phase.name) or Phase(lifecycle=lifecycle, name=phase.name, position=index + 1)
        work.bring(f"{place}[{index}]", row, shape.said("optional", "minimum"), quiet=True)
        rows[phase.name] = row
    place_environments(lifecycle, [(rows[phase.name], phase) for phase in phases])
    if (after := _route(lifecycle)) != before and not new:
        work.note(lifecycle, f"{titled(lifecycle)}: {difference('environments', before, after)}")


def _wanted_phase(work: Work, place: str, shape: shapes.PhaseShape) -> WantedPhase:
    named = [
        (
            work.find(f"{place}.environments[{index}].environment", Environment, "slug", where.environment),
            where.automatic,
        )
        for index, where in enumerate(shape.environments)
    ]
    found = [(environment, automatic) for environment, automatic in named if environment is not None]
    phase = WantedPhase(
        shape.name,
        [environment for environment, _ in found],
        [environment for environment, automatic in found if automatic],
        shape.minimum,
    )
    if len(found) == len(named):  # otherwise what is missing has been said, and the rest would mislead
        for problem in why_not_phase(phase):
            work.refuse(f"{place}.{problem.field}", problem.sentence)
    return phase


def _route(lifecycle: Lifecycle) -> list[str]:
    """Where it leads, phase by phase: ["Test: TEST (automatic)", "Production: PROD"]."""
    route = []
    for phase in lifecycle.phases.prefetch_related("places__environment").order_by("position"):
        places = (f"{where.environment}{' (automatic)' if where.automatic else ''}" for where in phase.places.all())
        route.append(f"{phase.name}: {' and '.join(places)}")
    return route
