"""Requests whose answer takes its time: what has come of it so far, and a client that can go away."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp

from tests.faces.core.serving import HOST, Served
from tests.transcripts.player import Answer

Message = dict[str, Any]


class Held:
    """A request under way; *answer* waits for its end."""

    def __init__(
        self, served: Served, method: str, target: str, *, app: ASGIApp | None = None, **how: Any
    ) -> None:
        self._messages: list[Message] = []
        self._came = asyncio.Event()
        self._left = asyncio.Event()
        self._reads = asyncio.Event()
        self._reads.set()
        self._asked = False
        asked = (app or served.app)(_scope(served, method, target, **how), self._receive, self._send)
        self.task = asyncio.ensure_future(asked)

    async def answer(self) -> Answer:
        await self.task
        start, *parts = self._messages
        headers = [(name.decode(), value.decode()) for name, value in start["headers"]]
        return Answer(start["status"], headers, b"".join(part.get("body", b"") for part in parts))

    async def until(self, text: str) -> str:
        """Return what has come of the body, once *text* has."""
        while text not in (body := self.body):
            self._came.clear()
            await self._came.wait()
        return body

    @property
    def body(self) -> str:
        return b"".join(message.get("body", b"") for message in self._messages).decode()

    @property
    def is_answered(self) -> bool:
        return bool(self._messages)

    def leave(self) -> None:
        self._left.set()

    def stop_reading(self) -> None:
        """From now on nothing that is sent arrives."""
        self._reads.clear()

    def read_on(self) -> None:
        self._reads.set()

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self._reads.wait()
        self._messages.append(dict(message))
        self._came.set()


def _scope(
    served: Served,
    method: str,
    target: str,
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Message:
    path, _, query = target.partition("?")
    named = {"host": HOST, "authorization": f"Bearer {token or served.token()}", **(headers or {})}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 7431),
        "state": {},
    }


async def settled() -> None:
    """Return when all that could happen now has happened, store included."""
    for _ in range(50):
        await asyncio.sleep(0.001)
