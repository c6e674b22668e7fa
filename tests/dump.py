"""All that a store holds, to show that a refused request left no trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

# SQLite counts there what was never given out, too: an INSERT of no rows leaves a line of its own.
COUNTERS = "sqlite_sequence"


def dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables of the database, beside the server that has it open."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        tables = [str(name) for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        rows = {table: sorted(db.execute(f'SELECT * FROM "{table}"'), key=repr) for table in sorted(tables)}
        return rows | {COUNTERS: [row for row in rows.get(COUNTERS, ()) if row[1]]}
    finally:
        db.close()
