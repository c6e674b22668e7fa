"""Routes of published paths: literals in any case, the whole path matched, and no path without an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send


def application(routes: Sequence[BaseRoute]) -> ASGIApp:
    """Return what answers on *routes*, and nowhere with a redirect: no published address has one."""
    app = Starlette(routes=list(routes))
    app.router.redirect_slashes = False
    return app


class AnyCaseRoute(Route):
    """A route whose literals match in any ASCII case, and which a line break at the end does not match.

    The services route so, and the published pages write one literal in two cases (contracts/workload.md 1.1).
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: list[str] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(path, endpoint, methods=methods, name=name)
        self.path_regex = _strict(self.path_regex)


class FaceMount(Mount):
    """Mounts the routes of a face: *path* itself and every path below are theirs, in any ASCII case."""

    def __init__(self, path: str, routes: Sequence[BaseRoute]) -> None:
        super().__init__(path, routes=routes)
        self.path_regex = _strict(self.path_regex)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is Match.NONE and scope["type"] == "http":
            # Starlette would redirect from here, which tells more than a caller without a token may know.
            return super().matches({**scope, "path": f"{scope['path']}/"})
        return match, child_scope


class EveryPath(BaseRoute):
    """The last route of a face: answers whatever path no other route knows, in the envelope of the face."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http":
            return Match.FULL, {"endpoint": self.app}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def _strict(regex: re.Pattern[str]) -> re.Pattern[str]:
    """Return Starlette's *regex* in any ASCII case, matching a path to its very end."""
    # ASCII: otherwise U+017F would be an "s" and U+212A a "k".
    return re.compile(regex.pattern.removesuffix("$") + r"\Z", re.IGNORECASE | re.ASCII | re.DOTALL)
