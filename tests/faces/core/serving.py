"""A Core face over a real store, real keys and a real engine, in this process; no worker, no workload."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.catalog.owner import Owner
from tests.dump import dump
from tests.transcripts.clients import InProcess
from tests.transcripts.player import Answer, Request
from weft.auth.apps import Apps
from weft.auth.bearer import BearerVerifier
from weft.auth.home import Home
from weft.auth.issuer import CORE_AUDIENCES, Issuer
from weft.auth.keys import Keys
from weft.auth.principals import RegisteredPrincipals
from weft.auth.private_files import private_directory
from weft.auth.sealed import WebhookSeal
from weft.auth.users import Users
from weft.auth.workload_control import WorkloadControlVerifier
from weft.catalog.announcing import Announcer
from weft.catalog.catalog import Catalog
from weft.catalog.fabric_types import published_type
from weft.catalog.item_types import Backend, Dedup, ItemType, RunsAs
from weft.catalog.model import Role
from weft.catalog.principals import KnownPrincipal, as_known
from weft.catalog.roles import Roles
from weft.catalog.webhook_addresses import UrlPolicy
from weft.catalog.webhooks import Webhooks
from weft.contracts.core import InvokeType
from weft.engine.advancing import Advancing
from weft.engine.clock import AdjustableClock
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.jobs import Completed, Failed, Job, JobError, JobKey, Outcome, Stopped
from weft.engine.lifecycle import Event
from weft.engine.scheduler import Scheduler
from weft.engine.schedules import Schedules
from weft.faces.core import extra, routes
from weft.faces.core.face import CoreFace
from weft.faces.core.rates import meter_of
from weft.faces.core.scheduled import ScheduledRuns
from weft.faces.core.timetables import timetable_of
from weft.faces.core.waits import Waits
from weft.faces.core.webhooks import event_of
from weft.faces.routing import FaceMount
from weft.settings import Limits, Pace, Rates
from weft.stores.sqlite import SqliteStore

WORKLOAD = "Contoso.FinanceAnalytics"
FORECAST = "Contoso.FinanceAnalytics.Forecast"
JOB_TYPES = {
    FORECAST: ("calculateForecast", "ForecastAsync"),
    "Notebook": ("RunNotebook", "Execute"),
    "DataPipeline": ("Pipeline",),
    "SparkJobDefinition": ("sparkjob",),
}
ALL_SCOPES = (
    "Workspace.ReadWrite.All",
    "Item.ReadWrite.All",
    "Item.Execute.All",
    "Capacity.ReadWrite.All",
)
WORKER = "worker"
LEASE = timedelta(seconds=30)
NOWHERE = "00000000-0000-0000-0000-00000000dead"
HOST = "127.0.0.1:7431"


class SettableClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 4, 27, 7, 11, 35, 247000, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class KnownTypes:
    """A directory of the types above, and of the published ones, which nobody runs.

    A test may say what is de-duplicated, and whose app owns a type.
    """

    def __init__(self, publisher_tenant: str) -> None:
        self._backend = Backend(workload=WORKLOAD, audience="", publisher_tenant=publisher_tenant)
        self.dedups: dict[str, Dedup] = {}
        self.app_ids: dict[str, str] = {}
        self.mapped: dict[str, RunsAs] = {}

    def find(self, name: str) -> ItemType | None:
        known = self.item_type(name)
        if known is None:
            return None
        app_id = self.app_ids.get(known, "")
        return ItemType(name=known, backend=self._backend, job_types=JOB_TYPES.get(known, ()), app_id=app_id)

    def item_type(self, name: str) -> str | None:
        owned = (known for known in JOB_TYPES if known.lower() == name.lower())
        return next(owned, published_type(name))

    def job_type(self, item_type: str, name: str) -> str | None:
        return next((known for known in JOB_TYPES.get(item_type, ()) if known.lower() == name.lower()), None)

    def dedup(self, item_type: str, invoke_type: InvokeType) -> Dedup:
        return self.dedups.get(item_type, Dedup.NONE) if invoke_type is InvokeType.MANUAL else Dedup.NONE

    def runs_as(self, item_type: str, job_type: str) -> RunsAs | None:
        return self.mapped.get(item_type)


class OverTls:
    """An app whose requests came through TLS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "scheme": "https"}, receive, send)


@dataclass
class Served:
    """What the tests hold. *owner* is told of items, and is every type's workload.

    *registered* says for which workload an app was registered, *hosted* which workload job does the work of a
    Core job.
    """

    path: Path
    store: SqliteStore
    engine: Engine
    scheduler: Scheduler
    clock: SettableClock
    issuer: Issuer
    home: Home
    verifier: BearerVerifier
    app: Starlette
    types: KnownTypes
    owner: Owner
    core: CoreFace
    users: Users
    apps: Apps
    registered: dict[str, str] = field(default_factory=dict)
    hosted: dict[str, JobKey] = field(default_factory=dict)
    waits: Waits = field(default_factory=Waits)
    announcer: Announcer = field(init=False)

    def __post_init__(self) -> None:
        self.announcer = Announcer(self.engine, self.store, event_of)

    def token(self, user: str = "admin", *scopes: str, app: bool = False, tenant: str | None = None) -> str:
        return self.issuer.core_token(
            user,
            tenant or self.home.tenant,
            () if app else scopes or ALL_SCOPES,
            app,
            timedelta(hours=1),
        )

    def user_id(self, user: str) -> str:
        return self.known(self.token(user)).id

    def known(self, token: str) -> KnownPrincipal:
        return as_known(self.verifier.verify([f"Bearer {token}"]))

    async def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        """Send *body* as JSON, or *raw* as it is; as the user `admin` unless *token* says otherwise."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        named = {"Authorization": f"Bearer {token or self.token()}", "Content-Type": "application/json"}
        named.update(headers or {})
        return await InProcess(self.app, host=HOST).send(
            Request(method, target, tuple(named.items()), content)
        )

    async def send(self, method: str, target: str, authorization: str | None) -> Answer:
        """Send a request with just this Authorization, or without one."""
        headers = () if authorization is None else (("Authorization", authorization),)
        return await InProcess(self.app, host=HOST).send(Request(method, target, headers))

    async def made(self, target: str, body: Any, **how: Any) -> str:
        """Create something; return its id."""
        answer = await self.call("POST", target, body, **how)
        assert answer.status == 201, answer.body
        id: str = answer.json()["id"]
        return id

    async def place(self, name: str = "plans", *, item_type: str = FORECAST, **how: Any) -> Place:
        """Create a workspace with an item."""
        workspace = await self.made("/v1/workspaces", {"displayName": name}, **how)
        item = await self.item(workspace, "sales", item_type=item_type, **how)
        return Place(workspace, item)

    async def item(self, workspace: str, name: str, *, item_type: str = FORECAST, **how: Any) -> str:
        body = {"displayName": name, "type": item_type}
        return await self.made(f"/v1/workspaces/{workspace}/items", body, **how)

    async def run(self, place: Place, job_type: str = "calculateForecast", **how: Any) -> str:
        """Run a job; return its instance id."""
        answer = await self.call("POST", f"{place.jobs}/{job_type}/instances", **how)
        assert answer.status == 202, answer.body
        return str(answer.header("x-ms-job-id"))

    async def grant(self, place: Place, user: str, role: Role) -> str:
        """Give *user* a role; return a token."""
        token = self.token(user)
        await self.store.give_role(place.workspace, self.known(token), role)
        return token

    async def dispatched(self) -> Job:
        """Claim the only waiting job, as the caller's worker would."""
        [job] = await self.engine.claim("core", Event.DISPATCH, worker=WORKER, limit=1, lease=LEASE)
        return job

    async def started(self) -> Job:
        return await self.engine.started(await self.dispatched(), self.clock.now())

    async def ended(self, outcome: Outcome) -> Job:
        return await self.engine.finish(await self.started(), outcome, cancel_wins=False)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to change what no call of ours changes yet."""
        with closing(sqlite3.connect(self.path)) as database, database:
            yield database

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table."""
        return dump(self.path)


@dataclass(frozen=True)
class Place:
    """An item in its workspace."""

    workspace: str
    item: str

    @property
    def path(self) -> str:
        return f"/v1/workspaces/{self.workspace}/items/{self.item}"

    @property
    def jobs(self) -> str:
        return f"{self.path}/jobs"

    def instance(self, id: str) -> str:
        return f"{self.jobs}/instances/{id}"

    def key(self, id: str) -> JobKey:
        return JobKey(f"core/{self.workspace}/{self.item}", id)


OUTCOMES: Mapping[str, Outcome] = {
    "Completed": Completed(b'{"mape": 4.5}'),
    "Failed": Failed(JobError("JobInstanceStatusFailed", "")),
    "Cancelled": Stopped(),
}


@dataclass(frozen=True)
class Identity:
    """Keys and home tenant, which all tests share: a key takes long to make."""

    keys: Keys
    home: Home


def serve(
    directory: Path,
    identity: Identity,
    *,
    page_size: int = 100,
    writes_waiting: int = 100,
    rates: Rates = Rates(),  # noqa: B008 - frozen
    is_movable: bool = True,
) -> Served:
    """*is_movable*: whether the clock can be moved on, as in the local profile."""
    clock = SettableClock()
    moved = AdjustableClock.open(directory / "clock", clock)
    keys, home = identity.keys, identity.home
    path = directory / "weft.db"
    store = SqliteStore.open(path, writes_waiting=writes_waiting)
    engine = Engine(store, moved, Events(), steady=clock)
    verifier = BearerVerifier(keys, CORE_AUDIENCES, clock)
    hosted: dict[str, JobKey] = {}
    registered: dict[str, str] = {}
    types, owner, waits = KnownTypes(home.tenant), Owner(), Waits(tick_seconds=0.02)
    catalog = Catalog(store, engine, moved, stop_seconds=0.05, lifecycle=owner)
    schedules = Schedules(store, moved, read=timetable_of)
    scheduler = Scheduler(
        schedules, engine, ScheduledRuns(store, types), misfire_grace=timedelta(minutes=5), catch_up=0
    )
    advancing = Advancing(moved, scheduler, engine.events, settles_within=timedelta(0))
    users, apps = Users(private_directory(directory), home.tenant), Apps(directory, home.tenant)
    core = CoreFace(
        engine=engine,
        schedules=schedules,
        catalog=catalog,
        roles=Roles(catalog, store, RegisteredPrincipals(users, apps, home.tenant)),
        verifier=verifier,
        control=WorkloadControlVerifier(keys, CORE_AUDIENCES, clock),
        advancing=advancing if is_movable else None,
        workload_of_app=registered.get,
        directory=types,
        pace=Pace(
            poll=timedelta(seconds=1),
            retry_after_seconds=60,
            keeps_finished_per_item=None,
        ),
        limits=Limits(body_bytes=64 * 1024, body_seconds=5.0),
        secret=keys.secret,
        hosted_key=lambda job: hosted.get(job.key.id),
        page_size=page_size,
        meter=meter_of(rates, clock),
        waits=waits,
        changes=store,
        webhooks=Webhooks(
            catalog,
            store,
            engine,
            clock,
            seal=WebhookSeal(keys.secret),
            policy=UrlPolicy(("ci.contoso.com", "*.fabrikam.com")),
            changed=lambda: None,
        ),
    )
    app = Starlette(routes=[FaceMount("/v1", routes.routes(core)), FaceMount("/weft/v1", extra.routes(core))])
    issuer = Issuer(keys, clock, home)
    return Served(
        path=path,
        store=store,
        engine=engine,
        scheduler=scheduler,
        clock=clock,
        issuer=issuer,
        home=home,
        verifier=verifier,
        app=app,
        types=types,
        owner=owner,
        core=core,
        users=users,
        apps=apps,
        registered=registered,
        hosted=hosted,
        waits=waits,
    )
