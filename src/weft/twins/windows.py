"""The windows of an import file: the lines of a section that are checked and written together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from weft.twins.feed import Position
from weft.twins.graph import Section
from weft.twins.lines import Block
from weft.twins.ndjson import HEADER, decode, is_section_line, may_have_section_lines

MOST_LINES = 10_000
MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Window:
    """Lines of a file without format faults, blank ones among them; none where the section begins."""

    section: Section
    lines: Sequence[bytes]
    before: Position
    after: Position


def windows(blocks: Iterable[Block], start: Position, size: int) -> Iterator[Window]:
    """Cut *blocks*, which begin at *start* of a file of *size* bytes.

    Where a window ends depends on where it begins and on the lines alone: whoever goes on from the end of one
    gets the same windows as who never stopped.
    """
    cutter = _Cutter(start, size)
    for block in blocks:
        cutter.skip_to(block.offset)
        if may_have_section_lines(block.data):
            for line in block.lines:
                yield from cutter.take_any(line)
        else:
            yield from cutter.take(block.lines)
    yield from cutter.cut()


class _Cutter:
    def __init__(self, start: Position, size: int) -> None:
        self._size = size
        self._before = start
        self._lines: list[bytes] = []
        self._bytes = 0

    def skip_to(self, offset: int) -> None:
        """Leave out what lies before the first line: a byte order mark."""
        if self._before.offset + self._bytes < offset:
            self._before = Position(offset, self._before.line, self._before.section)

    def take_any(self, line: bytes) -> Iterator[Window]:
        value: Any = decode(line) if may_have_section_lines(line) else None
        if is_section_line(line, value):
            yield from self.cut()
            yield from self._enter(value["Section"], line)
        else:
            yield from self.take([line])

    def take(self, lines: Sequence[bytes]) -> Iterator[Window]:
        taken = 0
        while taken < len(lines):
            more = lines[taken : taken + MOST_LINES - len(self._lines)]
            more = more[: self._count_fitting(more)]
            if more:
                self._lines += more
                self._bytes += _bytes(more)
                taken += len(more)
            else:
                yield from self.cut()

    def cut(self) -> Iterator[Window]:
        lines, before = self._lines, self._before
        offset = min(before.offset + self._bytes, self._size)
        self._before = Position(offset, before.line + len(lines), before.section)
        self._lines, self._bytes = [], 0
        if before.section and lines:
            yield Window(before.section, lines, before, self._before)

    def _enter(self, name: str, line: bytes) -> Iterator[Window]:
        section = None if name == HEADER else Section(name)
        before, offset = self._before, self._before.offset + len(line) + 1
        self._before = Position(min(offset, self._size), before.line + 1, section)
        if section:
            yield Window(section, (), before, self._before)

    def _count_fitting(self, lines: Sequence[bytes]) -> int:
        """Return how many of *lines* the window has bytes for; a window has one line at the least."""
        bytes_left = MOST_BYTES - self._bytes
        if _bytes(lines) <= bytes_left:
            return len(lines)
        fitting = bisect_right(list(accumulate(len(line) + 1 for line in lines)), bytes_left)
        return fitting if self._lines else max(fitting, 1)


def _bytes(lines: Sequence[bytes]) -> int:
    return sum(map(len, lines)) + len(lines)
