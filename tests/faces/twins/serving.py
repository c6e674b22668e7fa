"""A Twins face over a real job store, real keys and a real engine, in this process; nobody imports."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from tests import dump
from tests.transcripts.clients import InProcess
from tests.transcripts.player import Answer, Request
from weft.auth.bearer import BearerVerifier
from weft.auth.home import Home
from weft.auth.issuer import TWINS_AUDIENCES, Issuer
from weft.auth.keys import Keys
from weft.blobs.policy import Policy
from weft.blobs.secrets import key_from
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.jobs import Job, Outcome
from weft.engine.lifecycle import Event
from weft.faces.doors import Doors
from weft.faces.twins import routes
from weft.faces.twins.blobs import Blobs
from weft.faces.twins.doors import envelope
from weft.faces.twins.face import Rate, TwinsFace
from weft.faces.twins.rate import OneRequestAtATime, Unlimited
from weft.settings import BlobSettings, Limits, Pace, TwinsSettings
from weft.stores.sqlite import SqliteStore
from weft.twins.bulk_jobs import BulkJobs
from weft.twins.graph import Graph

HOST = "127.0.0.1:7431"
VERSION = "api-version=2023-10-31"
IMPORTS = "/jobs/imports"
DELETIONS = "/jobs/deletions"
WORKER = "worker"
LEASE = timedelta(seconds=30)
LIMIT_BYTES = 64 * 1024
STORAGE = "https://azsdknew9.blob.core.windows.net"
KEY = key_from(b"a secret")
ELSEWHERE = "00000000-0000-4000-8000-00000000dead"
"""A tenant that is not at home here."""


class SettableClock:
    def __init__(self) -> None:
        self.time = datetime(2025, 5, 2, 15, 7, 44, 468896, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> datetime:
        self.time += timedelta(**by)
        return self.time


class OverTls:
    """An app whose requests came through TLS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "scheme": "https"}, receive, send)


class ForgetfulGraph:
    """Of the graph, what deleting a job needs."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []

    async def forget(self, job: str) -> None:
        self.forgotten.append(job)


@dataclass
class Served:
    """What the tests hold."""

    directory: Path
    store: SqliteStore
    engine: Engine
    clock: SettableClock
    issuer: Issuer
    home: Home
    verifier: BearerVerifier
    graph: ForgetfulGraph
    app: ASGIApp

    def token(self, user: str = "admin", *scopes: str, app: bool = False, tenant: str | None = None) -> str:
        return self.issuer.twins_token(user, tenant, scopes or None, app)

    def user_id(self, user: str) -> str:
        return self.verifier.verify([f"Bearer {self.token(user)}"]).id

    @property
    def uris(self) -> dict[str, str]:
        """A body that is accepted."""
        return {
            "inputBlobUri": str(self.directory / "in.ndjson"),
            "outputBlobUri": str(self.directory / "out.ndjson"),
        }

    async def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        version: str = VERSION,
    ) -> Answer:
        """Send *body* as JSON, or *raw* as it is; as the user `admin` unless *token* says otherwise."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        named = {"Authorization": f"Bearer {token or self.token()}", "Content-Type": "application/json"}
        named.update(headers or {})
        asked = f"{target}{'&' if '?' in target else '?'}{version}" if version else target
        return await self.send(Request(method, asked, tuple(named.items()), content))

    async def send(self, request: Request, *, tls: bool = False) -> Answer:
        return await InProcess(OverTls(self.app) if tls else self.app, host=HOST).send(request)

    async def add(self, id: str = "job1", **how: Any) -> Answer:
        return await self.call("PUT", f"{IMPORTS}/{id}", self.uris, **how)

    async def added(self, id: str = "job1") -> dict[str, Any]:
        answer = await self.add(id)
        assert answer.status == 201, answer.body
        return dict(answer.json())

    async def get(self, id: str = "job1") -> dict[str, Any]:
        answer = await self.call("GET", f"{IMPORTS}/{id}")
        assert answer.status == 200, answer.body
        return dict(answer.json())

    async def delete_all(self, id: str | None = None, *, query: str = "", **how: Any) -> Answer:
        headers = {} if id is None else {"operation-id": id}
        return await self.call("POST", f"{DELETIONS}{query}", headers=headers, **how)

    async def cancel(self, id: str = "job1", **how: Any) -> Answer:
        return await self.call("POST", f"{IMPORTS}/{id}/cancel", **how)

    async def claimed(self) -> Sequence[Job]:
        """Claim one waiting job, as the worker would, if there is one."""
        return await self.engine.claim("twins", Event.START, worker=WORKER, limit=1, lease=LEASE)

    async def started(self) -> Job:
        """Claim the only waiting job."""
        [job] = await self.claimed()
        return job

    async def ended(self, outcome: Outcome) -> Job:
        """Start the only waiting job, and end it."""
        return await self.end(await self.started(), outcome)

    async def end(self, job: Job, outcome: Outcome) -> Job:
        return await self.engine.finish(job, outcome, cancel_wins=False)

    def dump(self) -> dict[str, list[tuple[object, ...]]]:
        """Return every row of every table."""
        return dump.dump(self.directory / "weft.db")


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
    bulk_jobs: int = 1,
    writes_waiting: int = 100,
    limited: bool = False,
) -> Served:
    """*limited*: the rate limit of the service profile is kept."""
    clock = SettableClock()
    keys, home = identity.keys, identity.home
    store = SqliteStore.open(directory / "weft.db", writes_waiting=writes_waiting)
    engine = Engine(store, clock, Events())
    verifier = BearerVerifier(keys, TWINS_AUDIENCES, clock)
    graph = ForgetfulGraph()
    rate: Rate = OneRequestAtATime(clock) if limited else Unlimited()
    twins = TwinsFace(
        engine=engine,
        bulk=BulkJobs(engine, cast(Graph, graph), store_id=store.store_id, most=bulk_jobs),
        graph=cast(Graph, graph),
        blobs=Blobs(Policy(BlobSettings(roots=(directory,), hosts=(STORAGE,))), KEY),
        verifier=verifier,
        tenant=home.tenant,
        pace=Pace(poll=timedelta(seconds=1), retry_after_seconds=1, keeps_finished_per_item=None),
        limits=Limits(body_bytes=LIMIT_BYTES, body_seconds=0.5),
        settings=TwinsSettings(bulk_jobs=bulk_jobs),
        secret=keys.secret,
        rate=rate,
        page_size=page_size,
    )
    app = Doors(Starlette(routes=routes.routes(twins)), default=envelope, envelopes={}, requests_at_once=100)
    issuer = Issuer(keys, clock, home)
    return Served(directory, store, engine, clock, issuer, home, verifier, graph, app)
