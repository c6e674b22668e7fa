"""What is known of an item type: who does its jobs, under which contract, and what is de-duplicated."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Contract(StrEnum):
    """Which of the two published forms of the Workload API a backend speaks."""

    WDK = "WDK"  # Workload Development Kit, manifests 1.x
    REMOTE = "Remote"  # Fabric Extensibility Toolkit, manifests 2.100


class Dedup(StrEnum):
    """Which live job of the same type makes a new one a duplicate, as a manifest names it."""

    NONE = "None"
    PER_ITEM = "PerItem"
    PER_USER = "PerUser"  # of the same user and item


class ItemEvent(StrEnum):
    """What a workload may be told of its items."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Where a workload is served, and as whom it is called.

    *url*: its base, without a slash at the end; "" for a workload that this server hosts. *resolves*: None
    where *url* is the backend itself; else *url* is its endpoint resolution service, which is told these
    properties of the context. *audience* and *publisher_tenant* are what its tokens carry.
    """

    workload: str
    audience: str
    publisher_tenant: str
    url: str = ""
    contract: Contract = Contract.WDK
    resolves: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemType:
    """*job_types*: as registered; None: whatever is asked for is sent.

    *told*: what its backend hears of items. *takes_parameters*: a run may name parameters beside its
    executionData, which are then its member `parameters`. *app_id*: the workload's Entra app, where a
    manifest names one.
    """

    name: str
    backend: Backend
    job_types: tuple[str, ...] | None = None
    on_demand: Dedup = Dedup.NONE
    scheduled: Dedup = Dedup.NONE
    told: frozenset[ItemEvent] = frozenset({ItemEvent.CREATE, ItemEvent.UPDATE, ItemEvent.DELETE})
    takes_parameters: bool = False
    app_id: str = ""


@dataclass(frozen=True, slots=True)
class RunsAs:
    """What the jobs of an item type are called at the workload that does them: the types of another."""

    item_type: str
    job_type: str
