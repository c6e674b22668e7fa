"""Jobs in both published contracts, byte for byte, and tokens that reach no other host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runners.fault_server import NOWHERE, OF_JOBS, Call, Fault, FaultServer, Request
from tests.runners.items import ADA, ITEM, telling
from tests.runners.test_remote_faults import ITEM as JOB_ITEM
from tests.runners.test_remote_faults import JOB_ID, KEY, WORKSPACE, Caller, calling
from weft.catalog.errors import ItemRefused
from weft.catalog.item_types import Contract
from weft.engine.jobs import Job, JobKey
from weft.engine.lifecycle import State
from weft.runners import workload_remote_calls, workload_wdk
from weft.runners.workload_request import Request as ToWorkload

JOBS_PATH = f"/workload/workspaces/{WORKSPACE}/items/Contoso.FinanceAnalytics.Forecast/{JOB_ITEM}/jobs"
NAMED = b'{"jobType":"calculateForecast","jobInstanceId":"' + JOB_ID.encode() + b'"'
PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def remote() -> FaultServer:
    workload = FaultServer()
    workload.contract = Contract.REMOTE
    return workload


async def cancelled(caller: Caller) -> None:
    caller.workload.reads_to_come = 1000
    await caller.submit()
    await caller.until(State.RUNNING)
    await caller.engine.cancel(KEY)
    assert (await caller.end()).state is State.CANCELLED


async def test_a_job_of_the_remote_contract_is_created_read_and_cancelled(tmp_path: Path) -> None:
    async with calling(tmp_path, server=remote()) as caller:
        await cancelled(caller)

        create, read, cancel = (caller.workload.of(call)[0] for call in OF_JOBS)
        assert {request.method for request in caller.workload.requests} == {"POST"}
        assert (create.path, create.body) == (
            f"{JOBS_PATH}/onCreateJobInstance",
            NAMED + b',"executionData":{"priority":"low"}}',
        )
        assert (read.path, read.body) == (f"{JOBS_PATH}/onGetJobInstanceStatus", NAMED + b"}")
        assert (cancel.path, cancel.body) == (f"{JOBS_PATH}/onCancelJobInstance", NAMED + b"}")
        assert create.headers["content-type"] == "application/json; charset=utf-8"
        assert create.headers["x-ms-client-tenant-id"] == "the-tenant"


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_job_of_the_remote_contract_survives_a_fault_of_its_create_call(
    tmp_path: Path, fault: Fault
) -> None:
    async with calling(tmp_path, server=remote()) as caller:
        caller.workload.will(Call.CREATE, fault)

        await caller.submit()
        job = await caller.end()

        refused = fault in (Fault.STATUS_404, Fault.REDIRECT)
        assert job.state is (State.FAILED if refused else State.COMPLETED)
        assert caller.workload.job.starts == (0 if refused else 1)
        assert caller.workload.fired == {(Call.CREATE, fault): 1}
        assert len({request.body for request in caller.workload.of(Call.CREATE)}) == 1


async def test_a_404_to_a_status_call_of_the_remote_contract_is_a_job_that_is_not_there(
    tmp_path: Path,
) -> None:
    async with calling(tmp_path, server=remote()) as caller:
        caller.workload.reads_to_come = 3
        caller.workload.will(Call.READ, Fault.STATUS_404)

        await caller.submit()
        job = await caller.end()

        assert job.state is State.COMPLETED
        assert caller.workload.fired == {(Call.READ, Fault.STATUS_404): 1}


@pytest.mark.parametrize("create", [workload_wdk.create, workload_remote_calls.create])
async def test_a_job_without_a_payload_is_asked_for_without_one(
    tmp_path: Path, create: Callable[[Job], ToWorkload]
) -> None:
    async with calling(tmp_path) as caller:
        await caller.submit()
        job = await caller.end()

    plain = create(replace(job, payload=b""))

    assert plain.body is not None
    assert json.loads(plain.body).keys().isdisjoint({"creationPayload", "executionData"})


async def test_names_in_a_path_cannot_leave_their_segment(tmp_path: Path) -> None:
    async with calling(tmp_path) as caller:
        await caller.submit()
        job = await caller.end()

    odd = replace(job, kind="a/../b?c#d e", key=JobKey("s", "%2e"))

    assert workload_wdk.read(odd).path.endswith("/jobTypes/a%2F..%2Fb%3Fc%23d%20e/instances/%252e")


@pytest.mark.parametrize(
    "body", [b'{"status":"Completed"}', b'{"status":"Failed"}', b'{"status":7}', b"NaN", b"\xff"]
)
async def test_what_a_workload_says_beside_taking_a_job_is_not_heeded(tmp_path: Path, body: bytes) -> None:
    async with calling(tmp_path) as caller:
        caller.workload.job.status = "InProgress"
        caller.workload.will_say(Call.CREATE, 200, body)

        await caller.submit()
        job = await caller.end()

        assert job.state is State.COMPLETED
        assert len(caller.workload.of(Call.READ)) >= 2


# ---- tokens that stay


class Thief(FaultServer):
    """Another host: whatever reaches it was sent to the wrong one."""


@pytest.mark.parametrize("contract", list(Contract))
@pytest.mark.parametrize("call", OF_JOBS)
async def test_no_redirect_takes_a_token_of_a_job_to_another_host(
    tmp_path: Path, call: Call, contract: Contract
) -> None:
    async with Thief() as thief:
        workload = FaultServer()
        workload.contract = contract
        workload.redirects_to = f"{thief.base_url}/stolen"
        workload.reads_to_come = 1000
        async with calling(tmp_path, server=workload) as caller:
            workload.will(call, Fault.REDIRECT)
            await caller.submit()
            await workload.seen(call if call is not Call.CANCEL else Call.READ)
            await caller.engine.cancel(KEY)
            await caller.end()

        assert workload.fired == {(call, Fault.REDIRECT): 1}
        assert thief.requests == []


@pytest.mark.parametrize("call", [Call.ITEM_CREATE, Call.ITEM_DELETE, Call.ITEM_PAYLOAD, Call.RESOLVE])
async def test_no_redirect_takes_a_token_of_an_item_to_another_host(call: Call) -> None:
    async with Thief() as thief:
        workload = FaultServer()
        workload.redirects_to = f"{thief.base_url}/stolen"
        workload.resolves = ("TenantId",) if call is Call.RESOLVE else None
        workload.will(call, *[Fault.REDIRECT] * 10)
        async with telling(workload) as lifecycle:
            if call is Call.ITEM_DELETE:
                await lifecycle.deleted(ADA, ITEM)
            else:
                tell = lifecycle.payload if call is Call.ITEM_PAYLOAD else lifecycle.created
                with pytest.raises(ItemRefused):
                    await tell(ADA, ITEM)

        assert workload.fired[call, Fault.REDIRECT] >= 1
        assert thief.requests == []


async def test_no_proxy_of_the_environment_sees_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Thief() as proxy:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.base_url.removesuffix("/workload"))
        workload = FaultServer()
        workload.resolves = ("TenantId",)
        async with calling(tmp_path, server=workload) as caller:
            await cancelled(caller)
        async with telling(FaultServer()) as lifecycle:
            await lifecycle.created(ADA, ITEM)
            await lifecycle.deleted(ADA, ITEM)

        assert {request.call for request in workload.requests} == {*OF_JOBS, Call.RESOLVE}
        assert proxy.requests == []


async def test_a_name_is_asked_of_the_given_resolver_and_of_nobody_else(tmp_path: Path) -> None:
    async with calling(tmp_path) as caller:
        caller.workload.will(Call.CREATE, *[Fault.NO_NAME] * 4)

        await caller.submit()
        job = await caller.end()

        assert job.error is not None
        assert NOWHERE in job.error.message
        assert caller.workload.requests == []


# ---- deliveries that are doubled


async def test_a_create_that_arrives_twice_at_once_is_one_job(tmp_path: Path) -> None:
    """The answer to the first call is lost, so that its repeat meets a job that runs already."""
    async with calling(tmp_path) as caller:
        caller.workload.will(Call.CREATE, Fault.TIMEOUT_AFTER, Fault.RESET)

        await caller.submit()
        job = await caller.end()

        first, *repeats = caller.workload.of(Call.CREATE)
        assert job.state is State.COMPLETED
        assert caller.workload.job.starts == 1
        assert [same(first, repeat) for repeat in repeats] == [True] * len(repeats)
        assert len(repeats) >= 1


def same(one: Request, other: Request) -> bool:
    return (one.method, one.path, one.body) == (other.method, other.path, other.body)


async def test_a_cancel_that_arrives_twice_is_one_cancel(tmp_path: Path) -> None:
    async with calling(tmp_path, poll=3) as caller:
        caller.workload.reads_to_come = 1000
        await caller.submit()
        await caller.until(State.RUNNING)
        caller.workload.will(Call.CANCEL, Fault.TIMEOUT_AFTER)
        caller.workload.will(Call.READ, *[Fault.STATUS_500] * 100)

        await asyncio.gather(caller.engine.cancel(KEY), caller.engine.cancel(KEY))
        job = await caller.end()

        assert job.state is State.CANCELLED
        assert len(caller.workload.of(Call.CANCEL)) == 2
