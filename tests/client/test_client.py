"""The client against written answers: what it sends, what it makes of an answer, and when it tries again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.client.scripted import Say, scripted
from weft.client import (
    ApiError,
    JobDetails,
    Patience,
    ServerUnreachable,
    UnreadableAnswer,
    WaitTimedOut,
    WeftClient,
)
from weft.contracts.core import Status

W, ITEM, J = (
    "e5ef604d-e14f-4a59-9133-75d5a0cb9334",
    "b14cb7e7-d346-4751-9cfd-8c2767d53111",
    "63f77191-432d-4ee6-9c5f-31a1a6987072",
)
BUSY = {"requestId": "r", "errorCode": "RequestBlocked", "message": "busy"}
QUICK = Patience(attempts=3)


def workspace(name: str) -> dict[str, str]:
    return {"id": W, "displayName": name, "type": "Workspace"}


def details(status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": J,
        "itemId": ITEM,
        "jobType": "calculateForecast",
        "invokeType": "Manual",
        "status": status,
        "failureReason": None,
        "rootActivityId": W,
        "startTimeUtc": "2026-11-22T09:00:00.5",
        "endTimeUtc": None,
        "progress": None,
        "result": None,
        "error": None,
        "attempt": 1,
        "cancelRequestedUtc": None,
        **more,
    }


async def test_a_workspace_is_created_with_the_token_and_without_members_that_are_not_given() -> None:
    async with scripted(Say(201, workspace("Sales"))) as server, WeftClient(server.url, "t0ken") as client:
        created = await client.create_workspace("Sales")

    (heard,) = server.heard
    assert (created.id, created.display_name) == (W, "Sales")
    assert (heard.method, heard.path) == ("POST", "/v1/workspaces")
    assert json.loads(heard.body) == {"displayName": "Sales"}
    assert heard.headers["Authorization"] == "Bearer t0ken"


async def test_a_list_goes_on_over_all_its_pages() -> None:
    first = {"value": [workspace("a")], "continuationToken": "a+b/c=", "continuationUri": "http://evil.test/"}
    async with (
        scripted(Say(body=first), Say(body={"value": [workspace("b")]})) as server,
        WeftClient(server.url, "t") as client,
    ):
        names = [known.display_name async for known in client.workspaces()]

    assert names == ["a", "b"]
    assert [heard.query for heard in server.heard] == [{}, {"continuationToken": "a+b/c="}]


AN_ITEM = {"id": ITEM, "type": "T", "displayName": "n", "workspaceId": W}


async def test_an_item_is_created_with_what_its_workload_is_to_know() -> None:
    async with scripted(Say(201, AN_ITEM)) as server, WeftClient(server.url, "t") as client:
        await client.create_item(W, "n", "T", payload={"folds": [1]})
        await client.create_item(W, "n", "T", description="d")

    assert json.loads(server.heard[0].body) == {
        "displayName": "n",
        "type": "T",
        "creationPayload": {"folds": [1]},
    }
    assert json.loads(server.heard[1].body) == {"displayName": "n", "type": "T", "description": "d"}


async def test_an_update_of_an_item_names_only_what_changes() -> None:
    async with scripted(Say(200, AN_ITEM)) as server, WeftClient(server.url, "t") as client:
        updated = await client.update_item(W, ITEM, name="n")
        await client.update_item(W, ITEM, description="")

    path = f"/v1/workspaces/{W}/items/{ITEM}"
    assert updated.display_name == "n"
    assert [(heard.method, heard.path) for heard in server.heard] == [("PATCH", path)] * 2
    assert [json.loads(heard.body) for heard in server.heard] == [{"displayName": "n"}, {"description": ""}]


async def test_an_item_is_deleted() -> None:
    async with scripted(Say(200)) as server, WeftClient(server.url, "t") as client:
        await client.delete_item(W, ITEM)

    assert (server.heard[0].method, server.heard[0].path) == ("DELETE", f"/v1/workspaces/{W}/items/{ITEM}")


async def test_what_a_workload_refused_is_told_in_its_words() -> None:
    body = {
        "requestId": "r1",
        "errorCode": "FabricExternalWorkloadError",
        "message": "no such colour",
        "error": {"message": {"code": "FabricExternalWorkloadError", "pbi.error": {}}},
    }
    async with scripted(Say(400, body)) as server, WeftClient(server.url, "t") as client:
        with pytest.raises(ApiError) as refused:
            await client.create_item(W, "n", "T")

    assert str(refused.value) == "FabricExternalWorkloadError: no such colour"


async def test_a_run_returns_the_instance_that_location_names() -> None:
    location = f"http://example.test/v1/workspaces/{W}/items/{ITEM}/jobs/instances/{J}"
    async with (
        scripted(Say(202, headers={"Location": location, "Retry-After": "7"})) as server,
        WeftClient(server.url, "t") as client,
    ):
        accepted = await client.run(W, ITEM, "calculateForecast", execution_data={"folds": 2})

    assert (accepted.id, accepted.retry_after_seconds) == (J, 7)
    assert server.heard[0].path == f"/v1/workspaces/{W}/items/{ITEM}/jobs/calculateForecast/instances"
    assert json.loads(server.heard[0].body) == {"executionData": {"folds": 2}}


async def test_a_run_without_execution_data_has_no_body() -> None:
    async with (
        scripted(Say(202, headers={"Location": f"/{J}"})) as server,
        WeftClient(server.url, "t") as client,
    ):
        await client.run(W, ITEM, "calculateForecast")

    assert server.heard[0].body == b""


async def test_a_name_in_a_path_cannot_leave_its_place() -> None:
    async with scripted(Say(body=details("Completed"))) as server, WeftClient(server.url, "t") as client:
        await client.details(W, ITEM, "../../x?y#z")

    assert server.heard[0].path.endswith("/jobs/instances/..%2F..%2Fx%3Fy%23z")


async def test_a_refusal_carries_status_code_message_and_request_id() -> None:
    body = {"requestId": "r1", "errorCode": "ItemNotFound", "message": "no such item"}
    async with scripted(Say(404, body)) as server, WeftClient(server.url, "t") as client:
        with pytest.raises(ApiError) as refused:
            await client.job(W, ITEM, J)

    error = refused.value
    assert (error.status, error.code, error.message, error.request_id) == (
        404,
        "ItemNotFound",
        "no such item",
        "r1",
    )


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_server_is_called_again_when_it_says(status: int) -> None:
    answers = (Say(status, BUSY, {"Retry-After": "0"}), Say(201, workspace("a")))
    async with scripted(*answers) as server, WeftClient(server.url, "t", patience=QUICK) as client:
        created = await client.create_workspace("a")

    assert created.display_name == "a"
    assert len(server.heard) == 2


async def test_who_waits_for_a_busy_server_hears_of_each_pause() -> None:
    pauses: list[float] = []
    patience = Patience(attempts=3, told=pauses.append)
    busy = Say(429, BUSY, {"Retry-After": "0"})
    async with (
        scripted(busy, busy, Say(201, workspace("a"))) as server,
        WeftClient(server.url, "t", patience=patience) as client,
    ):
        await client.create_workspace("a")

    assert pauses == [0.0, 0.0]


async def test_a_run_is_repeated_where_it_was_refused() -> None:
    answers = (Say(429, BUSY, {"Retry-After": "0"}), Say(202, headers={"Location": f"/{J}"}))
    async with scripted(*answers) as server, WeftClient(server.url, "t", patience=QUICK) as client:
        accepted = await client.run(W, ITEM, "calculateForecast")

    assert accepted.id == J
    assert len(server.heard) == 2


async def test_a_run_is_not_repeated_where_it_may_have_been_kept() -> None:
    async with (
        scripted(Say(503, BUSY, {"Retry-After": "0"})) as server,
        WeftClient(server.url, "t", patience=QUICK) as client,
    ):
        with pytest.raises(ApiError) as refused:
            await client.run(W, ITEM, "calculateForecast")

    assert refused.value.status == 503
    assert len(server.heard) == 1


async def test_a_server_that_stays_busy_is_called_a_bounded_number_of_times() -> None:
    async with (
        scripted(Say(429, BUSY, {"Retry-After": "0"})) as server,
        WeftClient(server.url, "t", patience=QUICK) as client,
    ):
        with pytest.raises(ApiError, match="RequestBlocked"):
            await client.create_workspace("a")

    assert len(server.heard) == 3


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "3600"}, {"Retry-After": "soon"}])
async def test_a_write_is_not_repeated_without_a_pause_worth_waiting_for(
    headers: dict[str, str],
) -> None:
    async with scripted(Say(503, BUSY, headers)) as server, WeftClient(server.url, "t") as client:
        with pytest.raises(ApiError):
            await client.create_workspace("a")

    assert len(server.heard) == 1


async def test_a_broken_connection_does_not_repeat_a_write() -> None:
    async with scripted(Say(breaks=True)) as server, WeftClient(server.url, "t") as client:
        with pytest.raises(ServerUnreachable):
            await client.run(W, ITEM, "calculateForecast")

    assert len(server.heard) == 1


async def test_a_server_that_is_not_there_is_named() -> None:
    async with scripted(Say()) as server:
        url = server.url

    async with WeftClient(url, "t") as client:
        with pytest.raises(ServerUnreachable, match=url):
            await client.job(W, ITEM, J)


@pytest.mark.parametrize(
    "say",
    [
        Say(text="<html>"),
        Say(body={"value": "x"}),
        Say(502, text="Bad Gateway"),
        Say(302, headers={"Location": "http://evil.test/"}),
        Say(body={"value": [{"id": W}]}),
        Say(raw=b'{"value": [], "continuationToken": "\xe9"}'),
        Say(404, raw=b'{"errorCode": "\xe9"}'),
        Say(text='{"value": [], "more": ' + "[" * 100_000),
        Say(404, text="[" * 100_000),
    ],
)
async def test_an_answer_of_another_server_is_an_error_of_its_own(say: Say) -> None:
    async with scripted(say) as server, WeftClient(server.url, "t") as client:
        with pytest.raises(UnreadableAnswer):
            _ = [known async for known in client.workspaces()]

    assert len(server.heard) == 1


async def test_a_proxy_of_the_environment_never_sees_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted(Say(body={"value": []})) as proxy, scripted(Say(body={"value": []})) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        async with WeftClient(server.url, "t") as client:
            _ = [known async for known in client.workspaces()]

    assert (len(server.heard), len(proxy.heard)) == (1, 0)


async def test_wait_looks_until_the_job_has_ended_and_tells_of_every_look() -> None:
    progress = {"done": 1, "total": 5, "text": "fold 1"}
    answers = (
        Say(body=details("NotStarted"), headers={"Retry-After": "0"}),
        Say(body=details("InProgress", progress=progress), headers={"Retry-After": "0"}),
        Say(body=details("Completed", result={"model": "ETS"})),
    )
    seen: list[JobDetails] = []
    async with scripted(*answers) as server, WeftClient(server.url, "t") as client:
        ended = await client.wait(W, ITEM, J, told=seen.append)

    assert [look.status for look in seen] == [Status.NOT_STARTED, Status.IN_PROGRESS, Status.COMPLETED]
    assert seen[1].progress is not None
    assert seen[1].progress.text == "fold 1"
    assert ended.result == {"model": "ETS"}


async def test_wait_outlives_a_server_that_restarts() -> None:
    answers = (Say(breaks=True), Say(breaks=True), Say(body=details("Completed")))
    async with scripted(*answers) as server, WeftClient(server.url, "t") as client:
        ended = await client.wait(W, ITEM, J)

    assert ended.has_ended


async def test_wait_gives_up_a_server_that_does_not_come_back() -> None:
    async with scripted(Say(breaks=True)) as server, WeftClient(server.url, "t") as client:
        with pytest.raises(ServerUnreachable):
            await client.wait(W, ITEM, J, unreachable_seconds=0.15)


async def test_wait_ends_after_its_timeout_and_says_which_job_goes_on() -> None:
    async with scripted(Say(body=details("InProgress"))) as server, WeftClient(server.url, "t") as client:
        with pytest.raises(WaitTimedOut) as over:
            await client.wait(W, ITEM, J, timeout_seconds=0.05)

    assert (over.value.job, over.value.seconds) == (J, 0.05)


async def test_logs_ask_for_what_is_new() -> None:
    line = {"number": 8, "at": "2026-11-22T09:00:00Z", "level": "info", "text": "hello"}
    async with (
        scripted(Say(body={"value": [line], "next": 8})) as server,
        WeftClient(server.url, "t") as client,
    ):
        page = await client.logs(W, ITEM, J, after=7)

    assert [entry.text for entry in page.value] == ["hello"]
    assert server.heard[0].query == {"after": "7"}
    assert page.next == 8


@pytest.mark.parametrize("url", ["127.0.0.1:7431", "ftp://x", "http://", "http://h/?q=1", ""])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        WeftClient(url, "t")


async def test_a_run_with_a_key_is_sent_again_with_it_also_when_it_may_have_arrived() -> None:
    accepted = Say(202, headers={"Location": f"http://x/{J}"})
    busy = Say(503, BUSY, {"Retry-After": "0"})
    async with scripted(busy, accepted) as server, WeftClient(server.url, "t", patience=QUICK) as client:
        job = await client.run(W, ITEM, "calculateForecast", idempotency_key="k1")
        again = await client.rerun(W, ITEM, J, idempotency_key="k2")

    assert (job.id, again.id) == (J, J)
    assert [heard.headers.get("Idempotency-Key") for heard in server.heard] == ["k1", "k1", "k2"]
    assert server.heard[-1].path.endswith(f"/jobs/instances/{J}/rerun")


async def test_without_a_key_none_is_sent() -> None:
    async with (
        scripted(Say(202, headers={"Location": f"http://x/{J}"})) as server,
        WeftClient(server.url, "t") as client,
    ):
        await client.run(W, ITEM, "calculateForecast")

    assert "Idempotency-Key" not in server.heard[0].headers


@pytest.mark.parametrize(("is_told", "wait"), [(False, "wait=30"), (True, "wait=7")])
async def test_wait_lets_the_server_wait_and_pauses_nowhere_then(is_told: bool, wait: str) -> None:
    waited = {"Retry-After": "7", "Preference-Applied": wait}
    answers = [
        Say(200, details("NotStarted"), {"Retry-After": "7"}),
        Say(200, details("InProgress"), waited),
        Say(200, details("Completed"), {"Preference-Applied": wait}),
    ]
    seen: list[JobDetails] = []
    async with scripted(*answers) as server, WeftClient(server.url, "t") as client:
        job = await client.wait(W, ITEM, J, told=seen.append if is_told else None, timeout_seconds=5)

    assert job.status is Status.COMPLETED
    assert [heard.headers.get("Prefer") for heard in server.heard] == [None, wait, wait]
    assert len(seen) == (3 if is_told else 0)


async def test_a_pace_that_was_asked_for_is_kept_without_long_looks() -> None:
    answers = [Say(200, details("NotStarted"), {"Retry-After": "60"}), Say(200, details("Completed"))]
    async with scripted(*answers) as server, WeftClient(server.url, "t") as client:
        await client.wait(W, ITEM, J, poll_seconds=0.1)

    assert [heard.headers.get("Prefer") for heard in server.heard] == [None, None]
