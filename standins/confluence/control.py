"""The control door: order trouble and read what was asked, from another process. The real Confluence has none.

    curl -H 'Content-Type: application/json' -d '{"count": 3, "status": 429, "retry_after": 5}' …/standin/faults
    curl -H 'Content-Type: application/json' -d '{"until_lifted": true, "status": 503}' …/standin/faults
    curl -H 'Content-Type: application/json' -d '{"lose_answers": true}' …/standin/faults
    curl -X DELETE …/standin/faults                                      lifts everything
    curl …/standin/faults, curl …/standin/requests

Only JSON is taken, which no form on a foreign page can send.
"""

from dataclasses import asdict
from typing import Any

from standins.confluence.faults import WRITES, Faults
from standins.confluence.journal import Journal
from standins.confluence.wire import Answer, Request, answered
from standins.serving import Refused

PREFIX = "/standin/"
FAULTS = "/standin/faults"
REQUESTS = "/standin/requests"
KNOWN = {
    "count",
    "status",
    "retry_after",
    "hang",
    "drop",
    "lose_answers",
    "conflict",
    "until_lifted",
    "methods",
    "path",
}
LARGEST_COUNT = 10_000
LONGEST_HANG = 600  # seconds


def carry_out(faults: Faults, journal: Journal, request: Request) -> Answer:
    """Do what is asked; raises Refused."""
    match request.method, request.path:
        case "GET", "/standin/requests":
            return answered({"requests": journal.as_json()})
        case "DELETE", "/standin/requests":
            journal.clear()
            return answered({"requests": []})
        case "POST", "/standin/faults":
            _order(faults, request.json_object())
        case "DELETE", "/standin/faults":
            faults.lift()
        case "GET", "/standin/faults":
            pass
        case _, "/standin/faults" | "/standin/requests":
            raise Refused(405, "This takes GET and DELETE; faults take POST, too.")
        case _:
            raise Refused(404, f"There is nothing here. Faults are under {FAULTS}, requests under {REQUESTS}.")
    return answered({"faults": [asdict(fault) for fault in faults.ordered()]})


def refusal(refused: Refused) -> Answer:
    return answered({"status": refused.status, "title": "Refused", "sentence": str(refused)}, refused.status)


def _order(faults: Faults, stated: dict[str, Any]) -> None:
    """Order what the object describes; raises Refused(422) with what is wrong with it."""
    if unknown := sorted(set(stated) - KNOWN):
        raise Refused(422, f"Unknown field {unknown[0]!r}. Known are {', '.join(sorted(KNOWN))}.")
    count = _number(stated, "count", 1, 1, LARGEST_COUNT)
    retry_after = stated.get("retry_after")
    if retry_after is not None and (isinstance(retry_after, bool) or not isinstance(retry_after, int | str)):
        raise Refused(422, "retry_after must be a number of seconds, an HTTP date or null.")
    if isinstance(retry_after, str) and not (retry_after.isascii() and retry_after.isprintable()):
        raise Refused(422, "retry_after must be a number of seconds, an HTTP date or null.")
    methods, path = _methods(stated), stated.get("path", "")
    if not isinstance(path, str):
        raise Refused(422, "path must be text that the path of the request contains.")
    if stated.get("until_lifted"):
        faults.until_lifted(_status(stated, 503), retry_after)
    elif stated.get("conflict"):
        faults.conflict(count)
    elif "hang" in stated:
        faults.hang(count, _number(stated, "hang", 0, 0, LONGEST_HANG), methods=methods, path=path)
    elif stated.get("lose_answers"):
        faults.lose_answers(count, methods=methods or WRITES, path=path)
    elif stated.get("drop"):
        faults.drop(count, methods=methods, path=path)
    else:
        faults.next(count, _status(stated, 429), retry_after, methods=methods, path=path)


def _status(stated: dict[str, Any], default: int) -> int:
    status = stated.get("status", default)
    if isinstance(status, bool) or not isinstance(status, int) or not (status == 0 or 400 <= status <= 599):
        raise Refused(422, "status must be from 400 to 599, or 0 to close connections until that is lifted.")
    if status == 0 and not stated.get("until_lifted"):
        raise Refused(422, "To close the connections of the next requests, state drop instead of status 0.")
    return status


def _number(stated: dict[str, Any], field: str, default: int, smallest: int, largest: int) -> int:
    value = stated.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int) or not smallest <= value <= largest:
        raise Refused(422, f"{field} must be a whole number from {smallest} to {largest}.")
    return value


def _methods(stated: dict[str, Any]) -> tuple[str, ...]:
    methods = stated.get("methods", [])
    known = {"GET", "POST", "PUT", "DELETE"}
    if not isinstance(methods, list) or not all(isinstance(one, str) and one in known for one in methods):
        raise Refused(422, "methods must be a list of GET, POST, PUT and DELETE.")
    return tuple(methods)
