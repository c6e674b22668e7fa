"""How many there are of all, and the last numbers given: read and written once in each transaction."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import apsw

from weft.stores.queries import load

SQL = load("weft.stores.sqlite.graph", "tally.sql")


@dataclass(slots=True)
class Tally:
    salt: bytes
    revision: int
    models: int
    twins: int
    relationships: int
    last_model: int
    last_twin: int
    last_relationship: int
    new_keys: int
    moved_kind: int
    moved_key: str | bytes | int
    moved_number: int

    @classmethod
    def of(cls, db: apsw.Connection) -> Tally:
        (row,) = db.execute(SQL["tally"])
        return cls(*row)

    def keep(self, db: apsw.Connection) -> None:
        db.execute(SQL["keep"], asdict(self))
