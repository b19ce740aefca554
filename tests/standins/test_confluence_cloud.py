"""The stand-in speaks REST v2 of Confluence Cloud."""

from typing import Any

import pytest
import requests

from tests.publishing.confluence_server import There, confluence
from tests.standins.conftest import Asking
from tests.standins.pages import BODY, error_of, for_cloud, next_for_cloud


def test_a_space_is_found_by_its_key_and_says_its_number_and_home_page(there: There, cloud: Asking):
    (found,) = cloud("GET", "/api/v2/spaces", params={"keys": "REL"}).json()["results"]

    assert (found["key"], found["id"], found["homepageId"]) == ("REL", there.space_id, there.home)


def test_an_unknown_space_is_an_empty_list(cloud: Asking):
    assert cloud("GET", "/api/v2/spaces", params={"keys": "NONE"}).json()["results"] == []


@pytest.mark.parametrize(
    "credentials",
    [
        {"auth": None},
        {"auth": ("signalbox@example.org", "wrong")},
        {"auth": ("somebody@example.org", "stand-in-token")},
        {"auth": None, "headers": {"Authorization": "Bearer stand-in-token"}},
        {"auth": None, "headers": {"Authorization": "Basic ///"}},
        {"auth": None, "headers": {"Authorization": "Basic"}},
    ],
)
def test_who_is_not_known_is_told_so_in_json(cloud: Asking, credentials: dict[str, Any]):
    answer = cloud("GET", "/api/v2/spaces", **credentials)

    assert answer.status_code == 401
    assert error_of(answer)["status"] == 401


def test_a_page_is_made_below_the_home_page_and_read_back(there: There, cloud: Asking):
    made = cloud("POST", "/api/v2/pages", json=for_cloud(there))

    read = cloud("GET", f"/api/v2/pages/{made.json()['id']}", params={"body-format": "storage"}).json()
    assert made.status_code == 200
    assert (read["title"], read["parentId"], read["version"]["number"]) == ("Patient UI - TEST", there.home, 1)
    assert read["body"]["storage"]["value"] == BODY


def test_a_page_comes_without_its_body_unless_that_is_asked_for(there: There, cloud: Asking):
    page_id = there.create_foreign("Notes")

    assert cloud("GET", f"/api/v2/pages/{page_id}").json()["body"] == {}


def test_the_address_for_people_leads_to_the_page(there: There, cloud: Asking):
    links = cloud("POST", "/api/v2/pages", json=for_cloud(there, "Patient UI & more: 100 % / TEST")).json()["_links"]

    page = requests.get(links["base"] + links["webui"], timeout=10)

    assert page.status_code == 200
    assert "<h1>Patient UI &amp; more: 100 % / TEST</h1>" in page.text


def test_a_page_is_found_by_its_title_whatever_the_case(there: There, cloud: Asking):
    page_id = there.create_foreign("Patient UI - TEST")
    asked = {"space-id": there.space_id, "title": "patient ui - test", "status": "current", "limit": 2}

    assert [page["id"] for page in cloud("GET", "/api/v2/pages", params=asked).json()["results"]] == [page_id]


@pytest.mark.parametrize(("status", "found"), [("current", 0), ("archived", 1), ("trashed", 0), (None, 1)])
def test_an_archived_page_is_listed_unless_another_status_is_asked_for(
    there: There, cloud: Asking, status: str | None, found: int
):
    there.create_foreign("Notes")
    there.archive("Notes")

    answer = cloud("GET", "/api/v2/pages", params={"title": "Notes", "status": status})

    assert len(answer.json()["results"]) == found


@pytest.mark.parametrize("put_away", ["archive", "restrict"])
@pytest.mark.parametrize("title", ["Notes", "NOTES"])
def test_a_title_is_taken_by_a_page_that_cannot_be_found(there: There, cloud: Asking, put_away: str, title: str):
    there.create_foreign("Notes")
    getattr(there, put_away)("Notes")

    answer = cloud("POST", "/api/v2/pages", json=for_cloud(there, title))

    assert answer.status_code == 400
    assert error_of(answer)["title"].startswith("A page with this title already exists")


@pytest.mark.parametrize(("keeps", "status"), [(False, 200), (True, 400)])
def test_a_title_in_the_trash_is_free_unless_the_trash_keeps_it(
    there: There, cloud: Asking, *, keeps: bool, status: int
):
    there.create_foreign("Notes")
    there.trash("Notes")
    there.wiki.trash_keeps_titles = keeps

    assert cloud("POST", "/api/v2/pages", json=for_cloud(there, "Notes")).status_code == status


def test_the_same_title_in_another_space_is_free(there: There, cloud: Asking):
    there.create_foreign("Notes")
    other = cloud("GET", "/api/v2/spaces", params={"keys": "DOC"}).json()["results"][0]["id"]

    assert cloud("POST", "/api/v2/pages", json=for_cloud(there, "Notes", spaceId=other)).status_code == 200


def test_the_next_version_carries_its_message(there: There, cloud: Asking):
    page_id = cloud("POST", "/api/v2/pages", json=for_cloud(there)).json()["id"]

    answer = cloud("PUT", f"/api/v2/pages/{page_id}", json=next_for_cloud(page_id, 2, body="<p>1.4.18</p>"))

    shown = there.shown(page_id)
    assert answer.json()["version"]["number"] == 2
    assert (shown.version, shown.body, shown.messages, shown.parent) == (
        2,
        "<p>1.4.18</p>",
        ["", "2026.11.1"],
        "Releases Home",
    )


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_version_that_does_not_follow_is_a_conflict(there: There, cloud: Asking, number: int):
    page_id = there.create_foreign("Patient UI - TEST")

    answer = cloud("PUT", f"/api/v2/pages/{page_id}", json=next_for_cloud(page_id, number))

    assert answer.status_code == 409
    assert error_of(answer)["code"] == "CONFLICT"
    assert "Current Version: [1]" in error_of(answer)["title"]
    assert there.shown(page_id).version == 1


def test_a_page_in_the_trash_comes_back_as_it_was(there: There, cloud: Asking):
    page_id = there.create_foreign("Patient UI - TEST", "<p>old</p>")
    there.trash("Patient UI - TEST")
    seen = cloud("GET", f"/api/v2/pages/{page_id}").json()

    answer = cloud("PUT", f"/api/v2/pages/{page_id}", json=next_for_cloud(page_id, 2, body="<p>new</p>"))

    shown = there.shown(page_id)
    assert (seen["status"], answer.status_code) == ("trashed", 200)
    assert (shown.status, shown.body, shown.version) == ("current", "<p>old</p>", 2)


def test_a_page_cannot_come_back_while_another_has_its_title(there: There, cloud: Asking):
    page_id = there.create_foreign("Patient UI - TEST")
    there.trash("Patient UI - TEST")
    there.create_foreign("Patient UI - TEST")

    assert cloud("PUT", f"/api/v2/pages/{page_id}", json=next_for_cloud(page_id, 2)).status_code == 400


def test_the_children_of_a_page_that_is_trashed_move_up(there: There, cloud: Asking):
    parent = there.create_foreign("Parent")
    child = there.create_foreign("Child")
    there.move("Child", "Parent")

    answer = cloud("DELETE", f"/api/v2/pages/{parent}")

    assert (answer.status_code, there.shown(parent).status) == (204, "trashed")
    assert there.shown(child).parent == "Releases Home"


def test_an_archived_page_cannot_be_written(there: There, cloud: Asking):
    page_id = there.create_foreign("Patient UI - TEST")
    there.archive("Patient UI - TEST")

    assert cloud("PUT", f"/api/v2/pages/{page_id}", json=next_for_cloud(page_id, 2)).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_restricted_page_is_as_if_it_were_not_there(there: There, cloud: Asking, method: str):
    page_id = there.create_foreign("Patient UI - TEST")
    there.restrict("Patient UI - TEST")

    hidden = cloud(method, f"/api/v2/pages/{page_id}", json=next_for_cloud(page_id, 2))
    missing = cloud(method, "/api/v2/pages/1", json=next_for_cloud("1", 2))

    assert (hidden.status_code, hidden.json()) == (404, missing.json())


def test_who_may_only_read_a_space_is_refused_writing(there: There, cloud: Asking):
    page_id = there.create_foreign("Patient UI - TEST")
    there.account.read_only.add("REL")

    answers = [
        cloud("POST", "/api/v2/pages", json=for_cloud(there, "Another")),
        cloud("PUT", f"/api/v2/pages/{page_id}", json=next_for_cloud(page_id, 2)),
        cloud("POST", f"/api/v2/pages/{page_id}/properties", json={"key": "a", "value": {}}),
        cloud("POST", f"/rest/api/content/{page_id}/label", json=[{"prefix": "global", "name": "a"}]),
        cloud("DELETE", f"/api/v2/pages/{page_id}"),
    ]

    assert [answer.status_code for answer in answers] == [403] * 5
    assert cloud("GET", f"/api/v2/pages/{page_id}").status_code == 200


def test_who_may_not_see_a_space_finds_nothing_in_it(there: There, cloud: Asking):
    page_id = there.create_foreign("Notes")
    there.account.hidden.add("REL")

    assert cloud("GET", "/api/v2/spaces", params={"keys": "REL"}).json()["results"] == []
    assert cloud("GET", "/api/v2/pages", params={"title": "Notes"}).json()["results"] == []
    assert cloud("GET", f"/api/v2/pages/{page_id}").status_code == 404
    assert cloud("POST", "/api/v2/pages", json=for_cloud(there)).status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"spaceId": "1"}, 404, "Not Found"),
        ({"parentId": "1"}, 404, "Not Found"),
        ({"title": " "}, 400, "title is required"),
        ({"title": "x" * 256}, 400, "255"),
        ({"title": None}, 400, "'title'"),
        ({"title": "\ud800"}, 400, "half of a character"),
        ({"status": "any"}, 400, "'status'"),
        ({"body": {"representation": "storage", "value": "<p>"}}, 400, "Error parsing xhtml"),
        ({"body": {"representation": "storage", "value": "<x:p/>"}}, 400, "Error parsing xhtml"),
        ({"body": {"representation": "storage", "value": "<!DOCTYPE a>"}}, 400, "Error parsing xhtml"),
        ({"body": {"representation": "storage", "value": "&unknown;"}}, 400, "Error parsing xhtml"),
        ({"body": {"representation": "storage", "value": "\x01"}}, 400, "Error parsing xhtml"),
        ({"body": {"representation": "storage", "value": "<b>" * 101 + "</b>" * 101}}, 400, "nested more than"),
        ({"body": {"representation": "storage", "value": "</storage><storage>"}}, 400, "Error parsing xhtml"),
        ({"body": {"representation": "wiki", "value": "h1."}}, 400, "storage"),
        ({"body": {"storage": {"value": "<p/>"}}}, 500, "Internal Server Error"),
    ],
)
def test_a_page_that_cannot_be_is_refused(
    there: There, cloud: Asking, changes: dict[str, Any], status: int, words: str
):
    answer = cloud("POST", "/api/v2/pages", json=for_cloud(there) | changes)

    assert answer.status_code == status
    assert words in error_of(answer)["title"]
    assert there.pages == []


def test_the_place_of_a_mistake_in_a_body_is_said(there: There, cloud: Asking):
    answer = cloud("POST", "/api/v2/pages", json=for_cloud(there, body="<p>\n<b></p>"))

    assert "[2,6]" in error_of(answer)["title"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b"{", "application/json", 400), (b"[]", "application/json", 400), (b"{}", "text/plain", 415)],
)
def test_a_malformed_body_is_refused(cloud: Asking, body: bytes, kind: str, status: int):
    assert cloud("POST", "/api/v2/pages", data=body, headers={"Content-Type": kind}).status_code == status


def test_a_request_that_is_too_large_is_refused(there: There, cloud: Asking):
    there.largest_body = 1_000

    answer = cloud("POST", "/api/v2/pages", json=for_cloud(there, body=f"<p>{'x' * 1_000}</p>"))

    assert (answer.status_code, there.pages) == (413, [])


def test_what_is_stored_is_not_what_was_sent(there: There, cloud: Asking):
    link = '<ac:link><ri:page ri:space-key="REL" ri:content-title="Notes" /></ac:link>'
    sent = f'<ac:structured-macro ac:name="info"><ac:rich-text-body>{link}</ac:rich-text-body></ac:structured-macro>'
    page_id = cloud("POST", "/api/v2/pages", json=for_cloud(there, body=sent)).json()["id"]

    stored = cloud("GET", f"/api/v2/pages/{page_id}", params={"body-format": "storage"}).json()["body"]["storage"][
        "value"
    ]

    assert stored.startswith('<ac:structured-macro ac:name="info" ac:schema-version="1" ac:macro-id="')
    assert '<ri:page ri:content-title="Notes" />' in stored


def test_what_stands_in_literal_text_is_not_rewritten(there: There, cloud: Asking):
    sent = "<p><![CDATA[<ac:structured-macro ac:name='x'/> &nbsp;]]></p><!-- <ac:structured-macro ac:name='y'/> -->"

    cloud("POST", "/api/v2/pages", json=for_cloud(there, body=sent))

    assert there.page("Patient UI - TEST").body == sent


def test_a_property_has_a_number_and_versions(there: There, cloud: Asking):
    path = f"/api/v2/pages/{there.create_foreign('Notes')}/properties"
    made = cloud("POST", path, json={"key": "signalbox.state", "value": {"sequence": 1}}).json()

    changed = cloud(
        "PUT",
        f"{path}/{made['id']}",
        json={"key": "signalbox.state", "value": {"sequence": 2}, "version": {"number": 2}},
    )

    (found,) = cloud("GET", path, params={"key": "signalbox.state"}).json()["results"]
    assert changed.status_code == 200
    assert (found["id"], found["value"], found["version"]["number"]) == (made["id"], {"sequence": 2}, 2)
    assert there.page("Notes").properties == {"signalbox.state": {"sequence": 2}}


def test_properties_are_refused_in_every_way_that_loses_something(there: There, cloud: Asking):
    path = f"/api/v2/pages/{there.create_foreign('Notes')}/properties"
    made = cloud("POST", path, json={"key": "a", "value": 1}).json()["id"]

    again = cloud("POST", path, json={"key": "a", "value": 2})
    stale = cloud("PUT", f"{path}/{made}", json={"key": "a", "value": 2, "version": {"number": 1}})
    by_key = cloud("PUT", f"{path}/a", json={"key": "a", "value": 2, "version": {"number": 2}})
    other = cloud("PUT", f"{path}/{made}", json={"key": "b", "value": 2, "version": {"number": 2}})
    missing = cloud("PUT", f"{path}/1", json={"key": "a", "value": 2, "version": {"number": 2}})
    without = cloud("POST", path, json={"key": "b"})

    statuses = [answer.status_code for answer in (again, stale, by_key, other, missing, without)]
    assert statuses == [409, 409, 404, 400, 404, 400]
    assert there.page("Notes").properties == {"a": 1}


def test_a_property_that_is_not_there_is_an_empty_list(there: There, cloud: Asking):
    path = f"/api/v2/pages/{there.create_foreign('Notes')}/properties"

    assert cloud("GET", path, params={"key": "signalbox.state"}).json()["results"] == []


def test_labels_are_v1_and_only_added_once(there: There, cloud: Asking):
    page_id = there.create_foreign("Notes")
    labels = [{"prefix": "global", "name": "signalbox"}, {"prefix": "global", "name": "Release"}]

    first = cloud("POST", f"/rest/api/content/{page_id}/label", json=labels)
    second = cloud("POST", f"/rest/api/content/{page_id}/label", json=labels[:1])
    in_v2 = cloud("POST", f"/api/v2/pages/{page_id}/labels", json=labels)
    bad = cloud("POST", f"/rest/api/content/{page_id}/label", json=[{"prefix": "global", "name": "two words"}])

    assert [answer.status_code for answer in (first, second, in_v2, bad)] == [200, 200, 405, 400]
    assert there.page("Notes").labels == ["signalbox", "release"]


@pytest.mark.parametrize("path", ["/rest/api/content", "/rest/api/content/1", "/rest/api/content/search"])
def test_what_is_left_of_v1_does_not_include_pages(cloud: Asking, path: str):
    answer = cloud("GET", path)

    assert answer.status_code == 410
    assert error_of(answer)["title"] == "This deprecated endpoint has been removed."


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/api/v2/search", {}, 404),
        ("/api/v2/pages", {"body-format": "none"}, 400),
        ("/api/v2/pages", {"status": "any"}, 400),
        ("/api/v2/pages", {"limit": "0"}, 400),
        ("/api/v2/pages", {"limit": "251"}, 400),
        ("/api/v2/pages", {"limit": "many"}, 400),
        ("/api/v2/pages", {"limit": "9" * 5000}, 400),
    ],
)
def test_a_request_that_v2_does_not_have_is_refused(cloud: Asking, path: str, query: dict[str, str], status: int):
    assert cloud("GET", path, params=query).status_code == status


def test_a_long_list_is_read_page_by_page(there: There, cloud: Asking):
    for number in range(3):
        there.create_foreign(f"Notes {number}")

    first = cloud("GET", "/api/v2/pages", params={"space-id": there.space_id, "limit": 2}).json()
    rest = cloud("GET", first["_links"]["next"].removeprefix("/wiki")).json()

    assert [page["title"] for page in first["results"]] == ["Releases Home", "Notes 0"]
    assert [page["title"] for page in rest["results"]] == ["Notes 1", "Notes 2"]
    assert "next" not in rest["_links"]


def test_a_search_does_not_find_what_happened_just_now():
    with confluence(search_lag=3600) as lagging:
        lagging.create_foreign("Notes")
        auth = (lagging.email, lagging.token)

        found = requests.get(
            f"{lagging.cloud_url}/rest/api/search", params={"cql": 'title = "Notes"'}, auth=auth, timeout=10
        )

    assert found.json()["results"] == []


def test_a_search_without_lag_finds_pages_by_title_label_and_space(there: There, cloud: Asking):
    page_id = there.create_foreign("Notes")
    cloud("POST", f"/rest/api/content/{page_id}/label", json=[{"prefix": "global", "name": "signalbox"}])

    found = cloud(
        "GET", "/rest/api/search", params={"cql": 'label = "signalbox" and space = "REL" and title = "notes"'}
    )
    nothing = cloud("GET", "/rest/api/search", params={"cql": 'label = "other" and space = "REL"'})
    not_understood = cloud("GET", "/rest/api/search", params={"cql": "label ~ signalbox"})

    assert [page["title"] for page in found.json()["results"]] == ["Notes"]
    assert nothing.json()["results"] == []
    assert not_understood.status_code == 400
