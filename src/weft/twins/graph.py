"""The graph: models, twins and relationships, and the fence behind which a bulk job writes them.

A *number* is the graph's own small name of a model, twin or relationship; it never changes and is never used
again. The *report* of a bulk job is its log as it lies here, on the way into the output blob.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from weft.twins.query.selection import Selection


class Section(StrEnum):
    """The sections of an import file, in the only order they may have; the words are those of its log."""

    MODELS = "Models"
    TWINS = "Twins"
    RELATIONSHIPS = "Relationships"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """*definition* is the interface as JSON text, as it was given."""

    id: str
    definition: str
    uploaded_at: datetime
    decommissioned: bool = False
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """*body* is the twin as JSON text, as it was given: `$dtId`, `$metadata.$model`, properties, components.

    *revision* grows with every write of the graph; *etag* is the wire's, `W/"<guid>"`.
    """

    id: str
    model: str
    body: str
    etag: str
    updated_at: datetime
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    """*properties* is a JSON object, or empty where it has none."""

    id: str
    source: str
    target: str
    name: str
    properties: str
    etag: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Fence:
    """Who writes for a bulk job: *job* is its name, *epoch* its owner. A newer one shuts out older ones."""

    job: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """What the graph keeps of a bulk job. *checkpoint* is the owner's own, empty at first.

    *report_bytes* is how long the log of the job is in all; *reported_bytes* of it are confirmed as written
    to the output blob, and the rest is kept in the graph.
    """

    checkpoint: bytes
    report_bytes: int
    reported_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is written in one transaction, or not at all.

    *rows* is `marshal` of a list of tuples, in file order; a later row replaces an earlier one of its name:

    - Models: (id, definition)
    - Twins: (id, number of its model, body)
    - Relationships: (number of the source, id, number of the target, name, properties)

    *report* are whole lines of the log, each with its line break.
    """

    checkpoint: bytes
    section: Section | None = None
    rows: bytes = b""
    report: Sequence[bytes] = ()


class BulkGraph(Protocol):
    """What bulk jobs write. A call is on disk before it returns; each may raise StoreUnavailable."""

    async def bulk(self, job: str) -> Bulk | None:
        """Return how far *job* is, also where it is shut; None where nothing is known of it."""

    async def take_over(self, fence: Fence) -> Bulk:
        """Shut out all owners with a smaller epoch, and return how far the job is. One may repeat it.

        Raises FenceLost where a newer owner has it, or where it is shut.
        """

    async def apply(self, fence: Fence, batch: Batch) -> None:
        """Raises FenceLost."""

    async def delete_some(self, fence: Fence, limit: int, batch: Batch) -> int:
        """Delete up to *limit* relationships, or twins, or models, and keep checkpoint and report of *batch*.

        Return how many were deleted, 0 where the graph is empty. Raises FenceLost.
        """

    async def shut(self, fence: Fence) -> None:
        """Let nobody write for the job any more, whatever the epoch. The report stays until `forget`.

        A job that is not known is shut all the same. Raises FenceLost where a newer owner has it.
        """

    async def report(self, job: str, *, offset: int, most_bytes: int) -> bytes:
        """Return what the log of *job* has from *offset* on, cut at a whole line."""

    async def reported(self, fence: Fence, offset: int) -> None:
        """Forget the lines before *offset*: the output blob has them for certain."""

    async def forget(self, job: str) -> None:
        """Forget checkpoint and report of a job that is over, but not that it is shut.

        An owner that stood still since before the end may still try to take it over.
        """

    async def optimize(self) -> None:
        """Bring statistics up to date after much was written."""


class Graph(BulkGraph, Protocol):
    """Reads see all that was written before they were called. Lists are in the order of numbers."""

    async def model(self, id: str) -> Model | None: ...

    async def models(self, *, after: int, limit: int) -> Sequence[Model]: ...

    async def twin(self, id: str) -> Twin | None: ...

    async def relationship(self, source: str, id: str) -> Relationship | None: ...

    async def outgoing(
        self, source: str, *, name: str | None, after: int, limit: int
    ) -> Sequence[Relationship] | None:
        """Return relationships from the twin *source*, None where there is no such twin."""

    async def incoming(self, target: str, *, after: int, limit: int) -> Sequence[Relationship] | None: ...

    async def select(
        self, selection: Selection, *, after: int, limit: int
    ) -> Sequence[Twin | Relationship]: ...

    async def count(self, selection: Selection) -> int: ...

    async def counts(self) -> Mapping[Section, int]:
        """Return how many models, twins and relationships there are, without counting them one by one."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    number: int
    definition: str
    decommissioned: bool


class Known(Protocol):
    """What the process that checks an import file may ask of the graph; the calls block."""

    def models(self) -> Mapping[str, KnownModel]: ...

    def twins(self, ids: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """Return, for those of *ids* that exist, the number of the twin and the number of its model."""

    def close(self) -> None: ...
