"""A running Confluence, in both dialects, and a stack whose pages are published there."""

from collections.abc import Iterator

import pytest

from tests.deployments.conftest import own_worker
from tests.publishing.confluence.scenes import Site
from tests.publishing.confluence_server import There, confluence

__all__ = ["own_worker"]


@pytest.fixture
def there() -> Iterator[There]:
    with confluence() as there:
        yield there


@pytest.fixture(params=["cloud", "data-center"])
def site(request: pytest.FixtureRequest, there: There, own_worker: object) -> Site:
    """The same wiki, spoken to as either kind of Confluence."""
    return Site(there, request.param)


@pytest.fixture
def data_center(there: There, own_worker: object) -> Site:
    """For what is the same in both dialects."""
    return Site(there, "data-center")
