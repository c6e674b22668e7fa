"""Our answers beside every recorded answer of the live service.

What is compared: the status, the set of headers and their form, and the body: keys, and each value or, for
times, its form. Bodies that were recorded whole are compared with the order of their keys, those that were
condensed by hand without it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.conftest import shared_directory
from tests.faces.twins.serving import DELETIONS, IMPORTS, STORAGE, VERSION, Served
from tests.transcripts.player import Answer, Request
from weft.engine.jobs import Completed, Failed, JobError, Stopped

pytestmark = pytest.mark.shared

ID = "job1759737562"
URIS = {
    "inputBlobUri": f"{STORAGE}/azsdknew9/importJobInputBlobSdkTest.ndjson",
    "outputBlobUri": f"{STORAGE}/azsdknew9/output-{ID}.ndjson",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?Z")
GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACE_RESPONSE = re.compile(rf"00-{TRACE}-[0-9a-f]{{16}}-01")

ON_EVERY_ANSWER = {"mise-correlation-id", "strict-transport-security", "traceresponse"}  # `Date`: see doors
OF_THE_GATEWAY = {"www-authenticate"}  # not recorded; RFC 9110 asks for it with every 401

Scenario = Callable[[Served], Awaitable[Answer]]


def recorded() -> list[dict[str, Any]]:
    """Return the recorded entries, while tests are collected; none where there is no shared data."""
    shared = shared_directory()
    if shared is None:
        return []
    entries: list[dict[str, Any]] = json.loads((shared / "golden/twins-import-jobs.json").read_text())[
        "entries"
    ]
    return entries


async def call(served: Served, method: str, target: str, body: Any = None) -> Answer:
    headers = {
        "Authorization": f"Bearer {served.token()}",
        "Content-Type": "application/json",
        "traceparent": f"00-{TRACE}-b7ad6b7169203331-00",
    }
    raw = b"" if body is None else json.dumps(body).encode()
    return await served.send(Request(method, f"{target}?{VERSION}", tuple(headers.items()), raw), tls=True)


async def add(served: Served) -> Answer:
    return await call(served, "PUT", f"{IMPORTS}/{ID}", URIS)


async def get(served: Served) -> Answer:
    return await call(served, "GET", f"{IMPORTS}/{ID}")


async def add_again_while_it_runs(served: Served) -> Answer:
    await add(served)
    await served.started()
    return await add(served)


async def add_again_after_its_end(served: Served) -> Answer:
    await add(served)
    await served.ended(Completed())
    return await add(served)


async def add_with_bad_uris(served: Served) -> Answer:
    bad = {"inputBlobUri": "invalidUri", "outputBlobUri": "invalidOutputUri"}
    return await call(served, "PUT", f"{IMPORTS}/{ID}", bad)


async def get_running(served: Served) -> Answer:
    await add(served)
    served.clock.advance(seconds=1)
    await served.started()
    return await get(served)


async def cancel(served: Served) -> Answer:
    await get_running(served)
    return await call(served, "POST", f"{IMPORTS}/{ID}/cancel")


async def get_cancelling(served: Served) -> Answer:
    await cancel(served)
    return await get(served)


async def get_cancelled(served: Served) -> Answer:
    await add(served)
    job = await served.started()
    await served.cancel(ID)
    await served.end(job, Stopped())
    return await get(served)


async def delete(served: Served) -> Answer:
    await get_cancelled(served)
    return await call(served, "DELETE", f"{IMPORTS}/{ID}")


async def list_one(served: Served) -> Answer:
    await add(served)
    served.clock.advance(seconds=75)
    await served.ended(Completed())
    return await call(served, "GET", IMPORTS)


async def get_failed(served: Served) -> Answer:
    entry = entry_of("failed job")
    await add(served)
    served.clock.advance(seconds=75)
    await served.ended(Failed(JobError(entry["error"]["code"], entry["error"]["message"])))
    return await get(served)


async def show_no_good_token(served: Served) -> Answer:
    headers = (("Authorization", "Bearer x"), ("traceparent", f"00-{TRACE}-b7ad6b7169203331-00"))
    return await served.send(Request("GET", f"{IMPORTS}?{VERSION}", headers), tls=True)


def entry_of(request: str) -> Any:
    return next(entry["body"] for entry in recorded() if entry["req"] == request)


# In the order of the recordings: how to come to the answer, and whether its body was recorded whole.
SCENARIOS: list[tuple[str, Scenario, bool]] = [
    ("GET /jobs/imports/{unknown}", get, True),
    ("PUT /jobs/imports/{id}", add, True),
    ("PUT same id again while the first job still runs", add_again_while_it_runs, True),
    ("PUT same id after it ended", add_again_after_its_end, True),
    ("PUT {inputBlobUri: invalidUri, outputBlobUri: invalidOutputUri}", add_with_bad_uris, True),
    ("GET running", get_running, False),
    ("POST /jobs/imports/{id}/cancel of a running job", cancel, False),
    ("GET 13 s later", get_cancelling, False),
    ("GET 23 s later", get_cancelled, False),
    ("DELETE a cancelled or finished job", delete, True),
    ("GET list", list_one, False),
    ("failed job", get_failed, False),
    ("any request with a bad token", show_no_good_token, True),
]
RATE = "any second Jobs request inside the rate window"


def test_every_recorded_answer_has_its_test() -> None:
    assert [entry["req"] for entry in recorded() if entry["req"] != RATE] == [name for name, *_ in SCENARIOS]
    assert RATE in {entry["req"] for entry in recorded()}


@pytest.mark.parametrize(("name", "scenario", "whole"), SCENARIOS, ids=[name for name, *_ in SCENARIOS])
async def test_the_answer_is_as_recorded(served: Served, name: str, scenario: Scenario, whole: bool) -> None:
    entry = next(entry for entry in recorded() if entry["req"] == name)

    ours = await scenario(served)

    assert differences(entry, ours, whole=whole) == []


@pytest.mark.parametrize("target", [IMPORTS, DELETIONS, f"{IMPORTS}/{ID}"])
async def test_the_rate_limit_answers_as_recorded(limited: Served, target: str) -> None:
    [entry] = [entry for entry in recorded() if entry["req"] == RATE]
    await call(limited, "GET", IMPORTS)

    ours = await call(limited, "GET", target)

    assert entry["headers"]["Retry-After"] == "5..14 (seconds)"
    assert 5 <= int(str(ours.header("Retry-After"))) <= 14
    assert differences(entry, ours, whole=True) == []


def differences(entry: dict[str, Any], ours: Answer, *, whole: bool) -> list[str]:
    """Return in words how *ours* differs from the recording."""
    status = entry.get("status", 200)
    found = [] if ours.status == status else [f"status {ours.status}, recorded {status}"]
    found += _header_differences(entry, ours)
    expected = _with_our_word(entry)
    if expected is None:
        return found if ours.body == b"" else [*found, f"a body {ours.body!r}, recorded none"]
    return found + _value_differences("body", expected, ours.json(), whole=whole)


def _with_our_word(entry: dict[str, Any]) -> Any:
    """Return the recorded body. Two differ from ours, as docs/fidelity.md says.

    One is a JSON string that holds the JSON; and the answer to a cancel says `cancelling`, as published.
    """
    if "body_is_a_json_string" in entry:
        return json.loads(entry["body_is_a_json_string"])
    body: Any = entry.get("body")
    return {**body, "status": "cancelling"} if entry["req"].endswith("/cancel of a running job") else body


def _header_differences(entry: dict[str, Any], ours: Answer) -> list[str]:
    sent = {name.lower(): value for name, value in ours.headers}
    left_out = {"content-length", "content-type", "retry-after", "x-ms-error-code"} | OF_THE_GATEWAY
    found = [f"header {name} is missing" for name in sorted(ON_EVERY_ANSWER - sent.keys())]
    found += [f"header {name} was not recorded" for name in sorted(sent.keys() - ON_EVERY_ANSWER - left_out)]
    recorded_headers = entry.get("headers", {})
    has_rate = isinstance(recorded_headers, dict) and "Retry-After" in recorded_headers
    if ("retry-after" in sent) != has_rate:
        found.append(f"header retry-after is {sent.get('retry-after')!r}")
    if "x-ms-error-code" in entry and sent.get("x-ms-error-code") != entry["x-ms-error-code"]:
        found.append(f"header x-ms-error-code is {sent.get('x-ms-error-code')!r}")
    return found + _form_differences(sent, _media_type(entry))


def _media_type(entry: dict[str, Any]) -> str | None:
    if entry.get("status") == 204:
        return None
    headers = entry.get("headers")
    own = headers.get("Content-Type") if isinstance(headers, dict) else None
    return own or "application/json; charset=utf-8"


def _form_differences(sent: dict[str, str], media_type: str | None) -> list[str]:
    found = [] if GUID.fullmatch(sent["mise-correlation-id"]) else ["mise-correlation-id is no guid"]
    if not TRACE_RESPONSE.fullmatch(sent["traceresponse"]):
        found.append(f"traceresponse is {sent['traceresponse']!r}")
    if sent["strict-transport-security"] != "max-age=2592000":
        found.append(f"strict-transport-security is {sent['strict-transport-security']!r}")
    if sent.get("content-type") != media_type:
        found.append(f"content-type is {sent.get('content-type')!r}, recorded {media_type!r}")
    return found


def _value_differences(where: str, expected: Any, ours: Any, *, whole: bool) -> list[str]:
    if isinstance(expected, dict) and isinstance(ours, dict):
        wrong = list(expected) != list(ours) if whole else not expected.keys() <= ours.keys()
        if wrong:
            return [f"{where} has the keys {list(ours)}, recorded {list(expected)}"]
        return [
            difference
            for key in expected
            for difference in _value_differences(f"{where}.{key}", expected[key], ours[key], whole=whole)
        ]
    if isinstance(expected, list) and isinstance(ours, list) and len(expected) == len(ours):
        return [
            difference
            for one, other in zip(expected, ours, strict=True)
            for difference in _value_differences(where, one, other, whole=whole)
        ]
    return [] if _form(expected) == _form(ours) else [f"{where} is {ours!r}, recorded {expected!r}"]


def _form(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return "<id>" if value in {ID, "job1"} else TIME.sub("<time>", value)


async def test_a_cancelled_job_has_no_end_and_a_finished_one_ends_with_its_last_action(
    served: Served,
) -> None:
    cancelled = (await get_cancelled(served)).json()
    await call(served, "DELETE", f"{IMPORTS}/{ID}")
    failed = (await get_failed(served)).json()

    assert "finishedDateTime" not in cancelled
    assert failed["finishedDateTime"] == failed["lastActionDateTime"]


async def test_the_comparison_sees_what_it_is_for(served: Served) -> None:
    entry = next(entry for entry in recorded() if entry["req"] == "PUT /jobs/imports/{id}")
    answer = await add(served)
    right = answer.json()

    def seen(body: dict[str, Any], *more: tuple[str, str], status: int = 201) -> list[str]:
        return differences(
            entry, Answer(status, [*answer.headers, *more], json.dumps(body).encode()), whole=True
        )

    assert seen(right) == []
    assert seen(right, status=200)
    assert seen(right, ("Retry-After", "1"))
    assert seen(right, ("Location", "/"))
    assert seen(right, ("traceresponse", "00-0-0-01"))
    assert seen({**right, "status": "running"})
    assert seen({**right, "createdDateTime": right["createdDateTime"].replace("Z", "+00:00")})
    assert seen({**right, "createdDateTime": "2025-05-02T15:07:44.500Z"})
    assert seen({**right, "finishedDateTime": None})
    assert seen(dict(reversed(right.items())))
