"""Tells workloads what becomes of their items, and waits until they have answered."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from uuid import uuid4

from weft.catalog.errors import ItemRefused
from weft.catalog.item_types import ItemEvent, ItemType
from weft.catalog.model import Item, Principal
from weft.engine.jobs import JobError
from weft.runners.workload_answers import (
    CONTRACT_ERROR,
    Said,
    Silence,
    kept,
    payload_of_item,
    refusal,
    seconds_of,
    trouble,
)
from weft.runners.workload_endpoint import Directory, Person
from weft.runners.workload_line import REQUESTS, Line
from weft.runners.workload_pace import Backoff
from weft.runners.workload_request import Request, Requests
from weft.settings import CallerSettings

log = logging.getLogger(__name__)

GONE = 404


class WorkloadLifecycle:
    """The catalog's ItemLifecycle, over the contract that each item type's backend speaks.

    A call that found nobody, or was answered with 429 or 5xx, is repeated within one deadline: it names the
    item by its id, and so a repeat is the same call. *chance* gives numbers from 0 to 1 that spread repeats.
    """

    def __init__(
        self,
        settings: CallerSettings,
        *,
        directory: Directory,
        line: Line,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._line = line
        self._chance = chance

    async def created(
        self, caller: Principal, item: Item, *, payload: bytes = b"", definition: bytes = b""
    ) -> None:
        owner = self._told(item, ItemEvent.CREATE)
        if owner is not None:
            request = _requests(owner).item_created(item, owner.name, payload, definition)
            await self._demand(owner, request, caller)

    async def updated(
        self, caller: Principal, item: Item, *, payload: bytes = b"", definition: bytes = b""
    ) -> None:
        """*item* is as it will be."""
        owner = self._told(item, ItemEvent.UPDATE)
        if owner is not None:
            request = _requests(owner).item_updated(item, owner.name, payload, definition)
            await self._demand(owner, request, caller)

    async def deleted(self, caller: Principal, item: Item, *, is_soft: bool = False) -> None:
        """Nothing is raised: a delete cannot be blocked. It is repeated for a while, then given up."""
        owner = self._told(item, ItemEvent.DELETE)
        if owner is None:
            return
        request = _requests(owner).item_deleted(item, owner.name, is_soft=is_soft)
        said = await self._insist(owner, request, caller, most=None)
        if isinstance(said, Silence) or not (said.is_success or said.status == GONE):
            log.warning("workload not told of a delete", extra={"item": item.id, **_in_log(said)})

    async def payload(self, caller: Principal, item: Item) -> bytes:
        """Return what the workload shows of the item, a JSON value; b"": nothing."""
        owner = self._directory.find(item.type)
        request = None if owner is None else _requests(owner).item_payload(item, owner.name)
        if owner is None or request is None:
            return b""
        said = await self._demand(owner, request, caller, reads_success=True)
        payload = None if said.body is None else payload_of_item(said.body)
        if payload is None:
            message = "The workload's answer is no item payload."
            error = JobError(CONTRACT_ERROR, message, source="External")
            raise ItemRefused(error, status=said.status, body=kept(said.body or b""))
        return payload

    def _told(self, item: Item, event: ItemEvent) -> ItemType | None:
        """Return the item's type, where its workload is told of *event*."""
        owner = self._directory.find(item.type)
        return owner if owner is not None and event in owner.told else None

    async def _demand(
        self, owner: ItemType, request: Request, caller: Principal, *, reads_success: bool = False
    ) -> Said:
        """Call until the workload has done it. Raises ItemRefused."""
        most = self._settings.create_attempts
        said = await self._insist(owner, request, caller, most=most, reads_success=reads_success)
        if isinstance(said, Silence):
            raise ItemRefused(trouble(said))
        if not said.is_success:
            body = said.body or b""
            raise ItemRefused(refusal(said.status, body), status=said.status, body=kept(body))
        return said

    async def _insist(
        self,
        owner: ItemType,
        request: Request,
        caller: Principal,
        *,
        most: int | None,
        reads_success: bool = False,
    ) -> Said | Silence:
        """Call, at *most* so often, until the answer stands or the time is over; return the last one.

        A call that the end of the time cut off tells less than the answer before it.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self._settings.lifecycle_timeout.total_seconds()
        backoff = self._backoff()
        activity = str(uuid4())
        calls = 0
        heard: Said | None = None
        while True:
            calls += 1
            said = await self._once(
                owner, request, caller, by=end, activity=activity, reads_success=reads_success
            )
            if not isinstance(said, Silence):
                heard = said
            elif heard is not None and loop.time() >= end:
                return heard
            wait = backoff.seconds(self._asked_for(said))
            if _stands(said) or calls == most or loop.time() + wait >= end:
                return said
            await asyncio.sleep(wait)

    async def _once(
        self,
        owner: ItemType,
        request: Request,
        caller: Principal,
        *,
        by: float,
        activity: str,
        reads_success: bool,
    ) -> Said | Silence:
        endpoint = self._directory.endpoint(owner.name)
        if endpoint is None:
            return Silence("no workload is known for the item's type", arrived=False)
        longest = asyncio.get_running_loop().time() + self._settings.call_timeout.total_seconds()
        return await self._line.call(
            endpoint,
            request,
            Person.calling(caller),
            by=min(by, longest),
            activity=activity,
            reads_success=reads_success,
        )

    def _asked_for(self, said: Said | Silence) -> float | None:
        if isinstance(said, Silence):
            return said.retry_after
        return seconds_of(said.retry_after, self._line.clock.now())

    def _backoff(self) -> Backoff:
        first, most = self._settings.backoff_first, self._settings.backoff_most
        return Backoff(first.total_seconds(), most.total_seconds(), self._chance)


def _requests(owner: ItemType) -> Requests:
    return REQUESTS[owner.backend.contract]


def _stands(said: Said | Silence) -> bool:
    """Return whether asking again would bring the same answer."""
    if isinstance(said, Silence):
        return False
    if said.status != 429 and said.status < 500:
        return True
    return refusal(said.status, said.body or b"").is_permanent is True


def _in_log(said: Said | Silence) -> dict[str, object]:
    """Return what a log may say: never a body, which may hold anything."""
    return {"reason": said.reason} if isinstance(said, Silence) else {"status": said.status}
