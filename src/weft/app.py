"""The composition root: settings become a store, runners, an engine, faces and one running server."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import ssl
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from starlette.applications import Starlette
from starlette.types import ASGIApp

from weft import __version__, logs
from weft.auth.bearer import BearerVerifier
from weft.auth.certificate import Certificate
from weft.auth.home import Home
from weft.auth.issuer import CORE_AUDIENCES, Issuer
from weft.auth.keys import Keys
from weft.auth.on_behalf import LocalTokens
from weft.auth.workload_control import WorkloadControlVerifier
from weft.catalog import scopes
from weft.catalog.catalog import Catalog
from weft.engine.clock import SystemClock
from weft.engine.engine import Engine
from weft.engine.errors import StoreUnavailable
from weft.engine.events import Events
from weft.engine.lifecycle import Event
from weft.engine.maintenance import Maintenance, Retention
from weft.engine.ports import Clock
from weft.engine.worker import Habits, Worker
from weft.faces import public
from weft.faces.core import doors as core_doors
from weft.faces.core import extra
from weft.faces.core import routes as core_routes
from weft.faces.core.face import CoreFace
from weft.faces.doors import Doors
from weft.faces.login import doors as login_doors
from weft.faces.login import routes as login_routes
from weft.faces.onelake.face import LONGEST_APPEND_BYTES
from weft.faces.routing import FaceMount
from weft.faces.server import serve
from weft.faces.twins import doors as twins_doors
from weft.faces.twins import extra as twins_extra
from weft.faces.twins import routes as twins_routes
from weft.faces.workload import doors as workload_doors
from weft.faces.workload import routes as workload_routes
from weft.hosted import HostedHints, HostedLeftovers, HostedWorkloads, OwnPermissions, hosted_key
from weft.kit.workload import load_workload
from weft.local_fabric import FilesGoToo, LocalFabric
from weft.onelake.files import Files
from weft.runners.granting import Grants
from weft.runners.remote_workload import RemoteWorkloadRunner
from weft.runners.workload_lifecycle import WorkloadLifecycle
from weft.settings import Settings
from weft.stores.sqlite.store import SqliteStore
from weft.twins_service import TwinsService
from weft.workload_host import HostParts, Trusted
from weft.workloads import LocalCredentials, Registry, declared_item_types, hosted_as_declared

LETS_CORE_SEE_THE_END = timedelta(milliseconds=500)

log = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises what refuses a start: stores.errors.StoreError, auth.errors.DataRefused,
    engine.errors.StoreUnavailable, kit.errors.WorkloadNotLoaded, workloads.ItemTypeTaken, OSError for an
    address in use.
    """
    logs.configure()
    server = Server(settings)
    # What was made until now lives as long as the server: a collection that walks it stops every request
    # for 20 to 30 ms, several times a second under load.
    gc.freeze()
    try:
        uvloop.run(server.run())
    except BaseExceptionGroup as group:
        raise _first(group) from group
    return 0


class Server:
    """One weft server; `run` is its whole life."""

    def __init__(self, settings: Settings) -> None:
        clock = SystemClock()
        self._settings = settings
        self._keys = Keys.open(settings.data)
        self._home = Home.open(settings.data)
        self._issuer = Issuer(self._keys, clock, self._home)
        self._certificate = _certificate(settings, clock)
        workloads = [load_workload(name) for name in settings.workloads]
        self._registry = Registry(
            hosted_as_declared(
                HostedWorkloads(workloads, self._home.tenant).item_types,
                declared_item_types(settings, self._home.tenant),
            )
        )
        self._store = SqliteStore.open(
            settings.data / "weft.db", writes_waiting=settings.limits.writes_waiting
        )
        self._clock = clock
        self._engine = Engine(self._store, clock, Events())
        self._caller = self._remote_runner()
        files = Files.open(settings.data)
        self._catalog = Catalog(
            self._store,
            self._engine,
            self._clock,
            stop_seconds=settings.runner.cancel_grace.total_seconds() + 5,
            lifecycle=FilesGoToo(
                WorkloadLifecycle(settings.caller, directory=self._registry, line=self._caller.line), files
            ),
        )
        self._fabric = LocalFabric.open(
            settings,
            keys=self._keys,
            issuer=self._issuer,
            home=self._home,
            clock=clock,
            audiences=self._registry.audiences,
            catalog=self._catalog,
            files=files,
        )
        self._host = HostParts(
            settings,
            Trusted(publisher_tenant=self._home.tenant),
            engine=self._engine,
            store=self._store,
            workloads=workloads,
            keys=self._keys,
            owns_all_children=True,
            grants=Grants(
                tokens=LocalTokens(self._issuer, self._fabric.resources, self._registry.find, clock),
                permissions=OwnPermissions(self._catalog),
                clock=clock,
            ),
        )
        self._twins = TwinsService.open(
            settings,
            engine=self._engine,
            store_id=self._store.store_id,
            keys=self._keys,
            tenant=self._home.tenant,
            processes=self._host.processes,
            environment=os.environ,
        )
        self._core_worker = Worker(
            self._engine,
            self._caller,
            Habits(
                queue=scopes.CORE,
                slots=settings.caller.slots,
                begins=Event.DISPATCH,
                cancel_wins=False,
                adopts=True,
            ),
        )
        self._ready = False
        self._workers: list[asyncio.Task[None]] = []
        self._stop_serving = asyncio.Event()
        self._told_to_stop = asyncio.Event()
        self._told_again = asyncio.Event()

    async def run(self) -> None:
        """Serve until told to stop by a signal, then drain; a second signal ends what still runs at once."""
        async with AsyncExitStack() as parts:
            parts.enter_context(self._signals())
            parts.push_async_callback(self._store.close)
            parts.push_async_callback(self._twins.graph.close)
            parts.callback(self._fabric.close)
            await self._host.processes.start()  # first ends what a predecessor that was killed left running
            parts.push_async_callback(self._host.processes.close)
            await self._take_back_jobs()
            parts.push_async_callback(self._caller.close)
            await self._serve_and_work()

    async def _take_back_jobs(self) -> None:
        """The lock on the store proves that no other server lives: its leases are over now."""
        await self._store.expire_leases(self._clock.now())
        while await self._engine.rescue():
            pass

    async def _serve_and_work(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            core = self._core()
            port, serving = await self._listen(
                tasks,
                self._asgi(core),
                self._settings,
                None if self._certificate is None else self._certificate.server_context(),
            )
            fabric_port, serving_fabric = await self._listen(
                tasks,
                self._fabric.asgi(core, self._settings),
                self._fabric.listens(self._settings),
                self._fabric.authority.server_context(),
                body_bytes=LONGEST_APPEND_BYTES,
            )
            url = f"{self._settings.scheme}://{_in_url(self._settings.host)}:{port}"
            self._registry.served_at(f"{url}/workload", self._trust())
            self._workers = [
                tasks.create_task(self._host.workers.work()),
                tasks.create_task(self._call_workloads()),
                tasks.create_task(self._twins.worker.work()),
            ]
            upkeep = tasks.create_task(self._maintenance().run())
            with self._announced(url, fabric_port):
                await self._told_to_stop.wait()
                self._ready = False
                await self._drain()
                await asyncio.wait(self._workers)
            upkeep.cancel()
            self._stop_serving.set()
            if not await self._ends_before_told_again(asyncio.gather(serving, serving_fabric)):
                serving.cancel()
                serving_fabric.cancel()

    async def _call_workloads(self) -> None:
        """Load the caller only now: requests are served meanwhile, and their jobs wait for it."""
        await self._caller.start()
        await self._core_worker.work()

    async def _listen(
        self,
        tasks: asyncio.TaskGroup,
        app: ASGIApp,
        settings: Settings,
        tls: ssl.SSLContext | None,
        *,
        body_bytes: int | None = None,
    ) -> tuple[int, asyncio.Task[None]]:
        """Begin to serve *app*; return the port, and the task that serves."""
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        serving = tasks.create_task(
            serve(
                app, settings, ready=ready.set_result, stop=self._stop_serving, tls=tls, body_bytes=body_bytes
            )
        )
        return await ready, serving

    def _trust(self) -> ssl.SSLContext | None:
        """Return what trusts this server, where it serves https."""
        if self._certificate is None:
            return None
        return ssl.create_default_context(cafile=str(self._certificate.chain))

    @contextmanager
    def _announced(self, url: str, fabric_port: int) -> Iterator[None]:
        """Say that requests are served, on stdout and in the data directory."""
        self._ready = True
        path = self._settings.data / "server.json"
        told = {"url": url, "pid": os.getpid(), "version": __version__, "fabric": fabric_port}
        if self._certificate is not None:
            told["certificate"] = str(self._certificate.chain)
        try:
            _replace(path, msgspec.json.encode(told))
        except OSError as error:  # a full disk must not keep those out who only read
            log.warning("commands will not find this server", extra={"path": path, "reason": str(error)})
        print(f"weft ready {url}", flush=True)  # noqa: T201 - the published first line
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    async def _drain(self) -> None:
        """Let running functions end within the grace; the next start takes up again what runs elsewhere."""
        self._core_worker.claim_no_more()
        bulk = asyncio.ensure_future(self._twins.worker.drain(timedelta(0)))  # the next start goes on
        if running := self._host.workers.busy:
            grace = self._settings.shutdown_grace.total_seconds()
            log.warning("stopping", extra={"waits_for_jobs": running, "at_most_seconds": grace})
        host = asyncio.ensure_future(self._host.workers.drain(self._settings.shutdown_grace))
        if not await self._ends_before_told_again(host):
            await self._host.workers.drain(timedelta(0))
        await asyncio.gather(host, bulk)
        await self._core_worker.drain(LETS_CORE_SEE_THE_END)

    async def _ends_before_told_again(self, work: asyncio.Future[Any]) -> bool:
        """Wait for *work*, or for a second signal; return whether it was the work."""
        again = asyncio.ensure_future(self._told_again.wait())
        either = {work, again}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        return work.done()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._hear_signal)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_IGN)  # all is closed: nothing is left to be hurried

    def _hear_signal(self) -> None:
        if self._told_to_stop.is_set():
            self._told_again.set()
        self._told_to_stop.set()

    # ---- the parts

    def _core(self) -> CoreFace:
        settings = self._settings
        return CoreFace(
            engine=self._engine,
            catalog=self._catalog,
            verifier=BearerVerifier(self._keys, CORE_AUDIENCES, self._clock),
            directory=self._registry,
            pace=settings.pace,
            limits=settings.limits,
            secret=self._keys.secret,
            hosted_key=hosted_key,
            control=WorkloadControlVerifier(self._keys, CORE_AUDIENCES, self._clock),
            workload_of_app=self._fabric.workload_of_app,
        )

    def _asgi(self, core: CoreFace) -> ASGIApp:
        """Return all faces behind their doors."""
        settings = self._settings
        faces = Starlette(
            routes=[
                FaceMount("/workload", workload_routes.routes(self._host.face)),
                FaceMount("/v1", core_routes.routes(core)),
                FaceMount("/weft/v1/twins", twins_extra.routes(self._twins.face)),
                FaceMount("/weft/v1", extra.routes(core)),
                *public.routes(self._readiness, self._issuer.discovery, self._issuer.jwks),
                *login_routes.token_routes(self._fabric.login, "/issuer"),
                *twins_routes.routes(self._twins.face),
                core_routes.no_route(core),
            ]
        )
        faces.router.redirect_slashes = False  # no published address answers with a redirect
        return Doors(
            faces,
            default=core_doors.envelope,
            envelopes={
                "/workload": workload_doors.envelope,
                "/issuer": login_doors.envelope,
                **dict.fromkeys(("/weft/v1/twins", *twins_routes.PREFIXES), twins_doors.envelope),
            },
            hosts=(_in_url(settings.host),),
            requests_at_once=settings.limits.requests_at_once,
        )

    async def _readiness(self) -> Mapping[str, bool]:
        return {
            "store": await self._store_answers(),
            "graph": await self._graph_answers(),
            "workers": bool(self._workers) and not any(worker.done() for worker in self._workers),
            "serving": self._ready,
        }

    async def _store_answers(self) -> bool:
        try:
            await self._store.workspace("")  # whichever: one look, whose cost does not grow with the store
        except StoreUnavailable:
            return False
        return True

    async def _graph_answers(self) -> bool:
        try:
            await self._twins.graph.counts()
        except StoreUnavailable:
            return False
        return True

    def _maintenance(self) -> Maintenance:
        keep = self._settings.pace.keeps_finished_per_item
        keeps = () if keep is None else ((scopes.CORE, keep),)
        retention = Retention(length=self._settings.retention, keep=keeps)
        return Maintenance(
            self._engine,
            (*self._host.workers.all, self._core_worker, self._twins.worker),
            retention,
            every=self._settings.maintenance_every,
            duties=(self._catalog.sweep, self._twins.purge),
        )

    def _remote_runner(self) -> RemoteWorkloadRunner:
        return RemoteWorkloadRunner(
            self._settings.caller,
            poll=self._settings.pace.poll,
            directory=self._registry,
            credentials=LocalCredentials(self._issuer),
            clock=self._clock,
            hints=HostedHints(self._engine),
            leftovers=HostedLeftovers(self._engine),
        )


def _certificate(settings: Settings, clock: Clock) -> Certificate | None:
    if not settings.tls:
        return None
    return Certificate.open(settings.data, host=settings.host, now=clock.now())


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first failure: the parts of the server run in task groups, and the others ended with it."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_suffix(".new")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
