"""The second listener: at the names of Fabric's hosts, for programs that know no other addresses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from starlette.types import ASGIApp

from weft.auth.apps import Apps
from weft.auth.authority import Authority
from weft.auth.bearer import BearerVerifier
from weft.auth.errors import DataRefused
from weft.auth.grants import Grants
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.auth.resources import Resources
from weft.catalog.catalog import Catalog
from weft.catalog.model import Item, Principal
from weft.catalog.ports import ItemLifecycle
from weft.contracts.hosts import ANSWERED_HOSTS, CORE_HOSTS, LOGIN_HOSTS, ONELAKE_HOSTS
from weft.engine.ports import Clock
from weft.faces.core import doors as core_doors
from weft.faces.core import routes as core_routes
from weft.faces.core.face import CoreFace
from weft.faces.doors import Doors
from weft.faces.hosts import HostSwitch
from weft.faces.login import routes as login_routes
from weft.faces.login.routes import LoginFace
from weft.faces.onelake import doors as onelake_doors
from weft.faces.onelake.face import AUDIENCES, OneLakeFace
from weft.faces.onelake.routes import routes as onelake_routes
from weft.faces.routing import FaceMount, application
from weft.onelake.access import CatalogAccess
from weft.onelake.files import Files
from weft.settings import Limits, Settings

THREADS = 4
APPEND_SECONDS = 300.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalFabric:
    """*login* answers for Entra, *lake* for OneLake.

    *apps* are those that get tokens with a secret, *resources* what tokens are for.
    """

    authority: Authority
    login: LoginFace
    lake: OneLakeFace
    apps: Apps
    resources: Resources

    @classmethod
    def open(  # noqa: PLR0913 - the parts it is composed of
        cls,
        settings: Settings,
        *,
        keys: Keys,
        issuer: Issuer,
        home: Home,
        clock: Clock,
        audiences: Collection[str],
        catalog: Catalog,
        files: Files,
    ) -> LocalFabric:
        """*audiences*: those of the workloads, for which apps may ask tokens. Blocks; raises DataRefused."""
        apps = Apps(settings.data, home.tenant)
        resources = Resources(apps, audiences)
        grants = Grants(issuer, keys, home.tenant, clock, apps=apps, resources=resources)
        authority = Authority.open(settings.data, hosts=ANSWERED_HOSTS, now=clock.now())
        lake = OneLakeFace(
            files=files,
            access=CatalogAccess(catalog),
            verifier=BearerVerifier(keys, AUDIENCES, clock),
            threads=ThreadPoolExecutor(THREADS, thread_name_prefix="onelake"),
        )
        return cls(authority, LoginFace(issuer, grants, settings.limits), lake, apps, resources)

    def close(self) -> None:
        self.lake.threads.shutdown()

    @staticmethod
    def listens(settings: Settings) -> Settings:
        """Return how the listener serves: on a free port, with time for a large part of a file."""
        limits = replace(settings.limits, body_seconds=APPEND_SECONDS)
        return replace(settings, host="127.0.0.1", port=0, limits=limits)

    def workload_of_app(self, client_id: str) -> str | None:
        """Return the workload that an app was registered for; a file that cannot be read names none."""
        try:
            app = self.apps.find(client_id)
        except DataRefused as refused:
            log.warning("registered apps are not known", extra={"reason": str(refused)})
            return None
        return None if app is None else app.workload

    def asgi(self, core: CoreFace, settings: Settings) -> ASGIApp:
        limits = settings.limits
        fabric = _core(core, limits)
        login = login_routes.application(self.login, LOGIN_HOSTS)
        lake = _lake(self.lake, limits)
        apps = {
            **dict.fromkeys(LOGIN_HOSTS, login),
            **dict.fromkeys(ONELAKE_HOSTS, lake),
            **dict.fromkeys(CORE_HOSTS, fabric),
        }
        return HostSwitch(apps, default=fabric)  # its doors refuse a host that nobody answers for


class FilesGoToo:
    """An ItemLifecycle that deletes the files of an item with it, when its workload has been told."""

    def __init__(self, workloads: ItemLifecycle, files: Files) -> None:
        self._workloads = workloads
        self._files = files
        self.created = workloads.created
        self.updated = workloads.updated
        self.payload = workloads.payload

    async def deleted(self, caller: Principal, item: Item, *, is_soft: bool = False) -> None:
        await self._workloads.deleted(caller, item, is_soft=is_soft)
        if is_soft:
            return
        try:
            await asyncio.to_thread(self._files.forget_item, item.workspace, item.id)
        except OSError as failed:  # nobody can reach them any more; they only take space
            log.warning("files of a deleted item are left", extra={"item": item.id, "reason": str(failed)})


def _core(core: CoreFace, limits: Limits) -> ASGIApp:
    return Doors(
        application([FaceMount("/v1", core_routes.routes(core)), core_routes.no_route(core)]),
        default=core_doors.envelope,
        hosts=CORE_HOSTS,
        requests_at_once=limits.requests_at_once,
    )


def _lake(lake: OneLakeFace, limits: Limits) -> ASGIApp:
    return Doors(
        application(onelake_routes(lake)),
        default=onelake_doors.envelope,
        hosts=ONELAKE_HOSTS,
        requests_at_once=limits.requests_at_once,
    )
