"""How far a release has come, and what it must do first. Pure: no database."""

import pytest

from lifecycles.progress import Section, incomplete_before, section_of

DEV, QA_1, QA_2, STAGE, PROD = 1, 2, 3, 4, 5


def names(sections):
    return [section.name for section in sections]


@pytest.fixture
def track():
    """Dev, then two QA environments side by side, then an optional stage, then production."""
    return [
        Section("Dev", (DEV,)),
        Section("QA", (QA_1, QA_2)),
        Section("Stage", (STAGE,), optional=True),
        Section("Production", (PROD,)),
    ]


def test_the_first_phase_is_always_reachable(track):
    assert incomplete_before(DEV, track, succeeded=()) == []


def test_every_earlier_phase_comes_first(track):
    assert names(incomplete_before(PROD, track, succeeded=())) == ["Dev", "QA"]


def test_an_optional_phase_is_passed_over(track):
    assert incomplete_before(PROD, track, succeeded=(DEV, QA_1, QA_2)) == []


def test_an_optional_phase_waits_for_the_ones_before_it(track):
    assert names(incomplete_before(STAGE, track, succeeded=(DEV,))) == ["QA"]


def test_a_phase_without_a_minimum_needs_all_its_environments(track):
    assert names(incomplete_before(STAGE, track, succeeded=(DEV, QA_1))) == ["QA"]


def test_a_minimum_of_one_is_met_by_any_environment():
    track = [Section("QA", (QA_1, QA_2), minimum=1), Section("Production", (PROD,))]

    assert incomplete_before(PROD, track, succeeded=(QA_2,)) == []


def test_successes_elsewhere_do_not_count():
    track = [Section("QA", (QA_1, QA_2), minimum=1), Section("Production", (PROD,))]

    assert names(incomplete_before(PROD, track, succeeded=(DEV, STAGE))) == ["QA"]


def test_environments_of_one_phase_do_not_wait_for_each_other(track):
    assert incomplete_before(QA_2, track, succeeded=(DEV,)) == []


def test_an_earlier_phase_may_be_redeployed(track):
    assert incomplete_before(DEV, track, succeeded=(DEV, QA_1, QA_2, PROD)) == []


def test_where_it_succeeded_once_it_may_return(track):
    assert incomplete_before(PROD, track, succeeded=(PROD,)) == []


def test_a_minimum_above_the_number_of_environments_means_all_of_them():
    section = Section("QA", (QA_1, QA_2), minimum=9)

    assert section.needed() == 2
    assert section.is_complete((QA_1, QA_2))


@pytest.mark.parametrize(("minimum", "needed"), [(0, 2), (1, 1), (2, 2)])
def test_zero_means_all(minimum, needed):
    assert Section("QA", (QA_1, QA_2), minimum=minimum).needed() == needed


@pytest.mark.parametrize(("environment", "name"), [(DEV, "Dev"), (QA_2, "QA"), (PROD, "Production")])
def test_an_environment_lies_in_one_phase(track, environment, name):
    assert section_of(environment, track).name == name


def test_an_environment_outside_the_lifecycle_is_not_on_the_track(track):
    assert section_of(99, track) is None

    with pytest.raises(ValueError, match="environment 99 is not on this track"):
        incomplete_before(99, track, succeeded=())
