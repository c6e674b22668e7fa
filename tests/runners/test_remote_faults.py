"""Sixteen faults of a workload in each of the calls for a job: it ends as it should, its work ran once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tests.engine.direct_store import DirectStore
from tests.runners.fault_server import OF_JOBS, Call, Fault, FaultServer
from weft.auth.certificate import Certificate
from weft.engine.clock import SystemClock
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.jobs import Job, JobKey, NewJob, WhenLost
from weft.engine.lifecycle import Event, State
from weft.engine.worker import Habits, Worker
from weft.runners.remote_workload import RemoteWorkloadRunner
from weft.settings import CallerSettings

JOB_ID = "63f77191-432d-4ee6-9c5f-31a1a6987072"
WORKSPACE = "e5ef604d-e14f-4a59-9133-75d5a0cb9334"
ITEM = "b14cb7e7-d346-4751-9cfd-8c2767d53111"
REQUEST_ID = "0f36b3b4-74c5-4d53-86a5-0e5f8a3b8c11"
KEY = JobKey(f"core/{WORKSPACE}/{ITEM}", JOB_ID)
SETTINGS = CallerSettings(
    call_timeout=timedelta(seconds=0.5),
    create_attempts=4,
    backoff_first=timedelta(seconds=0.02),
    backoff_most=timedelta(seconds=0.3),
)
RETRY_AFTER_KEPT_SECONDS = 0.29
SAYS_WHEN = (Fault.STATUS_503, Fault.STATUS_429)


class Caller:
    """The core queue of a server, and a workload it calls."""

    def __init__(self, engine: Engine, workload: FaultServer) -> None:
        self.engine = engine
        self.workload = workload

    async def submit(self) -> None:
        labels = {
            "workspace": WORKSPACE,
            "item": ITEM,
            "item_type": "Contoso.FinanceAnalytics.Forecast",
            "invoke_type": "Manual",
            "request_id": REQUEST_ID,
            "tenant": "the-tenant",
            "user": "ada",
            "user_name": "Ada",
        }
        await self.engine.submit(
            NewJob(
                key=KEY,
                queue="core",
                kind="calculateForecast",
                payload=b'{"priority":"low"}',
                labels=labels,
                when_lost=WhenLost.ADOPT,
            )
        )

    async def end(self) -> Job:
        job = await self.engine.wait(KEY, seconds=20)
        assert job.is_final, f"the job hangs in {job.state}"
        return job

    async def until(self, state: State) -> None:
        async with asyncio.timeout(10):
            with self.engine.events.watch(KEY) as changed:
                while (await self.engine.get(KEY)).state is not state:
                    await changed.wait()
                    changed.clear()


@asynccontextmanager
async def calling(
    path: Path,
    *,
    poll: float = 0.05,
    settings: CallerSettings = SETTINGS,
    server: FaultServer | None = None,
) -> AsyncIterator[Caller]:
    store = DirectStore(path / "weft.db")
    async with server or FaultServer() as workload:
        engine = Engine(store, SystemClock(), Events())
        runner = RemoteWorkloadRunner(
            settings,
            poll=timedelta(seconds=poll),
            directory=workload,
            credentials=workload,
            clock=engine.clock,
            resolver=workload,
        )
        await runner.start()
        habits = Habits(queue="core", slots=10, begins=Event.DISPATCH, cancel_wins=False, adopts=True)
        worker = Worker(engine, runner, habits)
        working = asyncio.create_task(worker.work())
        yield Caller(engine, workload)
        await worker.drain(timedelta())
        await working
        await runner.close()
    store.close()


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_job_survives_a_fault_of_its_create_call(tmp_path: Path, fault: Fault) -> None:
    async with calling(tmp_path) as caller:
        caller.workload.will(Call.CREATE, fault)

        await caller.submit()
        job = await caller.end()

        refused = fault in (Fault.STATUS_404, Fault.REDIRECT)
        assert job.state is (State.FAILED if refused else State.COMPLETED)
        assert caller.workload.job.starts == (0 if refused else 1)
        assert caller.workload.fired == {(Call.CREATE, fault): 1}
        bodies = {request.body for request in caller.workload.of(Call.CREATE)}
        assert bodies == {b'{"invokeType":"Manual","creationPayload":{"priority":"low"}}'}
        if fault in SAYS_WHEN:
            first, second = caller.workload.of(Call.CREATE)
            assert second.at - first.at >= RETRY_AFTER_KEPT_SECONDS


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_job_survives_a_fault_of_a_read(tmp_path: Path, fault: Fault) -> None:
    async with calling(tmp_path) as caller:
        caller.workload.will(Call.READ, Fault.STATUS_500, fault)

        await caller.submit()
        await caller.workload.seen(Call.READ)
        caller.workload.expects(Call.READ)
        job = await caller.end()

        assert job.state is State.COMPLETED
        assert caller.workload.job.starts == 1
        assert caller.workload.fired[Call.READ, fault] == 1 + (fault is Fault.STATUS_500)
        if fault in SAYS_WHEN:
            _, second, third = caller.workload.of(Call.READ)[:3]
            assert third.at - second.at >= RETRY_AFTER_KEPT_SECONDS


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_cancel_survives_a_fault_of_its_call(tmp_path: Path, fault: Fault) -> None:
    async with calling(tmp_path, poll=3) as caller:
        caller.workload.reads_to_come = 1000
        await caller.submit()
        await caller.until(State.RUNNING)
        caller.workload.expects(Call.CANCEL)
        caller.workload.will(Call.CANCEL, fault)

        await caller.engine.cancel(KEY)
        job = await caller.end()

        assert job.state is State.CANCELLED
        assert caller.workload.fired == {(Call.CANCEL, fault): 1}


async def test_calls_carry_the_headers_and_paths_of_the_contract(tmp_path: Path) -> None:
    async with calling(tmp_path) as caller:
        caller.workload.reads_to_come = 1000
        await caller.submit()
        await caller.until(State.RUNNING)

        await caller.engine.cancel(KEY)
        await caller.end()

        create, read, cancel = (caller.workload.of(call)[0] for call in OF_JOBS)
        item = f"/workload/workspaces/{WORKSPACE}/items/Contoso.FinanceAnalytics.Forecast/{ITEM}"
        path = f"{item}/jobTypes/calculateForecast/instances/{JOB_ID}"
        assert (create.path, read.path, cancel.path) == (path, path, f"{path}/cancel")
        assert cancel.body == b""
        assert create.headers["content-type"].startswith("application/json")
        assert {request.headers["activityid"] for request in caller.workload.requests} == {REQUEST_ID}
        request_ids = [UUID(request.headers["requestid"]) for request in caller.workload.requests]
        assert len(set(request_ids)) == len(request_ids)
        assert all(request.headers["x-ms-client-tenant-id"] == "the-tenant" for request in (create, read))
        assert all(request.headers["authorization"].startswith("Subj") for request in (create, cancel))


async def test_a_redirect_is_never_followed_and_the_token_stays_here(tmp_path: Path) -> None:
    async with calling(tmp_path) as caller:
        caller.workload.will(Call.CREATE, Fault.REDIRECT)

        await caller.submit()
        job = await caller.end()

        assert job.state is State.FAILED
        assert [request.path for request in caller.workload.requests if "elsewhere" in request.path] == []
        assert len(caller.workload.requests) == 1


async def test_a_proxy_of_the_environment_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with calling(tmp_path) as caller:
        await caller.submit()

        job = await caller.end()

        assert job.state is State.COMPLETED


async def test_a_workload_is_called_through_tls_with_the_certificate_its_endpoint_trusts(
    tmp_path: Path,
) -> None:
    certificate = Certificate.open(tmp_path / "data", host="127.0.0.1", now=datetime.now(UTC))
    async with calling(tmp_path, server=FaultServer(certificate)) as caller:
        await caller.submit()

        job = await caller.end()

        assert job.state is State.COMPLETED


async def test_a_workload_whose_certificate_nothing_trusts_is_sent_nothing(tmp_path: Path) -> None:
    certificate = Certificate.open(tmp_path / "data", host="127.0.0.1", now=datetime.now(UTC))
    async with calling(tmp_path, server=FaultServer(certificate, trusted=False)) as caller:
        await caller.submit()

        job = await caller.end()

        assert job.error is not None
        assert job.error.code == "WorkloadUnreachable"
        assert caller.workload.requests == []


async def test_a_workload_that_is_never_there_fails_the_job_at_once(tmp_path: Path) -> None:
    async with calling(tmp_path) as caller:
        caller.workload.will(Call.CREATE, *[Fault.REFUSED] * SETTINGS.create_attempts)

        await caller.submit()
        job = await caller.end()

        assert job.state is State.FAILED
        assert job.attempt == SETTINGS.create_attempts
        assert job.error is not None
        assert job.error.code == "WorkloadUnreachable"
        assert caller.workload.requests == []


async def test_a_refusal_fails_the_job_with_the_words_of_the_workload(tmp_path: Path) -> None:
    async with calling(tmp_path) as caller:
        caller.workload.will(Call.CREATE, Fault.STATUS_404)

        await caller.submit()
        job = await caller.end()

        assert job.error is not None
        assert (job.error.code, job.error.message) == ("InvalidJobType", "no such type")


async def test_a_failed_job_keeps_the_error_of_the_workload_whole(tmp_path: Path) -> None:
    details = {
        "errorCode": "Broke",
        "message": "It broke.",
        "messageParameters": ["a"],
        "source": "User",
        "isPermanent": True,
        "moreDetails": [
            {"errorCode": "E", "message": "m", "additionalParameters": [{"name": "n", "value": "v"}]}
        ],
    }
    async with calling(tmp_path) as caller:
        caller.workload.job.status = "Failed"
        caller.workload.job.state = {"errorDetails": details}

        await caller.submit()
        job = await caller.end()

        assert job.state is State.FAILED
        assert job.error is not None
        assert (job.error.code, job.error.message) == ("Broke", "It broke.")
        assert (job.error.source, job.error.is_permanent) == ("User", True)
        assert job.error.parameters == ("a",)
        assert job.error.details[0].extra == (("n", "v"),)


async def test_failed_calls_are_logged_without_secrets(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with calling(tmp_path) as caller:
        caller.workload.will(Call.CREATE, Fault.STATUS_500)

        await caller.submit()
        await caller.end()

    told = [record for record in caplog.records if record.message == "workload call failed"]
    assert [(record.__dict__["job"], record.__dict__["status"]) for record in told] == [(JOB_ID, 500)]
    assert not any("secret" in str(record.__dict__) for record in caplog.records)
