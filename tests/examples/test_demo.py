import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from examples.patient_portal.demo import Cell, claim, show
from examples.patient_portal.visiting import Person, Pipeline, Unexpected, form_with
from tests.examples.conftest import CHECKOUT, Portal

PAGE = """
<form action="/search/"><input name="q"></form>
<form method="post" action="approval/">
  <input type="hidden" name="csrfmiddlewaretoken" value="t0ken"><input type="hidden" name="fingerprint" value="f1">
  <textarea name="comment"></textarea><button name="decision" value="approve">Approve</button>
</form><input type="hidden" name="outside" value="x">
"""


def test_a_form_is_found_by_one_of_its_fields() -> None:
    assert form_with(PAGE, "decision").action == "approval/"


def test_a_form_carries_its_hidden_values_and_no_others() -> None:
    assert form_with(PAGE, "decision").values == {"csrfmiddlewaretoken": "t0ken", "fingerprint": "f1"}


def test_a_page_without_the_form_is_said_to_have_none() -> None:
    with pytest.raises(Unexpected, match=r"The page has no form with a field 'reason'."):
        form_with(PAGE, "reason")


def test_a_refused_request_carries_the_portals_sentence(portal: Portal) -> None:
    portal.status, portal.content_type = 409, "application/problem+json"
    portal.body = b'{"sentence": "Release 2026.11.1 has not been through TEST yet."}'
    pipeline = Pipeline(portal.url, "t0ken")

    with pytest.raises(Unexpected, match=r"answered 409: Release 2026.11.1 has not been through TEST yet."):
        pipeline.post("/projects/patient-portal/releases/2026.11.1/deployments", environment="prod")

    pipeline.leave()


def test_nobody_signs_in_where_there_is_no_form(portal: Portal) -> None:
    with pytest.raises(Unexpected, match=r"no form with a field 'password'"):
        Person(portal.url, "release-manager", "secret")


def test_a_claim_that_does_not_hold_is_named() -> None:
    with pytest.raises(Unexpected, match=r"This does not hold: the site states 1.0.0"):
        claim(False, "the site states 1.0.0")


def test_the_grid_is_shown_with_what_is_out_of_step_and_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    show({("patient-ui", "test"): Cell("1.1.0", True, "failed"), ("patient-ui", "prod"): Cell("1.0.0", False, "")})

    assert "patient-ui  1.1.0 (latest attempt failed)  1.0.0 (out of step)" in capsys.readouterr().out


def wait_for(folder: Path, pattern: str) -> None:
    """Return once a path below `folder` matches; fail after ten seconds."""
    until = time.monotonic() + 10
    while not list(folder.glob(pattern)):
        assert time.monotonic() < until, f"{pattern} did not appear"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_while_it_starts_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    embedded = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "CELERY_BROKER_URL")}
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.patient_portal.demo"], cwd=CHECKOUT,
        env=embedded | {"TMPDIR": str(tmp_path)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(tmp_path, "signalbox-demo-*/output")

    process.send_signal(number)
    _, said = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Stopped; everything that the demo started is stopped and removed." in said
    assert list(tmp_path.iterdir()) == []
