"""The library that Signalbox uses for transport gets on with the stand-in."""

import pytest
import requests
from atlassian.rest_client import AtlassianRestAPI

from tests.publishing.confluence_server import There
from tests.standins.pages import for_cloud, for_data_center, next_for_cloud


@pytest.fixture
def on_cloud(there: There) -> AtlassianRestAPI:
    return AtlassianRestAPI(
        there.cloud_url, username=there.email, password=there.token, timeout=5, retry_with_header=False
    )


@pytest.fixture
def on_data_center(there: There) -> AtlassianRestAPI:
    return AtlassianRestAPI(there.data_center_url, token=there.token, timeout=5, retry_with_header=False)


def status_of(client: AtlassianRestAPI, method: str, path: str, data: object = None) -> int:
    return int(client.request(method, path, data=data, advanced_mode=True).status_code)


def test_it_writes_and_reads_on_cloud(there: There, on_cloud: AtlassianRestAPI):
    made = on_cloud.request("POST", "api/v2/pages", data=for_cloud(there), advanced_mode=True).json()

    found = on_cloud.request("GET", "api/v2/pages", params={"title": "Patient UI - TEST"}, advanced_mode=True).json()

    assert [page["id"] for page in found["results"]] == [made["id"]]


def test_it_writes_and_reads_on_data_center(there: There, on_data_center: AtlassianRestAPI):
    made = on_data_center.request("POST", "rest/api/content", data=for_data_center(), advanced_mode=True).json()

    found = on_data_center.request("GET", f"rest/api/content/{made['id']}", advanced_mode=True).json()

    assert found["title"] == "Patient UI - TEST"


def test_it_is_told_what_is_wrong(there: There, on_cloud: AtlassianRestAPI):
    page_id = there.create_foreign("Patient UI - TEST")
    wrong = AtlassianRestAPI(there.cloud_url, username=there.email, password="wrong", timeout=5)

    assert status_of(wrong, "GET", "api/v2/spaces") == 401
    assert status_of(on_cloud, "GET", "api/v2/pages/1") == 404
    assert status_of(on_cloud, "PUT", f"api/v2/pages/{page_id}", next_for_cloud(page_id, 1)) == 409
    assert status_of(on_cloud, "GET", "rest/api/content/1") == 410
    assert status_of(on_cloud, "POST", "api/v2/pages", for_cloud(there)) == 400


def test_it_meets_trouble(there: There, on_cloud: AtlassianRestAPI):
    there.faults.next(1, status=429, retry_after=3)
    there.faults.next(1, status=503)
    there.faults.drop(1)

    statuses = [status_of(on_cloud, "GET", "api/v2/spaces") for _ in range(2)]

    assert statuses == [429, 503]
    with pytest.raises(requests.ConnectionError):
        on_cloud.request("GET", "api/v2/spaces", advanced_mode=True)
