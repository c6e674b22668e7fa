"""Job instances as they change: server-sent events. An addition of weft.

A stream tells of each instance the state it has when it is told: at least once, the latest state, and none of
those between where they pass quickly. Its position, the `id` of an event, says up to which job all is known,
and which of these had not ended. Who resumes there is told what may have changed since, as far as the store
still has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from weft.auth.errors import TokenRefused
from weft.catalog import scopes
from weft.contracts.core import Status
from weft.engine.errors import StoreUnavailable
from weft.engine.events import Happened
from weft.engine.jobs import Job, JobKey
from weft.faces.core import access
from weft.faces.core.calls import Call, Operation
from weft.faces.core.finding import Wanted, wanted
from weft.faces.core.mapping import STATUS
from weft.faces.core.webhooks import instance_of_workspace
from weft.faces.http import Refused, shown
from weft.faces.parameters import GREATEST_NUMBER, bad_parameter

PARAMETERS: Final = frozenset({"workspaceId", "itemId", "status", "beta"})
LAST_EVENT_ID: Final = "Last-Event-ID"

MOST_LIVE: Final = 50
"""How many jobs a position names; with more, it is that of the oldest, and what came after is told again."""

MOST_FOLLOWED: Final = 100_000
MOST_PENDING: Final = 1000
"""How many instances may wait for a reader that is slow, before its stream ends."""

SMALL_BYTES: Final = 1024
"""What a job was given and has returned may wait with it up to this size; it is not told."""

REACH_SECONDS: Final = 1.0
"""How long it may take until a stream knows that its caller has lost a role."""

AT_ONCE: Final = 200
PACE_SECONDS: Final = 0.05
TICKS_A_HEARTBEAT: Final = 3
HEARTBEAT: Final = b": still here\n\n"

_POSITION = re.compile(r"[A-Za-z0-9_-]{1,4096}")


class _Kept(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    known: int
    live: list[int]


@dataclass(frozen=True, slots=True)
class Position:
    """Up to number *known* all jobs were told; of these, *live* had not ended."""

    known: int
    live: frozenset[int]

    def text(self) -> str:
        kept = _Kept(self.known, sorted(self.live))
        if len(self.live) > MOST_LIVE:
            kept = _Kept(min(self.live) - 1, [])
        return urlsafe_b64encode(msgspec.json.encode(kept)).decode().rstrip("=")


def position_of(text: str) -> Position:
    """Raises Refused."""
    try:
        if not _POSITION.fullmatch(text):
            raise ValueError(text)
        kept = msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Kept)
    except (ValueError, RecursionError):
        raise _foreign(text) from None
    numbers = (kept.known, *kept.live)
    if len(kept.live) > MOST_LIVE or not all(0 <= number <= GREATEST_NUMBER for number in numbers):
        raise _foreign(text)
    return Position(kept.known, frozenset(kept.live))


def _foreign(text: str) -> Refused:
    return bad_parameter(
        LAST_EVENT_ID, f"{LAST_EVENT_ID} is not the id of an event of this server: {shown(text)}"
    )


async def follow(call: Call) -> Response:
    """Answer with a stream that goes on until the client, its token or the server ends it."""
    call.check_parameters(PARAMETERS)
    asked = wanted(call)
    given = call.request.headers.getlist(LAST_EVENT_ID)
    if len(given) > 1:
        raise bad_parameter(LAST_EVENT_ID, f"{LAST_EVENT_ID} is given {len(given)} times")
    resumed = position_of(given[0]) if given and given[0] else None
    with call.core.waits.place(call.caller):
        pass  # refused now, in words: the stream takes a place of its own when it begins, right after this
    return EventStream(call, Follower(call, asked, resumed))


ADDRESSES: dict[str, dict[str, Operation]] = {
    "/jobs/instances/events": {"GET": Operation(follow, access.READ_ITEMS)},
}


class EventStream(Response):
    media_type = "text/event-stream"

    def __init__(self, call: Call, follower: Follower) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._call = call
        self._follower = follower

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        waits = self._call.core.waits
        with waits.place(self._call.caller):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            with contextlib.suppress(ClientDisconnect):
                await waits.until(self._follower.tell(send), self._call.request)
                await send(_part(b"", more=False))


class Follower:
    """What one stream knows: whom it may tell of what, what was told, and what waits to be told."""

    def __init__(self, call: Call, asked: Wanted, resumed: Position | None) -> None:
        self._call = call
        self._asked = asked
        self._resumed = resumed
        self._types = call.scopes.types_for(call.caller)
        self._reach: frozenset[str] = frozenset()
        self._known = 0
        self._live: dict[int, Status | None] = {}
        self._pending: dict[JobKey, Job] = {}
        self._news = asyncio.Event()
        self._is_overrun = False
        self._looks_at = 0.0

    async def tell(self, send: Send) -> None:
        """Send events until the token is over, or the reader too slow."""
        unsubscribe = self._call.core.engine.events.subscribe(self._hear)
        try:
            await self._begin(send)
            await self._go_on(send)
        except (TokenRefused, StoreUnavailable):
            return  # the client comes back, and is told why it may not, or goes on where it was
        finally:
            unsubscribe()

    # ---- where it begins

    async def _begin(self, send: Send) -> None:
        self._reach = await self._call.core.catalog.reach(self._call.caller)
        if self._resumed is None:
            self._known = await self._call.core.changes.last_number()
            await self._add_live(self._reach)
        else:
            await self._catch_up(send, self._resumed)
        await send(_part(f"retry: 1000\nid: {self._position()}\n\n".encode()))

    async def _catch_up(self, send: Send, resumed: Position) -> None:
        """Tell of all that may have changed since *resumed*."""
        self._known = resumed.known
        changes = self._call.core.changes
        families = _families(self._reach)
        await self._send(send, await changes.jobs_among(families, resumed.live))
        while jobs := await changes.jobs_after(families, after=self._known, limit=AT_ONCE):
            await self._send(send, jobs)

    async def _add_live(self, workspaces: frozenset[str]) -> None:
        live = await self._call.core.changes.live_numbers(_families(workspaces), limit=MOST_FOLLOWED)
        for number in live:
            self._live.setdefault(number, None)

    # ---- and goes on

    async def _go_on(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        tick = self._call.core.waits.tick_seconds
        sent_at = loop.time()
        while not self._is_overrun:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(tick):
                    await self._news.wait()
            await self._look_again()
            self._news.clear()
            pending, self._pending = self._pending, {}
            if await self._send(send, pending.values()):
                sent_at = loop.time()
                await asyncio.sleep(PACE_SECONDS)  # what changes together is told together
            elif loop.time() - sent_at >= TICKS_A_HEARTBEAT * tick:
                sent_at = loop.time()
                await send(_part(HEARTBEAT))

    async def _look_again(self) -> None:
        """Look whether the caller may still be told. Raises TokenRefused."""
        call = self._call
        call.core.verifier.verify(call.request.headers.getlist("authorization"))
        now = asyncio.get_running_loop().time()
        if now < self._looks_at:
            return
        self._looks_at = now + min(REACH_SECONDS, call.core.waits.tick_seconds)
        before, self._reach = self._reach, await call.core.catalog.reach(call.caller)
        if self._reach - before:
            await self._add_live(self._reach - before)

    def _hear(self, happened: Happened) -> None:
        job = happened.job
        if job.queue != scopes.CORE or self._is_overrun or job.labels["workspace"] not in self._reach:
            return
        held_bytes = len(job.payload) + len(job.result or b"")
        self._pending[job.key] = job if held_bytes <= SMALL_BYTES else replace(job, payload=b"", result=None)
        self._is_overrun = len(self._pending) > MOST_PENDING
        self._news.set()

    async def _send(self, send: Send, jobs: Iterable[Job]) -> bool:
        """Tell of *jobs* what is to be told; return whether anything was."""
        events = [self._event(job) for job in sorted(jobs, key=lambda job: job.number) if self._is_news(job)]
        if not events:
            return False
        # Only the last event carries a position: it is that after all of them.
        events[-1] = f"id: {self._position()}\n".encode() + events[-1]
        await send(_part(b"".join(events)))
        return True

    def _is_news(self, job: Job) -> bool:
        """Take note of *job*; return whether it is to be told."""
        labels = job.labels
        self._known = max(self._known, job.number)
        if labels["workspace"] not in self._reach:
            return False
        status = STATUS[job.state]
        if job.is_final:
            self._live.pop(job.number, None)
        elif self._live.get(job.number) is status:
            return False
        else:
            self._live[job.number] = status
        asked = self._asked
        return (
            (not asked.workspaces or labels["workspace"] in asked.workspaces)
            and (not asked.items or labels["item"] in asked.items)
            and (not asked.states or job.state in asked.states)
            and (self._types is None or labels["item_type"] in self._types)
        )

    def _event(self, job: Job) -> bytes:
        data = msgspec.json.encode(instance_of_workspace(job, self._call.id))
        return b"event: state\ndata: " + data + b"\n\n"

    def _position(self) -> str:
        return Position(self._known, frozenset(self._live)).text()


def _families(workspaces: frozenset[str]) -> list[str]:
    return [scopes.of_workspace(workspace) for workspace in workspaces]


def _part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
