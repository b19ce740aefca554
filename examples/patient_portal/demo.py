"""The release train from a pushed package to PROD, unattended and over HTTP only: `make demo`.

It starts the product in a place of its own, narrates each step in a line with its duration, checks every claim and
exits with 0 only if all held.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import requests

from examples.patient_portal.building import facts_of
from examples.patient_portal.exchange import publish
from examples.patient_portal.packages import NotPushed, build, manifest_for, push, push_build, source_of
from examples.patient_portal.reading import waits_for
from examples.patient_portal.starting import Running, product
from examples.patient_portal.visiting import Person, Pipeline, Unexpected

STACK = "patient-portal"
STATE = "anypoint-desired-state"
UI = "patient-ui"
FINAL = ("succeeded", "skipped", "failed", "cancelled", "rejected", "superseded", "expired")
FINISHED_WITHIN = 60  # seconds

Say = Callable[[str], None]


@dataclass(frozen=True)
class Cell:
    """What the grid says about one component in one environment."""

    version: str
    in_step: bool
    latest: str  # status of what waits, is under way or came to nothing beside it; empty: nothing


Grid = dict[tuple[str, str], Cell]


@contextmanager
def step(title: str) -> Iterator[Say]:
    """One line: how long it took, what was done, and what came of it."""
    started, said = time.monotonic(), list[str]()
    try:
        yield said.append
    except BaseException:
        print(f"{time.monotonic() - started:6.1f} s  {title}: FAILED", flush=True)
        raise
    print(f"{time.monotonic() - started:6.1f} s  {title}{': ' if said else ''}{'; '.join(said)}", flush=True)


def claim(held: bool, sentence: str) -> None:
    """Raise Unexpected unless what `sentence` claims holds."""
    if not held:
        raise Unexpected(f"This does not hold: {sentence}")


class Story:
    """The people, the pipeline and the places of one demo."""

    def __init__(self, running: Running) -> None:
        first = json.loads((running.data_dir / "first-sign-in.json").read_text(encoding="utf-8"))
        self.running = running
        self.token: str = first["tokens"]["ci"]
        self.pipeline = Pipeline(running.url, self.token)
        self._passwords = {account["username"]: account["password"] for account in first["accounts"]}

    def signs_in(self, username: str) -> Person:
        """A browser in which this person has signed in."""
        return Person(self.running.url, username, self._passwords[username])

    def pushes(self, component: str, version: str, *, broken: bool = False) -> str:
        """Push a version; the number of the release that a trigger created, empty where none was."""
        content = build(component, version, broken=broken)
        answer = push(self.running.url, self.token, component, version, content)
        claim(answer.created, f"{component} {version} is new to the portal")
        facts = facts_of(component, version, source_of(content), {}, {})
        told = push_build(self.running.url, self.token, component, version, facts)
        claim(told.body["work_items"] != [], f"the portal knows the work items of {component} {version}")
        evaluations = answer.body["evaluations"]
        claim(bool(evaluations), f"pushing {component} {version} left a visible evaluation")
        return next((str(found["release"]) for found in evaluations if found.get("release")), "")

    def publishes(self, state: str) -> None:
        """Publish the APIs that a version of the desired state names, as their own pipelines would."""
        publish(self.running.cloudhub_url, manifest_for(state))

    def needs(self, release: str) -> list[dict[str, Any]]:
        """What the release needs from outside stores, and whether it is there."""
        found: list[dict[str, Any]] = self.pipeline.get(f"/projects/{STACK}/releases/{release}/needs")["items"]
        return found

    def waits_until_known(self, release: str) -> list[dict[str, Any]]:
        """The same, once something is known to be missing."""
        until = time.monotonic() + FINISHED_WITHIN
        while time.monotonic() < until:
            needs = self.needs(release)
            if any(need["state"] == "missing" for need in needs):
                return needs
            time.sleep(0.2)
        raise Unexpected(f"Nothing that {release} needs is known to be missing within {FINISHED_WITHIN} seconds.")

    def waiting_in(self, environment: str, release: str) -> int:
        """The id of the request that waits for approval there; raises unless it is for `release`."""
        found = self.pipeline.get("/deployments", project=STACK, environment=environment)["items"]
        waiting = [item for item in found if item["status"] == "requested" and item["release"] == release]
        claim(len(waiting) == 1, f"release {release} waits for approval in {environment.upper()}")
        return int(waiting[0]["id"])

    def requests(self, project: str, release: str, environment: str, reason: str) -> int:
        """Ask through the API for a deployment; its id."""
        path = f"/projects/{project}/releases/{release}/deployments"
        return int(self.pipeline.post(path, environment=environment, reason=reason)["id"])

    def follows(self, deployment: int) -> dict[str, Any]:
        """Wait until the deployment is final, and return it with its components."""
        until = time.monotonic() + FINISHED_WITHIN
        while time.monotonic() < until:
            found: dict[str, Any] = self.pipeline.get(f"/deployments/{deployment}", wait=10)
            if found["status"] in FINAL:
                return found
        raise Unexpected(f"Deployment {deployment} did not finish within {FINISHED_WITHIN} seconds.")

    def log(self, deployment: int) -> str:
        """The deployment log as text."""
        return self.pipeline.text(f"/deployments/{deployment}/log")

    def grid(self) -> Grid:
        """Component and environment to what the grid says."""
        found = self.pipeline.get(f"/projects/{STACK}/grid")
        return {
            (row["project"], cell["environment"]): Cell(
                cell["release"] or "", cell["in_step"], cell["beside"][0]["status"] if cell["beside"] else ""
            )
            for row in found["rows"]
            for cell in row["cells"]
        }

    def site_version(self, environment: str) -> str:
        """The version that the published site states; empty where nothing is published."""
        return str(self._served(f"{self.running.sites_url}/{environment}/version.json").get("version", ""))

    def apis(self, environment: str) -> dict[str, str]:
        """API name to version, as CloudHub lists them."""
        url = f"{self.running.cloudhub_url}/environments/{environment.upper()}/applications"
        return {item["name"]: item["version"] for item in self._served(url).get("items", [])}

    def leave(self) -> None:
        """Close the connections."""
        self.pipeline.leave()

    @staticmethod
    def _served(url: str) -> dict[str, Any]:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(url, timeout=10)
            return dict(answer.json()) if answer.ok else {}


def approves(person: Person, deployment: int, comment: str) -> None:
    """Decide on the approval page, with everything that its form carries."""
    person.submit(f"/deployments/{deployment}/approval/", "decision", decision="approve", comment=comment)


def asked(answer: requests.Response) -> int:
    """The id of the deployment whose page a request led to."""
    claim("/deployments/" in answer.url, "the request led to the page of its deployment")
    return int(answer.url.split("/deployments/")[1].split("/")[0])


def component_statuses(deployment: dict[str, Any]) -> dict[str, str]:
    """Component to status, within a train."""
    return {child["project"]: child["status"] for child in deployment["children"]}


def component_deployment(deployment: dict[str, Any], component: str) -> int:
    """The id of a component's deployment within a train."""
    return next(int(child["id"]) for child in deployment["children"] if child["project"] == component)


def is_live(story: Story, environment: str, state: str, ui: str) -> None:
    """Claim that grid, site and CloudHub agree on what is live there."""
    grid = story.grid()
    claim(grid[STATE, environment].version == state, f"the grid shows {STATE} {state} in {environment.upper()}")
    claim(grid[UI, environment].version == ui, f"the grid shows {UI} {ui} in {environment.upper()}")
    claim(story.site_version(environment) == ui, f"the site of {environment.upper()} states version {ui}")
    claim(set(story.apis(environment)) == {"patient-api", "admissions-api"}, "CloudHub runs both APIs")


def is_published(story: Story, environment: str, *expected: str) -> None:
    """Claim that the page of this environment, which merges those of its components, says this within seconds."""
    waits_for(story.running.confluence_url, f"Patient Portal - {environment.upper()}", *expected)


def first_push(story: Story) -> str:
    """1.0.0 of both components becomes a release that waits."""
    with step("CI pushes 1.0.0 of both components") as say:
        story.publishes("1.0.0")
        early = story.pushes(STATE, "1.0.0")
        release = story.pushes(UI, "1.0.0")
        claim(not early, "one component alone makes no release of the stack")
        claim(bool(release), "the second push made a release of the stack")
        story.waiting_in("test", release)
        claim(story.site_version("test") == "", "nothing reaches TEST without approval")
        say(f"release {release} waits for approval, TEST is untouched")
    return release


def to_test(story: Story, manager: Person, release: str) -> dict[str, Any]:
    """The release manager opens TEST for the waiting release; the finished deployment."""
    deployment = story.waiting_in("test", release)
    approves(manager, deployment, "TEST is free.")
    return story.follows(deployment)


def first_to_test(story: Story, manager: Person, release: str) -> None:
    with step(f"The release manager approves {release} for TEST") as say:
        done = to_test(story, manager, release)
        claim(done["status"] == "succeeded", f"release {release} succeeded in TEST, not: {done.get('outcome')}")
        is_live(story, "test", "1.0.0", "1.0.0")
        log = story.log(component_deployment(done, UI))
        claim("Rendered" in log and "Published to" in log, "the log shows what the script of Patient UI printed")
        log = story.log(component_deployment(done, STATE))
        claim("2 of 2 applied" in log, "the log shows that both APIs were applied")
        say("component by component, the site states 1.0.0")


def first_to_prod(story: Story, owner: Person, release: str) -> None:
    with step(f"CI requests PROD for {release}, the product owner approves") as say:
        deployment = story.requests(STACK, release, "prod", "TEST is settled.")
        claim(story.site_version("prod") == "", "nothing reaches PROD without approval")
        approves(owner, deployment, "Read and agreed.")
        done = story.follows(deployment)
        claim(done["status"] == "succeeded", f"release {release} succeeded in PROD, not: {done.get('outcome')}")
        is_live(story, "prod", "1.0.0", "1.0.0")
        say("the site of PROD states 1.0.0")


def first_pages(story: Story, release: str) -> None:
    with step("Confluence says what is where, for people who never sign in here") as say:
        for environment in ("test", "prod"):
            is_published(story, environment, "Patient UI", "Anypoint desired state", f"Release {release} Version 1.0.0")
        is_published(story, "prod", "Approved by product-owner", "Patient API 1.4.113")
        waits_for(story.running.confluence_url, "Patient UI - PROD", release)
        waits_for(story.running.confluence_url, f"Patient Portal {release}", "Patients see on which ward they are")
        say("one page per component and environment, merged per environment, and a page of the release")


def missing_apis(story: Story, manager: Person) -> None:
    with step("CI pushes Anypoint desired state 1.0.1, whose Patient API is not in Exchange yet") as say:
        release = story.pushes(STATE, "1.0.1")
        deployment = story.waiting_in("test", release)
        missing = [need for need in story.waits_until_known(release) if need["state"] == "missing"]
        claim([need["component"] for need in missing] == ["patient-api"], "the portal knows what is missing")
        claim("Patient API 1.4.114 is not in Anypoint Exchange" in missing[0]["sentence"], "it says so in a sentence")
        approves(manager, deployment, "TEST is free.")
        held = story.pipeline.get(f"/deployments/{deployment}")
        claim(held["status"] == "scheduled", f"an approved release waits for what is missing, not: {held['status']}")
        story.publishes("1.0.1")
        story.pipeline.post(f"/projects/{STACK}/releases/{release}/needs/ask")
        done = story.follows(deployment)
        claim(done["status"] == "succeeded", f"release {release} succeeded in TEST, not: {done.get('outcome')}")
        is_live(story, "test", "1.0.1", "1.0.0")
        claim(story.apis("test")["patient-api"] == "1.4.114", "CloudHub runs the new Patient API in TEST")
        say(f"release {release} waits although it is approved, and goes on once 1.4.114 is published")


def new_interface(story: Story, manager: Person) -> str:
    with step("CI pushes Patient UI 1.1.0, the release manager approves TEST") as say:
        release = story.pushes(UI, "1.1.0")
        claim(bool(release), "a new version of one component made a release of the stack")
        done = to_test(story, manager, release)
        claim(done["status"] == "succeeded", f"release {release} succeeded in TEST, not: {done.get('outcome')}")
        claim(component_statuses(done)[STATE] == "skipped", "the unchanged component was skipped")
        claim(component_statuses(done)[UI] == "succeeded", "the new version was deployed")
        is_live(story, "test", "1.0.1", "1.1.0")
        is_live(story, "prod", "1.0.0", "1.0.0")
        say(f"release {release}, Anypoint desired state skipped; TEST shows 1.1.0, PROD still 1.0.0")
    return release


def broken_interface(story: Story, manager: Person) -> None:
    with step("CI pushes Patient UI 1.2.0, whose script fails") as say:
        release = story.pushes(UI, "1.2.0", broken=True)
        done = to_test(story, manager, release)
        claim(done["status"] == "failed", f"release {release} failed in TEST, not: {done['status']}")
        claim(component_statuses(done)[UI] == "failed", "it is Patient UI that failed")
        log = story.log(component_deployment(done, UI))
        claim("The connection to the content store was lost" in log, "the log shows why")
        is_live(story, "test", "1.0.1", "1.1.0")
        claim(story.grid()[UI, "test"].latest == "failed", "the grid shows the failure beside what is live")
        say(f"release {release} stops in TEST; the grid and the site still say 1.1.0, and the failure is shown")


def second_to_prod(story: Story, owner: Person, release: str) -> None:
    with step(f"CI requests PROD for {release}, the product owner approves"):
        deployment = story.requests(STACK, release, "prod", "1.1.0 is wanted in PROD.")
        approves(owner, deployment, "Agreed.")
        done = story.follows(deployment)
        claim(done["status"] == "succeeded", f"release {release} succeeded in PROD, not: {done.get('outcome')}")
        is_live(story, "prod", "1.0.1", "1.1.0")


def roll_back(story: Story, manager: Person, owner: Person, release: str) -> None:
    with step(f"The release manager rolls PROD back to {release}, the product owner approves") as say:
        page = f"/projects/{STACK}/releases/{release}/request/?environment=prod"
        deployment = asked(manager.submit(page, "reason", reason="1.1.0 shows wrong dates."))
        approves(owner, deployment, "Back to what worked.")
        done = story.follows(deployment)
        claim(done["status"] == "succeeded", f"the rollback succeeded, not: {done.get('outcome')}")
        claim(done["mode"] == "rollback", "it is recorded as a rollback")
        is_live(story, "prod", "1.0.0", "1.0.0")
        is_published(story, "prod", "Taken back", "Version 1.0.0")
        say("the whole stack, recorded as a rollback; the site states 1.0.0 again, the page says what is taken back")


def one_component_alone(story: Story, manager: Person, owner: Person) -> None:
    with step("The release manager promotes Patient UI 1.1.0 to PROD on its own") as say:
        page = f"/projects/{UI}/releases/1.1.0/request/?environment=prod"
        answer = manager.submit(page, "reason", typed="PROD", reason="Patients cannot see their results.")
        deployment = asked(answer)
        approves(owner, deployment, "Cannot wait.")
        done = story.follows(deployment)
        claim(done["status"] == "succeeded", f"Patient UI 1.1.0 succeeded in PROD, not: {done.get('outcome')}")
        is_live(story, "prod", "1.0.0", "1.1.0")
        grid = story.grid()
        claim(not grid[UI, "prod"].in_step, "the grid shows Patient UI out of step in PROD")
        claim(grid[STATE, "prod"].in_step, "the grid shows Anypoint desired state in step in PROD")
        is_published(story, "prod", "Version 1.1.0", "OUT OF STEP", "Version 1.0.0")
        say("PROD shows 1.1.0, out of step with its stack, and so does its page")


def show(grid: Grid) -> None:
    """The grid as a table of text."""
    components = list(dict.fromkeys(component for component, _ in grid))
    environments = list(dict.fromkeys(environment for _, environment in grid))
    rows = [["", *(environment.upper() for environment in environments)]]
    rows += [[component, *(_shown(grid[component, place]) for place in environments)] for component in components]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print()
    for row in rows:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    print()


def _shown(cell: Cell) -> str:
    notes = ["out of step"] * (not cell.in_step) + [f"latest attempt {cell.latest}"] * (cell.latest == "failed")
    remark = f" ({', '.join(notes)})" if notes else ""
    return f"{cell.version or 'nothing'}{remark}"


def tell(running: Running) -> None:
    """The whole story; raises Unexpected at the first claim that does not hold."""
    with ExitStack() as stack:
        story = Story(running)
        stack.callback(story.leave)
        with step("Release manager and product owner sign in"):
            manager, owner = story.signs_in("release-manager"), story.signs_in("product-owner")
            stack.callback(manager.leave)
            stack.callback(owner.leave)
        first = first_push(story)
        first_to_test(story, manager, first)
        first_to_prod(story, owner, first)
        first_pages(story, first)
        missing_apis(story, manager)
        second = new_interface(story, manager)
        broken_interface(story, manager)
        second_to_prod(story, owner, second)
        roll_back(story, manager, owner, first)
        one_component_alone(story, manager, owner)
        show(story.grid())


def main() -> int:
    """Exit status: 0 when every claim held, 1 with the sentence that did not, 130 when interrupted."""

    def interrupted(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupted)
    started = time.monotonic()
    try:
        with _started() as running:
            tell(running)
            stopping = time.monotonic()
        print(f"{time.monotonic() - stopping:6.1f} s  Everything is stopped and removed")
    except (Unexpected, NotPushed, requests.RequestException, OSError, KeyError, ValueError) as error:
        print(f"\nThe demo failed after {time.monotonic() - started:.1f} s. {_sentence(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; everything that the demo started is stopped and removed.", file=sys.stderr)
        return 130
    print(f"Every claim held. {time.monotonic() - started:.1f} s in all.")
    return 0


@contextmanager
def _started() -> Iterator[Running]:
    started = time.monotonic()
    with product() as running:
        print(
            f"{time.monotonic() - started:6.1f} s  The portal, its worker and the stand-ins start: {running.url}",
            flush=True,
        )
        yield running


def _sentence(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"The portal's answer has no {error}."
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
