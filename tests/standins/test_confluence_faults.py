"""Trouble can be ordered from the stand-in, from Python and from outside, and is met exactly as ordered."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Thread
from typing import Any

import pytest
import requests

from tests.deployments.patience import wait_until
from tests.publishing.confluence_server import There
from tests.standins.conftest import Asking
from tests.standins.pages import error_of, for_cloud, next_for_cloud

SPACES = "/api/v2/spaces"


def test_the_next_requests_are_limited_and_then_no_more(there: There, cloud: Asking):
    there.faults.next(2, status=429, retry_after=7)

    answers = [cloud("GET", SPACES) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["7", "7", None]


def test_a_limit_may_say_a_date_or_nothing(there: There, cloud: Asking):
    until = datetime(2026, 11, 26, 12, tzinfo=UTC)
    there.faults.next(1, retry_after=until)
    there.faults.next(1)

    dated, silent = cloud("GET", SPACES), cloud("GET", SPACES)

    assert parsedate_to_datetime(dated.headers["Retry-After"]) == until
    assert "Retry-After" not in silent.headers


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_broken_server_answers_with_a_page(there: There, cloud: Asking, status: int):
    there.faults.next(1, status=status)

    answer = cloud("POST", "/api/v2/pages", json=for_cloud(there))

    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert there.pages == []


def test_trouble_may_concern_some_requests_only(there: There, cloud: Asking):
    there.faults.next(1, status=503, methods=("POST",), path="/properties")
    page_id = there.create_foreign("Notes")

    statuses = [
        cloud("GET", SPACES).status_code,
        cloud("POST", f"/api/v2/pages/{page_id}/properties", json={"key": "a", "value": 1}).status_code,
        cloud("POST", f"/api/v2/pages/{page_id}/properties", json={"key": "a", "value": 1}).status_code,
    ]

    assert statuses == [200, 503, 200]


def test_a_request_whose_answer_is_lost_was_carried_out(there: There, cloud: Asking):
    there.faults.lose_answers(1)
    cloud("GET", SPACES)

    with pytest.raises(requests.ConnectionError):
        cloud("POST", "/api/v2/pages", json=for_cloud(there))

    assert [page.title for page in there.pages] == ["Patient UI - TEST"]
    assert [(entry.status, entry.carried_out) for entry in there.writes] == [(0, True)]


def test_a_request_whose_connection_drops_was_not_carried_out(there: There, cloud: Asking):
    there.faults.drop(1)

    with pytest.raises(requests.ConnectionError):
        cloud("POST", "/api/v2/pages", json=for_cloud(there))

    assert there.pages == []
    assert [(entry.status, entry.carried_out) for entry in there.writes] == [(0, False)]


def test_a_slow_request_was_carried_out_though_nobody_waited(there: There):
    there.faults.hang(1, seconds=60)

    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{there.cloud_url}/api/v2/pages", json=for_cloud(there), auth=(there.email, there.token), timeout=0.3
        )

    assert [page.title for page in there.pages] == ["Patient UI - TEST"]


def test_what_hangs_is_answered_when_trouble_is_lifted(there: There, cloud: Asking):
    there.faults.hang(1, seconds=60)
    answers: list[requests.Response] = []
    asking = Thread(target=lambda: answers.append(cloud("GET", SPACES)))
    asking.start()
    wait_until(lambda: there.requests)

    there.faults.lift()

    asking.join(timeout=10)
    assert [answer.status_code for answer in answers] == [200]


def test_a_lock_refuses_a_write_whose_version_is_right(there: There, cloud: Asking):
    page_id = there.create_foreign("Patient UI - TEST")
    there.faults.conflict(1)

    read = cloud("GET", f"/api/v2/pages/{page_id}")
    refused = cloud("PUT", f"/api/v2/pages/{page_id}", json=next_for_cloud(page_id, 2))
    done = cloud("PUT", f"/api/v2/pages/{page_id}", json=next_for_cloud(page_id, 2))

    assert [answer.status_code for answer in (read, refused, done)] == [200, 409, 200]
    assert "OptimisticLockException" in error_of(refused)["title"]


@pytest.mark.parametrize("status", [401, 403, 410, 503])
def test_an_outage_lasts_until_it_ends(there: There, cloud: Asking, status: int):
    with there.outage(status=status):
        during = [cloud("GET", SPACES).status_code for _ in range(3)]

    assert during == [status] * 3
    assert cloud("GET", SPACES).status_code == 200


def test_an_outage_may_close_every_connection(there: There, cloud: Asking):
    with there.outage(status=0), pytest.raises(requests.ConnectionError):
        cloud("GET", SPACES)

    assert cloud("GET", SPACES).status_code == 200


def test_data_center_is_refused_in_its_own_words(there: There, data_center: Asking):
    there.faults.next(1, status=429)
    there.faults.next(1, status=401)

    limited, unknown = data_center("GET", "/rest/api/content"), data_center("GET", "/rest/api/content")

    assert limited.json()["statusCode"] == 429
    assert unknown.headers["Content-Type"].startswith("text/html")


def test_people_reading_pages_meet_no_trouble(there: There, look: Asking):
    with there.outage():
        assert look("/").status_code == 200


def test_what_was_asked_is_remembered_without_credentials(there: There, cloud: Asking):
    cloud("POST", "/api/v2/pages?root-level=true", json=for_cloud(there))

    (entry,) = there.requests
    assert (entry.method, entry.path, entry.query) == ("POST", "/wiki/api/v2/pages", {"root-level": ["true"]})
    assert (entry.body["title"], entry.status, entry.carried_out) == ("Patient UI - TEST", 200, True)
    assert there.token not in repr(entry)


@pytest.mark.parametrize(
    ("order", "statuses"),
    [
        ({"count": 2, "status": 429, "retry_after": 5}, [429, 429, 200]),
        ({"status": 502}, [502, 200, 200]),
        ({"until_lifted": True, "status": 403}, [403, 403, 403]),
        ({"until_lifted": True}, [503, 503, 503]),
        ({"conflict": True}, [200, 200, 200]),
        ({"status": 500, "methods": ["POST"]}, [200, 200, 200]),
        ({"hang": 0}, [200, 200, 200]),
    ],
)
def test_trouble_is_ordered_through_the_control_door(
    there: There, cloud: Asking, order: dict[str, Any], statuses: list[int]
):
    ordered = requests.post(f"{there.url}/standin/faults", json=order, timeout=10)

    assert ordered.status_code == 200
    assert ordered.json()["faults"] != []
    assert [cloud("GET", SPACES).status_code for _ in range(3)] == statuses


@pytest.mark.parametrize(
    "order", [{"drop": True}, {"lose_answers": True, "methods": ["GET"]}, {"until_lifted": True, "status": 0}]
)
def test_connections_are_closed_through_the_control_door(there: There, cloud: Asking, order: dict[str, Any]):
    requests.post(f"{there.url}/standin/faults", json=order, timeout=10)

    with pytest.raises(requests.ConnectionError):
        cloud("GET", SPACES)


def test_trouble_is_lifted_through_the_control_door(there: There, cloud: Asking):
    there.faults.until_lifted(status=503)
    there.faults.next(1)

    lifted = requests.delete(f"{there.url}/standin/faults", timeout=10)

    assert lifted.json() == {"faults": []}
    assert cloud("GET", SPACES).status_code == 200


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        ({"stauts": 429}, "Unknown field 'stauts'."),
        ({"status": 200}, "status must be from 400 to 599"),
        ({"status": True}, "status must be from 400 to 599"),
        ({"status": 0}, "state drop instead of status 0"),
        ({"count": 0}, "count must be a whole number"),
        ({"count": 1.5}, "count must be a whole number"),
        ({"count": 1_000_000}, "count must be a whole number from 1 to 10000"),
        ({"hang": "long"}, "hang must be a whole number from 0 to 600"),
        ({"hang": 601}, "hang must be a whole number from 0 to 600"),
        ({"methods": ["PATCH"]}, "methods must be a list"),
        ({"methods": "GET"}, "methods must be a list"),
        ({"path": 1}, "path must be text"),
        ({"retry_after": [1]}, "retry_after must be"),
        ({"retry_after": "1\r\nX: y"}, "retry_after must be"),
    ],
)
def test_a_malformed_order_is_refused(there: There, order: dict[str, Any], sentence: str):
    answer = requests.post(f"{there.url}/standin/faults", json=order, timeout=10)

    assert answer.status_code == 422
    assert sentence in answer.json()["sentence"]
    assert there.faults.ordered() == []


def test_a_form_on_a_foreign_page_cannot_order_trouble(there: There):
    answer = requests.post(f"{there.url}/standin/faults", data={"status": "503"}, timeout=10)

    assert (answer.status_code, there.faults.ordered()) == (415, [])


def test_requests_are_read_and_forgotten_through_the_control_door(there: There, cloud: Asking):
    cloud("GET", SPACES)

    read = requests.get(f"{there.url}/standin/requests", timeout=10).json()["requests"]
    requests.delete(f"{there.url}/standin/requests", timeout=10)

    assert [(entry["method"], entry["path"], entry["status"]) for entry in read] == [
        ("GET", "/wiki/api/v2/spaces", 200)
    ]
    assert there.requests == []


@pytest.mark.parametrize(
    ("method", "path", "status"), [("PUT", "/standin/faults", 405), ("GET", "/standin/other", 404)]
)
def test_the_control_door_has_nothing_else(there: There, method: str, path: str, status: int):
    answer = requests.request(method, there.url + path, timeout=10)

    assert answer.status_code == status
    assert answer.json()["sentence"]
