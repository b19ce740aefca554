"""The grid tells the truth: what is live where, what is beside it, and who is behind or out of step."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deployments import actions, alignment, train
from deployments.grid import Cell, Grid, build_grids
from deployments.models import Deployment, LiveVersion, Status
from lifecycles.models import Environment
from projects.models import Project
from releases.models import Release
from tests.deployments.rows import (
    a_bare_release,
    a_lifecycle_of,
    a_row,
    a_rows_shop,
    claimed,
    ended,
    failed,
    interrupted,
    run_out,
    went_live,
)
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import a_lone_project, a_release, a_stack, an_environment

pytestmark = pytest.mark.django_db


def grid_of(stack: Project) -> Grid:
    (grid,) = build_grids([Project.objects.get(pk=stack.pk)])
    return grid


def cell(grid: Grid, name: str, environment: str = "TEST") -> Cell:
    """The cell in the row of this project (its name) and the column of this environment."""
    return next(
        cell
        for row in grid.rows
        if row.project.name == name
        for cell in row.cells
        if cell.environment.name == environment
    )


def numbers(grid: Grid) -> dict[str, list[str | None]]:
    return {row.project.name: [cell.number for cell in row.cells] for row in grid.rows}


def alone(release: Release, name: str, environment: str = "TEST") -> Deployment:
    deployment = requested(release, environment, only=Project.objects.get(name=name), reason="hot-fix")
    run_out()
    return deployment


# -- cells ------------------------------------------------------------------------------------------------------------


def test_the_first_row_is_the_stack_and_the_others_its_components_in_order():
    grid = grid_of(a_rows_shop())

    assert [(row.project.name, row.is_stack) for row in grid.rows] == [("Shop", True), ("API", False), ("UI", False)]
    assert [environment.name for environment in grid.environments] == ["TEST", "PROD"]


def test_a_cell_says_what_is_live_since_when_and_by_which_deployment():
    release = a_release(a_rows_shop())
    deployment = went_live(release)

    grid = grid_of(release.project)

    assert numbers(grid) == {"Shop": ["1.0.1", None], "API": ["1.0.0", None], "UI": ["1.0.0", None]}
    shown = cell(grid, "Shop")
    assert (shown.release, shown.deployment_id) == (release, deployment.pk)
    assert shown.since == LiveVersion.objects.get(project=release.project).from_at


def test_a_cell_where_nothing_is_says_so():
    shown = cell(grid_of(a_rows_shop()), "UI")

    assert (shown.number, shown.status, shown.word, shown.in_step) == (None, "none", "Nothing deployed yet", True)


def test_a_cell_where_all_is_well_says_so():
    release = a_release(a_rows_shop())
    went_live(release)

    shown = cell(grid_of(release.project), "UI")

    assert (shown.status, shown.word, shown.step_sentence) == ("deployed", "Deployed", "As 1.0.1 names it.")


def test_a_project_on_its_own_is_a_grid_of_one_row():
    website = a_lone_project()
    went_live(a_release(website))

    grid = grid_of(website)

    assert numbers(grid) == {"Website": ["1.0.0", None]}
    assert cell(grid, "Website").in_step


def test_environments_stand_in_the_order_of_the_phases():
    lifecycle = a_lifecycle_of(("DEV",), ("TEST", "QA"), ("PROD",))

    grid = grid_of(a_rows_shop(lifecycle))

    assert [environment.name for environment in grid.environments] == ["DEV", "TEST", "QA", "PROD"]


# -- beside what is live ----------------------------------------------------------------------------------------------


def test_a_failed_deployment_is_shown_beside_what_is_live_and_never_instead():
    stack = a_rows_shop()
    went_live(a_release(stack))
    failed(a_release(stack, api="2.0.0"))

    grid = grid_of(stack)

    shown = cell(grid, "API")
    assert (shown.number, shown.status, shown.word) == ("1.0.0", "failed", "Failed")
    assert [str(row) for row in shown.beside] == ["API 2.0.0 to TEST"]
    assert (cell(grid, "Shop").number, cell(grid, "Shop").status) == ("1.0.1", "failed")


def test_what_never_started_in_a_failed_train_is_not_shown_as_failed():
    stack = a_rows_shop()
    went_live(a_release(stack))
    failed(a_release(stack, api="2.0.0", ui="2.0.0"))

    assert cell(grid_of(stack), "UI").status == "deployed"


def test_a_failure_disappears_with_the_next_success():
    stack = a_rows_shop()
    failed(a_release(stack))
    went_live(a_release(stack, api="2.0.0"))

    grid = grid_of(stack)

    assert {cell.status for row in grid.rows for cell in row.cells} == {"deployed", "none"}


def test_a_failure_disappears_also_with_the_success_of_what_had_been_asked_for_before_it():
    stack = a_rows_shop()
    went_live(a_release(stack))
    hotfix = requested(
        a_release(stack, api="1.1.0"),
        only=Project.objects.get(name="API"),
        reason="hot-fix",
        start_at=timezone.now() + timedelta(hours=1),
    )
    failed(a_release(stack, api="2.0.0"))
    Deployment.objects.filter(pk=hotfix.pk).update(start_at=None)
    train.start_if_clear(hotfix)
    run_out()

    assert (cell(grid_of(stack), "API").number, cell(grid_of(stack), "API").beside) == ("1.1.0", [])


def test_what_was_stopped_midway_is_shown():
    website = a_lone_project()
    stopped = requested(a_release(website))
    ended(claimed(), Status.CANCELLED)

    shown = cell(grid_of(website), "Website")

    assert (shown.status, shown.word, shown.beside) == ("failed", "Stopped midway", [stopped])


def test_what_was_cancelled_before_it_started_is_not_shown():
    website = a_lone_project()
    actions.cancel(requested(a_release(website)), by=a_manager())

    assert cell(grid_of(website), "Website").status == "none"


def test_a_train_of_which_nothing_had_begun_when_it_was_cancelled_is_not_shown():
    stack = a_rows_shop()
    actions.cancel(requested(a_release(stack)), by=a_manager())

    shown = cell(grid_of(stack), "Shop")

    assert (shown.status, shown.beside) == ("none", [])


def test_a_train_that_was_cancelled_between_two_stages_is_shown_as_stopped_midway():
    stack = a_rows_shop()
    train = requested(a_release(stack))
    running = claimed()
    actions.cancel(train, by=a_manager())
    ended(running)

    shown = cell(grid_of(stack), "Shop")

    assert (shown.status, shown.word, shown.beside) == ("failed", "Stopped midway", [train])


def test_a_failed_train_is_still_shown_after_another_was_cancelled_before_anything_of_it_had_begun():
    stack = a_rows_shop()
    bad = failed(a_release(stack))
    actions.cancel(requested(a_release(stack, ui="1.1.0")), by=a_manager())

    assert cell(grid_of(stack), "Shop").beside == [bad]


def test_a_train_under_way_is_shown_in_all_its_cells():
    stack = a_rows_shop()
    requested(a_release(stack))
    claimed()

    grid = grid_of(stack)

    assert [(row.project.name, row.cells[0].status, row.cells[0].word) for row in grid.rows] == [
        ("Shop", "running", "Deploying"),
        ("API", "running", "Deploying"),
        ("UI", "queued", "Waits for its stage"),
    ]


@pytest.mark.parametrize(
    ("status", "expected", "word"),
    [
        (Status.REQUESTED, "waiting", "Waiting for approval"),
        (Status.SCHEDULED, "waiting", "Approved, waits to start"),
        (Status.QUEUED, "queued", "Waits for a worker"),
        (Status.RUNNING, "running", "Deploying"),
        (Status.INTERRUPTED, "attention", "Outcome unknown"),
        (Status.NEEDS_ATTENTION, "attention", "Needs attention"),
    ],
)
def test_everything_unfinished_is_shown_with_a_word(status, expected, word):
    row = a_row(status)

    shown = cell(grid_of(row.project), "Shop")

    assert (shown.status, shown.word, shown.beside) == (expected, word, [row])


@pytest.mark.parametrize("status", [Status.REJECTED, Status.SUPERSEDED, Status.EXPIRED])
def test_a_request_that_ended_without_starting_is_not_shown(status):
    row = a_row(status)

    assert cell(grid_of(row.project), "Shop").beside == []


def test_the_most_pressing_thing_comes_first():
    row = a_row(Status.INTERRUPTED)
    waiting = a_row(Status.REQUESTED, row.release)

    shown = cell(grid_of(row.project), "Shop")

    assert (shown.beside, shown.status) == ([row, waiting], "attention")


def test_a_failure_is_shown_before_the_request_that_waits_to_mend_it():
    stack = a_rows_shop()
    failed(a_release(stack))
    a_gate("TEST")
    requested(a_release(stack, api="2.0.0"))

    shown = cell(grid_of(stack), "Shop")

    assert [row.status for row in shown.beside] == [Status.FAILED, Status.REQUESTED]


def test_what_needs_somebody_is_counted():
    stack = a_rows_shop()
    requested(a_release(stack))
    interrupted(claimed())

    assert grid_of(stack).attention == 2


# -- behind -----------------------------------------------------------------------------------------------------------


def test_the_same_release_left_and_right_is_said():
    release = a_release(a_rows_shop())
    went_live(release, "TEST")
    went_live(release, "PROD")

    grid = grid_of(release.project)

    assert [row.cells[1].behind for row in grid.rows] == ["Same as TEST"] * 3
    assert grid.sentence == "TEST and PROD are on the same release."


@pytest.mark.parametrize(("count", "words"), [(1, "1 release behind TEST"), (3, "3 releases behind TEST")])
def test_how_many_releases_lie_between_is_said(count, words):
    stack = a_rows_shop()
    first = a_release(stack)
    went_live(first, "TEST")
    went_live(first, "PROD")
    newer = [a_release(stack, ui=f"1.{n}.0") for n in range(1, count + 1)]
    went_live(newer[-1])

    grid = grid_of(stack)

    assert cell(grid, "Shop", "PROD").behind == words
    assert grid.sentence == f"PROD is {words}."


def test_a_component_that_did_not_change_is_not_behind():
    stack = a_rows_shop()
    first = a_release(stack)
    went_live(first, "TEST")
    went_live(first, "PROD")
    went_live(a_release(stack, ui="1.1.0"))

    grid = grid_of(stack)

    assert (cell(grid, "API", "PROD").behind, cell(grid, "UI", "PROD").behind) == (
        "Same as TEST",
        "1 release behind TEST",
    )


def test_an_environment_that_is_ahead_after_a_rollback_says_so():
    stack = a_rows_shop()
    first, second = a_release(stack, ui="1.0.0"), a_release(stack, ui="1.1.0")
    went_live(first)
    went_live(second)
    went_live(second, "PROD")
    went_live(first)

    grid = grid_of(stack)

    assert cell(grid, "Shop", "PROD").behind == "1 release ahead of TEST"
    assert grid.sentence == "PROD is 1 release ahead of TEST."


def test_where_nothing_is_nothing_is_compared():
    release = a_release(a_rows_shop())
    went_live(release)

    assert cell(grid_of(release.project), "Shop", "PROD").behind == ""


# -- the sentence -----------------------------------------------------------------------------------------------------


def test_a_stack_of_which_nothing_was_deployed_says_so():
    assert grid_of(a_rows_shop()).sentence == "Nothing has been deployed yet."


def test_an_environment_without_a_release_is_named():
    release = a_release(a_rows_shop())
    went_live(release)

    assert grid_of(release.project).sentence == "PROD has no release yet."


def test_several_environments_without_a_release_are_named():
    release = a_release(a_rows_shop(a_lifecycle_of(("TEST",), ("QA",), ("PROD",))))
    went_live(release)

    assert grid_of(release.project).sentence == "QA and PROD have no release yet."


def test_more_than_two_environments_are_named_as_people_do():
    release = a_release(a_rows_shop(a_lifecycle_of(("TEST",), ("QA",), ("PROD",))))
    went_live(release, "TEST")
    went_live(release, "QA")
    went_live(release, "PROD")

    assert grid_of(release.project).sentence == "TEST, QA and PROD are on the same release."


def test_a_single_environment_is_spoken_of_alone():
    release = a_release(a_rows_shop(a_lifecycle_of(("PROD",))))
    went_live(release, "PROD")

    assert grid_of(release.project).sentence == "PROD is on 1.0.1."


# -- in step ----------------------------------------------------------------------------------------------------------


def test_a_component_that_went_alone_is_out_of_step():
    stack = a_rows_shop()
    went_live(a_release(stack))
    alone(a_release(stack, ui="1.1.0"), "UI")

    grid = grid_of(stack)

    shown = cell(grid, "UI")
    assert (shown.number, shown.in_step, shown.status, shown.word) == ("1.1.0", False, "drift", "Out of step")
    assert shown.step_sentence == "Out of step: 1.0.1 names 1.0.0."
    assert (cell(grid, "API").in_step, grid.sentence) == (True, "UI is out of step in TEST.")


def test_several_components_out_of_step_are_named():
    stack = a_rows_shop()
    went_live(a_release(stack))
    newer = a_release(stack, api="1.1.0", ui="1.1.0")
    alone(newer, "API")
    alone(newer, "UI")

    assert grid_of(stack).sentence == "API and UI are out of step in TEST."


def test_a_component_is_in_step_again_once_its_stack_has_caught_up():
    stack = a_rows_shop()
    went_live(a_release(stack))
    newer = a_release(stack, ui="1.1.0")
    alone(newer, "UI")
    went_live(newer)

    assert cell(grid_of(stack), "UI").step_sentence == "As 1.0.2 names it."


def test_a_component_that_went_alone_before_its_stack_says_so():
    stack = a_rows_shop()
    alone(a_release(stack), "UI")

    shown = cell(grid_of(stack), "UI")

    assert (shown.in_step, shown.step_sentence) == (False, "Deployed on its own, before any release of its stack.")


def test_a_component_that_its_stacks_release_does_not_name_says_so():
    stack = a_rows_shop()
    went_live(a_release(stack))
    docs = stack.components.create(
        name="Docs", slug="docs", kind="component", stage=1, process=stack.components.first().process
    )

    shown = cell(grid_of(stack), docs.name)

    assert (shown.in_step, shown.step_sentence) == (True, "1.0.1 does not name this component.")


def test_a_component_of_a_failed_train_that_did_arrive_is_out_of_step():
    stack = a_rows_shop()
    went_live(a_release(stack))
    requested(a_release(stack, api="2.0.0", ui="2.0.0"))
    ended(claimed())
    ended(claimed(), Status.FAILED)

    grid = grid_of(stack)

    assert (cell(grid, "API").number, cell(grid, "API").in_step) == ("2.0.0", False)
    assert (cell(grid, "UI").number, cell(grid, "UI").in_step) == ("1.0.0", True)


def test_what_a_rollback_would_bring_back_is_what_was_live_before():
    stack = a_rows_shop()
    here = an_environment("TEST")
    first, second = a_release(stack, ui="1.0.0"), a_release(stack, ui="1.1.0")
    went_live(first)
    went_live(second)
    went_live(second)

    assert alignment.previous_live(stack, here) == first


def test_where_only_one_release_was_ever_live_there_is_nothing_to_roll_back_to():
    release = a_release(a_rows_shop())
    went_live(release)

    assert alignment.previous_live(release.project, an_environment("TEST")) is None


# -- the past ---------------------------------------------------------------------------------------------------------


def a_past() -> tuple[Project, Environment]:
    """A stack whose release 1.0.1 was live in TEST from 60 to 30 minutes ago, and 1.0.2 since."""
    stack, here = a_stack(), an_environment("TEST")
    now = timezone.now()
    times = [(now - timedelta(minutes=60), now - timedelta(minutes=30)), (now - timedelta(minutes=30), None)]
    for number, (begun, over) in zip(("1.0.1", "1.0.2"), times, strict=True):
        row = a_row(Status.SUCCEEDED, a_bare_release(stack, number))
        LiveVersion.objects.create(
            project=stack, environment=here, release=row.release, deployment=row, from_at=begun, until_at=over
        )
    return stack, here


@pytest.mark.parametrize(("minutes", "expected"), [(90, None), (59, "1.0.1"), (31, "1.0.1"), (29, "1.0.2")])
def test_the_grid_of_a_moment_in_the_past_shows_what_was_live_then(minutes, expected):
    stack, _ = a_past()

    (grid,) = build_grids([stack], at=timezone.now() - timedelta(minutes=minutes))

    assert cell(grid, "Shop").number == expected


def test_the_grid_of_the_past_shows_nothing_under_way():
    stack, _ = a_past()
    a_row(Status.RUNNING, stack.releases.first())

    (grid,) = build_grids([stack], at=timezone.now() - timedelta(minutes=1))

    assert (cell(grid, "Shop").beside, cell(grid, "Shop").status) == ([], "deployed")


# -- the revision -----------------------------------------------------------------------------------------------------


def test_the_revision_stays_while_nothing_changes():
    release = a_release(a_rows_shop())
    went_live(release)

    assert grid_of(release.project).revision == grid_of(release.project).revision


def test_the_revision_changes_with_what_is_live_waiting_moving_stopping_or_failed():
    stack = a_rows_shop()
    seen = [grid_of(stack).revision]
    moving = requested(a_release(stack))
    seen.append(grid_of(stack).revision)
    running = claimed()
    seen.append(grid_of(stack).revision)
    actions.cancel(moving, by=a_manager())
    seen.append(grid_of(stack).revision)
    ended(running, Status.FAILED)

    seen.append(grid_of(stack).revision)

    assert len(set(seen)) == 5


def test_the_revision_changes_with_a_new_component():
    stack = a_rows_shop()
    before = grid_of(stack).revision
    stack.components.create(
        name="Docs", slug="docs", kind="component", stage=1, process=stack.components.first().process
    )

    assert grid_of(stack).revision != before


# -- queries ----------------------------------------------------------------------------------------------------------


def stacks_with_a_past(count: int) -> list[int]:
    """Stacks with two components, of which one release is live, one has failed and one waits."""
    keys = []
    for n in range(count):
        stack = a_stack(f"Stack {n}", components={f"A {n}": 1, f"B {n}": 2})
        went_live(a_release(stack))
        failed(a_release(stack, **{f"a_{n}": "2.0.0"}))
        requested(a_release(stack, **{f"a_{n}": "3.0.0"}), start_at=timezone.now() + timedelta(hours=1))
        keys.append(stack.pk)
    return keys


@pytest.mark.parametrize("count", [1, 5])
def test_the_grids_take_the_same_few_queries_however_many_stacks_there_are(count):
    keys = stacks_with_a_past(count)
    stacks = Project.objects.filter(pk__in=keys)

    with CaptureQueriesContext(connection) as queries:
        grids = build_grids(stacks)
        shown = [
            (grid.sentence, grid.revision, grid.attention, cell.word) for grid in grids for cell in grid.rows[0].cells
        ]

    assert (len(grids), len(shown)) == (count, 2 * count)
    assert len(queries) == 8
