"""Every operation × every role. An operation that is missing from the table fails."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client

from accounts.models import Role, Scope, User
from api.urls import api
from deployments.models import Deployment, Status
from deployments.plans import plan_for
from deployments.policy import gates_for
from registry.builds import Build
from registry.evidence import record_build
from registry.models import Attachment, PackageVersion
from releases.needs import watch_all
from tests.api.callers import EVERYTHING, an_account, calling
from tests.api.rows import a_deployment, a_train
from tests.factories import a_delivery, a_notice, a_package, a_release, a_rule, a_source, a_stack, a_version
from tests.registry.documents import CYCLONEDX, as_bytes
from tests.worlds import left_as_it_was, made_once

PUSHERS = (Role.DEPLOYER, Role.RELEASE_MANAGER)
APPROVERS = (Role.APPROVER, Role.RELEASE_MANAGER)
MANAGERS = (Role.RELEASE_MANAGER,)
ADMINISTRATORS = (Role.ADMINISTRATOR,)
EVERYBODY = tuple(Role)
TECHNICAL = tuple(role for role in Role if role != Role.BUSINESS_VIEWER)
SCRIPT = b"#!/bin/sh\necho deployed\n"
RELEASE = "/projects/shop/releases/1.0.1"


@dataclass(frozen=True)
class Operation:
    """What a token needs, which roles are let through with which status, and what others are told."""

    scope: str
    address: str
    roles: tuple[Role, ...] = EVERYBODY
    let_through: int = 200
    others: int = 403
    business: int | None = None  # what a business viewer is told, where it differs
    stranger: int = 404
    body: dict[str, Any] | bytes = field(default_factory=dict)

    def expected(self, role: Role) -> int:
        """The status that somebody with only this role is answered with."""
        if role in self.roles:
            return self.let_through
        return self.business or self.others if role == Role.BUSINESS_VIEWER else self.others


REASON = {"reason": "Said so"}

# {waiting}, {script} and {unknown} are deployments: one that waits for approval, one that is over, one interrupted.
OPERATIONS = {
    "POST /packages": Operation(
        "push", "/packages?name=ui&version=9", PUSHERS, let_through=201, stranger=403, body=SCRIPT
    ),
    "GET /packages": Operation("read", "/packages", stranger=200),
    "GET /packages/{name}": Operation("read", "/packages/ui", TECHNICAL, others=404),
    "GET /packages/{name}/versions/{version}": Operation("read", "/packages/ui/versions/1", TECHNICAL, others=404),
    "GET /packages/{name}/versions/{version}/download": Operation(
        "read", "/packages/ui/versions/1/download", TECHNICAL, let_through=409, others=404
    ),
    "GET /packages/{name}/latest": Operation("read", "/packages/ui/latest", TECHNICAL, others=404),
    "GET /packages/{name}/latest/download": Operation(
        "read", "/packages/ui/latest/download", TECHNICAL, let_through=302, others=404
    ),
    "PUT /packages/{name}/versions/{version}/build": Operation(
        "push", "/packages/ui/versions/9/build", PUSHERS, let_through=201, stranger=403, body={"number": "57"}
    ),
    "GET /packages/{name}/versions/{version}/build": Operation(
        "read", "/packages/ui/versions/1/build", TECHNICAL, others=404
    ),
    "POST /packages/{name}/versions/{version}/attachments": Operation(
        "push", "/packages/ui/versions/1/attachments", PUSHERS, let_through=201, business=404, body=as_bytes(CYCLONEDX)
    ),
    "GET /packages/{name}/versions/{version}/attachments": Operation(
        "read", "/packages/ui/versions/1/attachments", TECHNICAL, others=404
    ),
    "GET /packages/{name}/versions/{version}/attachments/{pk}/download": Operation(
        "read", "/packages/ui/versions/1/attachments/{attachment}/download", TECHNICAL, let_through=409, others=404
    ),
    "POST /packages/{name}/versions/{version}/withdraw": Operation(
        "release", "/packages/ui/versions/1/withdraw", MANAGERS, business=404, body=REASON
    ),
    "POST /packages/{name}/versions/{version}/restore": Operation(
        "release", "/packages/ui/versions/1/restore", ADMINISTRATORS, let_through=409, business=404, body=REASON
    ),
    "GET /environments": Operation("read", "/environments", stranger=200),
    "GET /environments/{slug}/history": Operation("read", "/environments/test/history"),
    "GET /projects": Operation("read", "/projects", stranger=200),
    "GET /projects/{slug}": Operation("read", "/projects/shop"),
    "GET /projects/{slug}/grid": Operation("read", "/projects/shop/grid"),
    "GET /projects/{slug}/environments/{environment}": Operation("read", "/projects/shop/environments/test"),
    "GET /projects/{slug}/environments/{environment}/coming": Operation(
        "read", "/projects/shop/environments/test/coming?release=1.0.1"
    ),
    "GET /projects/{slug}/environments/{environment}/feed.atom": Operation(
        "read", "/projects/shop/environments/test/feed.atom"
    ),
    "GET /projects/{slug}/compare": Operation("read", "/projects/shop/compare?from=1.0.1&to=1.0.1"),
    "GET /projects/{slug}/evaluations": Operation("read", "/projects/shop/evaluations", TECHNICAL),
    "GET /projects/{slug}/releases": Operation("read", "/projects/shop/releases"),
    "POST /projects/{slug}/releases": Operation("release", "/projects/shop/releases", PUSHERS, let_through=201),
    "GET /projects/{slug}/releases/{number}": Operation("read", RELEASE),
    "PATCH /projects/{slug}/releases/{number}": Operation("release", RELEASE, PUSHERS, body={"notes": "Better"}),
    "POST /projects/{slug}/releases/{number}/prevent-progression": Operation(
        "release", f"{RELEASE}/prevent-progression", MANAGERS, body=REASON
    ),
    "POST /projects/{slug}/releases/{number}/allow-progression": Operation(
        "release", f"{RELEASE}/allow-progression", MANAGERS, let_through=409
    ),
    "GET /projects/{slug}/releases/{number}/bundle": Operation("read", f"{RELEASE}/bundle", TECHNICAL, let_through=409),
    "GET /projects/{slug}/releases/{number}/readiness": Operation("read", f"{RELEASE}/readiness?environment=test"),
    "POST /projects/{slug}/releases/{number}/deployments": Operation(
        "deploy", f"{RELEASE}/deployments", PUSHERS, let_through=201, body={"environment": "test"}
    ),
    "GET /deployments": Operation("read", "/deployments", stranger=200),
    "GET /deployments/{pk}": Operation("read", "/deployments/{waiting}"),
    "POST /deployments/{pk}/approve": Operation(
        "approve", "/deployments/{waiting}/approve", APPROVERS, body={"fingerprint": "{fingerprint}"}
    ),
    "POST /deployments/{pk}/reject": Operation(
        "approve",
        "/deployments/{waiting}/reject",
        APPROVERS,
        body={"fingerprint": "{fingerprint}", "comment": "Not yet"},
    ),
    "POST /deployments/{pk}/withdraw-approval": Operation(
        "approve", "/deployments/{waiting}/withdraw-approval", let_through=409
    ),
    "POST /deployments/{pk}/cancel": Operation("deploy", "/deployments/{waiting}/cancel", MANAGERS),
    "POST /deployments/{pk}/resolve": Operation(
        "deploy", "/deployments/{unknown}/resolve", MANAGERS, body={"decision": "failed"} | REASON
    ),
    "GET /deployments/{pk}/log": Operation("read", "/deployments/{script}/log", TECHNICAL),
    "GET /holds": Operation("read", "/holds", stranger=200),
    "POST /holds": Operation("deploy", "/holds", MANAGERS, let_through=201, body={"project": "shop"} | REASON),
    "POST /holds/{pk}/release": Operation("deploy", "/holds/{hold}/release", MANAGERS),
    "GET /feeds": Operation("read", "/feeds", TECHNICAL, stranger=403),
    "GET /feeds/{slug}/packages": Operation("read", "/feeds/exchange/packages", TECHNICAL, stranger=403),
    "POST /feeds/{slug}/ask": Operation("release", "/feeds/exchange/ask", TECHNICAL, stranger=403),
    "GET /projects/{slug}/releases/{number}/needs": Operation("read", "/projects/shop/releases/1.0.1/needs"),
    "POST /projects/{slug}/releases/{number}/needs/ask": Operation(
        "release", "/projects/shop/releases/1.0.1/needs/ask", TECHNICAL
    ),
    "GET /waiting": Operation("read", "/waiting", stranger=200),
    "GET /pools": Operation("read", "/pools", TECHNICAL, stranger=403),
    "GET /publications": Operation("read", "/publications", stranger=200),
    "GET /trail": Operation("read", "/trail", stranger=200),
    "GET /deliveries": Operation("read", "/deliveries", ADMINISTRATORS, stranger=403),
    "POST /deliveries/{pk}/send-again": Operation(
        "release", "/deliveries/{delivery}/send-again", ADMINISTRATORS, stranger=403
    ),
}
NAMES = list(OPERATIONS)


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker) -> Iterator[dict[str, Any]]:
    with made_once(one_of_everything, django_db_blocker) as shop:
        yield shop


@pytest.fixture
def shop(world) -> Iterator[dict[str, Any]]:
    with left_as_it_was():
        yield world


def one_of_everything() -> dict[str, Any]:
    """One of everything that an address may name, and somebody else who asked for it."""
    stack = a_stack("Shop", {"UI": 1, "API": 2})
    release = a_release(stack)
    a_rule("Release manager opens TEST", ["TEST"], roles=["approver", "release_manager"])
    script = a_train(release, "PROD").children.first()
    api = release.components.get(component__slug="api").release
    waiting = a_deployment(release, status=Status.REQUESTED)
    Deployment.objects.filter(pk=waiting.pk).update(gates=_gates(release, waiting))
    unknown = a_deployment(api, status=Status.INTERRUPTED)
    a_version("api", "2.0.0", contents={"patient-api": "1.4.113"})
    a_source(a_package("api"), name="com:{component}")
    watch_all()
    record_build("ui", "1", Build(number="7"), script.requested_by)
    Deployment.objects.filter(pk=waiting.pk).update(fingerprint=_plan(waiting))
    return {
        "stack": stack,
        "waiting": waiting.pk,
        "script": script.pk,
        "attachment": an_attachment(a_version("ui", "1"), script.requested_by).pk,
        "unknown": unknown.pk,
        "hold": stack.holds.create(environment=waiting.environment, by=script.requested_by, reason="Stocktaking").pk,
        "fingerprint": _plan(waiting),
        "delivery": a_delivery(a_notice(waiting), script.requested_by).pk,
    }


def an_attachment(version: PackageVersion, by: User) -> Attachment:
    """A row: no bytes are stored."""
    return version.attachments.create(kind="spdx", filename="bom.json", artifact=version.bytes, attached_by=by)


def _gates(release, waiting) -> list[dict[str, Any]]:
    return [gate.as_json() for gate in gates_for(release, waiting.environment)]


def _plan(waiting) -> str:
    return plan_for(waiting.release, waiting.environment).fingerprint


def called(client: Client, name: str, shop: dict[str, Any]):
    operation, method = OPERATIONS[name], name.split()[0]
    address = "/api/v1" + operation.address.format_map(shop)
    if isinstance(operation.body, bytes):
        return client.generic(method, address, operation.body, "application/octet-stream")
    body = json.dumps(operation.body).replace("{fingerprint}", shop["fingerprint"])
    return client.generic(method, address, "" if method == "GET" else body, "application/json")


def test_the_table_names_every_operation():
    paths = api.get_openapi_schema()["paths"]
    documented = {f"{method.upper()} {path.removeprefix('/api/v1')}" for path, held in paths.items() for method in held}

    assert documented == set(OPERATIONS)


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_let_in_without_a_token(shop, name):
    answer = called(Client(), name, shop)

    assert (answer.status_code, answer.json()["code"]) == (401, "token-missing")


@pytest.mark.parametrize("name", NAMES)
def test_a_stranger_learns_nothing(shop, name):
    answer = called(calling(an_account("stranger")), name, shop)

    assert answer.status_code == OPERATIONS[name].stranger
    assert "shop" not in answer.content.decode().lower()


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("name", NAMES)
def test_a_role_opens_what_it_should_and_nothing_else(shop, name, role):
    operation = OPERATIONS[name]

    answer = called(calling(an_account("caller", role, project=shop["stack"])), name, shop)

    assert answer.status_code == operation.expected(role)


@pytest.mark.parametrize("name", NAMES)
def test_the_scope_is_needed_whatever_the_role(shop, name):
    scopes = [scope for scope in EVERYTHING if scope != OPERATIONS[name].scope]

    answer = called(calling(an_account("caller", *Role, project=shop["stack"]), *scopes), name, shop)

    assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")
    assert f"“{OPERATIONS[name].scope}”" in answer.json()["sentence"]


@pytest.mark.parametrize("name", NAMES)
def test_the_scope_alone_is_enough_for_who_has_the_role(shop, name):
    operation = OPERATIONS[name]
    caller = an_account("caller", operation.roles[-1], project=shop["stack"])

    answer = called(calling(caller, Scope(operation.scope)), name, shop)

    assert answer.status_code == operation.let_through
