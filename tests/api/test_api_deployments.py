"""Deployments through the API: requested, approved, followed, cancelled, resolved."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.request import Request, urlopen

import pytest
from django.utils import timezone

from accounts.models import Membership
from api import patience
from deployments.models import Deployment, LiveVersion, Status, move
from lifecycles.models import Environment
from tests.api.callers import a_token, an_account, as_, calling
from tests.api.rows import a_deployment, a_log, a_train
from tests.factories import a_lifecycle, a_lone_project, a_release, a_rule, a_stack, a_version, an_environment

pytestmark = pytest.mark.django_db
RELEASE = "/api/v1/projects/shop/releases/1.0.1"


@pytest.fixture
def release(db):
    return a_release(a_stack("Shop", {"API": 1, "UI": 2}))


@pytest.fixture
def gate(db):
    return a_rule("Release manager opens TEST", ["TEST"], roles=["approver", "release_manager"])


def sent(client, address, body=None):
    return client.generic("POST", address, json.dumps(body or {}), "application/json")


def a_request(by: str = "deployer", environment: str = "test") -> dict:
    """The answer to a request for the release."""
    return sent(as_(by), f"{RELEASE}/deployments", {"environment": environment}).json()


def at(shown: dict, verb: str = "") -> str:
    return f"/api/v1/deployments/{shown['id']}{verb}"


# -- request ----------------------------------------------------------------------------------------------------------


def test_a_request_waits_for_its_approval_and_says_from_whom(release, gate):
    an_account("approver-account", "approver")

    answer = sent(as_("deployer"), f"{RELEASE}/deployments", {"environment": "test", "reason": "Sprint 12"})

    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["status"], shown["word"], shown["mode"]) == ("requested", "Waiting for approval", "promote")
    assert [(line["component"], line["action"]) for line in shown["plan"]] == [("api", "deploy"), ("ui", "deploy")]
    assert [(found["missing"], found["waiting_for"]) for found in shown["gates"]] == [(1, ["approver-account"])]
    assert [found["code"] for found in shown["blockers"]] == ["approval_missing"]


@pytest.mark.parametrize(
    ("role", "environment", "codes"),
    [
        ("deployer", "prod", ["phase_incomplete"]),
        ("deployer", "far", ["outside"]),
        ("viewer", "test", ["not_permitted"]),
        ("administrator", "prod", ["not_permitted", "phase_incomplete"]),
    ],
)
def test_a_request_that_is_refused_names_every_reason(release, role, environment, codes):
    a_lone_project("Website", lifecycle=a_lifecycle("FAR"))

    answer = sent(as_(role), f"{RELEASE}/deployments", {"environment": environment})

    assert answer.status_code == (403 if codes[0] == "not_permitted" else 409)
    assert [found["code"] for found in answer.json()["blockers"]] == codes
    assert answer.json()["sentence"] == " ".join(found["sentence"] for found in answer.json()["blockers"])
    assert not Deployment.objects.exists()


def test_a_release_that_is_held_back_is_refused(release):
    sent(as_("release_manager"), f"{RELEASE}/prevent-progression", {"reason": "Broken login"})

    answer = sent(as_("deployer"), f"{RELEASE}/deployments", {"environment": "test"})

    assert (answer.status_code, answer.json()["code"]) == (409, "progression_prevented")
    assert "Broken login" in answer.json()["sentence"]


def test_a_withdrawn_package_is_refused(release):
    sent(as_("release_manager"), "/api/v1/packages/ui/versions/1.0.0/withdraw", {"reason": "Leaks data"})

    answer = sent(as_("deployer"), f"{RELEASE}/deployments", {"environment": "test"})

    assert (answer.status_code, answer.json()["code"]) == (409, "withdrawn")


def test_a_second_deployment_waits_while_one_is_under_way(release):
    a_deployment(release, status=Status.RUNNING)

    answer = sent(as_("deployer"), f"{RELEASE}/deployments", {"environment": "test"})

    assert (answer.status_code, answer.json()["status"]) == (201, "scheduled")
    assert [found["code"] for found in answer.json()["blockers"]] == ["under_way"]


def test_a_start_time_makes_it_wait(release):
    body = {"environment": "test", "start_at": "2999-01-01T10:00:00+02:00", "not_after": "2999-01-01T12:00:00+02:00"}

    shown = sent(as_("deployer"), f"{RELEASE}/deployments", body).json()

    assert (shown["status"], shown["start_at"]) == ("scheduled", "2999-01-01T08:00:00Z")
    assert [found["code"] for found in shown["blockers"]] == ["too_early"]


def test_a_window_that_is_empty_is_refused(release):
    body = {"environment": "test", "start_at": "2999-01-01T10:00:00Z", "not_after": "2999-01-01T09:00:00Z"}

    answer = sent(as_("deployer"), f"{RELEASE}/deployments", body)

    assert (answer.status_code, answer.json()["code"]) == (409, "window_empty")


def test_one_component_goes_alone_with_a_reason_and_the_role_for_it(release):
    body = {"environment": "test", "only": "ui"}

    forbidden = sent(as_("deployer"), f"{RELEASE}/deployments", body)
    nameless = sent(as_("release_manager"), f"{RELEASE}/deployments", body)
    alone = sent(as_("release_manager"), f"{RELEASE}/deployments", body | {"reason": "Hot-fix"})

    assert (forbidden.status_code, forbidden.json()["code"]) == (403, "not_permitted")
    assert (nameless.status_code, nameless.json()["code"]) == (422, "reason_missing")
    assert (alone.status_code, alone.json()["project"], alone.json()["parent"]) == (201, "ui", None)


@pytest.mark.parametrize("body", [{"environment": "moon"}, {"environment": "test", "only": "moon"}])
def test_what_does_not_exist_cannot_be_asked_for(release, body):
    answer = sent(as_("release_manager"), f"{RELEASE}/deployments", body)

    assert (answer.status_code, "moon" in answer.json()["sentence"]) == (404, True)


# -- approve and reject -----------------------------------------------------------------------------------------------


def test_an_approval_starts_what_waited_for_it(release, gate):
    shown = a_request()

    answer = sent(as_("approver"), at(shown, "/approve"), {"fingerprint": shown["fingerprint"], "comment": "Fine"})

    assert answer.status_code == 200
    assert answer.json()["status"] not in ("requested", "scheduled")
    assert [(found["person"], found["decision"], found["comment"]) for found in answer.json()["approvals"]] == [
        ("approver-account", "approved", "Fine")
    ]


def test_the_requester_may_not_approve(release, gate):
    shown = a_request(by="release_manager")

    answer = sent(as_("release_manager"), at(shown, "/approve"), {"fingerprint": shown["fingerprint"]})

    assert (answer.status_code, answer.json()["code"]) == (409, "requester")
    assert Deployment.objects.get().approvals.count() == 0


def test_nobody_approves_whom_no_rule_names(release, gate):
    shown = a_request()

    answer = sent(as_("viewer"), at(shown, "/approve"), {"fingerprint": shown["fingerprint"]})

    assert (answer.status_code, answer.json()["code"]) == (403, "not_named")


def test_nobody_approves_twice(release):
    a_rule("Two opens TEST", ["TEST"], roles=["approver"], minimum=2)
    shown = a_request()
    sent(as_("approver"), at(shown, "/approve"), {"fingerprint": shown["fingerprint"]})

    answer = sent(as_("approver"), at(shown, "/approve"), {"fingerprint": shown["fingerprint"]})

    assert (answer.status_code, answer.json()["code"]) == (409, "decided_already")
    assert Deployment.objects.get().approvals.count() == 1


def test_nobody_approves_what_was_rejected(release, gate):
    shown = a_request()
    seen = {"fingerprint": shown["fingerprint"]}

    rejected = sent(as_("release_manager"), at(shown, "/reject"), seen | {"comment": "Not before Monday"})
    answer = sent(as_("approver"), at(shown, "/approve"), seen)

    assert (rejected.status_code, rejected.json()["status"]) == (200, "rejected")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_waiting")


def test_a_rejection_takes_a_comment(release, gate):
    shown = a_request()

    missing = sent(as_("approver"), at(shown, "/reject"), {"fingerprint": shown["fingerprint"]})
    empty = sent(as_("approver"), at(shown, "/reject"), {"fingerprint": shown["fingerprint"], "comment": " "})

    assert (missing.status_code, empty.status_code, empty.json()["code"]) == (400, 422, "comment_missing")
    assert Deployment.objects.get().status == Status.REQUESTED


def test_nobody_approves_what_was_superseded(release, gate):
    shown = a_request()
    a_request()

    answer = sent(as_("approver"), at(shown, "/approve"), {"fingerprint": shown["fingerprint"]})

    assert (answer.status_code, answer.json()["code"]) == (409, "not_waiting")


@pytest.mark.parametrize("verb", ["/approve", "/reject"])
def test_nobody_decides_on_a_plan_that_was_not_seen(release, gate, verb):
    shown = a_request()

    answer = sent(as_("approver"), at(shown, verb), {"fingerprint": "another", "comment": "Fine"})

    assert (answer.status_code, answer.json()["code"]) == (409, "plan_changed")
    assert Deployment.objects.get().status == Status.REQUESTED


def test_a_plan_that_has_changed_is_refused_and_shown_anew(release, gate):
    shown = a_request()
    ui = release.components.get(component__slug="ui").release
    live = a_deployment(ui)

    answer = sent(as_("approver"), at(shown, "/approve"), {"fingerprint": shown["fingerprint"]})
    anew = as_("approver").get(at(shown)).json()

    assert (answer.status_code, answer.json()["code"]) == (409, "plan_changed")
    assert anew["fingerprint"] != shown["fingerprint"]
    assert [line["action"] for line in anew["plan"]] == ["deploy", "skip"]
    assert LiveVersion.objects.get().deployment == live


def test_an_approval_is_taken_back_before_the_start(release):
    a_rule("Two opens TEST", ["TEST"], roles=["approver"], minimum=2)
    shown = a_request()
    sent(as_("approver"), at(shown, "/approve"), {"fingerprint": shown["fingerprint"]})

    answer = sent(as_("approver"), at(shown, "/withdraw-approval"))
    again = sent(as_("approver"), at(shown, "/withdraw-approval"))

    assert answer.json()["approvals"][0]["withdrawn_at"] is not None
    assert answer.json()["gates"][0]["missing"] == 2
    assert (again.status_code, again.json()["code"]) == (409, "not_approved")


def test_what_waits_for_an_account_is_listed_for_it_alone(release, gate):
    shown = a_request()

    assert [line["id"] for line in as_("approver").get("/api/v1/waiting").json()["items"]] == [shown["id"]]
    assert as_("viewer").get("/api/v1/waiting").json() == {"items": [], "next": None}


def test_a_token_for_another_project_hides_what_waits(release, gate):
    a_request()
    client = calling(an_account("approver-account", "approver"), project=a_stack("Bank"))

    assert client.get("/api/v1/waiting").json()["items"] == []


# -- cancel and resolve -----------------------------------------------------------------------------------------------


def test_a_deployer_cancels_an_own_request_and_no_other(release, gate):
    own, other = a_request(by="deployer"), an_account("other", "deployer")

    forbidden = sent(calling(other), at(own, "/cancel"))
    answer = sent(as_("deployer"), at(own, "/cancel"), {"reason": "Too early"})
    again = sent(as_("deployer"), at(own, "/cancel"))

    assert forbidden.status_code == 403
    assert (answer.json()["status"], answer.json()["outcome"].endswith("Too early")) == ("cancelled", True)
    assert (again.status_code, again.json()["code"]) == (409, "over")


def test_what_runs_is_stopped_only_when_asked(release):
    script = a_deployment(release.components.get(component__slug="ui").release, status=Status.RUNNING)

    refused = sent(as_("release_manager"), f"/api/v1/deployments/{script.pk}/cancel")
    stopping = sent(as_("release_manager"), f"/api/v1/deployments/{script.pk}/cancel", {"stop_running": True})

    assert (refused.status_code, refused.json()["code"]) == (409, "running")
    assert (stopping.json()["status"], stopping.json()["stopping"]) == ("running", True)


def test_a_person_decides_about_an_unknown_outcome(release):
    script = a_deployment(release.components.get(component__slug="ui").release, status=Status.INTERRUPTED, host="w1")
    address = f"/api/v1/deployments/{script.pk}/resolve"

    unknown = sent(as_("release_manager"), address, {"decision": "shrug", "reason": "Looked"})
    nameless = sent(as_("release_manager"), address, {"decision": "succeeded", "reason": ""})
    decided = sent(as_("release_manager"), address, {"decision": "succeeded", "reason": "Looked"})
    again = sent(as_("release_manager"), address, {"decision": "failed", "reason": "Looked"})

    assert (unknown.status_code, nameless.status_code, nameless.json()["code"]) == (400, 422, "reason_missing")
    assert (decided.status_code, decided.json()["status"]) == (200, "succeeded")
    assert (again.status_code, again.json()["code"]) == (409, "not_interrupted")


def test_a_retry_while_the_host_is_silent_takes_certainty(release):
    ui = release.components.get(component__slug="ui").release
    script = a_deployment(ui, status=Status.INTERRUPTED, host="w1", owner="w1:1")
    address = f"/api/v1/deployments/{script.pk}/resolve"

    unsure = sent(as_("release_manager"), address, {"decision": "retry", "reason": "Again"})
    sure = sent(as_("release_manager"), address, {"decision": "retry", "reason": "Again", "sure": True})

    assert (unsure.status_code, unsure.json()["code"]) == (409, "host_silent")
    assert (sure.status_code, sure.json()["status"]) == (200, "queued")


def test_what_may_be_decided_is_said_to_whoever_may_decide_it(release):
    ui = release.components.get(component__slug="ui").release
    script = a_deployment(ui, status=Status.INTERRUPTED, host="w1", owner="w1:1")
    address = f"/api/v1/deployments/{script.pk}"

    offered = as_("release_manager").get(address).json()["decisions"]

    assert [(found["decision"], found["takes_reason"], found["takes_sure"]) for found in offered] == [
        ("retry", True, True),
        ("succeeded", True, False),
        ("failed", True, False),
    ]
    assert as_("deployer").get(address).json()["decisions"] == []


def test_what_nobody_needs_to_decide_offers_nothing(release):
    shown = as_("release_manager").get(f"/api/v1/deployments/{a_train(release).pk}").json()

    assert (shown["decisions"], shown["mark_proposed"], shown["failure_ignored"]) == ([], None, False)


def test_a_second_account_confirms_what_the_first_has_marked(release):
    script = a_deployment(release.components.get(component__slug="ui").release, status=Status.INTERRUPTED, host="w1")
    Environment.objects.update(second_pair_of_eyes=True)
    address, marked = f"/api/v1/deployments/{script.pk}/resolve", {"decision": "succeeded", "reason": "Looked"}

    proposed = sent(as_("release_manager"), address, marked)
    repeated = sent(as_("release_manager"), address, marked)
    confirmed = sent(calling(an_account("second", "release_manager")), address, marked | {"reason": "Looked too"})

    proposal = proposed.json()["mark_proposed"]
    assert (proposed.json()["status"], proposal["by"], proposal["because"]) == (
        "interrupted",
        "release_manager-account",
        "Looked",
    )
    assert (repeated.status_code, repeated.json()["code"]) == (409, "proposed_already")
    assert (confirmed.json()["status"], confirmed.json()["mark_proposed"]) == ("succeeded", None)


def test_a_failure_is_ignored_with_a_reason_and_never_live(release):
    script = a_deployment(release.components.get(component__slug="ui").release, status=Status.NEEDS_ATTENTION)
    script.step_runs.create(attempt=1, position=1, name="Run", finished_at=timezone.now(), exit_status=3, outcome="No.")
    address = f"/api/v1/deployments/{script.pk}/resolve"

    nameless = sent(as_("release_manager"), address, {"decision": "ignore"})
    ignored = sent(as_("release_manager"), address, {"decision": "ignore", "reason": "It warms up by itself"})

    assert (nameless.status_code, nameless.json()["code"]) == (422, "reason_missing")
    assert (ignored.json()["status"], ignored.json()["failure_ignored"]) == ("failed", True)
    assert "It warms up by itself" in ignored.json()["outcome"]
    assert not LiveVersion.objects.filter(deployment=script).exists()


def test_what_has_failed_is_tried_again_without_a_reason(release):
    script = a_deployment(release.components.get(component__slug="ui").release, status=Status.NEEDS_ATTENTION)

    answer = sent(as_("release_manager"), f"/api/v1/deployments/{script.pk}/resolve", {"decision": "retry"})

    assert (answer.status_code, answer.json()["status"]) == (200, "queued")


def test_what_cannot_go_on_waits_for_whoever_may_decide(release):
    script = a_deployment(release.components.get(component__slug="ui").release, status=Status.INTERRUPTED)

    assert [line["id"] for line in as_("release_manager").get("/api/v1/waiting").json()["items"]] == [script.pk]
    assert as_("deployer").get("/api/v1/waiting").json()["items"] == []


# -- follow -----------------------------------------------------------------------------------------------------------


def test_a_train_shows_its_components(release):
    train = a_train(release)

    shown = as_("business_viewer").get(f"/api/v1/deployments/{train.pk}").json()

    assert [(child["project"], child["stage"], child["parent"]) for child in shown["children"]] == [
        ("api", 1, train.pk),
        ("ui", 2, train.pk),
    ]
    assert (shown["is_final"], shown["blockers"]) == (True, [])


def test_what_is_over_is_not_waited_for(release):
    train = a_train(release)
    started = time.monotonic()

    as_("viewer").get(f"/api/v1/deployments/{train.pk}?wait=60")

    assert time.monotonic() - started < 5


def test_a_wait_ends_after_the_time_that_was_stated(release, gate):
    shown = a_request()

    answer = as_("viewer").get(at(shown, "?wait=1"))

    assert answer.json()["status"] == "requested"


def test_a_full_house_is_answered_at_once(release, gate, monkeypatch):
    shown = a_request()
    monkeypatch.setattr(patience, "_places", threading.BoundedSemaphore(1))
    patience._places.acquire()
    started = time.monotonic()

    answer = as_("viewer").get(at(shown, "?wait=60"))

    assert (answer.status_code, time.monotonic() - started < 5) == (200, True)


@pytest.mark.django_db(transaction=True)
def test_a_wait_ends_when_the_status_changes(live_server):
    waiting = a_deployment(a_release(a_stack("Shop", {"UI": 1})), status=Status.REQUESTED)
    secret = a_token(an_account("ci", "viewer"))
    request = Request(
        f"{live_server.url}/api/v1/deployments/{waiting.pk}?wait=60", headers={"Authorization": f"Bearer {secret}"}
    )
    started = time.monotonic()

    with ThreadPoolExecutor() as pool:
        answer = pool.submit(lambda: json.load(urlopen(request)))
        while patience._places._value == patience.MOST_WAITING and time.monotonic() - started < 30:
            time.sleep(0.01)
        move(waiting.pk, Status.SCHEDULED)

    assert answer.result()["status"] == "scheduled"
    assert time.monotonic() - started < 30
    assert patience._places._value == patience.MOST_WAITING


def test_deployments_are_filtered(release, gate):
    train, shown = a_train(release), a_request()
    client = as_("viewer")

    def listed(query: str) -> list[int]:
        return [line["id"] for line in client.get(f"/api/v1/deployments?{query}").json()["items"]]

    assert listed("project=shop") == [shown["id"], train.pk]
    assert listed("project=shop&status=succeeded") == [train.pk]
    assert listed("environment=prod") == []
    assert len(listed("")) == 4


# -- the log ----------------------------------------------------------------------------------------------------------


def test_the_log_is_plain_text(release):
    script = a_deployment(release.components.get(component__slug="ui").release)
    a_log(script, "Unpacking\nDone ✓\n")

    answer = as_("viewer").get(f"/api/v1/deployments/{script.pk}/log")

    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert b"".join(answer.streaming_content).decode() == "Unpacking\nDone ✓\n"


def test_the_log_of_a_train_is_that_of_its_components(release):
    train = a_train(release)
    a_log(train.children.get(project__slug="ui"), "Copied\n")

    answer = as_("viewer").get(f"/api/v1/deployments/{train.pk}/log")

    text = b"".join(answer.streaming_content).decode()
    assert text == "==== API 1.0.0: Deployed\n\n==== UI 1.0.0: Deployed\nCopied\n\n"


def test_the_log_is_read_on_line_by_line(release):
    script = a_deployment(release.components.get(component__slug="ui").release)
    a_log(script, "one\ntwo\nthree\n")

    answer = (
        as_("viewer")
        .get(f"/api/v1/deployments/{script.pk}/log?after=1&limit=1", headers={"Accept": "application/json"})
        .json()
    )

    assert [(line["number"], line["text"]) for line in answer["lines"]] == [(2, "two")]
    assert answer["next"] == 2


def test_a_train_has_no_lines_of_its_own(release):
    train = a_train(release)

    answer = as_("viewer").get(f"/api/v1/deployments/{train.pk}/log", headers={"Accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (409, "no-log")


# -- what is where ----------------------------------------------------------------------------------------------------


def test_the_grid_says_which_version_is_where(release):
    a_train(release)

    grid = as_("business_viewer").get("/api/v1/projects/shop/grid").json()

    assert grid["environments"] == ["test", "prod"]
    assert [(row["project"], [cell["release"] for cell in row["cells"]]) for row in grid["rows"]] == [
        ("shop", ["1.0.1", None]),
        ("api", ["1.0.0", None]),
        ("ui", ["1.0.0", None]),
    ]


def test_a_component_out_of_step_is_seen_in_the_grid(release):
    a_train(release)
    a_version("ui", "2.0.0")
    newer = a_release(release.project)
    a_deployment(newer.components.get(component__slug="ui").release)

    cell = as_("viewer").get("/api/v1/projects/shop/grid").json()["rows"][2]["cells"][0]

    assert (cell["release"], cell["in_step"], cell["status"]) == ("2.0.0", False, "drift")


def test_a_component_has_no_grid_of_its_own(release):
    answer = as_("viewer").get("/api/v1/projects/ui/grid")

    assert (answer.status_code, "Shop" in answer.json()["sentence"]) == (404, True)


def test_the_history_of_an_environment_is_never_rewritten(release):
    a_train(release)
    a_version("ui", "2.0.0")
    a_train(a_release(release.project))

    history = as_("viewer").get("/api/v1/environments/test/history").json()["items"]

    assert [(line["release"], line["until_at"] is None) for line in history if line["project"] == "shop"] == [
        ("1.0.2", True),
        ("1.0.1", False),
    ]


def test_environments_that_no_own_project_goes_through_do_not_exist(release):
    an_environment("STAGING")
    stack = release.project
    client = calling(an_account("ci"))
    Membership.objects.create(user=an_account("ci"), role="viewer", project=stack.components.first())

    assert [line["slug"] for line in client.get("/api/v1/environments").json()["items"]] == ["test", "prod"]
    assert client.get("/api/v1/environments/staging/history").status_code == 404


def test_the_trail_is_read_newest_first(release):
    a_request()

    lines = as_("viewer").get("/api/v1/trail?project=shop&limit=2").json()["items"]

    assert [line["project"] for line in lines] == ["shop", "shop"]
    assert "Shop 1.0.1 to TEST" in lines[0]["sentence"]
    assert lines[0]["id"] > lines[1]["id"]


def test_lines_about_no_project_are_for_administrators(release):
    as_("viewer")

    def verbs(role: str) -> set[str]:
        return {line["verb"] for line in as_(role).get("/api/v1/trail?limit=200").json()["items"]}

    assert "token.issued" in verbs("administrator")
    assert "token.issued" not in verbs("viewer")
