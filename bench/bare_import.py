"""The limit beside which imports are measured: one loop that parses a file and inserts, and checks nothing.

The same rows as in weft's graph store and as durable (write-ahead log, synchronous FULL, a commit each 10,000
rows), found through plain indexes, with all ids in one dictionary in memory. It trusts the file and cannot
resume.
Usage: `python -m bench.bare_import FILE DATABASE`; prints the seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import msgspec

ROWS = 10_000
SCHEMA = """
CREATE TABLE twins (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, model INTEGER NOT NULL, body TEXT NOT NULL,
    revision INTEGER NOT NULL, updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX twins_by_id ON twins (id);
CREATE TABLE relationships (
    number INTEGER PRIMARY KEY, source INTEGER NOT NULL, id TEXT NOT NULL, target INTEGER NOT NULL,
    name TEXT NOT NULL, properties TEXT, revision INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX relationships_by_id ON relationships (source, id);
CREATE INDEX relationships_by_target ON relationships (target);
"""
TWIN = "INSERT INTO twins VALUES (?, ?, 1, ?, 1, 1)"
RELATIONSHIP = (
    "INSERT INTO relationships (source, id, target, name, properties, revision) VALUES (?, ?, ?, ?, ?, 1)"
)
KEYS = frozenset(("$dtId", "$sourceId", "$relationshipId", "$targetId", "$relationshipName"))

decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode


def main(file: Path, database: Path) -> None:
    began = time.monotonic()
    db = apsw.Connection(str(database))
    db.pragma("journal_mode", "wal")
    db.pragma("synchronous", "full")
    db.pragma("cache_size", -48 * 1024)
    db.execute(SCHEMA)
    numbers: dict[str, int] = {}
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith('{"Section"') and decode(line)["Section"] == "Twins":
                break
        _insert(db, TWIN, _twins(lines, numbers))
        _insert(db, RELATIONSHIP, _relationships(lines, numbers))
    db.close()
    print(time.monotonic() - began)


def _twins(lines: Iterable[str], numbers: dict[str, int]) -> Iterator[tuple[Any, ...]]:
    for line in lines:
        twin = decode(line)
        if "Section" in twin:
            return
        number = numbers[twin["$dtId"]] = len(numbers) + 1
        yield number, twin["$dtId"], line[:-1]


def _relationships(lines: Iterable[str], numbers: dict[str, int]) -> Iterator[tuple[Any, ...]]:
    for line in lines:
        told = decode(line)
        rest = {name: value for name, value in told.items() if name not in KEYS}
        source, target = told.get("$dtId") or told["$sourceId"], told["$targetId"]
        properties = encode(rest).decode() if rest else None
        yield numbers[source], told["$relationshipId"], numbers[target], told["$relationshipName"], properties


def _insert(db: apsw.Connection, statement: str, rows: Iterator[tuple[Any, ...]]) -> None:
    while batch := list(islice(rows, ROWS)):
        with db:
            db.executemany(statement, batch)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
