"""One listener for several services: whoever a request's `Host` names answers it."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


class HostSwitch:
    """Pure ASGI: *apps* by their host names, in lower case and without a port; *default* for all others.

    Each application checks the `Host` itself, as its doors do; a request with none or with several goes to
    *default*, which refuses it.
    """

    def __init__(self, apps: Mapping[str, ASGIApp], default: ASGIApp) -> None:
        self._apps = {name.lower().encode(): app for name, app in apps.items()}
        self._default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope)(scope, receive, send)

    def _app(self, scope: Scope) -> ASGIApp:
        hosts = [value for name, value in scope.get("headers", ()) if name == b"host"]
        if len(hosts) != 1:
            return self._default
        return self._apps.get(hosts[0].lower().removesuffix(b":443"), self._default)
