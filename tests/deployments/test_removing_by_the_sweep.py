"""Workers remove what the retention rules let go: one of them, every few hours, a little at a time."""

import pytest

from accounts.models import Event
from deployments import presence, sweep
from deployments.sweep import Sweep
from releases.models import RetentionRule
from tests.deployments.rows import a_worker
from tests.factories import a_version

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def old_versions(pass_days, settings, tmp_path) -> None:
    """1.0.0 to 1.4.0, of which a rule keeps the highest."""
    settings.PACKAGES_DIR = tmp_path / "packages"
    RetentionRule.objects.create(keep_newest=1, enabled=True)
    [a_version("ui", f"1.{minor}.0") for minor in range(5)]
    pass_days(2)


def removed() -> int:
    return Event.objects.filter(verb="version.removed").count()


def test_the_sweep_removes_what_the_rules_let_go():
    Sweep().once()

    assert removed() == 4


def test_it_looks_again_only_after_some_hours(settings):
    looks = Sweep()
    looks.once()
    a_version("ui", "2.0.0")

    looks.once()

    assert removed() == 4


def test_it_looks_again_when_they_are_over(settings):
    settings.RETENTION_HOURS = 1e-9
    looks = Sweep()
    looks.once()
    a_version("ui", "2.0.0")

    looks.once()

    assert removed() == 5


def test_it_removes_a_little_at_a_time_and_goes_on_with_the_next_look(monkeypatch):
    monkeypatch.setattr(sweep, "REMOVED_AT_ONCE", 3)
    looks = Sweep()

    looks.once()
    first = removed()
    looks.once()

    assert (first, removed()) == (3, 4)


def test_it_can_be_switched_off(settings):
    settings.RETENTION_HOURS = 0

    Sweep().once()

    assert removed() == 0


def test_it_is_left_to_the_worker_that_has_been_known_for_longest():
    a_worker("elder.example:1:abc")

    Sweep().once()

    assert removed() == 0


def test_a_worker_that_was_not_heard_of_lately_does_not_count():
    a_worker("silent.example:1:abc", heard=3600)

    Sweep().once()

    assert removed() == 4


def test_the_eldest_of_several_is_one():
    names = [a_worker(f"{name}.example:1:abc").name for name in ("first", "second", "third")]

    assert [presence.is_eldest(name) for name in names] == [True, False, False]
