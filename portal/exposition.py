"""The engine's figures as Prometheus reads them: each name, what it means, and its labels."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from config.version import VERSION
from deployments.figures import BUCKETS, Figures, Finished, figures
from publishing.confluence import state as publications
from publishing.messages.figures import MessageFigures
from publishing.messages.figures import figures as messages

BOUNDS = [*(str(float(bound)) for bound in BUCKETS), "+Inf"]
OF_FINISHED = ("environment", "kind", "outcome")
POOLS = {
    "queued": ("signalbox_queue_length", "Scripts that wait for a worker."),
    "running": ("signalbox_running", "Scripts that run."),
    "workers": ("signalbox_workers", "Workers that have been heard of lately."),
    "slots": ("signalbox_worker_slots", "Scripts that those workers run at once, at most."),
    "draining": ("signalbox_workers_draining", "Workers of those that take nothing new."),
}


def metrics(accept: str) -> tuple[bytes, str]:
    """All metrics in the format that the `Accept` header asks for, and its media type. Raises DatabaseError."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Portal(figures(), messages()))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


class _Portal(Collector):
    """Made for one scrape: whichever process answers, the rows are the same."""

    def __init__(self, found: Figures, messages: MessageFigures) -> None:
        self.found, self.messages = found, messages

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("signalbox", "What runs here.", value={"version": VERSION})
        yield from self._of_pools()
        yield self._of_people()
        yield self._of_the_sweep()
        yield from self._of_finished()
        yield self._of_mended()
        yield self._of_packages()
        yield from self._of_publications()
        yield from self._of_messages()

    def _of_pools(self) -> Iterator[Metric]:
        for name, (metric, meaning) in POOLS.items():
            family = GaugeMetricFamily(metric, meaning, labels=["pool"])
            for pool, here in self.found.pools.items():
                family.add_metric([pool], getattr(here, name))
            yield family
        oldest = GaugeMetricFamily("signalbox_queue_oldest_seconds", "How long the first has waited.", labels=["pool"])
        for pool, here in self.found.pools.items():
            since = here.oldest_since or self.found.at
            oldest.add_metric([pool], max((self.found.at - since).total_seconds(), 0))
        yield oldest

    def _of_people(self) -> Metric:
        family = GaugeMetricFamily(
            "signalbox_waiting_for_people", "Deployments that a person decides on.", labels=["for"]
        )
        for what, count in self.found.waiting.items():
            family.add_metric([what], count)
        return family

    def _of_the_sweep(self) -> Metric:
        """Without a sample where no worker has been heard of at all."""
        family = GaugeMetricFamily("signalbox_sweep_age_seconds", "Since a worker last looked after everything.")
        if self.found.swept_at:
            family.add_metric([], max((self.found.at - self.found.swept_at).total_seconds(), 0))
        return family

    def _of_finished(self) -> Iterator[Metric]:
        finished = CounterMetricFamily(
            "signalbox_deployments_finished", "Deployments that are over.", labels=OF_FINISHED
        )
        durations = HistogramMetricFamily(
            "signalbox_deployment_duration_seconds", "From start to end, of those that ran.", labels=OF_FINISHED
        )
        for one in self.found.finished:
            labels = _labels(one)
            finished.add_metric(labels, one.count)
            durations.add_metric(labels, list(zip(BOUNDS, one.durations, strict=True)), one.seconds)
        yield finished
        yield durations

    def _of_mended(self) -> Metric:
        family = CounterMetricFamily("signalbox_mended", "What the engine had to mend.", labels=["what"])
        for what, count in self.found.mended.items():
            family.add_metric([what], count)
        return family

    def _of_packages(self) -> Metric:
        family = GaugeMetricFamily(
            "signalbox_artifacts_with_problem", "Stored packages that were found to be wrong.", labels=["problem"]
        )
        for problem, count in self.found.damaged.items():
            family.add_metric([problem], count)
        return family

    def _of_publications(self) -> Iterator[Metric]:
        found = publications.figures()
        family = GaugeMetricFamily("signalbox_publications", "Confluence pages by how they stand.", labels=["state"])
        for state, count in found.counts.items():
            family.add_metric([state], count)
        yield family
        behind = (self.found.at - found.behind_since).total_seconds() if found.behind_since else 0
        meaning = "For how long the page that is behind for longest should say something else; 0: none is behind."
        yield GaugeMetricFamily("signalbox_publications_behind_seconds", meaning, value=max(behind, 0))

    def _of_messages(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily("signalbox_messages_waiting", "Messages that are due to be sent.", labels=["by"])
        oldest = GaugeMetricFamily(
            "signalbox_messages_oldest_seconds", "How long ago the oldest of them happened.", labels=["by"]
        )
        for way, count in self.messages.waiting.items():
            since = self.messages.oldest_since[way] or self.messages.at
            waiting.add_metric([way], count)
            oldest.add_metric([way], max((self.messages.at - since).total_seconds(), 0))
        yield waiting
        yield oldest
        parked = GaugeMetricFamily("signalbox_channels_parked", "Channels that wait for an administrator.")
        parked.add_metric([], self.messages.parked)
        yield parked


def _labels(one: Finished) -> list[str]:
    return [one.environment, one.kind, one.outcome]
