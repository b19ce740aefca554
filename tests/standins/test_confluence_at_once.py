"""Many programs may write to the stand-in at once: of two who write the same version, one is told of a conflict."""

from concurrent.futures import ThreadPoolExecutor

import requests

from tests.publishing.confluence_server import There
from tests.standins.pages import for_cloud, next_for_cloud

WRITERS = 12


def test_of_all_who_make_the_same_page_one_does(there: There):
    def make(_: int) -> int:
        auth = (there.email, there.token)
        return requests.post(
            f"{there.cloud_url}/api/v2/pages", json=for_cloud(there), auth=auth, timeout=20
        ).status_code

    with ThreadPoolExecutor(WRITERS) as pool:
        statuses = sorted(pool.map(make, range(WRITERS)))

    assert statuses == [200] + [400] * (WRITERS - 1)
    assert len(there.pages) == 1


def test_of_all_who_write_the_same_version_one_does(there: There):
    page_id = there.create_foreign("Patient UI - TEST")

    def write(number: int) -> int:
        body, auth = next_for_cloud(page_id, 2, body=f"<p>{number}</p>"), (there.email, there.token)
        return requests.put(f"{there.cloud_url}/api/v2/pages/{page_id}", json=body, auth=auth, timeout=20).status_code

    with ThreadPoolExecutor(WRITERS) as pool:
        statuses = sorted(pool.map(write, range(WRITERS)))

    assert statuses == [200] + [409] * (WRITERS - 1)
    assert there.shown(page_id).version == 2
