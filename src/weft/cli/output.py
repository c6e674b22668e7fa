"""What commands print: JSON for programs, aligned lines for people, never a raw control character."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec


def print_json(value: Any) -> None:
    print(pretty(value))


def pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def print_json_line(value: Any) -> None:
    print(msgspec.json.encode(value).decode(), flush=True)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns as wide as they need to be; without any row nothing is printed."""
    cells = [[printable(cell) for cell in row] for row in rows]
    if not cells:
        return
    widths = [max(len(row[column]) for row in (headings, *cells)) for column in range(len(headings))]
    for row in (headings, *cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_pairs(pairs: Iterable[tuple[str, str | None]]) -> None:
    """Print a line for each pair that has a value."""
    known = [(name, printable(value)) for name, value in pairs if value]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        print(f"{name.ljust(width)}  {value}")


def tell(text: str) -> None:
    """Print a line for a person on stderr, where it disturbs no program that reads stdout."""
    print(printable(text), file=sys.stderr, flush=True)


def complain(text: str) -> None:
    tell(f"weft: {' '.join(text.split())}")


def printable(text: str) -> str:
    """Return *text* with control characters shown, so that a name or a log line cannot steer a terminal."""
    return "".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in text)
