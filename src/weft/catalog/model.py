"""What a workspace, an item and a role are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


class Role(IntEnum):
    """A principal's role in a workspace; a greater one may do all that a lesser one may."""

    VIEWER = 1
    CONTRIBUTOR = 2
    MEMBER = 3
    ADMIN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls: *id* is the object id (`oid`), *tenant* the tenant id, both canonical lower-case UUIDs.

    *scopes* is empty for an app (service principal): its role alone decides.
    """

    id: str
    tenant: str
    name: str
    is_app: bool
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    id: str
    tenant: str
    display_name: str
    description: str | None
    created_at: datetime
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    id: str
    workspace: str
    type: str
    display_name: str
    description: str | None
    created_at: datetime
    number: int = 0
