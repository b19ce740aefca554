"""The stand-in for Confluence, and three ways to ask it."""

from collections.abc import Callable, Iterator

import pytest
import requests

from tests.publishing.confluence_server import There, confluence

Asking = Callable[..., requests.Response]


@pytest.fixture
def there() -> Iterator[There]:
    with confluence() as there:
        yield there


@pytest.fixture
def cloud(there: There) -> Asking:
    """cloud("GET", "/api/v2/pages", params=…) asks as Cloud wants to be asked."""

    def ask(method: str, path: str, **arguments: object) -> requests.Response:
        arguments.setdefault("auth", (there.email, there.token))
        return requests.request(method, there.cloud_url + path, timeout=10, **arguments)

    return ask


@pytest.fixture
def data_center(there: There) -> Asking:
    """data_center("GET", "/rest/api/content", params=…) asks as Data Center wants to be asked."""

    def ask(method: str, path: str, **arguments: object) -> requests.Response:
        arguments.setdefault("headers", {"Authorization": f"Bearer {there.token}"})
        return requests.request(method, there.data_center_url + path, timeout=10, **arguments)

    return ask


@pytest.fixture
def look(there: There) -> Asking:
    """look("/display/REL/Title") reads as a browser does."""
    return lambda path, **arguments: requests.get(there.url + path, timeout=10, **arguments)
