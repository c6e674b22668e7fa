"""Capacities, on which workspaces run: this server is one for every tenant, and there is no other."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

from weft.catalog.errors import CapacityNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    id: str
    display_name: str = "Local"
    sku: str = "F2"
    region: str = "Local"


def capacity_of(tenant: str) -> Capacity:
    """Return the capacity of *tenant*: always the same one, which no other tenant has."""
    return Capacity(id=str(uuid5(UUID(tenant), "\0capacity\0")))


def check_capacity(tenant: str, id: str | None) -> None:
    """Raise CapacityNotFound where *id*, unless None, is not the tenant's capacity."""
    if id is not None and id != capacity_of(tenant).id:
        raise CapacityNotFound(id)
