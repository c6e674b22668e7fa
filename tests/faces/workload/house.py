"""A host as a server has it, over a real store file; only what a job does is scripted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from starlette.routing import Router

from tests.stores.shims import Disk
from tests.transcripts.clients import InProcess
from tests.transcripts.player import Answer, Headers, Request
from weft import JobContext, Workload
from weft.auth.home import Home
from weft.auth.issuer import Issuer, user_id
from weft.auth.keys import Keys
from weft.auth.subject_and_app import SubjectAndAppVerifier, resource_id
from weft.catalog import scopes
from weft.engine.clock import SystemClock
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.jobs import Completed, ErrorDetail, Failed, JobError, Outcome, Stopped
from weft.engine.lifecycle import Event
from weft.engine.ports import Run
from weft.engine.worker import Habits, Worker
from weft.faces.routing import FaceMount
from weft.faces.workload.routes import WorkloadHost, routes
from weft.settings import HostSettings, Limits
from weft.stores.sqlite.store import SqliteStore

FINANCE, OTHER = "Contoso.FinanceAnalytics", "Contoso.Other"
ITEM_TYPE, JOB_TYPE = "Contoso.FinanceAnalytics.Forecast", "calculateForecast"
OTHER_ITEM_TYPE, OTHER_JOB_TYPE = "Contoso.Other.Thing", "doOther"
WORKSPACE = "e5ef604d-e14f-4a59-9133-75d5a0cb9334"
ITEM = "b14cb7e7-d346-4751-9cfd-8c2767d53111"
JOB = "63f77191-432d-4ee6-9c5f-31a1a6987072"
BODY_BYTES = 64 * 1024
HOSTING = HostSettings()
ERROR = JobError(
    "ModelDiverged",
    "The model diverged.",
    source="User",
    is_permanent=True,
    parameters=("7",),
    details=(ErrorDetail("Step", "It was step 7.", extra=(("loss", "nan"),)),),
)


def path_of(
    workspace: str = WORKSPACE,
    item_type: str = ITEM_TYPE,
    item: str = ITEM,
    job_type: str = JOB_TYPE,
    job: str = JOB,
) -> str:
    return f"/workload/workspaces/{workspace}/items/{item_type}/{item}/jobTypes/{job_type}/instances/{job}"


def body_of(do: str = "wait", invoke_type: str = "Manual", **more: object) -> bytes:
    return json.dumps({"invokeType": invoke_type, "creationPayload": {"do": do, **more}}).encode()


@dataclass
class Script:
    """A runner whose jobs do what their payload says: `return`, `fail`, `wait` or `refuse to stop`.

    *ran* has the payload of every job that was begun; *let_go* ends those that wait.
    """

    ran: list[dict[str, Any]] = field(default_factory=list)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, run: Run) -> Outcome:
        payload = json.loads(run.job.payload or b"{}")
        self.ran.append(payload)
        match payload.get("do"):
            case "return":
                return Completed(b"{}")
            case "fail":
                return Failed(ERROR)
            case "refuse to stop":
                await self.let_go.wait()
                return Stopped() if run.cancel_requested.is_set() else Completed()
            case _:
                return await self._until_stopped(run)

    async def _until_stopped(self, run: Run) -> Outcome:
        stop = asyncio.create_task(run.cancel_requested.wait())
        end = asyncio.create_task(self.let_go.wait())
        try:
            await asyncio.wait([stop, end], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            end.cancel()
        return Stopped() if run.cancel_requested.is_set() else Completed()


@dataclass(frozen=True)
class Identity:
    """Who signs, and who checks: one for all tests, because making a key takes a while."""

    home: Home
    issuer: Issuer
    verifier: SubjectAndAppVerifier
    audiences: Mapping[str, str]

    @classmethod
    def open(cls, data: Path) -> Identity:
        data.chmod(0o700)
        home, keys, clock = Home.open(data), Keys.open(data), SystemClock()
        audiences = {
            ITEM_TYPE: resource_id(home.tenant, FINANCE),
            OTHER_ITEM_TYPE: resource_id(home.tenant, OTHER),
        }
        verifier = SubjectAndAppVerifier(keys, home.tenant, audiences.values(), clock)
        return cls(home, Issuer(keys, clock, home), verifier, audiences)


@dataclass
class House:
    client: InProcess
    engine: Engine
    store: SqliteStore
    database: Path
    script: Script
    identity: Identity

    @property
    def tenant(self) -> str:
        return self.identity.home.tenant

    @property
    def user(self) -> str:
        return user_id(self.tenant, "admin")

    def tokens(self, workload: str = FINANCE) -> str:
        return self.identity.issuer.subject_and_app(workload, "admin")

    @property
    def credentials(self) -> Headers:
        return [
            ("Authorization", self.tokens()),
            ("x-ms-client-tenant-id", self.tenant),
        ]

    async def ask(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        headers: Headers = (("Content-Type", "application/json"),),
        credentials: Headers | None = None,
    ) -> Answer:
        shown = self.credentials if credentials is None else credentials
        return await self.client.send(Request(method, target, [*shown, *headers], body))

    async def create(self, do: str = "wait", **path: str) -> Answer:
        return await self.ask("POST", path_of(**path), body_of(do))

    async def get(self, **path: str) -> Answer:
        return await self.ask("GET", path_of(**path))

    async def cancel(self, **path: str) -> Answer:
        return await self.ask("POST", path_of(**path) + "/cancel")

    async def until(self, status: str, *, seconds: float = 10, **path: str) -> Mapping[str, Any]:
        """Return the state once it has *status*."""
        async with asyncio.timeout(seconds):
            while True:
                state: Mapping[str, Any] = (await self.get(**path)).json()
                if state.get("status") == status:
                    return state
                await asyncio.sleep(0.005)


@asynccontextmanager
async def a_house(
    data: Path,
    identity: Identity,
    *,
    slots: int = 10,
    hosting: HostSettings = HOSTING,
    stop_seconds: float = 5,
    disk: Disk | None = None,
) -> AsyncIterator[House]:
    """Give a host whose worker has *slots*; 0: nothing runs."""
    database = data / "weft.db"
    store = SqliteStore.open(database, writes_waiting=1000, vfs=disk.name if disk else None)
    engine = Engine(store, SystemClock(), Events())
    script = Script()
    habits = Habits(queue=scopes.HOSTED, slots=slots, begins=Event.START, cancel_wins=True, adopts=False)
    worker = Worker(engine, script, habits)
    host = WorkloadHost(
        engine,
        [finance(), other()],
        identity.verifier,
        items=store,
        audiences=identity.audiences,
        limits=Limits(body_bytes=BODY_BYTES, envelope_bytes=0, body_seconds=0.2),
        settings=hosting,
        stop_seconds=stop_seconds,
    )
    app = Router([FaceMount("/workload", routes(host))])
    work = asyncio.create_task(worker.work())
    try:
        yield House(InProcess(app), engine, store, database, script, identity)
    finally:
        await worker.drain(timedelta(0))
        await work
        await store.close()


def finance() -> Workload:
    workload = Workload(FINANCE)

    @workload.job(ITEM_TYPE, JOB_TYPE)
    def calculate_forecast(ctx: JobContext, payload: dict[str, Any]) -> None:
        raise AssertionError("a scripted runner calls no function")

    return workload


def other() -> Workload:
    workload = Workload(OTHER)

    @workload.job(OTHER_ITEM_TYPE, OTHER_JOB_TYPE)
    def do_other(ctx: JobContext, payload: dict[str, Any]) -> None:
        raise AssertionError("a scripted runner calls no function")

    return workload
