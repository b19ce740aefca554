"""The stand-in speaks REST v1 of Confluence Data Center."""

from typing import Any

import pytest
import requests

from tests.publishing.confluence_server import There
from tests.standins.conftest import Asking
from tests.standins.pages import BODY, for_cloud, for_data_center, next_for_data_center


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic c2lnbmFsYm94OnN0YW5kLWluLXRva2Vu", "Bearer"])
def test_who_is_not_known_is_shown_a_page(data_center: Asking, header: str):
    answer = data_center("GET", "/rest/api/content", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_page_is_made_with_a_version_message_and_found_by_its_title(there: There, data_center: Asking):
    stated = for_data_center(ancestors=[{"id": there.home}], version={"message": "2026.11.1"})

    made = data_center("POST", "/rest/api/content", json=stated).json()

    asked = {"spaceKey": "REL", "title": "PATIENT UI - TEST", "type": "page", "status": "current", "expand": "version"}
    (found,) = data_center("GET", "/rest/api/content", params=asked).json()["results"]
    assert (found["id"], found["version"]["number"], found["version"]["message"]) == (made["id"], 1, "2026.11.1")
    assert there.page("Patient UI - TEST").parent == "Releases Home"


def test_only_what_is_asked_for_is_expanded(there: There, data_center: Asking):
    page_id = there.create_foreign("Notes")

    bare = data_center("GET", f"/rest/api/content/{page_id}").json()
    full = data_center("GET", f"/rest/api/content/{page_id}?expand=version,space,body.storage,ancestors").json()

    assert "version" not in bare
    assert (full["version"]["number"], full["space"]["key"]) == (1, "REL")
    assert full["body"]["storage"]["value"] == "<p>Written by hand.</p>"
    assert [above["id"] for above in full["ancestors"]] == [there.home]


@pytest.mark.parametrize("title", ["Patient UI - TEST", "Patient UI & more / TEST?"])
def test_the_address_for_people_leads_to_the_page(there: There, data_center: Asking, title: str):
    links = data_center("POST", "/rest/api/content", json=for_data_center(title)).json()["_links"]

    page = requests.get(links["base"] + links["webui"], timeout=10)

    assert page.status_code == 200
    assert there.page(title).id in page.text


def test_the_next_version_carries_its_message_and_may_be_minor(there: There, data_center: Asking):
    page_id = data_center("POST", "/rest/api/content", json=for_data_center()).json()["id"]

    answer = data_center("PUT", f"/rest/api/content/{page_id}", json=next_for_data_center(2, body="<p>1.4.18</p>"))

    shown = there.shown(page_id)
    assert answer.json()["version"]["number"] == 2
    assert (shown.body, shown.message, shown.minor_edit) == ("<p>1.4.18</p>", "2026.11.1", True)


def test_a_version_that_does_not_follow_is_a_conflict_that_says_the_current_one(there: There, data_center: Asking):
    page_id = there.create_foreign("Patient UI - TEST")

    answer = data_center("PUT", f"/rest/api/content/{page_id}", json=next_for_data_center(1))

    assert answer.status_code == 409
    assert answer.json()["message"] == "Version must be incremented on update. Current version is: 1"


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"type": None}, 400, "'type'"),
        ({"title": ""}, 400, "title is required"),
        ({"space": {"key": "NONE"}}, 404, "No space with key"),
        ({"space": {}}, 400, "'key'"),
        ({"space": "REL"}, 400, "'space'"),
        ({"ancestors": [{"id": "1"}]}, 404, "parent ID specified does not exist"),
        ({"ancestors": "1"}, 400, "'ancestors'"),
        ({"body": {"storage": {"value": "<p/>"}}}, 400, "representation"),
        ({"body": {"storage": {"value": "<p>", "representation": "storage"}}}, 400, "Error parsing xhtml"),
    ],
)
def test_a_page_that_cannot_be_is_refused(
    there: There, data_center: Asking, changes: dict[str, Any], status: int, words: str
):
    answer = data_center("POST", "/rest/api/content", json=for_data_center() | changes)

    assert answer.status_code == status
    assert words in answer.json()["message"]
    assert there.pages == []


def test_a_page_without_the_number_of_its_version_is_refused(there: There, data_center: Asking):
    page_id = there.create_foreign("Patient UI - TEST")

    answer = data_center("PUT", f"/rest/api/content/{page_id}", json=for_data_center())

    assert (answer.status_code, there.shown(page_id).version) == (400, 1)
    assert "No version supplied" in answer.json()["message"]


def test_a_title_is_taken_also_by_a_page_that_nobody_may_see(there: There, data_center: Asking):
    there.create_foreign("Patient UI - TEST")
    there.restrict("Patient UI - TEST")

    answer = data_center("POST", "/rest/api/content", json=for_data_center())

    assert answer.status_code == 400
    assert (
        "A page already exists with the title Patient UI - TEST in the space with key REL" in answer.json()["message"]
    )


def test_who_may_only_read_a_space_is_refused_writing(there: There, data_center: Asking):
    there.account.read_only.add("REL")

    assert data_center("POST", "/rest/api/content", json=for_data_center()).status_code == 403


@pytest.mark.parametrize(("query", "status"), [("", 404), ("?status=any", 200), ("?status=trashed", 200)])
def test_a_page_in_the_trash_is_found_only_by_who_asks_for_it(
    there: There, data_center: Asking, query: str, status: int
):
    page_id = there.create_foreign("Notes")
    there.trash("Notes")

    assert data_center("GET", f"/rest/api/content/{page_id}{query}").status_code == status


def test_a_page_is_restored_by_who_says_that_it_is_in_the_trash(there: There, data_center: Asking):
    page_id = there.create_foreign("Patient UI - TEST")
    there.trash("Patient UI - TEST")
    stated = next_for_data_center(2, body="<p>new</p>", status="current")

    not_there = data_center("PUT", f"/rest/api/content/{page_id}?status=current", json=stated)
    restored = data_center("PUT", f"/rest/api/content/{page_id}?status=trashed", json=stated)

    assert (not_there.status_code, restored.status_code) == (404, 200)
    assert there.page("Patient UI - TEST").body == "<p>Written by hand.</p>"


def test_a_page_is_trashed(there: There, data_center: Asking):
    page_id = there.create_foreign("Notes")

    answer = data_center("DELETE", f"/rest/api/content/{page_id}")

    assert (answer.status_code, there.shown(page_id).status) == (204, "trashed")


def test_a_property_is_read_and_written_by_its_key(there: There, data_center: Asking):
    path = f"/rest/api/content/{there.create_foreign('Notes')}/property"

    missing = data_center("GET", f"{path}/signalbox.state")
    made = data_center("POST", path, json={"key": "signalbox.state", "value": {"sequence": 1}})
    again = data_center("POST", path, json={"key": "signalbox.state", "value": {"sequence": 1}})
    stale = data_center(
        "PUT", f"{path}/signalbox.state", json={"key": "signalbox.state", "value": 3, "version": {"number": 1}}
    )
    changed = data_center(
        "PUT",
        f"{path}/signalbox.state",
        json={"key": "signalbox.state", "value": {"sequence": 2}, "version": {"number": 2}},
    )

    assert [answer.status_code for answer in (missing, made, again, stale, changed)] == [404, 200, 409, 409, 200]
    assert data_center("GET", f"{path}/signalbox.state").json()["value"] == {"sequence": 2}


def test_labels_are_added_and_taken_away(there: There, data_center: Asking):
    path = f"/rest/api/content/{there.create_foreign('Notes')}/label"
    data_center("POST", path, json=[{"prefix": "global", "name": "a"}, {"prefix": "global", "name": "b"}])

    removed = data_center("DELETE", f"{path}?name=a")

    assert removed.status_code == 204
    assert there.page("Notes").labels == ["b"]


def test_a_search_finds_pages_by_their_parent(there: There, data_center: Asking):
    there.create_foreign("Notes")

    found = data_center("GET", "/rest/api/content/search", params={"cql": f"type = page and parent = {there.home}"})

    assert [page["title"] for page in found.json()["results"]] == ["Notes"]


def test_a_space_says_its_home_page_where_that_is_asked_for(there: There, data_center: Asking):
    assert data_center("GET", "/rest/api/space/rel?expand=homepage").json()["homepage"]["id"] == there.home
    assert data_center("GET", "/rest/api/space/NONE").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/rest/api/other", 404), ("PUT", "/rest/api/content", 405)]
)
def test_what_v1_does_not_have_is_refused_in_its_words(data_center: Asking, method: str, path: str, status: int):
    answer = data_center(method, path)

    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)


def test_both_dialects_speak_of_the_same_pages(there: There, cloud: Asking, data_center: Asking):
    page_id = cloud("POST", "/api/v2/pages", json=for_cloud(there)).json()["id"]

    assert (
        data_center("GET", f"/rest/api/content/{page_id}?expand=body.storage").json()["body"]["storage"]["value"]
        == BODY
    )
