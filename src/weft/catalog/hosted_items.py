"""What a workload's host knows of items, and what it needs of a store for that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class ItemState(StrEnum):
    ACTIVE = "active"
    SOFT_DELETED = "soft-deleted"  # takes no jobs until it is restored
    DELETING = "deleting"  # takes no jobs any more; something of it may still run
    DELETED = "deleted"  # nothing is left but its name, which is not given out again


@dataclass(frozen=True, slots=True)
class ItemKey:
    """An item's whole name. *type* is as registered, the ids are canonical UUIDs."""

    tenant: str
    workspace: str
    type: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedItem:
    """An item as its workload was told of it, or as the workload's hooks made it.

    *payload* is a JSON object as text, *definition* the contract's ItemDefinition as JSON text; b"": none.
    *fingerprint*: a digest of the request that made it; b"" where it was made before the host was told.
    """

    key: ItemKey
    display_name: str = ""
    description: str | None = None
    payload: bytes = b""
    definition: bytes = b""
    fingerprint: bytes = b""
    state: ItemState = ItemState.ACTIVE


class HostedItemStore(Protocol):
    """Durable items of hosted workloads. Every write is on disk before its call returns.

    A fence and its lifting are one transaction with the scopes of the item's jobs: no job can be submitted
    between. Any call may raise engine.errors.StoreUnavailable; `tests/stores` holds the contract.
    """

    async def hosted_item(self, key: ItemKey) -> HostedItem | None: ...

    async def add_hosted_item(self, item: HostedItem, at: datetime) -> HostedItem | None:
        """Keep an item that is active; return None, or the one that is known by its name already."""

    async def change_hosted_item(self, item: HostedItem, at: datetime) -> bool:
        """Write an active item down, which may be unknown yet; False where it is deleted in some way.

        The fingerprint of a known one stays.
        """

    async def fence_hosted_item(self, key: ItemKey, state: ItemState, at: datetime) -> HostedItem:
        """Let the item, which may be unknown yet, take no more jobs; return it as it is now.

        *state* is SOFT_DELETED or DELETING. An item never goes back from what is final to what is not.
        """

    async def restore_hosted_item(self, item: HostedItem, at: datetime) -> bool:
        """Write down an item that was deleted softly and let it take jobs; False where it was not."""

    async def forget_hosted_item(self, key: ItemKey, at: datetime) -> None:
        """Keep nothing of an item that is being deleted but its name."""
