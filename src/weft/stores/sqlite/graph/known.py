"""The graph for another process, which reads while the server writes: each call sees what is committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import apsw

from weft.stores.queries import load
from weft.stores.sqlite.database import open_reader
from weft.stores.sqlite.graph import keys
from weft.stores.sqlite.graph.many import Row, rows_of
from weft.stores.sqlite.graph.schema import GRAPH
from weft.twins.graph import Known, KnownModel

SQL = load("weft.stores.sqlite.graph", "known.sql")


def open_known(path: str) -> Known:
    """Open the graph of a server that runs. Raises StoreUnavailable."""
    return _Known(open_reader(Path(path), schema=GRAPH))


class _Known:
    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def models(self) -> Mapping[str, KnownModel]:
        rows = self._db.execute(SQL["models"])
        return {id: KnownModel(number, text, bool(is_out)) for id, number, text, is_out in rows}

    def twins(self, ids: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        texts, guids = keys.by_type(map(keys.of_twin, ids))
        rows = self._twins(texts) + self._twins(guids)
        return {id: (number, model) for id, number, model in rows}

    def close(self) -> None:
        self._db.close()

    def _twins(self, wanted: tuple[str, ...] | tuple[bytes, ...]) -> list[Row]:
        if not wanted:
            return []  # SQLite takes no empty array
        return rows_of(self._db, SQL["twins"], {"wanted": apsw.carray(wanted)})
