"""A workload as the catalog tells it of items: it notes what it hears, and does what a test wants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from weft.catalog.errors import ItemRefused
from weft.catalog.model import Item, Principal
from weft.engine.jobs import JobError

REFUSED = ItemRefused(JobError("BadColour", "no such colour"), status=400, body=b'{"errorCode":"BadColour"}')
NO_ANSWER = ItemRefused(JobError("", "no answer came"))


class Owner:
    """A workload that notes what it is told, and refuses, waits or acts as a test wants."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.refusal: Exception | None = None
        self.meanwhile: Callable[[Item], Awaitable[None]] | None = None

    async def created(
        self, caller: Principal, item: Item, *, payload: bytes = b"", definition: bytes = b""
    ) -> None:
        await self._hear(item, "created", item.display_name, payload, definition)

    async def updated(
        self, caller: Principal, item: Item, *, payload: bytes = b"", definition: bytes = b""
    ) -> None:
        await self._hear(item, "updated", item.display_name, item.description, definition)

    async def deleted(self, caller: Principal, item: Item, *, is_soft: bool = False) -> None:
        self.heard.append(("deleted", item.display_name, caller.id, caller.tenant))
        if self.meanwhile is not None:
            await self.meanwhile(item)

    async def payload(self, caller: Principal, item: Item) -> bytes:
        return b""

    async def _hear(self, item: Item, *what: Any) -> None:
        self.heard.append(what)
        if self.meanwhile is not None:
            await self.meanwhile(item)
        if self.refusal is not None:
            raise self.refusal

    @property
    def words(self) -> list[tuple[str, str]]:
        return [(what[0], what[1]) for what in self.heard]
