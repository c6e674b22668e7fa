"""A file and a graph in memory, and what the reader tells of the one for the other."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from weft.twins.feed import AnyFrame, Entities, Order, Position, Totals
from weft.twins.graph import KnownModel, Section
from weft.twins.reader import read


@dataclass(frozen=True)
class MemorySource:
    data: bytes
    tag: str = "tag"
    chunk_bytes: int = 65_536

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int = 0) -> Iterator[bytes]:
        assert offset < len(self.data) or not self.data, "a storage has nothing there to read"
        for start in range(offset, len(self.data), self.chunk_bytes):
            yield self.data[start : start + self.chunk_bytes]


@dataclass
class MemoryGraph:
    """As the real one: a twin is known once the batch it is in was applied."""

    known: dict[str, KnownModel] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    bodies: dict[str, str] = field(default_factory=dict)
    relationships: dict[tuple[int, str], tuple[Any, ...]] = field(default_factory=dict)
    asked: list[Sequence[str]] = field(default_factory=list)

    def models(self) -> Mapping[str, KnownModel]:
        return dict(self.known)

    def twins(self, ids: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        self.asked.append(ids)
        return {id: self.places[id] for id in ids if id in self.places}

    def close(self) -> None:
        pass

    def apply(self, batch: Entities) -> None:
        for row in rows_of(batch):
            if batch.section is Section.MODELS:
                self.known[row[0]] = KnownModel(100 + len(self.known), row[1], decommissioned=False)
            elif batch.section is Section.TWINS:
                number, _ = self.places.get(row[0], (1000 + len(self.places), 0))
                self.places[row[0]] = number, row[1]
                self.bodies[row[0]] = row[2]
            else:
                self.relationships[row[:2]] = row


def rows_of(batch: Entities) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = marshal.loads(batch.rows) if batch.rows else []
    assert len(rows) == batch.accepted or batch.section is Section.MODELS
    return rows


def order_of(*, strict: bool = False, totals: Totals | None = None, start: Position | None = None) -> Order:
    return Order(uri="", blobs=b"", graph="", strict=strict, totals=totals, start=start or Position())


def comparable(frame: AnyFrame) -> AnyFrame:
    """Return *frame* with its rows in one spelling: marshal writes equal rows in several ways."""
    if isinstance(frame, Entities) and frame.rows:
        return msgspec.structs.replace(frame, rows=marshal.dumps(marshal.loads(frame.rows), 2))
    return frame


def frames_of(
    source: MemorySource,
    graph: MemoryGraph,
    order: Order | None = None,
    clock: Iterable[float] = (),
    *,
    is_slow: bool = False,
) -> Iterator[AnyFrame]:
    """Yield the frames of a run.

    Each batch is applied when the next frame is asked for; in a slow graph, when it is waited for.
    """
    sent: list[Entities] = []
    applied = 0
    ticks = iter(clock)

    def committed(batches: int) -> None:
        nonlocal applied
        assert len(sent) >= batches, "the reader waits for what was never sent"
        for batch in sent[applied:batches]:
            graph.apply(batch)
        applied = max(applied, batches)

    reading = read(order or order_of(), source, graph, committed=committed, clock=lambda: next(ticks, 0.0))
    for told in reading:
        frame = comparable(told)
        yield frame
        if isinstance(frame, Entities):
            sent.append(frame)
            if not is_slow:
                committed(len(sent))
    committed(len(sent))
