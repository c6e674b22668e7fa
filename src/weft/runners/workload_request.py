"""A request to a workload: what both published contracts fill in, each in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

import msgspec

from weft.catalog.model import Item
from weft.engine.jobs import Job


@dataclass(frozen=True, slots=True)
class Request:
    """*path* follows the base URL of the backend; *body* is JSON, None where the contract has none."""

    method: str
    path: str
    body: bytes | None = None


class Requests(Protocol):
    """The requests of one contract. For one job, or one event of an item, always the same bytes."""

    def create(self, job: Job) -> Request: ...

    def read(self, job: Job) -> Request: ...

    def cancel(self, job: Job) -> Request: ...

    def item_created(self, item: Item, type_name: str, payload: bytes, definition: bytes) -> Request: ...

    def item_updated(self, item: Item, type_name: str, payload: bytes, definition: bytes) -> Request: ...

    def item_deleted(self, item: Item, type_name: str, *, is_soft: bool) -> Request: ...

    def item_payload(self, item: Item, type_name: str) -> Request | None:
        """Return how a workload is asked what it shows of an item; None where the contract has no way."""


def path_of_item(workspace: str, type_name: str, item: str) -> str:
    return path("workspaces", workspace, "items", type_name, item)


def path(*segments: str) -> str:
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def encoded(members: dict[str, object]) -> bytes:
    """Return *members* as JSON, without those that are None."""
    return msgspec.json.encode({name: value for name, value in members.items() if value is not None})


def as_it_came(content: bytes) -> msgspec.Raw | None:
    """Return JSON that is passed on as it is; None where there is none."""
    return msgspec.Raw(content) if content else None
