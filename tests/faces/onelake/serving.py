"""A OneLake on a real socket with TLS, in a thread of its own: real catalog, real store, real keys."""

from __future__ import annotations

import asyncio
import queue
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import uvloop
from azure.core.credentials import AccessToken
from azure.storage.filedatalake import DataLakeServiceClient
from starlette.applications import Starlette

from weft.auth.bearer import BearerVerifier
from weft.auth.certificate import Certificate
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.catalog.catalog import Catalog
from weft.catalog.model import Role
from weft.catalog.principals import as_known
from weft.engine.clock import SystemClock
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.faces.doors import Doors
from weft.faces.onelake.doors import envelope
from weft.faces.onelake.face import AUDIENCES, OneLakeFace
from weft.faces.onelake.routes import routes
from weft.faces.server import serve
from weft.onelake.access import CatalogAccess
from weft.onelake.files import Files
from weft.settings import Settings
from weft.stores.sqlite import SqliteStore

PATIENCE_SECONDS = 30.0
LONGEST_APPEND_BYTES = 2 * 1024 * 1024
LONGEST_FILE_BYTES = 8 * 1024 * 1024
PAGE_SIZE = 3
TYPE = "Contoso.Sample.Thing"
WORKSPACE = "the workspace"


@dataclass(frozen=True)
class Lake:
    """*workspace* and *item* are ids; the item is called "the item", of the type TYPE.

    *of_viewer*: where the viewer may write, in a workspace of its own.
    """

    port: int
    data: Path
    certificate: Path
    issuer: Issuer
    workspace: str
    item: str
    of_viewer: str

    def token(self, user: str = "admin", audience: str = AUDIENCES[0], *, app: bool = False) -> str:
        scopes = () if app else ("user_impersonation",)
        return self.issuer.core_token(user, None, scopes, app, timedelta(hours=1), audience=audience)

    def client(self, token: str | None = None) -> DataLakeServiceClient:
        """Return Microsoft's own client, unmodified."""
        return DataLakeServiceClient(
            f"https://localhost:{self.port}",
            Credential(token or self.token()),
            connection_verify=str(self.certificate),
            retry_total=0,
        )

    def http(self, user: str = "admin") -> httpx.Client:
        return httpx.Client(
            base_url=f"https://localhost:{self.port}",
            headers={"Authorization": f"Bearer {self.token(user)}"},
            verify=ssl.create_default_context(cafile=self.certificate),
            trust_env=False,
            timeout=PATIENCE_SECONDS,
        )

    def on_disk(self, path: str) -> Path:
        return self.data / "onelake" / "files" / self.workspace / self.item / path


class Credential:
    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *_: str, **__: object) -> AccessToken:
        return AccessToken(self._token, 2**31)


@contextmanager
def lake(data: Path) -> Iterator[Lake]:
    """Give a OneLake with one workspace: "admin" is its Admin, "viewer" its Viewer; and one item in it."""
    data.mkdir(mode=0o700)
    certificate = Certificate.open(data, host="127.0.0.1", now=datetime.now(UTC))
    started: queue.Queue[tuple[Lake, Callable[[], None]]] = queue.Queue()
    thread = threading.Thread(target=lambda: uvloop.run(_serve(data, certificate, started)))
    thread.start()
    running, stop = started.get(timeout=PATIENCE_SECONDS)
    try:
        yield running
    finally:
        stop()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


async def _serve(
    data: Path, certificate: Certificate, started: queue.Queue[tuple[Lake, Callable[[], None]]]
) -> None:
    clock = SystemClock()
    store = SqliteStore.open(data / "weft.db", writes_waiting=100)
    catalog = Catalog(store, Engine(store, clock, Events()), clock, stop_seconds=1)
    keys, home = Keys.open(data), Home.open(data)
    issuer, verifier = Issuer(keys, clock, home), BearerVerifier(keys, AUDIENCES, clock)
    made = Lake(0, data, certificate.chain, issuer, "", "", "")
    admin, viewer = (verifier.verify([f"Bearer {made.token(user)}"]) for user in ("admin", "viewer"))
    workspace = await catalog.create_workspace(admin, WORKSPACE)
    await store.give_role(workspace.id, as_known(viewer), Role.VIEWER)
    item = await catalog.create_item(admin, workspace.id, TYPE, display_name="the item")
    own = await catalog.create_workspace(viewer, "of the viewer")
    of_viewer = await catalog.create_item(viewer, own.id, TYPE, display_name="of the viewer")
    place = f"/{own.id}/{of_viewer.id}/Files"
    made = replace(made, workspace=workspace.id, item=item.id, of_viewer=place)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    with ThreadPoolExecutor(2) as threads:
        face = OneLakeFace(
            files=Files.open(data, longest_file_bytes=LONGEST_FILE_BYTES),
            access=CatalogAccess(catalog),
            verifier=verifier,
            threads=threads,
            longest_append_bytes=LONGEST_APPEND_BYTES,
            page_size=PAGE_SIZE,
        )
        app = Doors(Starlette(routes=routes(face)), default=envelope, envelopes={}, requests_at_once=100)

        def stop_soon() -> None:
            loop.call_soon_threadsafe(stop.set)

        def ready(port: int) -> None:
            started.put((replace(made, port=port), stop_soon))

        await serve(
            app,
            Settings(data=data, port=0),
            ready=ready,
            stop=stop,
            tls=certificate.server_context(),
            body_bytes=LONGEST_APPEND_BYTES,
        )
    await store.close()
