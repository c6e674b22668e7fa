"""The second listener: at the names of Fabric's hosts, for programs that know no other addresses."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.types import ASGIApp

from weft.auth.apps import Apps
from weft.auth.authority import Authority
from weft.auth.errors import DataRefused
from weft.auth.grants import Grants
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.auth.resources import Resources
from weft.contracts.hosts import ANSWERED_HOSTS, CORE_HOST, LOGIN_HOSTS
from weft.engine.ports import Clock
from weft.faces.core import doors as core_doors
from weft.faces.core import routes as core_routes
from weft.faces.core.face import CoreFace
from weft.faces.doors import Doors
from weft.faces.hosts import HostSwitch
from weft.faces.login import routes as login_routes
from weft.faces.login.routes import LoginFace
from weft.faces.routing import FaceMount
from weft.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalFabric:
    """*login* answers for Entra; *apps* are those that get tokens with a secret, *resources*
    what tokens are for."""

    authority: Authority
    login: LoginFace
    apps: Apps
    resources: Resources

    @classmethod
    def open(
        cls,
        settings: Settings,
        *,
        keys: Keys,
        issuer: Issuer,
        home: Home,
        clock: Clock,
        audiences: Collection[str],
    ) -> LocalFabric:
        """*audiences*: those of the workloads, for which apps may ask tokens. Blocks; raises DataRefused."""
        apps = Apps(settings.data, home.tenant)
        resources = Resources(apps, audiences)
        grants = Grants(issuer, keys, home.tenant, clock, apps=apps, resources=resources)
        authority = Authority.open(settings.data, hosts=ANSWERED_HOSTS, now=clock.now())
        return cls(authority, LoginFace(issuer, grants, settings.limits), apps, resources)

    def workload_of_app(self, client_id: str) -> str | None:
        """Return the workload that an app was registered for; a file that cannot be read names none."""
        try:
            app = self.apps.find(client_id)
        except DataRefused as refused:
            log.warning("registered apps are not known", extra={"reason": str(refused)})
            return None
        return None if app is None else app.workload

    def asgi(self, core: CoreFace, settings: Settings) -> ASGIApp:
        fabric = _behind_doors(core, settings)
        login = login_routes.application(self.login, LOGIN_HOSTS)
        return HostSwitch({**dict.fromkeys(LOGIN_HOSTS, login), CORE_HOST: fabric}, default=fabric)


def _behind_doors(core: CoreFace, settings: Settings) -> ASGIApp:
    """Return Core at its own name. The doors refuse a host that nobody answers for."""
    app = Starlette(routes=[FaceMount("/v1", core_routes.routes(core)), core_routes.no_route(core)])
    app.router.redirect_slashes = False
    return Doors(
        app,
        default=core_doors.envelope,
        envelopes={},
        hosts=(CORE_HOST,),
        requests_at_once=settings.limits.requests_at_once,
    )
