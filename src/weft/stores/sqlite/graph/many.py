"""One statement for many rows: the fewer there are, the less often the interpreter's lock changes hands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any

import apsw

AT_ONCE = 100

Row = tuple[Any, ...]

_VALUES = re.compile(r"VALUES (\([?, ]+\))")


def put_many(db: apsw.Connection, statement: str, rows: Sequence[Row]) -> None:
    """Run *statement*, an INSERT of one row `VALUES (?, ...)`, for all *rows*."""
    whole = len(rows) // AT_ONCE * AT_ONCE
    for start in range(0, whole, AT_ONCE):
        db.execute(_for_many(statement), list(chain.from_iterable(rows[start : start + AT_ONCE])))
    db.executemany(statement, rows[whole:])


def rows_of(db: apsw.Connection, statement: str, bindings: Mapping[str, Any]) -> list[Row]:
    return db.execute(statement, bindings).fetchall()


@cache
def _for_many(statement: str) -> str:
    return _VALUES.sub(lambda values: "VALUES " + ", ".join([values[1]] * AT_ONCE), statement)
