"""Reads an import file twice: is its format right everywhere, then what is in it. Writes nothing."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Protocol

from weft.twins.entities import EntityFault, Models, RelationshipChecks, Row, TwinChecks, source_of
from weft.twins.feed import AnyFrame, Ended, Entities, Order, Refused, Rejected, Scanned, Scanning, Totals
from weft.twins.graph import Known, Section
from weft.twins.lines import blocks
from weft.twins.model_section import MOST_MODEL_BYTES, NumberedLine, SectionRefused, take_models, too_many
from weft.twins.ndjson import WHITE_SPACE, Counted, FormatCheck, FormatFault, decode
from weft.twins.windows import Window, windows

SECONDS_BETWEEN_TELLINGS = 0.25
FORMAT_FAULT = "UnsupportedFileFormat"


class Source(Protocol):
    """See blobs.ports.Source, of which this is the part that is used."""

    @property
    def size(self) -> int: ...

    @property
    def tag(self) -> str: ...

    def read(self, offset: int = 0) -> Iterator[bytes]: ...


def read(
    order: Order,
    source: Source,
    known: Known,
    *,
    committed: Callable[[int], None],
    clock: Callable[[], float],
) -> Iterator[AnyFrame]:
    """Yield all that there is to tell of a file; the last frame is Ended or Refused.

    *committed* blocks until so many of the Entities that were yielded are committed; *clock* gives seconds.
    What *source* and *known* raise is raised.
    """
    reading = _Reading(order, source, known, committed)
    try:
        if order.totals is None:
            yield from _check_format(source, clock)
        elif (order.totals.size, order.totals.tag) != (source.size, source.tag):
            raise _Refusal(
                Refused("InputBlobChanged", "The input blob has changed since it was checked.", None)
            )
        yield from reading.entities()
        yield Ended()
    except _Refusal as refusal:
        yield refusal.frame


class _Refusal(Exception):
    def __init__(self, frame: Refused) -> None:
        super().__init__(frame.code)
        self.frame = frame


# ---- the first pass


def _check_format(source: Source, clock: Callable[[], float]) -> Iterator[AnyFrame]:
    check = FormatCheck()
    told_at = clock()
    for block in blocks(source.read()):
        fault = check.take(block)
        if fault:
            raise _format_refused(fault)
        if clock() - told_at >= SECONDS_BETWEEN_TELLINGS:
            told_at = clock()
            yield Scanning(block.offset + len(block.data), source.size)
    counted = check.end()
    if not isinstance(counted, Counted):
        raise _format_refused(counted)
    totals = Totals(source.size, source.tag, counted.models, counted.twins, counted.relationships)
    yield Scanned(totals)


def _format_refused(fault: FormatFault) -> _Refusal:
    """The service reports a format fault against Models, whatever section it is in (contracts/twins.md 2)."""
    rejected = Rejected(Section.MODELS, fault.line, FORMAT_FAULT, fault.message)
    message = f"Line {fault.line}: {fault.message}"
    return _Refusal(Refused(FORMAT_FAULT, message, Section.MODELS, (rejected,)))


# ---- the second pass


class _Reading:
    def __init__(self, order: Order, source: Source, known: Known, committed: Callable[[int], None]) -> None:
        self._order = order
        self._source = source
        self._known = known
        self._committed = committed
        self._sent = 0

    def entities(self) -> Iterator[Entities]:
        start, size = self._order.start, self._source.size
        if start.offset >= size:
            return
        read = {
            Section.MODELS: self._models,
            Section.TWINS: self._twins,
            Section.RELATIONSHIPS: self._relationships,
        }
        file = blocks(self._source.read(start.offset), start.offset)
        for section, parts in groupby(windows(file, start, size), key=attrgetter("section")):
            for batch in read[section](parts):
                self._sent += 1
                yield batch

    def _models(self, parts: Iterable[Window]) -> Iterator[Entities]:
        """Yield all models at once: they are valid together, or not at all."""
        lines: list[NumberedLine] = []
        size = 0
        for window in parts:
            for number, line in _numbered(window):
                size += len(line)
                if size > MOST_MODEL_BYTES:
                    raise _models_refused(too_many(number, f"{MOST_MODEL_BYTES} bytes of models"))
                lines.append((number, line))
        try:
            taken = take_models(lines, self._known.models())
        except SectionRefused as refused:
            raise _models_refused(refused) from None
        rows = marshal.dumps(taken.rows) if taken.rows else b""
        yield Entities(Section.MODELS, rows, taken.count, (), window.after)

    def _twins(self, parts: Iterable[Window]) -> Iterator[Entities]:
        checks = TwinChecks(self._settled_models())
        for window in parts:
            yield from _batch(window, ((number, checks.row(line)) for number, line in _numbered(window)))

    def _relationships(self, parts: Iterable[Window]) -> Iterator[Entities]:
        strict = self._order.strict
        checks = RelationshipChecks(self._settled_models(), strict=strict)
        for window in parts:
            lines = [(number, line, decode(line)) for number, line in _numbered(window)]
            ends = {source_of(relationship) for _, _, relationship in lines}
            ends |= {relationship["$targetId"] for _, _, relationship in lines}
            found = self._known.twins(sorted(ends))
            if not checks.know(found):
                checks = RelationshipChecks(Models(self._known.models()), strict=strict)
            yield from _batch(
                window,
                ((number, checks.row(relationship, line, found)) for number, line, relationship in lines),
            )

    def _settled_models(self) -> Models:
        """Wait until all that was sent is in the graph, and return the models that it then has."""
        self._committed(self._sent)
        return Models(self._known.models())


def _models_refused(refused: SectionRefused) -> _Refusal:
    return _Refusal(Refused(refused.code, refused.message, Section.MODELS, refused.rejected))


def _numbered(window: Window) -> Iterator[NumberedLine]:
    """Yield the lines that are not blank, with their numbers."""
    for number, line in enumerate(window.lines, window.before.line + 1):
        if line.strip(WHITE_SPACE):
            yield number, line


def _batch(window: Window, judged: Iterable[tuple[int, Row | EntityFault]]) -> Iterator[Entities]:
    """Yield the batch of a window, if it has anything to tell: that its section has begun, at the least."""
    rows: list[Row] = []
    rejected: list[Rejected] = []
    for number, row in judged:
        if isinstance(row, EntityFault):
            rejected.append(Rejected(window.section, number, row.type, row.message))
        else:
            rows.append(row)
    if rows or rejected or not window.lines:
        packed = marshal.dumps(rows) if rows else b""
        yield Entities(window.section, packed, len(rows), tuple(rejected), window.after)
