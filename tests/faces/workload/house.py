"""A host as a server has it, over a real store file; only what a job does is scripted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
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
from weft.kit.workload import ItemHook
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


def item_path(
    suffix: str = "", *, workspace: str = WORKSPACE, item_type: str = ITEM_TYPE, item: str = ITEM
) -> str:
    return f"/workload/workspaces/{workspace}/items/{item_type}/{item}{suffix}"


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


@dataclass
class HookScript:
    """A runner of item hooks, which end as *outcomes* say by event; Completed() where they say nothing.

    *called* has event and payload of each; *hold* keeps a hook going until it is set, or it is cancelled.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    called: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    hold: asyncio.Event | None = None
    stopped: int = 0

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.called]

    async def run(self, run: Run) -> Outcome:
        event = run.job.kind.removeprefix("@")
        self.called.append((event, json.loads(run.job.payload)))
        if self.hold is not None:
            held = asyncio.create_task(self.hold.wait())
            cancelled = asyncio.create_task(run.cancel_requested.wait())
            try:
                await asyncio.wait([held, cancelled], return_when=asyncio.FIRST_COMPLETED)
            finally:
                held.cancel()
                cancelled.cancel()
            if run.cancel_requested.is_set():
                self.stopped += 1
                return Stopped()
        return self.outcomes.get(event, Completed())


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
    app: Router
    client: InProcess
    engine: Engine
    store: SqliteStore
    database: Path
    script: Script
    hooks: HookScript
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

    async def make(self, body: object = None, **path: str) -> Answer:
        """Create an item, by default one of no great interest."""
        given = {"displayName": "Sales"} if body is None else body
        return await self.ask("POST", item_path(**path), json.dumps(given).encode())

    async def change(self, body: object, **path: str) -> Answer:
        return await self.ask("PATCH", item_path(**path), json.dumps(body).encode())

    async def delete(self, **path: str) -> Answer:
        return await self.ask("DELETE", item_path(**path))

    async def payload(self, **path: str) -> Answer:
        return await self.ask("GET", item_path("/payload", **path))

    async def notify(self, what: str, body: object = None, **path: str) -> Answer:
        """Ask as the Fabric Extensibility Toolkit has it; *what* follows the item's address."""
        raw = b"" if body is None else json.dumps(body).encode()
        return await self.ask("POST", item_path(f"/{what}", **path), raw)

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
    hooks: Collection[ItemHook] = (),
    hook_slots: int = 10,
    workloads: Sequence[Workload] | None = None,
    disk: Disk | None = None,
) -> AsyncIterator[House]:
    """Give a host whose worker has *slots*; 0: nothing runs. *hooks*: those that its first workload has."""
    database = data / "weft.db"
    store = SqliteStore.open(database, writes_waiting=1000, vfs=disk.name if disk else None)
    engine = Engine(store, SystemClock(), Events())
    script = Script()
    habits = Habits(queue=scopes.HOSTED, slots=slots, begins=Event.START, cancel_wins=True, adopts=False)
    worker = Worker(engine, script, habits)
    hook_script = HookScript()
    hook_worker = Worker(engine, hook_script, replace(habits, queue=scopes.HOOKS, slots=hook_slots))
    host = WorkloadHost(
        engine,
        [finance(hooks), other()] if workloads is None else workloads,
        identity.verifier,
        items=store,
        audiences=identity.audiences,
        limits=Limits(body_bytes=BODY_BYTES, envelope_bytes=0, body_seconds=0.2),
        settings=hosting,
        stop_seconds=stop_seconds,
    )
    app = Router([FaceMount("/workload", routes(host))])
    work = [asyncio.create_task(each.work()) for each in (worker, hook_worker)]
    try:
        yield House(app, InProcess(app), engine, store, database, script, hook_script, identity)
    finally:
        await asyncio.gather(worker.drain(timedelta(0)), hook_worker.drain(timedelta(0)))
        await asyncio.gather(*work)
        await store.close()


def finance(hooks: Collection[ItemHook] = ()) -> Workload:
    workload = Workload(FINANCE)
    decorators = {
        ItemHook.CREATE: workload.on_create,
        ItemHook.UPDATE: workload.on_update,
        ItemHook.DELETE: workload.on_delete,
        ItemHook.RESTORE: workload.on_restore,
    }

    def called(ctx: JobContext, item: Any) -> None:
        raise AssertionError("a scripted runner calls no function")

    for hook in hooks:
        decorators[hook](ITEM_TYPE)(called)

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
