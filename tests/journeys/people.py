"""Who takes part in the journeys, and what they do again and again in a browser or from a pipeline."""

from urllib.request import Request, urlopen

from playwright.sync_api import Locator, Page

from accounts import tokens
from accounts.models import User
from projects.models import Project
from tests.deployments.scenes import SAYS_HELLO, a_zip
from tests.factories import a_lifecycle, a_rule, a_service_account, a_stack, a_trigger, a_user

PASSWORD = "correct horse battery staple"
MOST_TABS = 60


def a_watched_shop() -> Project:
    """API before UI; a push of either creates a release and asks for TEST. mia gates TEST and petra PROD."""
    lifecycle = a_lifecycle()
    lifecycle.places.filter(environment__name="TEST").update(automatic=True)
    shop = a_stack("Shop", components={"API": 1, "UI": 2}, lifecycle=lifecycle)
    a_trigger(shop)
    a_rule("Release manager", environments=["TEST"]).people.add(somebody("mia", "release_manager"))
    a_rule("Product owner", environments=["PROD"]).people.add(somebody("petra", "approver"))
    return shop


def somebody(name: str, role: str) -> User:
    """A person who can sign in with PASSWORD."""
    person = a_user(name, role=role)
    person.set_password(PASSWORD)
    person.save()
    return person


def push(url: str, name: str, version: str, script: str = SAYS_HELLO) -> int:
    """Push a package over HTTP with a token, as a pipeline does, and return the status of the answer."""
    pipeline = a_service_account("ci")
    pipeline.memberships.get_or_create(role="deployer")
    _, secret = tokens.issue(pipeline, name="build server", scopes=["push"])
    request = Request(
        f"{url}/api/v1/packages?name={name}&version={version}&filename={name}.zip",
        data=a_zip(script, note=f"{name} {version}"),
        headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/octet-stream"},
    )
    with urlopen(request, timeout=10) as answer:
        return answer.status


def sign_in(page: Page, name: str) -> None:
    """Through the form, from wherever the portal sent them."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def tab_to(page: Page, wanted: Locator) -> None:
    """Press the tabulator until `wanted` has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"the tabulator does not lead to {wanted}")
