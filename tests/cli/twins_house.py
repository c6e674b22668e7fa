"""A stand-in for the Twins face: keeps one import, which goes on by one step at every look."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

AT = "2026-11-22T09:00:00.5Z"
JOB = {"createdDateTime": AT, "lastActionDateTime": AT, "purgeDateTime": AT}


@dataclass
class TwinsHouse:
    """*steps*: what the looks at the job see, the last one again and again. *refusal*: of a PUT.

    *lets_in*: False, where no token is good.
    """

    steps: list[dict[str, Any]] = field(default_factory=lambda: [{"status": "succeeded"}])
    refusal: tuple[int, dict[str, Any]] | None = None
    lets_in: bool = True
    url: str = ""
    added: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    looked: threading.Event = field(default_factory=threading.Event)

    def cancelled(self) -> None:
        self.steps = [self.job(status="cancelling"), self.job(status="cancelled")]

    def job(self, **members: Any) -> dict[str, Any]:
        return {**JOB, **self.added, **members}

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path
        self.calls.append(f"{request.method} {path}")
        self.tokens.add(request.headers["Authorization"])
        if not self.lets_in:
            return web.json_response({"statusCode": 401, "message": "Unauthorized"}, status=401)
        if request.method == "PUT":
            return await self._add(request)
        if path.endswith("/cancel"):
            self.cancelled()
            return web.json_response(self.job(status="cancelling"))
        if request.method == "DELETE":
            return web.Response(status=204)
        return web.json_response(await self._read(request))

    async def _add(self, request: web.Request) -> web.Response:
        if self.refusal is not None:
            status, said = self.refusal
            return web.json_response({"error": said}, status=status)
        body = json.loads(await request.read())
        self.added = {"id": request.path.rpartition("/")[2], **body}
        return web.json_response(self.job(status="notstarted"), status=201)

    async def _read(self, request: web.Request) -> Any:
        match request.path.split("/")[1:]:
            case ["weft", "v1", "twins", "stats"]:
                return {"models": 13, "twins": 401, "relationships": 593}
            case ["weft", "v1", "twins", "imports", _]:
                return self._look()
            case ["jobs", "imports"]:
                return {"value": [self.job(status="running")], "nextLink": None}
            case ["jobs", "deletions", *_]:
                done = request.method == "GET"
                return {"id": "d1", **JOB, "status": "succeeded" if done else "notstarted"}
        asked = json.loads(await request.read())["query"]
        return {"value": [{"$dtId": "a"}, {"asked": asked}]}

    def _look(self) -> dict[str, Any]:
        self.looked.set()
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        return self.job(**{"progress": None, "attempt": 1, **step})


@contextmanager
def served(house: TwinsHouse) -> Iterator[TwinsHouse]:
    """Serve it in a thread of its own."""
    loop = asyncio.new_event_loop()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", house.answer)
    runner = web.AppRunner(app)

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        house.url = site.name

    loop.run_until_complete(start())
    house.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield house
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
