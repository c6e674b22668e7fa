"""Asks the supervisor on behalf of a job: from its function, plain or async, and from its threads."""

from __future__ import annotations

import asyncio
import itertools
import os
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from weft.engine.jobs import JobError
from weft.kit.errors import failure_of
from weft.runners.frames import (
    AnyFrame,
    DefinitionGiven,
    DefinitionWanted,
    Given,
    PermissionsGiven,
    PermissionsWanted,
    TokenGiven,
    TokenWanted,
    Wanted,
)

G = TypeVar("G", TokenGiven, PermissionsGiven, DefinitionGiven)

Deliver = Callable[[Given], None]


class Asker:
    """Sends questions from a thread of its own.

    A job's thread never sends itself: a cancel may interrupt it anywhere, and a lock it then held would never
    be given back.
    """

    def __init__(self, send: Callable[[AnyFrame], None]) -> None:
        self._send = send
        self._questions: queue.SimpleQueue[Wanted] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="weft asker", daemon=True).start()

    def put(self, wanted: Wanted) -> None:
        self._questions.put(wanted)

    def _work(self) -> None:
        while True:
            self._send(self._questions.get())


class Asking:
    """What the job of one turn asks. Answers come from another thread, and are dropped where nobody waits."""

    def __init__(self, asker: Asker, turn: int) -> None:
        self._asker = asker
        self._turn = turn
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Deliver] = {}
        self._process = os.getpid()

    # ---- in any thread of the job

    async def token(self, scope: str, as_app: bool) -> str:
        given = await self._asked(TokenWanted(self._turn, next(self._numbers), scope, as_app), TokenGiven)
        return given.token

    def get_token(self, scope: str, as_app: bool) -> str:
        wanted = TokenWanted(self._turn, next(self._numbers), scope, as_app)
        return self._asked_now(wanted, TokenGiven).token

    async def permissions(self) -> tuple[str, ...]:
        wanted = PermissionsWanted(self._turn, next(self._numbers))
        return (await self._asked(wanted, PermissionsGiven)).permissions

    def get_permissions(self) -> tuple[str, ...]:
        wanted = PermissionsWanted(self._turn, next(self._numbers))
        return self._asked_now(wanted, PermissionsGiven).permissions

    async def definition(self) -> bytes:
        wanted = DefinitionWanted(self._turn, next(self._numbers))
        return (await self._asked(wanted, DefinitionGiven)).definition

    def get_definition(self) -> bytes:
        wanted = DefinitionWanted(self._turn, next(self._numbers))
        return self._asked_now(wanted, DefinitionGiven).definition

    # ---- in the thread that hears the supervisor

    def hear(self, given: Given) -> None:
        if given.turn != self._turn:
            return  # it comes too late, for a job that has ended
        deliver = self._waiting.pop(given.number, None)
        if deliver is not None:
            deliver(given)

    # ---- helpers

    async def _asked(self, wanted: Wanted, kind: type[G]) -> G:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[Given] = loop.create_future()

        def settle(given: Given) -> None:
            if not arrived.done():
                arrived.set_result(given)

        def deliver(given: Given) -> None:
            try:
                loop.call_soon_threadsafe(settle, given)
            except RuntimeError:
                return  # the loop of whoever asked is closed

        try:
            self._put(wanted, deliver)
            given = await arrived
        finally:
            self._waiting.pop(wanted.number, None)
        return _of(given, kind)

    def _asked_now(self, wanted: Wanted, kind: type[G]) -> G:
        if asyncio._get_running_loop() is not None:
            raise RuntimeError(
                "an async function awaits its answer: await ctx.token(...), ctx.permissions()..."
            )
        # Written in C, and so never left locked by a cancel that interrupts it.
        box: queue.SimpleQueue[Given] = queue.SimpleQueue()
        try:
            self._put(wanted, box.put)
            given = box.get()
        finally:
            self._waiting.pop(wanted.number, None)
        return _of(given, kind)

    def _put(self, wanted: Wanted, deliver: Deliver) -> None:
        if os.getpid() != self._process:
            raise RuntimeError("only the job's own process can ask: ask there, and pass the answer on")
        self._waiting[wanted.number] = deliver
        self._asker.put(wanted)


def _of(given: Given, kind: type[G]) -> G:
    """Raises JobFailed where there is an error in place of the answer."""
    if given.error is not None:
        raise failure_of(given.error)
    if not isinstance(given, kind):
        raise failure_of(JobError("InternalError", "The answer is to another question.", "System", False))
    return given
