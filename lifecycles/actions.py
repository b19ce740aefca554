"""Make it so: the environments of a lifecycle's phases."""

from collections.abc import Sequence

from django.db import transaction

from lifecycles.models import Lifecycle, Phase, PhaseEnvironment
from lifecycles.rules import WantedPhase


@transaction.atomic
def place_environments(lifecycle: Lifecycle, wanted: Sequence[tuple[Phase, WantedPhase]]) -> None:
    """Bring the environments of these phases, which are all of the lifecycle's, to what is wanted.

    An environment may change its phase: its place moves along. The rules were asked before.
    """
    there = {place.environment_id: place for place in lifecycle.places.all()}
    for phase, as_wanted in wanted:
        for environment in as_wanted.environments:
            place = there.pop(environment.pk, None) or PhaseEnvironment(environment=environment)
            place.phase, place.automatic = phase, environment in as_wanted.automatic
            place.save()
    PhaseEnvironment.objects.filter(pk__in=[place.pk for place in there.values()]).delete()
