"""What all calls have in common: versions, addresses, traces, headers and the rate."""

from __future__ import annotations

import logging
import re

import pytest

from tests.faces.twins.serving import DELETIONS, IMPORTS, VERSION, Served
from tests.transcripts.clients import InProcess
from tests.transcripts.player import Request
from weft.engine.errors import Overloaded, StoreUnavailable

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
RESPONSE = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")
UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


@pytest.mark.parametrize("version", ["2023-10-31", "2023-06-30"])
async def test_both_versions_that_have_jobs_are_served_alike(served: Served, version: str) -> None:
    answer = await served.delete_all("d", version=f"api-version={version}")

    assert answer.status == 202
    assert str(answer.header("Operation-Location")).endswith(f"{DELETIONS}/d?api-version={version}")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "MissingApiVersionParameter"),
        ("api-version=", "MissingApiVersionParameter"),
        ("API-VERSION=2023-10-31", "MissingApiVersionParameter"),
        ("api-version=2023-10-30", "UnsupportedApiVersionValue"),
        ("api-version=2023-02-27-preview", "UnsupportedApiVersionValue"),
        ("api-version=2023-10-31%20", "UnsupportedApiVersionValue"),
        ("api-version=%00", "UnsupportedApiVersionValue"),
        ("api-version=2023-10-31&api-version=2023-10-31", "InvalidArgument"),
    ],
)
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", IMPORTS),
        ("PUT", f"{IMPORTS}/job1"),
        ("GET", f"{IMPORTS}/job1"),
        ("DELETE", f"{IMPORTS}/job1"),
        ("POST", f"{IMPORTS}/job1/cancel"),
        ("POST", DELETIONS),
        ("GET", DELETIONS),
        ("GET", f"{DELETIONS}/d"),
    ],
)
async def test_every_operation_needs_one_version_that_is_served(
    served: Served, method: str, target: str, query: str, code: str
) -> None:
    before = served.dump()

    answer = await served.call(method, target, served.uris, version=query)

    assert (answer.status, answer.json()["error"]["code"]) == (400, code)
    assert answer.header("x-ms-error-code") == code
    assert served.dump() == before


async def test_the_version_is_looked_at_before_the_body(served: Served) -> None:
    answer = await served.call("PUT", f"{IMPORTS}/job1", raw=b"{", version="")

    assert answer.json()["error"]["code"] == "MissingApiVersionParameter"


# ---- traces and headers


@pytest.mark.parametrize(
    "traceparent",
    [
        f"00-{TRACE}-{PARENT}-00",
        f"00-{TRACE}-{PARENT}-01",
        f"cc-{TRACE}-{PARENT}-01",
        f"cc-{TRACE}-{PARENT}-01-what-the-future-brings",
    ],
)
async def test_the_trace_of_the_caller_goes_on(served: Served, traceparent: str) -> None:
    answer = await served.call("GET", IMPORTS, headers={"traceparent": traceparent, "tracestate": "a=b"})

    found = RESPONSE.fullmatch(str(answer.header("traceresponse")))
    assert found is not None
    assert found[1] == TRACE
    assert found[2] != PARENT


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "x",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01\n",
        "a" * 30_000,
        "00-" + "g" * 32 + f"-{PARENT}-01",
    ],
)
async def test_a_malformed_trace_is_ignored(served: Served, traceparent: str) -> None:
    headers = {"traceparent": traceparent, "tracestate": "\x00,=,,"}

    answer = await served.call("GET", IMPORTS, headers=headers)

    found = RESPONSE.fullmatch(str(answer.header("traceresponse")))
    assert answer.status == 200
    assert found is not None
    assert found[1] != TRACE


async def test_two_traces_are_none(served: Served) -> None:
    request = Request(
        "GET",
        f"{IMPORTS}?{VERSION}",
        (("Authorization", f"Bearer {served.token()}"), *[("traceparent", f"00-{TRACE}-{PARENT}-01")] * 2),
    )

    answer = await served.send(request)

    assert TRACE not in str(answer.header("traceresponse"))


async def test_every_answer_has_an_id_of_its_own(served: Served) -> None:
    answers = [
        await served.call("GET", IMPORTS),
        await served.call("GET", f"{IMPORTS}/unknown"),
        await served.call("GET", "/jobs/nothing"),
        await served.call("GET", "/jobs/imports/%ff"),
        await served.send(Request("GET", IMPORTS)),
    ]

    ids = {str(answer.header("mise-correlation-id")) for answer in answers}
    assert len(ids) == len(answers)
    assert all(UUID.fullmatch(id) for id in ids)
    assert all(answer.header("traceresponse") for answer in answers)


async def test_only_what_leaves_through_tls_asks_for_tls(served: Served) -> None:
    request = Request("GET", IMPORTS)

    plain, secure = await served.send(request), await served.send(request, tls=True)

    assert plain.header("Strict-Transport-Security") is None
    assert secure.header("Strict-Transport-Security") == "max-age=2592000"


@pytest.mark.parametrize(
    "target", ["/jobs", "/jobs/", "/jobs/imports/", "/jobs/imports/a/b", "/jobs/imports/a/cancel/", "/jobs/x"]
)
async def test_other_addresses_below_the_face_are_answered_in_its_words(served: Served, target: str) -> None:
    answer = await served.call("GET", target)

    assert (answer.status, answer.json()["error"]["code"]) == (404, "EndpointNotFound")
    assert answer.header("x-ms-error-code") == "EndpointNotFound"


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("POST", IMPORTS, "GET"),
        ("PATCH", f"{IMPORTS}/a", "DELETE, GET, PUT"),
        ("GET", f"{IMPORTS}/a/cancel", "POST"),
        ("DELETE", DELETIONS, "GET, POST"),
        ("HEAD", IMPORTS, "GET"),
        ("OPTIONS", IMPORTS, "GET"),
    ],
)
async def test_other_methods_are_told_which_are_allowed(
    served: Served, method: str, target: str, allowed: str
) -> None:
    answer = await served.call(method, target)

    assert (answer.status, answer.header("Allow")) == (405, allowed)


async def test_links_keep_the_scheme_that_the_caller_used(served: Served) -> None:
    headers = (("Authorization", f"Bearer {served.token()}"), ("X-Forwarded-Proto", "gopher"))

    answer = await served.send(Request("POST", f"{DELETIONS}?{VERSION}", headers), tls=True)

    assert str(answer.header("Operation-Location")).startswith("https://127.0.0.1:7431/jobs/deletions/")


# ---- when there is too much, or the store is not there


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(Overloaded(3), 429, "ServerBusy"), (StoreUnavailable("disk full"), 503, "ServiceUnavailable")],
)
async def test_what_cannot_be_kept_now_may_be_tried_again(
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    code: str,
) -> None:
    async def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(served.store, "insert", fails)
    with caplog.at_level(logging.ERROR):
        answer = await served.add()

    assert (answer.status, answer.json()["error"]["code"]) == (status, code)
    assert int(str(answer.header("Retry-After"))) >= 1
    assert "disk full" not in answer.body.decode()


async def test_a_body_that_does_not_come_is_not_waited_for_for_ever(served: Served) -> None:
    client = InProcess(served.app, host="127.0.0.1:7431")
    client.body_arrives = False
    headers = (("Authorization", f"Bearer {served.token()}"), ("Content-Type", "application/json"))

    answer = await client.send(Request("PUT", f"{IMPORTS}/job1?{VERSION}", headers))

    assert (answer.status, answer.json()["error"]["code"]) == (408, "RequestTimeout")


# ---- the rate of the service profile


async def test_a_second_request_within_a_second_waits(limited: Served) -> None:
    first = await limited.call("GET", IMPORTS)
    limited.clock.advance(seconds=0.9)
    second = await limited.add()
    limited.clock.advance(seconds=0.1)
    third = await limited.add()

    assert (first.status, third.status) == (200, 201)
    assert second.status == 429
    assert second.json() == {
        "error": {
            "statusCode": 429,
            "message": "Maximum request rate limit reached. For Azure Digital Twins rate limiting details "
            "please see http://aka.ms/dtv2limits.",
        }
    }
    assert second.header("Content-Type") == "application/json"
    assert second.header("x-ms-error-code") is None


async def test_those_who_wait_come_back_at_different_times(limited: Served) -> None:
    await limited.call("GET", IMPORTS)

    answers = [await limited.call("GET", IMPORTS) for _ in range(20)]

    waits = [int(str(answer.header("Retry-After"))) for answer in answers]
    assert sorted(waits) == sorted([*range(5, 15)] * 2)


async def test_who_has_no_token_takes_no_turn(limited: Served) -> None:
    await limited.send(Request("GET", f"{IMPORTS}?{VERSION}"))
    await limited.call("GET", IMPORTS, token=limited.token("eve", "nothing"))

    assert (await limited.call("GET", IMPORTS)).status == 200


async def test_a_clock_that_was_set_back_keeps_nobody_out(limited: Served) -> None:
    await limited.call("GET", IMPORTS)
    limited.clock.advance(hours=-1)

    assert (await limited.call("GET", IMPORTS)).status == 200
