"""A real browser: the machine's own chromium driven by playwright, nothing downloaded."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from deployments import holding
from tests.machine import chromium

# Playwright's synchronous interface keeps an event loop in the test's thread, where Django would refuse every query.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

expect.set_options(timeout=10_000)  # the overview looks for news every 5 s

AXE = Path(__file__).resolve().parent.parent / "vendor" / "axe.min.js"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
SIZES = {"desktop": (1440, 900), "phone": (390, 844), "narrow": (320, 640)}
LEAVES_THE_MACHINE = re.compile(r"^https?://(?!(localhost|127\.0\.0\.1)[:/])")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(autouse=True)
def own_worker(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A host and a store of its own for every test: this process is the one worker."""
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.PACKAGES_DIR = tmp_path / "packages"
    monkeypatch.setattr(holding, "_worker", None)
    worker = holding.this_worker()
    yield
    worker.ownership.release()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(
    browser: Browser, live_server: LiveServer, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Page]]:
    """new_page(viewport="phone", scheme="dark", js=False, user=ann) opens a page of its own, signed in as `user`.

    The test fails on any page error, any violation of the Content-Security-Policy and any request that leaves the
    machine, unless it is marked `allow_problems`; then it finds them in `page.problems`.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def leave(route: Route) -> None:
        problems.append(f"left the machine: {route.request.url}")
        route.abort()

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            problems.append(message.text)

    def open_page(viewport: str = "desktop", scheme: str = "light", js: bool = True, user: User | None = None) -> Page:
        width, height = SIZES[viewport]
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=js,
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="Europe/Stockholm",
            has_touch=viewport != "desktop",
            is_mobile=viewport != "desktop",
        )
        contexts.append(context)
        context.route(LEAVES_THE_MACHINE, leave)
        if user is not None:
            context.add_cookies([_session_of(user, live_server.url)])
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: problems.append(f"page error: {error}"))
        page.on("console", note)
        page.problems = problems  # type: ignore[attr-defined]
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not problems or request.node.get_closest_marker("allow_problems"), problems


def _session_of(user: User, url: str) -> Any:
    """Sign in without the form: share the session cookie of Django's test client."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": url}


@pytest.fixture
def axe() -> Callable[..., list[str]]:
    """axe(page) returns what is not accessible, a line for each; empty is good.

    The script goes in over the debugging protocol, where a strict Content-Security-Policy does not stop it.
    """

    def run(page: Page, rules: tuple[str, ...] = RULES) -> list[str]:
        page.evaluate(AXE.read_text(encoding="utf-8"))
        report = page.evaluate("rules => axe.run(document, {runOnly: rules})", list(rules))
        return [
            f"{found['impact']} {found['id']} {node['target']} {node['html'][:120]}"
            for found in report["violations"]
            for node in found["nodes"]
        ]

    return run
