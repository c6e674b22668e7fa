"""What a workspace, an item and a role are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum


class Role(IntEnum):
    """A principal's role in a workspace; a greater one may do all that a lesser one may."""

    VIEWER = 1
    CONTRIBUTOR = 2
    MEMBER = 3
    ADMIN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls: *id* is the object id (`oid`), *tenant* the tenant id, both canonical lower-case UUIDs.

    *scopes* is empty for an app (service principal): its role alone decides. *upn* is a user's sign-in name,
    *client_id* an app's client id, "" where the token does not say.
    """

    id: str
    tenant: str
    name: str
    is_app: bool
    scopes: frozenset[str]
    upn: str = ""
    client_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """*capacity*: the id of the capacity that it is assigned to; None: it has none."""

    id: str
    tenant: str
    display_name: str
    description: str | None
    created_at: datetime
    capacity: str | None = None
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """*folder*: the id of the folder that it lies in; None: it lies at the top of its workspace."""

    id: str
    workspace: str
    type: str
    display_name: str
    description: str | None
    created_at: datetime
    folder: str | None = None
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """*parent*: the id of the folder that it lies in; None: it lies at the top of its workspace."""

    id: str
    workspace: str
    display_name: str
    created_at: datetime
    parent: str | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Within:
    """Where a list looks: in the folder *root*, None: the workspace; if deep, in all folders below, too."""

    root: str | None = None
    is_deep: bool = True


EVERYWHERE = Within()


class OperationKind(StrEnum):
    """What a long-running operation was for, which says what it results in."""

    CREATE = "create"
    GET_DEFINITION = "get-definition"
    GET_IPYNB = "get-ipynb"
    UPDATE_DEFINITION = "update-definition"
    EXPORT = "export"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A long-running operation that *principal*, an object id of *tenant*, has begun; its work is done.

    *items*: the ids of the items that it was about.
    """

    id: str
    tenant: str
    principal: str
    kind: OperationKind
    workspace: str
    items: tuple[str, ...]
    created_at: datetime
