"""A host of workloads: what runs their functions as jobs, as a part of any server, and as one of its own."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import uvloop
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from weft import logs
from weft.auth.apps import Apps
from weft.auth.entra import ENTRA, EntraApp, EntraTokens, authority_of
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.auth.on_behalf import LocalTokens
from weft.auth.private_files import private_directory
from weft.auth.remote_keys import RemoteKeys
from weft.auth.resources import Resources
from weft.auth.sealed import SubjectSeal
from weft.auth.subject_and_app import SubjectAndAppVerifier, resource_id
from weft.auth.trust import KeySource
from weft.catalog import scopes
from weft.catalog.tokens import NoTokens, TokenSource
from weft.engine.clock import SystemClock
from weft.engine.engine import Engine
from weft.engine.errors import StoreUnavailable
from weft.engine.events import Events
from weft.engine.jobs import Job, RunPolicy
from weft.engine.lifecycle import Event
from weft.engine.maintenance import Maintenance, Retention
from weft.engine.ports import Clock
from weft.engine.worker import Habits, Worker
from weft.faces import public
from weft.faces.doors import Doors
from weft.faces.routing import FaceMount
from weft.faces.server import serve
from weft.faces.workload import doors as workload_doors
from weft.faces.workload import routes as workload_routes
from weft.faces.workload.errors import answer_to
from weft.faces.workload.routes import WorkloadHost
from weft.hosted import HostedWorkloads
from weft.kit.workload import Workload, load_workload
from weft.runners.granting import Grants
from weft.runners.processes import ONCE, ProcessRunner
from weft.settings import RunnerSettings, Settings, data_directory
from weft.stores.sqlite.store import SqliteStore
from weft.workloads import Registry

BASE_PATH = "/workload"
HOSTS_DIRECTORY = "hosts"
STOP_MARGIN_SECONDS = 5
HOOKS_AT_ONCE = 2

log = logging.getLogger(__name__)


class ItemTypeTwice(Exception):
    """Two of the workloads have one item type."""

    def __init__(self, item_type: str) -> None:
        super().__init__(f"two workloads have the item type {item_type!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """Whose calls a host takes: those of the local issuer, unless something else is said.

    *issuer*: the address of the issuer whose keys sign the tokens; "": the keys in the data directory.
    *audience*: whom they are for; "": each workload, under its local name. *publisher_tenant*: whose app
    calls; "": the data directory's own. *client_id*: the audience of version 2.0 tokens; "": the same.
    *client_secret*: that of the workload's app, with which jobs get tokens of the issuer; "": they get none
    of it.
    """

    issuer: str = ""
    audience: str = ""
    publisher_tenant: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)

    def audiences(self, workloads: Sequence[Workload]) -> Mapping[str, str]:
        """Return the audience for each item type of *workloads*."""
        return {
            item_type: self.audience or resource_id(self.publisher_tenant, workload.name)
            for workload in workloads
            for item_type in workload.item_types
        }

    def client_ids(self, audiences: Mapping[str, str]) -> Mapping[str, str]:
        return dict.fromkeys(audiences.values(), self.client_id) if self.client_id else {}


class Policies:
    """How the jobs of *workloads* are run, and the queues in which they wait for it."""

    def __init__(self, workloads: Sequence[Workload]) -> None:
        self._known = {name: workload.policy(*name) for workload in workloads for name in workload.jobs}

    def __call__(self, job: Job) -> RunPolicy:
        """A hook is called once, for as long as its caller waits."""
        return self._known.get((job.labels.get("item_type", ""), job.kind), ONCE)

    def own_queues(self, at_once: int) -> Mapping[str, int]:
        """Return the queue of each type, and how many of its jobs may run at once, at most *at_once*.

        A type has its queue whether it is limited or not: it may have been when a job was submitted.
        """
        return {
            scopes.own_queue(*name): min(policy.concurrency or at_once, at_once)
            for name, policy in self._known.items()
        }


class Workers:
    """The workers of a host: jobs have one, and hooks another, so that no job keeps a hook waiting."""

    def __init__(self, *workers: Worker) -> None:
        self.all = workers

    @property
    def busy(self) -> int:
        """How many jobs and hooks are held."""
        return sum(worker.busy for worker in self.all)

    async def work(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for worker in self.all:
                tasks.create_task(worker.work())

    async def drain(self, grace: timedelta) -> None:
        await asyncio.gather(*(worker.drain(grace) for worker in self.all))


class HostParts:
    """What makes functions jobs: processes that run them, a worker that hands them out, the face.

    A server has them beside its other parts, a host has little else. *trusted* names a publisher tenant.
    *grants*: where jobs get their tokens from. *seal*: keeps the users' tokens that this needs. See
    ProcessRunner for *owns_all_children*.
    """

    def __init__(  # noqa: PLR0913 - each is a part of its own
        self,
        settings: Settings,
        trusted: Trusted,
        *,
        engine: Engine,
        store: SqliteStore,
        workloads: Sequence[Workload],
        keys: KeySource,
        owns_all_children: bool,
        grants: Grants | None = None,
        seal: SubjectSeal | None = None,
    ) -> None:
        audiences = trusted.audiences(workloads)
        policies = Policies(workloads)
        jobs_at_once = settings.runner.processes
        hooks_at_once = HOOKS_AT_ONCE if any(workload.hooks for workload in workloads) else 0
        self.processes = ProcessRunner(
            replace(settings.runner, processes=jobs_at_once + hooks_at_once),
            command=[sys.executable, "-m", "weft.kit.process", *settings.workloads],
            environment=os.environ,
            marker=store.store_id,
            owns_all_children=owns_all_children,
            grants=grants,
            policy=policies,
        )
        jobs = Habits(
            queue=scopes.HOSTED,
            slots=jobs_at_once,
            narrow=policies.own_queues(jobs_at_once),
            begins=Event.START,
            cancel_wins=True,
            adopts=False,
        )
        hooks = replace(jobs, queue=scopes.HOOKS, slots=max(1, hooks_at_once), narrow={})
        self.workers = Workers(*(Worker(engine, self.processes, habits) for habits in (jobs, hooks)))
        self.face = WorkloadHost(
            engine,
            workloads,
            SubjectAndAppVerifier(
                keys,
                trusted.publisher_tenant,
                sorted(set(audiences.values())),
                engine.clock,
                client_ids=trusted.client_ids(audiences),
            ),
            items=store,
            audiences=audiences,
            limits=settings.limits,
            settings=settings.hosting,
            stop_seconds=settings.runner.cancel_grace.total_seconds() + STOP_MARGIN_SECONDS,
            seal=seal,
        )


class Host:
    """Workloads with a store, processes and trust of their own; `opened` and `working` are its whole life."""

    def __init__(
        self, settings: Settings, trusted: Trusted, *, owns_all_children: bool, clock: Clock | None = None
    ) -> None:
        """Blocks. Raises what refuses a start, see `serve_workloads`."""
        self._settings = settings
        self._clock = clock or SystemClock()
        workloads = [load_workload(name) for name in settings.workloads]
        _check_item_types(workloads)
        if not trusted.publisher_tenant:
            trusted = replace(trusted, publisher_tenant=Home.open(settings.data).tenant)
        self._remote = RemoteKeys(trusted.issuer, self._clock) if trusted.issuer else None
        keys: KeySource = self._remote or Keys.open(settings.data)
        self._store = SqliteStore.open(
            _database(settings.data, workloads), writes_waiting=settings.limits.writes_waiting
        )
        self._engine = Engine(self._store, self._clock, Events())
        own = Keys.open(settings.data)
        seal = SubjectSeal(own.secret) if trusted.client_secret else None
        self._entra = None if seal is None else EntraTokens(_app(trusted), seal, self._clock)
        if trusted.issuer or self._entra is not None:
            tokens: TokenSource = self._entra or NoTokens()
        else:
            tokens = _local_tokens(settings.data, own, trusted, workloads, self._clock)
        self._parts = HostParts(
            settings,
            trusted,
            engine=self._engine,
            store=self._store,
            workloads=workloads,
            keys=keys,
            owns_all_children=owns_all_children,
            grants=Grants(tokens=tokens, clock=self._clock),
            seal=seal,
        )
        self._work: asyncio.Task[None] | None = None
        self._ready = False
        self._hurried = asyncio.Event()

    def asgi(self, *, base_path: str, hosts: Collection[str]) -> ASGIApp:
        """Return the face behind its doors, at *base_path*, or at the root of what it is mounted in."""
        routes = workload_routes.routes(self._parts.face)
        if base_path:
            routes = [FaceMount(base_path, routes), *public.health(self._readiness)]
        face = Starlette(routes=routes)
        face.router.redirect_slashes = False  # no published address answers with a redirect
        return Doors(
            face,
            default=workload_doors.envelope,
            envelopes={},
            hosts=hosts,
            requests_at_once=self._settings.limits.requests_at_once,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        """Be open for calls, whose jobs wait; what a host before left running is ended first."""
        async with AsyncExitStack() as parts:
            parts.push_async_callback(self._store.close)
            if self._remote is not None:
                await self._remote.start()
                parts.push_async_callback(self._remote.close)
            if self._entra is not None:
                await self._entra.start()
                parts.push_async_callback(self._entra.close)
            await self._parts.processes.start()
            parts.push_async_callback(self._parts.processes.close)
            await self._take_back_jobs()
            yield self

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run jobs; at the end let those that run end within the grace, then stop them."""
        async with asyncio.TaskGroup() as tasks:
            self._work = tasks.create_task(self._parts.workers.work(), name="workers of the host")
            upkeep = tasks.create_task(self._maintenance().run(), name="maintenance of the host")
            self._ready = True
            try:
                yield
            finally:
                self._ready = False
                await self._drain()
                await asyncio.wait([self._work])
                upkeep.cancel()

    def hurry(self) -> None:
        """End what still runs at once."""
        self._hurried.set()

    async def unless_hurried(self, work: asyncio.Future[None]) -> bool:
        """Wait for the end of *work* or for `hurry`; return whether the work has ended."""
        hurried = asyncio.ensure_future(self._hurried.wait())
        either: set[asyncio.Future[Any]] = {work, hurried}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        return work.done()

    async def _take_back_jobs(self) -> None:
        """The lock on the store proves that no other host lives: its leases are over now."""
        await self._store.expire_leases(self._clock.now())
        while await self._engine.rescue():
            pass

    async def _drain(self) -> None:
        workers = self._parts.workers
        if workers.busy:
            grace = self._settings.shutdown_grace.total_seconds()
            log.warning("stopping", extra={"waits_for_jobs": workers.busy, "at_most_seconds": grace})
        drained = asyncio.ensure_future(workers.drain(self._settings.shutdown_grace))
        if not await self.unless_hurried(drained):
            await workers.drain(timedelta(0))
        await drained

    def _maintenance(self) -> Maintenance:
        return Maintenance(
            self._engine,
            self._parts.workers.all,
            Retention(length=self._settings.retention),
            every=self._settings.maintenance_every,
        )

    async def _readiness(self) -> Mapping[str, bool]:
        return {
            "store": await self._store_answers(),
            "keys": self._remote is None or self._remote.is_current,
            "workers": self._work is not None and not self._work.done(),
            "serving": self._ready,
        }

    async def _store_answers(self) -> bool:
        try:
            await self._store.workspace("")  # whichever: one look, whose cost does not grow with the store
        except StoreUnavailable:
            return False
        return True


# ---- mounted in another application


class HostApp:
    """Workloads as an ASGI application: mount it where you like, and run it with `running`.

    As an application of its own it runs from its lifespan's start to its end.
    """

    def __init__(self, settings: Settings, trusted: Trusted, hosts: Collection[str]) -> None:
        self._settings = settings
        self._trusted = trusted
        self._hosts = tuple(hosts)
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await answer_to(StoreUnavailable("the host of the workloads does not run")).send(send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Take calls and run jobs; at the end let those that run end within the grace, then stop them.

        The data is opened only now: a job's process imports the module of its workload, which may be the one
        that makes this application. Raises what refuses a start, see `serve_workloads`.
        """
        host = await asyncio.to_thread(Host, self._settings, self._trusted, owns_all_children=False)
        async with host.opened(), host.working():
            self._app = host.asgi(base_path="", hosts=self._hosts)
            try:
                yield self
            finally:
                self._app = None

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        stage = "startup"
        try:
            async with self.running():
                await send({"type": "lifespan.startup.complete"})
                await receive()
                stage = "shutdown"
        except Exception as error:
            await send({"type": f"lifespan.{stage}.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})


def host_app(  # noqa: PLR0913 - each says one thing of the host
    workloads: Sequence[str],
    *,
    data: Path | None = None,
    issuer: str = "",
    audience: str = "",
    publisher_tenant: str = "",
    client_id: str = "",
    client_secret: str = "",
    hosts: Collection[str] = (),
    processes: int | None = None,
    shutdown_grace: timedelta = timedelta(seconds=30),
) -> HostApp:
    """Return *workloads*, named as MODULE:ATTR, as an ASGI application.

    *hosts*: names that may stand in the header `Host`, beside those of the loopback device. For *issuer*,
    *audience*, *publisher_tenant*, *client_id* and *client_secret* see Trusted.
    """
    settings = Settings(
        data=data_directory(data),
        workloads=tuple(workloads),
        shutdown_grace=shutdown_grace,
        runner=RunnerSettings() if processes is None else RunnerSettings(processes=processes),
    )
    trusted = Trusted(
        issuer=issuer,
        audience=audience,
        publisher_tenant=publisher_tenant,
        client_id=client_id,
        client_secret=client_secret,
    )
    return HostApp(settings, trusted, hosts)


# ---- a server of its own


def serve_workloads(settings: Settings, trusted: Trusted) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises what refuses a start: stores.errors.StoreError, auth.errors.DataRefused,
    catalog.addresses.AddressRefused, engine.errors.StoreUnavailable, kit.errors.WorkloadNotLoaded,
    auth.entra.EntraMissing, ItemTypeTwice, OSError for an address in use.
    """
    logs.configure()
    host = Host(settings, trusted, owns_all_children=True)
    gc.freeze()  # as in app.run: what lives as long as the server is not walked again and again
    try:
        uvloop.run(_serve(host, settings))
    except BaseExceptionGroup as group:
        raise _first(group) from group
    return 0


async def _serve(host: Host, settings: Settings) -> None:
    told_to_stop = asyncio.Event()
    stop_serving = asyncio.Event()
    with _signals(told_to_stop, host.hurry):
        async with host.opened(), asyncio.TaskGroup() as tasks:
            ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            app = host.asgi(base_path=BASE_PATH, hosts=(_in_url(settings.host),))
            serving = tasks.create_task(serve(app, settings, ready=ready.set_result, stop=stop_serving))
            port = await ready
            async with host.working():
                url = f"{settings.scheme}://{_in_url(settings.host)}:{port}{BASE_PATH}"
                print(f"weft workload ready {url}", flush=True)  # noqa: T201 - the published first line
                await told_to_stop.wait()
            stop_serving.set()
            if not await host.unless_hurried(serving):
                serving.cancel()


@contextmanager
def _signals(told: asyncio.Event, told_again: Callable[[], None]) -> Iterator[None]:
    def hear() -> None:
        if told.is_set():
            told_again()
        told.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, hear)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)  # all is closed: nothing is left to be hurried


def _check_item_types(workloads: Sequence[Workload]) -> None:
    known: set[str] = set()
    for item_type in (item_type for workload in workloads for item_type in workload.item_types):
        if item_type.lower() in known:
            raise ItemTypeTwice(item_type)
        known.add(item_type.lower())


def _app(trusted: Trusted) -> EntraApp:
    return EntraApp(
        client_id=trusted.client_id,
        client_secret=trusted.client_secret,
        tenant=trusted.publisher_tenant,
        authority=authority_of(trusted.issuer) if trusted.issuer else ENTRA,
    )


def _local_tokens(
    data: Path, keys: Keys, trusted: Trusted, workloads: Sequence[Workload], clock: Clock
) -> TokenSource:
    """Return what signs tokens for jobs with the key in the data directory, which is trusted here."""
    home = Home.open(data)
    resources = Resources(Apps(data, home.tenant), set(trusted.audiences(workloads).values()))
    types = HostedWorkloads(workloads, trusted.publisher_tenant).item_types
    return LocalTokens(Issuer(keys, clock, home), resources, Registry(types).find, clock)


def _database(data: Path, workloads: Sequence[Workload]) -> Path:
    """Return the file of the host's own store: a server may have the same data directory, and its keys."""
    return private_directory(private_directory(data) / HOSTS_DIRECTORY) / f"{workloads[0].name}.db"


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
