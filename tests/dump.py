"""All that a store holds, to show that a refused request left no trace."""

from __future__ import annotations

from pathlib import Path

import apsw


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of all tables of the database, beside the server that has it open."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        tables = [str(name) for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {table: sorted(db.execute(f'SELECT * FROM "{table}"'), key=repr) for table in sorted(tables)}
    finally:
        db.close()
