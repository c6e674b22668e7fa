"""The life of an item in its workload: made, changed, deleted and restored, whichever contract asks.

A store keeps two rules whatever meets here: a name is given out once, a deleted item takes no jobs. Beside
that, calls that run a hook for the same item wait for their turn, so that hooks never meet. A delete does not
wait to set its fence: it fences first, ends what runs, and only then takes its turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from weft.catalog import scopes
from weft.catalog.hosted_items import HostedItem, HostedItemStore, ItemKey, ItemState
from weft.catalog.item_types import ItemEvent
from weft.catalog.locks import Locks
from weft.engine.engine import Engine
from weft.faces.workload.call import Call
from weft.faces.workload.errors import (
    HookFailed,
    HookRefused,
    ItemBusy,
    ItemConflict,
    ItemDeleted,
    ItemUnknown,
)
from weft.faces.workload.hooks import Hooks

LEAST_HOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChange:
    """What of an item is to change: None leaves it as it is."""

    display_name: str | None = None
    description: str | None = None
    payload: bytes | None = None
    definition: bytes | None = None

    def of(self, item: HostedItem) -> HostedItem:
        return replace(
            item,
            display_name=item.display_name if self.display_name is None else self.display_name,
            description=item.description if self.description is None else self.description,
            payload=item.payload if self.payload is None else self.payload,
            definition=item.definition if self.definition is None else self.definition,
        )


class Lifecycle:
    """*longest*: how long a call may take, with its hook. *stop_seconds*: a delete's patience with jobs."""

    def __init__(
        self, engine: Engine, items: HostedItemStore, hooks: Hooks, *, longest: timedelta, stop_seconds: float
    ) -> None:
        self._engine = engine
        self._items = items
        self._hooks = hooks
        self._turns = Locks()
        self._deleting: set[ItemKey] = set()
        self._seconds = longest.total_seconds()
        self._stop_seconds = stop_seconds

    async def create(self, call: Call, item: HostedItem) -> None:
        """The same id with an equal body again has no effect.

        Raises ItemConflict, ItemDeleted, ItemBusy, HookRefused, HookFailed.
        """
        if _is_made(await self._items.hosted_item(item.key), item):
            return
        async with self._turn(item.key) as left:
            if _is_made(await self._items.hosted_item(item.key), item):
                return
            item = await self._asked(ItemEvent.CREATE, item, call, left())
            _is_made(await self._items.add_hosted_item(item, self._engine.clock.now()), item)

    async def update(self, call: Call, key: ItemKey, change: ItemChange) -> None:
        """Change an item, which may have been made before the host was told.

        Raises ItemUnknown for a deleted one, ItemBusy, HookRefused, HookFailed.
        """
        async with self._turn(key) as left:
            item = change.of(await self._active(key) or HostedItem(key=key))
            item = await self._asked(ItemEvent.UPDATE, item, call, left())
            if not await self._items.change_hosted_item(item, self._engine.clock.now()):
                raise ItemUnknown(key.id)

    async def payload(self, key: ItemKey) -> bytes:
        """Return a JSON object, b"" where the item has none. Raises ItemUnknown."""
        item = await self._active(key)
        if item is None:
            raise ItemUnknown(key.id)
        return item.payload

    async def delete(self, call: Call, key: ItemKey) -> None:
        """Delete an item for good, when its jobs have stopped; repeated, it goes on, or has no effect.

        Raises ScopeBusy where a job has not stopped, and ItemBusy. The item takes no more jobs all the same.
        """
        fenced = await self._fence(key, ItemState.DELETING)
        if fenced.state is ItemState.DELETED:
            return
        async with self._last_turn(call, key) as left:
            fenced = await self._fence(key, ItemState.DELETING)
            if fenced.state is ItemState.DELETED:
                return
            await self._stop_jobs(call, key)
            await self._tell_of_delete(fenced, call, left())
            await self._items.forget_hosted_item(key, self._engine.clock.now())

    async def delete_softly(self, call: Call, key: ItemKey) -> None:
        """Let an item take no jobs until it is restored; raises as delete does."""
        await self._fence(key, ItemState.SOFT_DELETED)
        async with self._last_turn(call, key):
            await self._fence(key, ItemState.SOFT_DELETED)
            await self._stop_jobs(call, key)

    async def restore(self, call: Call, key: ItemKey, change: ItemChange) -> None:
        """Take back a soft delete, perhaps one that the host was not told of; no effect where there was none.

        Raises ItemUnknown for one that was deleted for good, ItemBusy, HookRefused, HookFailed.
        """
        async with self._turn(key) as left:
            known = await self._items.hosted_item(key)
            if known is not None and known.state is ItemState.ACTIVE:
                return
            if known is not None and known.state is not ItemState.SOFT_DELETED:
                raise ItemUnknown(key.id)
            item = change.of(replace(known or HostedItem(key=key), state=ItemState.ACTIVE))
            item = await self._asked(ItemEvent.RESTORE, item, call, left())
            write = self._items.change_hosted_item if known is None else self._items.restore_hosted_item
            if not await write(item, self._engine.clock.now()):
                raise ItemUnknown(key.id)

    async def _active(self, key: ItemKey) -> HostedItem | None:
        """Return the item, None where it is not known. Raises ItemUnknown where it is deleted in some way."""
        item = await self._items.hosted_item(key)
        if item is not None and item.state is not ItemState.ACTIVE:
            raise ItemUnknown(key.id)
        return item

    async def _asked(self, event: ItemEvent, item: HostedItem, call: Call, seconds: float) -> HostedItem:
        """Return *item* with the payload that its hook gives it."""
        payload = await self._hooks.call(event, item, call, seconds=seconds)
        return item if payload is None else replace(item, payload=payload)

    async def _tell_of_delete(self, item: HostedItem, call: Call, seconds: float) -> None:
        self._deleting.add(item.key)
        try:
            await self._hooks.call(ItemEvent.DELETE, item, call, seconds=seconds)
        except (HookRefused, HookFailed) as error:  # a delete cannot be blocked
            code = error.error.code if error.error is not None else str(error)
            log.warning("the delete hook failed", extra={"item": item.key.id, "code": code})
        finally:
            self._deleting.discard(item.key)

    async def _fence(self, key: ItemKey, state: ItemState) -> HostedItem:
        return await self._items.fence_hosted_item(key, state, self._engine.clock.now())

    async def _stop_jobs(self, call: Call, key: ItemKey) -> None:
        await self._engine.stop(scopes.of_hosted_item(key), by=call.user, seconds=self._stop_seconds)

    @asynccontextmanager
    async def _turn(self, key: ItemKey) -> AsyncIterator[Callable[[], float]]:
        """Wait for the turn; give what says how many seconds are left of the call then. Raises ItemBusy."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._seconds
        lock = self._turns.of(key)
        try:
            async with asyncio.timeout(self._seconds):
                await lock.acquire()
        except TimeoutError:
            raise ItemBusy(key.id) from None
        try:
            yield lambda: max(LEAST_HOOK_SECONDS, until - loop.time())
        finally:
            lock.release()

    @asynccontextmanager
    async def _last_turn(self, call: Call, key: ItemKey) -> AsyncIterator[Callable[[], float]]:
        """As _turn, but whoever has it is made to let go: what its hook does is for a deleted item.

        Only another delete that is under way goes on: its hook is not called again.
        """
        if key not in self._deleting:
            await self._engine.stop(scopes.of_hooks(key), by=call.user, seconds=self._stop_seconds)
        async with self._turn(key) as left:
            yield left


def _is_made(known: HostedItem | None, item: HostedItem) -> bool:
    """Return whether *known* was made by the request for *item*.

    Raises ItemDeleted, and ItemConflict where another request made it.
    """
    if known is None:
        return False
    if known.state is not ItemState.ACTIVE:
        raise ItemDeleted(item.key.id)
    if known.fingerprint != item.fingerprint:
        raise ItemConflict(item.key.id)
    return True
