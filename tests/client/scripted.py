"""A server that gives written answers in order and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass(frozen=True)
class Say:
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    breaks: bool = False
    raw: bytes | None = None


@dataclass(frozen=True)
class Heard:
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Script:
    url: str
    heard: list[Heard] = field(default_factory=list)


@asynccontextmanager
async def scripted(*answers: Say) -> AsyncIterator[Script]:
    """Serve *answers*, one a request; the last one again and again."""
    script = Script("")
    left = list(answers)

    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        # raw_path: how a name was quoted is part of what is tested.
        path = request.raw_path.partition("?")[0]
        script.heard.append(Heard(request.method, path, dict(request.query), request.headers, body))
        say = left.pop(0) if len(left) > 1 else left[0]
        if say.breaks:
            assert request.transport is not None
            request.transport.abort()
        text = say.text if say.text is not None else "" if say.body is None else json.dumps(say.body)
        content = text.encode() if say.raw is None else say.raw
        return web.Response(status=say.status, body=content, headers=say.headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        script.url = str(server.make_url("")).rstrip("/")
        yield script
