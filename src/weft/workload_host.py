"""A host of workloads on its own: mounted in another application, or served by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from starlette.types import ASGIApp, Receive, Scope, Send

from weft import logs
from weft.auth.apps import Apps
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.auth.on_behalf import LocalTokens
from weft.auth.private_files import private_directory
from weft.auth.resources import Resources
from weft.auth.sealed import SubjectSeal
from weft.catalog.tokens import NoPermissions, NoTokens, TokenSource
from weft.engine.clock import SystemClock
from weft.engine.engine import Engine
from weft.engine.errors import StoreUnavailable
from weft.engine.events import Events
from weft.engine.maintenance import Maintenance, Retention
from weft.engine.ports import Clock
from weft.faces import public
from weft.faces.doors import Doors
from weft.faces.routing import FaceMount, application
from weft.faces.workload import doors as workload_doors
from weft.faces.workload import routes as workload_routes
from weft.faces.workload.errors import answer_to
from weft.host_parts import HostParts, Trusted
from weft.hosted import HostedDefinitions, hosted_item_types
from weft.kit.workload import Workload, load_workload
from weft.runners.granting import Sources
from weft.serving import Stopping, answers, in_url, listen, run, take_back_jobs
from weft.settings import RunnerSettings, Settings, data_directory
from weft.stores.sqlite.store import SqliteStore
from weft.workloads import Registry

if TYPE_CHECKING:
    from weft.auth.entra import EntraTokens
    from weft.auth.remote_keys import RemoteKeys
    from weft.runners.permissions import ResolvedPermissions

BASE_PATH = "/workload"
HOSTS_DIRECTORY = "hosts"


class Host:
    """Workloads with a store, processes and trust of their own; `opened` and `working` are its whole life."""

    def __init__(
        self, settings: Settings, trusted: Trusted, *, owns_all_children: bool, clock: Clock | None = None
    ) -> None:
        """Blocks. Raises what refuses a start, see `serve_workloads`."""
        self.stopping = Stopping()
        self._settings = settings
        clock = clock or SystemClock()
        workloads = [load_workload(name) for name in settings.workloads]
        if not trusted.publisher_tenant:
            trusted = replace(trusted, publisher_tenant=Home.open(settings.data).tenant)
        registry = Registry(hosted_item_types(workloads, trusted.publisher_tenant))
        own = Keys.open(settings.data)
        self._remote_keys = _remote_keys(trusted, clock)
        seal = SubjectSeal(own.secret) if trusted.client_secret else None
        self._entra = None if seal is None else _entra(trusted, seal, clock)
        self._store = SqliteStore.open(
            _database(settings.data, workloads), writes_waiting=settings.limits.writes_waiting
        )
        self._engine = Engine(self._store, clock, Events())
        tokens: TokenSource = self._entra or NoTokens()
        if not (trusted.issuer or self._entra):
            tokens = _local_tokens(settings.data, own, trusted.audiences(workloads), registry, clock)
        self._permissions = _permissions(trusted, tokens)
        self._parts = HostParts(
            settings,
            trusted,
            engine=self._engine,
            store=self._store,
            workloads=workloads,
            keys=self._remote_keys or own,
            owns_all_children=owns_all_children,
            sources=Sources(
                tokens=tokens,
                permissions=self._permissions or NoPermissions(),
                definitions=HostedDefinitions(self._store),
                clock=clock,
            ),
            seal=seal,
        )
        self._work: asyncio.Task[None] | None = None
        self._ready = False

    def asgi(self, *, base_path: str, hosts: Collection[str]) -> ASGIApp:
        """Return the face behind its doors, at *base_path*, or at the root of what it is mounted in."""
        routes = workload_routes.routes(self._parts.face)
        if base_path:
            routes = [FaceMount(base_path, routes), *public.health(self._readiness)]
        return Doors(
            application(routes),
            default=workload_doors.envelope,
            hosts=hosts,
            requests_at_once=self._settings.limits.requests_at_once,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        """Be open for calls, whose jobs wait; what a host before left running is ended first."""
        async with AsyncExitStack() as parts:
            parts.push_async_callback(self._store.close)
            for asking in (self._remote_keys, self._entra, self._permissions):
                if asking is not None:
                    await asking.start()
                    parts.push_async_callback(asking.close)
            await self._parts.processes.start()
            parts.push_async_callback(self._parts.processes.close)
            await take_back_jobs(self._engine)
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
                await self._parts.workers.end(self._settings.shutdown_grace, self.stopping)
                await asyncio.wait([self._work])
                upkeep.cancel()

    def _maintenance(self) -> Maintenance:
        return Maintenance(
            self._engine,
            self._parts.workers.all,
            Retention(length=self._settings.retention),
            every=self._settings.maintenance_every,
        )

    async def _readiness(self) -> Mapping[str, bool]:
        return {
            "store": await answers(self._store),
            "keys": self._remote_keys is None or self._remote_keys.is_current,
            "workers": self._work is not None and not self._work.done(),
            "serving": self._ready,
        }


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
    core: str = "",
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
        core=core,
    )
    return HostApp(settings, trusted, hosts)


# ---- a server of its own


def serve_workloads(settings: Settings, trusted: Trusted) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises what refuses a start: stores.errors.StoreError, auth.errors.DataRefused,
    catalog.addresses.AddressRefused, engine.errors.StoreUnavailable, kit.errors.WorkloadNotLoaded,
    auth.errors.EntraMissing, workloads.ItemTypeTaken, OSError for an address in use.
    """
    logs.configure()
    host = Host(settings, trusted, owns_all_children=True)
    return run(_serve(host, settings))


async def _serve(host: Host, settings: Settings) -> None:
    stop_serving = asyncio.Event()
    with host.stopping.on_signals():
        async with host.opened(), asyncio.TaskGroup() as tasks:
            app = host.asgi(base_path=BASE_PATH, hosts=(in_url(settings.host),))
            port, serving = await listen(tasks, app, settings, stop=stop_serving)
            async with host.working():
                url = f"{settings.scheme}://{in_url(settings.host)}:{port}{BASE_PATH}"
                print(f"weft workload ready {url}", flush=True)  # noqa: T201 - the published first line
                await host.stopping.wait()
            stop_serving.set()
            if not await host.stopping.unless_hurried(serving):
                serving.cancel()


def _remote_keys(trusted: Trusted, clock: Clock) -> RemoteKeys | None:
    if not trusted.issuer:
        return None
    from weft.auth.remote_keys import RemoteKeys  # noqa: PLC0415 - loads an HTTP client

    return RemoteKeys(trusted.issuer, clock)


def _entra(trusted: Trusted, seal: SubjectSeal, clock: Clock) -> EntraTokens:
    from weft.auth.entra import ENTRA, EntraApp, EntraTokens, authority_of  # noqa: PLC0415 - as above

    app = EntraApp(
        client_id=trusted.client_id,
        client_secret=trusted.client_secret,
        tenant=trusted.publisher_tenant,
        authority=authority_of(trusted.issuer) if trusted.issuer else ENTRA,
    )
    return EntraTokens(app, seal, clock)


def _permissions(trusted: Trusted, tokens: TokenSource) -> ResolvedPermissions | None:
    if not trusted.core:
        return None
    from weft.runners.permissions import ResolvedPermissions  # noqa: PLC0415 - see `_entra`

    return ResolvedPermissions(trusted.core, tokens)


def _local_tokens(
    data: Path, keys: Keys, audiences: Mapping[str, str], registry: Registry, clock: Clock
) -> TokenSource:
    """Return what signs tokens for jobs with the key in the data directory, which is trusted here."""
    home = Home.open(data)
    resources = Resources(Apps(data, home.tenant), set(audiences.values()))
    return LocalTokens(Issuer(keys, clock, home), resources, registry.find, clock)


def _database(data: Path, workloads: Sequence[Workload]) -> Path:
    """Return the file of the host's own store: a server may have the same data directory, and its keys."""
    return private_directory(private_directory(data) / HOSTS_DIRECTORY) / f"{workloads[0].name}.db"
