"""Every reason why a release may not go somewhere: its sentence, and whether it stops asking or only starting."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from deployments import policy
from deployments.actions import cancel
from deployments.models import Deployment, Status
from deployments.policy import Blocker, Stops
from registry import actions as registry
from registry.models import Artifact, PackageVersion
from releases import actions as releases
from releases.models import Release
from tests.deployments.rows import (
    a_bare_release,
    a_lifecycle_of,
    a_row,
    a_rows_shop,
    approved,
    claimed,
    ended,
    failed,
    interrupted,
    run_out,
    went_live,
)
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import (
    a_group,
    a_lone_project,
    a_release,
    a_rule,
    a_stack,
    a_user,
    a_version,
    an_environment,
)

pytestmark = pytest.mark.django_db


def why_not(
    release: Release,
    environment: str = "TEST",
    by: User | None = None,
    deployment: Deployment | None = None,
    at: datetime | None = None,
) -> list[Blocker]:
    return policy.why_not_deployable(release, an_environment(environment), by=by, deployment=deployment, at=at)


def codes(blockers: list[Blocker]) -> list[str]:
    return [blocker.code for blocker in blockers]


def a_shop_release(*phases: tuple[str, ...], **lifecycle: object) -> Release:
    return a_release(a_rows_shop(a_lifecycle_of(*phases, **lifecycle)))


# -- nothing stands in the way ----------------------------------------------------------------------------------------


def test_nothing_stands_in_the_way_to_the_first_phase():
    release = a_release(a_rows_shop())

    assert why_not(release, by=a_manager()) == []


def test_nothing_stands_in_the_way_to_the_second_phase_after_a_success_in_the_first():
    release = a_release(a_rows_shop())
    went_live(release)

    assert why_not(release, "PROD", by=a_manager()) == []


def test_nothing_stands_in_the_way_of_a_project_on_its_own():
    release = a_release(a_lone_project())

    assert why_not(release, by=a_manager()) == []


# -- outside ----------------------------------------------------------------------------------------------------------


def test_an_environment_outside_the_lifecycle_is_the_only_reason_given():
    release = a_release(a_rows_shop())
    stranger = a_user("stranger")

    found = why_not(release, "STAGING", by=stranger)

    sentence = "STAGING is not part of the lifecycle of Shop: TEST, then PROD."
    assert found == [Blocker("outside", sentence, Stops.REQUESTING)]


def test_a_component_goes_where_its_stacks_lifecycle_goes():
    stack = a_rows_shop()
    a_release(stack)

    found = why_not(Release.objects.get(project__name="UI"), "STAGING")

    assert found[0].sentence == "STAGING is not part of the lifecycle of UI: TEST, then PROD."


# -- an earlier phase is incomplete -----------------------------------------------------------------------------------


def test_a_release_may_not_skip_an_environment():
    release = a_release(a_rows_shop())

    found = why_not(release, "PROD")

    sentence = "It must first succeed in TEST (phase TEST) before it goes to PROD."
    assert found == [Blocker("phase_incomplete", sentence, Stops.REQUESTING)]


def test_every_incomplete_phase_before_is_named():
    release = a_shop_release(("DEV",), ("TEST",), ("PROD",))

    found = why_not(release, "PROD")

    assert [blocker.sentence for blocker in found] == [
        "It must first succeed in DEV (phase DEV) before it goes to PROD.",
        "It must first succeed in TEST (phase TEST) before it goes to PROD.",
    ]


def test_a_phase_of_several_environments_needs_all_of_them():
    release = a_shop_release(("TEST", "QA"), ("PROD",))
    went_live(release, "TEST")

    found = why_not(release, "PROD")

    assert [blocker.sentence for blocker in found] == [
        "It must first succeed in QA (phase TEST) before it goes to PROD."
    ]


def test_a_phase_with_a_minimum_is_complete_with_that_many_distinct_environments():
    release = a_shop_release(("TEST", "QA", "UAT"), ("PROD",), minimum=2)
    went_live(release, "TEST")
    went_live(release, "UAT")

    assert why_not(release, "PROD") == []


def test_the_same_environment_twice_counts_once_towards_a_minimum():
    release = a_shop_release(("TEST", "QA", "UAT"), ("PROD",), minimum=2)
    went_live(release, "TEST")
    went_live(release, "TEST")

    found = why_not(release, "PROD")

    assert [blocker.sentence for blocker in found] == [
        "It must first succeed in 1 of QA, UAT (phase TEST) before it goes to PROD."
    ]


def test_an_optional_phase_is_passed_over():
    release = a_shop_release(("TEST",), ("QA",), ("PROD",), optional="QA")
    went_live(release, "TEST")

    assert why_not(release, "PROD") == []


def test_a_later_failure_never_takes_a_success_away():
    release = a_release(a_lone_project())
    went_live(release)
    failed(release)

    assert why_not(release, "PROD") == []


def test_a_later_request_that_waits_never_takes_a_success_away():
    release = a_release(a_lone_project())
    went_live(release)
    requested(release)

    assert why_not(release, "PROD") == []


def test_a_failed_deployment_completes_nothing():
    release = a_release(a_rows_shop())
    failed(release)

    assert codes(why_not(release, "PROD")) == ["phase_incomplete"]


def test_another_releases_success_completes_nothing():
    stack = a_rows_shop()
    went_live(a_release(stack))
    newer = a_release(stack, ui="1.1.0")

    assert codes(why_not(newer, "PROD")) == ["phase_incomplete"]


def test_being_passed_over_counts_as_a_components_success():
    stack = a_rows_shop()
    stack.components.filter(name="API").update(condition="if_newer")
    went_live(a_release(stack, api="2.0.0"))
    train = went_live(a_release(stack, api="1.0.0", ui="2.0.0"))

    passed_over = train.children.get(status=Status.SKIPPED)

    assert why_not(passed_over.release, "PROD") == []


def test_an_earlier_phase_may_always_be_returned_to():
    release = a_shop_release(("DEV",), ("TEST",), ("PROD",))
    went_live(release, "DEV")
    went_live(release, "TEST")
    went_live(release, "PROD")

    assert why_not(release, "DEV") == []


def test_where_it_has_succeeded_once_it_may_return_although_an_earlier_phase_has_grown():
    lifecycle = a_lifecycle_of(("TEST",), ("PROD",))
    release = a_release(a_rows_shop(lifecycle))
    went_live(release, "TEST")
    went_live(release, "PROD")
    lifecycle.phases.get(position=1).places.create(environment=an_environment("QA"))

    assert why_not(release, "PROD") == []


# -- progression prevented --------------------------------------------------------------------------------------------


def test_a_prevented_release_does_not_go_further():
    release = a_release(a_rows_shop())
    went_live(release)
    releases.prevent_progression(release, by=a_manager(), reason="Invoices come out twice.")
    release.refresh_from_db()

    found = why_not(release, "PROD")

    sentence = "mia prevented its progression: Invoices come out twice."
    assert found == [Blocker("progression_prevented", sentence, Stops.REQUESTING)]


def test_a_prevented_release_may_be_repeated_in_a_phase_where_it_has_succeeded():
    release = a_shop_release(("TEST", "QA"), ("PROD",))
    went_live(release, "TEST")
    releases.prevent_progression(release, by=a_manager(), reason="Invoices come out twice.")
    release.refresh_from_db()

    assert why_not(release, "QA") == []


# -- withdrawn --------------------------------------------------------------------------------------------------------


def test_a_stack_with_a_withdrawn_package_goes_nowhere():
    release = a_release(a_rows_shop(), ui="1.0.0")
    registry.withdraw(a_version("ui"), by=a_manager(), reason="It holds a virus.")

    found = why_not(release)

    sentence = "ui 1.0.0 was withdrawn and is never deployed again: It holds a virus."
    assert found == [Blocker("withdrawn", sentence, Stops.REQUESTING)]


def test_a_component_with_a_withdrawn_package_goes_nowhere_alone():
    a_release(a_rows_shop(), ui="1.0.0")
    registry.withdraw(a_version("ui"), by=a_manager(), reason="It holds a virus.")

    assert codes(why_not(Release.objects.get(project__name="UI"))) == ["withdrawn"]


def test_another_components_withdrawn_package_does_not_matter():
    a_release(a_rows_shop(), ui="1.0.0")
    registry.withdraw(a_version("ui"), by=a_manager(), reason="It holds a virus.")

    assert why_not(Release.objects.get(project__name="API")) == []


def test_a_removed_package_goes_nowhere():
    release = a_release(a_rows_shop(), ui="1.0.0")
    PackageVersion.objects.filter(package__name="ui").update(removed_at=timezone.now(), removed_reason="a mistake")

    (blocker,) = why_not(release)

    assert (blocker.code, blocker.stops) == ("removed", Stops.REQUESTING)
    assert blocker.sentence.startswith("ui 1.0.0 was removed on ")
    assert blocker.sentence.endswith(": a mistake. It stays on record. Push the same package again to bring it back.")


# -- damaged ----------------------------------------------------------------------------------------------------------


def found_to_be(version: PackageVersion, problem: str) -> None:
    found = datetime(2026, 11, 26, 10, 12, tzinfo=UTC)
    Artifact.objects.filter(pk=version.artifact_id).update(problem=problem, checked_at=found)


@pytest.mark.parametrize("problem", ["missing", "damaged"])
def test_a_stack_whose_stored_package_is_damaged_waits_for_the_same_bytes(problem):
    release = a_release(a_rows_shop(), ui="1.0.0")
    found_to_be(a_version("ui"), problem)

    found = why_not(release)

    sentence = (
        f"The stored bytes of ui 1.0.0 were found {problem} on Thursday 26 November 2026 at 10:12. Push the same package"
        " again; it waits until then."
    )
    assert found == [Blocker("artifact_damaged", sentence, Stops.STARTING)]


def test_a_component_whose_stored_package_is_damaged_waits_as_well_and_others_do_not():
    a_release(a_rows_shop(), ui="1.0.0")
    found_to_be(a_version("ui"), "damaged")

    assert codes(why_not(Release.objects.get(project__name="UI"))) == ["artifact_damaged"]
    assert why_not(Release.objects.get(project__name="API")) == []


# -- permission -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["deployer", "release_manager"])
def test_a_promotion_takes_a_deployer_or_a_release_manager(role):
    release = a_release(a_rows_shop())

    assert why_not(release, by=a_user("dan", role=role)) == []


@pytest.mark.parametrize("role", [None, "viewer", "business_viewer", "approver", "administrator"])
def test_nobody_else_promotes(role):
    release = a_release(a_rows_shop())

    found = why_not(release, by=a_user("vic", role=role))

    sentence = (
        "You may not request a deployment for Shop in TEST. It takes the role deployer or release manager;"
        " ask an administrator for it."
    )
    assert found == [Blocker("not_permitted", sentence, Stops.REQUESTING)]


def test_a_grant_for_one_environment_opens_that_one_only():
    release = a_release(a_rows_shop(a_lifecycle_of(("TEST", "QA"))))
    dan = a_user("dan", role="deployer", environment=an_environment("TEST"))

    assert (why_not(release, "TEST", by=dan), codes(why_not(release, "QA", by=dan))) == ([], ["not_permitted"])


def test_a_grant_for_a_stack_opens_that_stack_only():
    mine = a_rows_shop()
    dan = a_user("dan", role="deployer", project=mine)

    other = why_not(a_release(a_stack("Depot", components={"Crane": 1})), by=dan)

    assert (why_not(a_release(mine), by=dan), codes(other)) == ([], ["not_permitted"])


def test_a_grant_to_a_group_opens_as_much_as_one_to_a_person():
    release = a_release(a_rows_shop())
    dan = a_user("dan")
    a_group("Operations", dan).memberships.create(role="deployer")

    assert why_not(release, by=dan) == []


def test_rolling_back_takes_a_release_manager():
    stack = a_rows_shop()
    older = a_release(stack, ui="1.0.0")
    went_live(a_release(stack, ui="1.1.0"))

    found = why_not(older, by=a_user("dan", role="deployer"))

    assert [(blocker.code, blocker.sentence) for blocker in found] == [
        (
            "not_permitted",
            "You may not roll back, deploy one component alone, cancel, resolve or hold for Shop in TEST. It takes the"
            " role release manager; ask an administrator for it.",
        )
    ]


def test_a_release_manager_may_roll_back():
    stack = a_rows_shop()
    older = a_release(stack, ui="1.0.0")
    went_live(a_release(stack, ui="1.1.0"))

    assert why_not(older, by=a_manager()) == []


def test_a_deployer_may_repeat_what_is_live():
    release = a_release(a_rows_shop())
    went_live(release)

    assert why_not(release, by=a_user("dan", role="deployer")) == []


@pytest.mark.parametrize(("role", "expected"), [("deployer", ["not_permitted"]), ("release_manager", [])])
def test_a_component_goes_alone_by_a_release_manager_only(role, expected):
    a_release(a_rows_shop())

    found = why_not(Release.objects.get(project__name="UI"), by=a_user("dan", role=role))

    assert codes(found) == expected


# -- nothing in it ----------------------------------------------------------------------------------------------------


def test_a_stacks_release_without_components_has_nothing_to_deploy():
    empty = a_bare_release()

    found = why_not(empty)

    sentence = "Shop 1.0.1 holds no components, so that there is nothing to deploy."
    assert found == [Blocker("no_components", sentence, Stops.REQUESTING)]


# -- approval ---------------------------------------------------------------------------------------------------------


def test_an_approval_that_will_be_needed_stops_the_start_only():
    a_gate("TEST", minimum=2)

    found = why_not(a_release(a_rows_shop()))

    sentence = "It needs 2 approvals (Gate) once it has been requested."
    assert found == [Blocker("approval_missing", sentence, Stops.STARTING)]


def test_a_request_says_whose_approval_is_missing():
    otto = a_gate("TEST")
    a_user("petra", role="approver")
    a_rule("Owners", environments=["TEST"], roles=["approver"])
    deployment = requested(a_release(a_rows_shop()))

    found = why_not(deployment.release, deployment=deployment)

    assert [blocker.sentence for blocker in found] == [
        f"Gate: 1 approval missing from {otto}.",
        "Owners: 1 approval missing from otto or petra.",
    ]


def test_a_gate_that_nobody_can_pass_says_so():
    a_rule("Owners", environments=["TEST"], roles=["approver"])
    deployment = requested(a_release(a_rows_shop()))

    found = why_not(deployment.release, deployment=deployment)

    sentence = "Owners: 1 approval missing. Nobody may give it: ask an administrator."
    assert found == [Blocker("approval_missing", sentence, Stops.STARTING)]


def test_many_approvers_are_counted_rather_than_listed():
    a_rule("Owners", environments=["TEST"], people=[a_user(f"person-{n}", role="viewer") for n in range(6)])
    deployment = requested(a_release(a_rows_shop()))

    found = why_not(deployment.release, deployment=deployment)

    names = "person-0, person-1, person-2, person-3 or 2 others"
    assert [blocker.sentence for blocker in found] == [f"Owners: 1 approval missing from {names}."]


def test_an_approved_request_misses_no_approval():
    otto = a_gate("TEST")
    deployment = requested(a_release(a_rows_shop()), start_at=timezone.now() + timedelta(hours=1))
    deployment = approved(deployment, otto)

    assert codes(why_not(deployment.release, deployment=deployment)) == ["too_early"]


def test_a_rule_for_elsewhere_asks_for_nothing():
    release = a_release(a_rows_shop())
    a_gate("PROD")
    a_rule("Depot", projects=[a_stack("Depot")], roles=["approver"])

    assert why_not(release) == []


def test_a_stacks_rule_also_holds_for_a_component_that_goes_alone():
    stack = a_rows_shop()
    a_release(stack)
    a_rule("Shop owners", projects=[stack], roles=["approver"])

    found = why_not(Release.objects.get(project__name="UI"))

    assert [blocker.sentence for blocker in found] == ["It needs 1 approval (Shop owners) once it has been requested."]


# -- time -------------------------------------------------------------------------------------------------------------


def test_a_request_with_a_start_time_is_too_early_before_it():
    start_at = datetime(2040, 3, 2, 20, 30, tzinfo=UTC)
    deployment = requested(a_release(a_rows_shop()), start_at=start_at)

    found = why_not(deployment.release, deployment=deployment)

    sentence = "It was asked to start on Friday 02 March 2040 at 20:30, not earlier."
    assert found == [Blocker("too_early", sentence, Stops.STARTING)]


def test_a_request_with_a_start_time_may_start_from_then_on():
    start_at = datetime(2040, 3, 2, 20, 30, tzinfo=UTC)
    deployment = requested(a_release(a_rows_shop()), start_at=start_at)

    assert why_not(deployment.release, deployment=deployment, at=start_at) == []


def test_a_request_may_not_start_after_its_latest_start():
    not_after = datetime(2040, 3, 2, 20, 30, tzinfo=UTC)
    otto = a_gate("TEST")
    deployment = requested(a_release(a_rows_shop()), start_at=not_after - timedelta(hours=1), not_after=not_after)
    approved(deployment, otto)

    found = why_not(deployment.release, deployment=deployment, at=not_after)

    sentence = "Its latest start was Friday 02 March 2040 at 20:30: it has expired and must be requested anew."
    assert found == [Blocker("too_late", sentence, Stops.STARTING)]


# -- under way --------------------------------------------------------------------------------------------------------


def test_another_deployment_of_the_stack_under_way_stops_the_start_only():
    stack = a_rows_shop()
    first = requested(a_release(stack))

    found = why_not(a_release(stack, ui="1.1.0"))

    sentence = f"{first.release} is on its way to TEST (deploying); this one waits until it is over."
    assert found == [Blocker("under_way", sentence, Stops.STARTING)]


def test_a_stack_waits_for_its_component_that_goes_alone():
    stack = a_rows_shop()
    train = a_release(stack)
    alone = requested(Release.objects.get(project__name="UI"), reason="hot-fix")

    found = why_not(train)

    sentence = f"{alone.release} is on its way to TEST (waits for a worker); this one waits until it is over."
    assert found == [Blocker("under_way", sentence, Stops.STARTING)]


def test_a_component_that_goes_alone_waits_for_its_stack():
    stack = a_rows_shop()
    train = requested(a_release(stack))

    found = why_not(Release.objects.get(project__name="UI"))

    assert [blocker.sentence for blocker in found] == [
        f"{train.release} is on its way to TEST (deploying); this one waits until it is over."
    ]


def test_two_components_of_a_stack_may_go_alone_side_by_side():
    a_release(a_rows_shop())
    requested(Release.objects.get(project__name="UI"), reason="hot-fix")

    assert why_not(Release.objects.get(project__name="API")) == []


def test_another_environment_does_not_stand_in_the_way():
    release = a_shop_release(("TEST", "QA"))
    requested(release, "QA")

    assert why_not(release, "TEST") == []


def test_a_request_that_waits_does_not_stand_in_the_way():
    stack = a_rows_shop()
    a_gate("TEST")
    requested(a_release(stack))

    assert codes(why_not(a_release(stack, ui="1.1.0"))) == ["approval_missing"]


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.INTERRUPTED, Status.NEEDS_ATTENTION])
def test_whatever_is_not_over_holds_the_track(status):
    row = a_row(status, a_release(a_lone_project()))

    found = why_not(row.release)

    sentence = f"{row.release} is on its way to TEST ({status.label.lower()}); this one waits until it is over."
    assert found == [Blocker("under_way", sentence, Stops.STARTING)]


def test_an_interrupted_component_holds_the_track_of_its_stack():
    stack = a_rows_shop()
    train = requested(a_release(stack))
    interrupted(claimed())

    found = why_not(a_release(stack, ui="1.1.0"))

    assert [blocker.sentence for blocker in found] == [
        f"{train.release} is on its way to TEST (needs attention); this one waits until it is over."
    ]


def test_the_track_is_clear_again_once_the_train_is_over():
    stack = a_rows_shop()
    train = requested(a_release(stack))
    running = claimed()
    cancel(train, by=a_manager())
    ended(running)
    run_out()

    assert why_not(a_release(stack, ui="1.1.0")) == []


# -- several at once --------------------------------------------------------------------------------------------------


def test_every_reason_is_given_at_once():
    release = a_release(a_rows_shop(), ui="1.0.0")
    a_gate("PROD")
    registry.withdraw(a_version("ui"), by=a_manager(), reason="It holds a virus.")
    releases.prevent_progression(release, by=a_manager(), reason="Invoices come out twice.")
    release.refresh_from_db()

    found = why_not(release, "PROD", by=a_user("vic"))

    assert codes(found) == [
        "not_permitted",
        "phase_incomplete",
        "progression_prevented",
        "withdrawn",
        "approval_missing",
    ]


def test_only_what_stops_asking_stops_asking():
    a_gate("PROD")
    release = a_release(a_rows_shop())

    found = policy.why_not_requestable(release, an_environment("PROD"), by=a_manager())

    assert codes(found) == ["phase_incomplete"]


# -- what the package supports ----------------------------------------------------------------------------------------


def test_a_package_without_settings_for_the_environment_stops_asking():
    site = a_lone_project("Site", package="site")
    a_version("site", "1.0.0", targets=["PROD", "STAGE"])

    [blocker] = why_not(a_release(site))

    assert (blocker.code, blocker.stops) == ("no_target", Stops.REQUESTING)
    assert blocker.sentence.startswith("site 1.0.0 has no settings for TEST: it supports PROD and STAGE.")


def test_a_package_with_settings_for_the_environment_may_go_there():
    site = a_lone_project("Site", package="site")
    a_version("site", "1.0.0", targets=["PROD", "TEST"])

    assert why_not(a_release(site)) == []


def test_a_component_without_settings_for_the_environment_keeps_its_stack_out():
    shop = a_stack("Shop", components={"API": 1, "UI": 2})
    a_version("ui", "1.0.0", targets=["PROD"])

    assert [blocker.code for blocker in why_not(a_release(shop, ui="1.0.0"))] == ["no_target"]
