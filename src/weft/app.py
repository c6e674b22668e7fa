"""One running server: opens its parts, serves and works, and lets what runs end."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec

from weft import __version__, logs, serving
from weft.engine.errors import StoreUnavailable
from weft.faces.onelake.face import LONGEST_APPEND_BYTES
from weft.parts import Parts
from weft.serving import Stopping, in_url, listen
from weft.settings import Settings

LETS_CORE_SEE_THE_END = timedelta(milliseconds=500)

log = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises what refuses a start: stores.errors.StoreError, auth.errors.DataRefused,
    engine.errors.StoreUnavailable, kit.errors.WorkloadNotLoaded, manifests.errors.ManifestInvalid,
    catalog.addresses.AddressRefused, workloads.ItemTypeTaken, OSError for an address in use.
    """
    logs.configure()
    server = Server(settings, Parts.open(settings))
    return serving.run(server.run())


class Server:
    """One weft server; `run` is its whole life."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        self._settings = settings
        self._parts = parts
        self._stopping = Stopping()
        self._ready = False
        self._workers: list[asyncio.Task[None]] = []
        self._firing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve until told to stop by a signal, then drain; a second signal ends what still runs at once."""
        parts, ground = self._parts, self._parts.ground
        async with AsyncExitStack() as opened:
            opened.enter_context(self._stopping.on_signals())
            opened.push_async_callback(ground.store.close)
            opened.push_async_callback(parts.twins.graph.close)
            opened.callback(parts.fabric.close)
            await parts.host.processes.start()  # first ends what a predecessor that was killed left running
            opened.push_async_callback(parts.host.processes.close)
            await serving.take_back_jobs(ground.engine)
            opened.push_async_callback(parts.caller.close)
            opened.push_async_callback(parts.webhooks.runner.close)
            await self._serve_and_work()

    async def _serve_and_work(self) -> None:
        stop_serving = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            port, serves = await self._listen(tasks, stop_serving)
            fabric_port, fabric_serves = await self._listen_as_fabric(tasks, stop_serving)
            url = f"{self._settings.scheme}://{in_url(self._settings.host)}:{port}"
            self._parts.ground.registry.served_at(f"{url}/workload", self._trust())
            self._workers = [
                tasks.create_task(self._parts.host.workers.work()),
                tasks.create_task(self._call_workloads()),
                tasks.create_task(self._parts.twins.worker.work()),
                tasks.create_task(self._parts.webhooks.worker.work()),
            ]
            self._firing = tasks.create_task(self._parts.ground.scheduler.run())
            announces = tasks.create_task(self._parts.webhooks.announcer.run())
            upkeep = tasks.create_task(self._parts.maintenance().run())
            with self._announced(url, fabric_port):
                await self._stopping.wait()
                self._ready = False
                self._firing.cancel()
                await self._drain()
                await asyncio.wait(self._workers)
            upkeep.cancel()
            announces.cancel()
            stop_serving.set()
            both = asyncio.gather(serves, fabric_serves, return_exceptions=True)
            if not await self._stopping.unless_hurried(both):
                serves.cancel()
                fabric_serves.cancel()

    async def _listen(self, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> tuple[int, asyncio.Task[None]]:
        certificate = self._parts.certificate
        tls = None if certificate is None else certificate.server_context()
        return await listen(tasks, self._parts.asgi(self._readiness), self._settings, stop=stop, tls=tls)

    async def _listen_as_fabric(
        self, tasks: asyncio.TaskGroup, stop: asyncio.Event
    ) -> tuple[int, asyncio.Task[None]]:
        fabric = self._parts.fabric
        return await listen(
            tasks,
            fabric.asgi(self._parts.core, self._settings),
            fabric.listens(self._settings),
            stop=stop,
            tls=fabric.authority.server_context(),
            body_bytes=LONGEST_APPEND_BYTES,
        )

    async def _call_workloads(self) -> None:
        """Load the caller only now: requests are served meanwhile, and their jobs wait for it."""
        await self._parts.caller.start()
        await self._parts.core_worker.work()

    def _trust(self) -> ssl.SSLContext | None:
        """Return what trusts this server, where it serves https."""
        if self._parts.certificate is None:
            return None
        return ssl.create_default_context(cafile=str(self._parts.certificate.chain))

    @contextmanager
    def _announced(self, url: str, fabric_port: int) -> Iterator[None]:
        """Say that requests are served, on stdout and in the data directory."""
        self._ready = True
        path = self._settings.data / "server.json"
        told = {"url": url, "pid": os.getpid(), "version": __version__, "fabric": fabric_port}
        if self._parts.certificate is not None:
            told["certificate"] = str(self._parts.certificate.chain)
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
        parts = self._parts
        parts.core.waits.end()
        parts.core_worker.claim_no_more()
        # What is being sent is sent again by the next start.
        posts = asyncio.ensure_future(parts.webhooks.worker.drain(timedelta(0)))
        bulk = asyncio.ensure_future(parts.twins.worker.drain(timedelta(0)))  # the next start goes on
        await parts.host.workers.end(self._settings.shutdown_grace, self._stopping)
        await bulk
        await posts
        await parts.core_worker.drain(LETS_CORE_SEE_THE_END)

    async def _readiness(self) -> Mapping[str, bool]:
        return {
            "store": await serving.answers(self._parts.ground.store),
            "graph": await self._graph_answers(),
            "workers": bool(self._workers) and not any(worker.done() for worker in self._workers),
            "schedules": self._firing is not None and not self._firing.done(),
            "serving": self._ready,
        }

    async def _graph_answers(self) -> bool:
        try:
            await self._parts.twins.graph.counts()
        except StoreUnavailable:
            return False
        return True


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_suffix(".new")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
