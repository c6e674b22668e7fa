"""The client for Digital Twins against written answers: what it sends, and what it makes of an answer."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.client.scripted import Say, scripted
from weft.auth.certificate import Certificate
from weft.client import (
    ApiError,
    Patience,
    ServerUnreachable,
    TwinsClient,
    UnreadableAnswer,
    WaitPatience,
    WaitTimedOut,
    WeftClient,
)
from weft.contracts.twins import Status

CREATED = "2026-11-22T09:00:00.5Z"
QUICK = WaitPatience(poll_seconds=0.1)


def job(id: str = "importjob1", status: str = "running", **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "inputBlobUri": "/data/in.ndjson",
        "outputBlobUri": "/data/out.log",
        "createdDateTime": CREATED,
        "lastActionDateTime": CREATED,
        "purgeDateTime": CREATED,
        "status": status,
        **more,
    }


def details(status: str, **more: Any) -> dict[str, Any]:
    return job(status=status, progress={"done": 5, "total": 10, "text": "Twins"}, attempt=1, **more)


def deletion(status: str = "notstarted") -> dict[str, Any]:
    return {"id": "d1", "createdDateTime": CREATED, "purgeDateTime": CREATED, "status": status}


def refusal(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


async def test_an_import_is_added_with_both_blobs_and_the_api_version() -> None:
    async with scripted(Say(201, job())) as server, TwinsClient(server.url, "t0ken") as client:
        added = await client.add_import("a job/1", "/data/in.ndjson", "/data/out.log")

    (heard,) = server.heard
    assert (added.id, added.status) == ("importjob1", Status.RUNNING)
    assert (heard.method, heard.path) == ("PUT", "/jobs/imports/a%20job%2F1")
    assert heard.query == {"api-version": "2023-10-31"}
    assert json.loads(heard.body) == {"inputBlobUri": "/data/in.ndjson", "outputBlobUri": "/data/out.log"}
    assert heard.headers["Authorization"] == "Bearer t0ken"


async def test_a_job_is_read_cancelled_and_deleted_at_its_own_address() -> None:
    answers = (Say(body=job()), Say(body=job(status="cancelling")), Say(204))
    async with scripted(*answers) as server, TwinsClient(server.url, "t") as client:
        read = await client.import_job("j")
        cancelled = await client.cancel_import("j")
        await client.delete_import("j")

    assert (read.status, cancelled.status) == (Status.RUNNING, Status.CANCELLING)
    assert [(heard.method, heard.path) for heard in server.heard] == [
        ("GET", "/jobs/imports/j"),
        ("POST", "/jobs/imports/j/cancel"),
        ("DELETE", "/jobs/imports/j"),
    ]


async def test_a_list_of_jobs_goes_on_over_all_its_pages_and_never_leaves_the_server() -> None:
    link = "https://evil.test/jobs/imports?api-version=1&continuationToken=a%2Bb%3D"
    pages = (Say(body={"value": [job("1")], "nextLink": link}), Say(body={"value": [job("2")]}))
    async with scripted(*pages) as server, TwinsClient(server.url, "t") as client:
        ids = [known.id async for known in client.import_jobs()]

    assert ids == ["1", "2"]
    assert server.heard[1].query == {"api-version": "2023-10-31", "continuationToken": "a+b="}


async def test_a_query_is_sent_again_with_the_token_of_its_page() -> None:
    pages = (
        Say(body={"value": [{"$dtId": "a"}], "continuationToken": "more"}),
        Say(body={"value": [{"$dtId": "b"}], "continuationToken": None}),
    )
    async with scripted(*pages) as server, TwinsClient(server.url, "t") as client:
        found = [twin["$dtId"] async for twin in client.query("SELECT * FROM digitaltwins")]

    assert found == ["a", "b"]
    assert [json.loads(heard.body) for heard in server.heard] == [
        {"query": "SELECT * FROM digitaltwins"},
        {"query": "SELECT * FROM digitaltwins", "continuationToken": "more"},
    ]


async def test_twins_models_and_the_size_of_the_graph_are_read() -> None:
    answers = (
        Say(body={"$dtId": "a b"}),
        Say(body={"value": [{"id": "dtmi:a;1"}], "nextLink": None}),
        Say(body={"models": 1, "twins": 2, "relationships": 3}),
    )
    async with scripted(*answers) as server, TwinsClient(server.url, "t") as client:
        twin = await client.twin("a b")
        models = [model["id"] async for model in client.models(definitions=True)]
        stats = await client.stats()

    assert (twin, models) == ({"$dtId": "a b"}, ["dtmi:a;1"])
    assert (stats.models, stats.twins, stats.relationships) == (1, 2, 3)
    assert [heard.path for heard in server.heard] == [
        "/digitaltwins/a%20b",
        "/models",
        "/weft/v1/twins/stats",
    ]
    assert server.heard[1].query["includeModelDefinition"] == "true"


async def test_a_deletion_carries_its_id_and_its_time() -> None:
    answers = (Say(202, deletion()), Say(body=deletion("succeeded")), Say(body={"value": [deletion()]}))
    async with scripted(*answers) as server, TwinsClient(server.url, "t") as client:
        await client.start_deletion("d1", timeout_minutes=30)
        ended = await client.wait_for_deletion("d1", patience=QUICK)
        known = [one.id async for one in client.deletions()]

    assert server.heard[0].headers["operation-id"] == "d1"
    assert server.heard[0].query["timeoutInMinutes"] == "30"
    assert (ended.status, known) == (Status.SUCCEEDED, ["d1"])


async def test_waiting_tells_of_every_look_and_returns_the_end_whole() -> None:
    fault = {"code": "ImportFinishedWithErrors", "message": "1 of 2 was rejected."}
    looks = (
        Say(body=details("notstarted")),
        Say(body=details("running")),
        Say(body=details("failed", error=fault)),
    )
    told: list[Status] = []
    async with scripted(*looks) as server, TwinsClient(server.url, "t") as client:
        ended = await client.wait_for_import(
            "importjob1", patience=QUICK, told=lambda seen: told.append(seen.status)
        )

    assert told == [Status.NOT_STARTED, Status.RUNNING, Status.FAILED]
    assert ended.error
    assert (ended.error.code, ended.attempt) == ("ImportFinishedWithErrors", 1)
    assert server.heard[0].path == "/weft/v1/twins/imports/importjob1"


async def test_waiting_ends_at_its_time_out_and_leaves_the_job() -> None:
    async with scripted(Say(body=details("running"))) as server, TwinsClient(server.url, "t") as client:
        with pytest.raises(WaitTimedOut, match=r"importjob1 has not ended within 0\.2 seconds"):
            await client.wait_for_import("importjob1", patience=WaitPatience(0.2, 0.1))

    assert {heard.method for heard in server.heard} == {"GET"}


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (404, refusal("JobNotFound", "There is no job."), "JobNotFound", "There is no job."),
        (401, {"statusCode": 401, "message": "Unauthorized"}, "Unauthorized", "Unauthorized"),
        (404, {"statusCode": 404, "message": "Sub-Domain not found"}, "NotFound", "Sub-Domain not found"),
        (429, {"error": {"statusCode": 429, "message": "Too fast."}}, "TooManyRequests", "Too fast."),
    ],
)
async def test_a_refusal_is_told_with_its_code_however_it_is_wrapped(
    status: int, body: Any, code: str, message: str
) -> None:
    say = Say(status, body, {"mise-correlation-id": "c"})
    async with scripted(say) as server, TwinsClient(server.url, "t") as client:
        with pytest.raises(ApiError) as refused:
            await client.import_job("j")

    assert (refused.value.status, refused.value.code, refused.value.message) == (status, code, message)
    assert refused.value.request_id == "c"


@pytest.mark.parametrize("body", [{}, {"error": None}, {"error": "no"}, [], {"message": "no code"}, "text"])
async def test_a_refusal_without_a_code_is_not_one_of_the_contract(body: Any) -> None:
    async with scripted(Say(400, body)) as server, TwinsClient(server.url, "t") as client:
        with pytest.raises(UnreadableAnswer):
            await client.import_job("j")


async def test_an_import_is_sent_again_where_nothing_was_done_and_only_there() -> None:
    again = {"Retry-After": "0"}
    busy = Say(429, {"error": {"statusCode": 429, "message": "fast"}}, again)
    unsure = Say(503, refusal("ServiceUnavailable", "disk"), again)
    three = Patience(attempts=3)
    async with (
        scripted(busy, unsure, Say(201, job())) as server,
        TwinsClient(server.url, "t", patience=three) as client,
    ):
        with pytest.raises(ApiError, match="ServiceUnavailable"):
            await client.add_import("j", "/in", "/out")

    assert len(server.heard) == 2


async def test_https_is_spoken_with_the_certificate_that_is_trusted_and_no_other(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    served = Certificate.open(tmp_path / "served", host="127.0.0.1", now=now)
    other = Certificate.open(tmp_path / "other", host="127.0.0.1", now=now)
    async with _over_tls(served.server_context()) as url:
        async with TwinsClient(url, "t", certificate=served.chain) as client:
            stats = await client.stats()
        for wrong in (None, other.chain):
            async with WeftClient(url, "t", certificate=wrong) as core:
                with pytest.raises(ServerUnreachable, match="certificate"):
                    await core.job("w", "i", "j")

    assert stats.twins == 2


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_a_file_that_holds_no_certificate_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises((OSError, ssl.SSLError)):
        TwinsClient("https://127.0.0.1", "t", certificate=file)


@asynccontextmanager
async def _over_tls(context: ssl.SSLContext) -> AsyncIterator[str]:
    """Yield the address of a server that answers every request with the size of a graph."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"models": 1, "twins": 2, "relationships": 3})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    server = TestServer(app, scheme="https", host="127.0.0.1")
    await server.start_server(ssl=context)
    yield str(server.make_url("")).rstrip("/")
    await server.close()
