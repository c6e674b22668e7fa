"""Routes of published paths: literals in any case, the whole path matched, and no path without an answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send


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
        # ASCII: otherwise U+017F would be an "s" and U+212A a "k".
        pattern = self.path_regex.pattern.removesuffix("$") + r"\Z"
        self.path_regex = re.compile(pattern, re.IGNORECASE | re.ASCII)


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
