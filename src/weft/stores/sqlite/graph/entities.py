"""How a batch of models, twins or relationships is written, and how the graph is emptied."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from operator import itemgetter

import apsw
import msgspec

from weft.stores.queries import load
from weft.stores.sqlite.graph import keys
from weft.stores.sqlite.graph.many import Row, put_many, rows_of
from weft.stores.sqlite.graph.tally import Tally
from weft.stores.sqlite.values import micros
from weft.twins.errors import RowsUnfit
from weft.twins.graph import Section

SQL = load("weft.stores.sqlite.graph", "entities.sql")

Rows = list[Row]

_FIRST, _SECOND = itemgetter(0), itemgetter(1)


def write(db: apsw.Connection, tally: Tally, section: Section, rows: Rows, now: datetime) -> None:
    """Raises RowsUnfit."""
    if not rows:
        return
    tally.revision += 1
    if section is Section.MODELS:
        _write_models(db, tally, rows, now)
    elif section is Section.TWINS:
        _write_twins(db, tally, rows, now)
    else:
        _write_relationships(db, tally, rows)


def delete_oldest(db: apsw.Connection, tally: Tally, limit: int) -> int:
    """Delete up to *limit* relationships, or twins where there are none, or models; return how many."""
    if tally.relationships:
        return _delete_relationships(db, tally, limit)
    if tally.twins:
        return _delete_twins(db, tally, limit)
    db.execute(SQL["delete_models"], {"limit": limit})
    tally.models -= db.changes()
    return db.changes()


# ---- models


def _write_models(db: apsw.Connection, tally: Tally, rows: Rows, now: datetime) -> None:
    latest: dict[str, str] = dict(rows)
    known: dict[str, int] = dict(rows_of(db, SQL["models_known"], {"ids": _json(list(latest))}))
    for id, definition in latest.items():
        if id not in known:
            tally.last_model += 1
            tally.models += 1
        number = known.get(id, tally.last_model)
        db.execute(SQL["put_model"], (number, id, definition, micros(now)))


# ---- twins


def _write_twins(db: apsw.Connection, tally: Tally, rows: Rows, now: datetime) -> None:
    _require_models(db, {model for _, model, _ in rows})
    latest = {keys.of_twin(row[0]): row for row in rows}
    found = keys.find_twins(db, latest)
    added = sorted(latest.keys() - found.keys() if found else latest, key=_place)
    numbers = range(tally.last_twin + 1, tally.last_twin + 1 + len(added))
    written = (tally.revision, micros(now))
    puts = [(number, *latest[key], *written) for key, number in sorted(found.items(), key=_SECOND)]
    puts += [(number, *latest[key], *written) for number, key in zip(numbers, added, strict=True)]
    put_many(db, SQL["put_twins"], puts)
    keys.add(db, tally, [(keys.TWIN, key, number) for number, key in zip(numbers, added, strict=True)])
    tally.last_twin += len(added)
    tally.twins += len(added)


def _place(key: str | bytes) -> tuple[bool, str | bytes]:
    """As SQLite sorts keys: text before bytes."""
    return isinstance(key, bytes), key


def _require_models(db: apsw.Connection, numbers: Collection[int]) -> None:
    missing = db.execute(SQL["missing_model"], {"numbers": _numbers(numbers)}).get
    if missing is not None:
        raise RowsUnfit("model", missing)


def _delete_twins(db: apsw.Connection, tally: Tally, limit: int) -> int:
    oldest = rows_of(db, SQL["oldest_twins"], {"limit": limit})
    keys.remove(db, tally, [(keys.TWIN, keys.of_twin(id), number) for number, id in oldest])
    db.execute(SQL["delete_twins"], {"last": oldest[-1][0]})
    tally.twins -= len(oldest)
    return len(oldest)


# ---- relationships


def _write_relationships(db: apsw.Connection, tally: Tally, rows: Rows) -> None:
    _require_twins(db, tally, {row[0] for row in rows} | {row[2] for row in rows})
    names = _numbers_of_names(db, {row[3] for row in rows})
    latest = {(row[0], row[1]): row for row in rows}
    by_key = sorted(
        ((keys.of_relationship(tally.salt, *named), row) for named, row in latest.items()), key=_FIRST
    )
    found = _found(db, [key for key, _ in by_key])
    replaced = {named: found[named] for named in latest if named in found} if found else {}
    if replaced:
        _replace_relationships(db, tally, [(*replaced[named], latest[named]) for named in replaced], names)
        by_key = [(key, row) for key, row in by_key if (row[0], row[1]) not in replaced]
    _add_relationships(db, tally, by_key, names)


def _add_relationships(
    db: apsw.Connection, tally: Tally, by_key: list[tuple[int, Row]], names: Mapping[str, int]
) -> None:
    numbers = range(tally.last_relationship + 1, tally.last_relationship + 1 + len(by_key))
    numbered = list(zip(numbers, by_key, strict=True))
    puts = [
        (number, source, id, target, names[name], properties or None, tally.revision)
        for number, (_, (source, id, target, name, properties)) in numbered
    ]
    put_many(db, SQL["put_relationships"], puts)
    keys.add(db, tally, [(keys.OUTGOING, key, number) for number, (key, _) in numbered])
    keys.add(db, tally, sorted(((keys.INCOMING, put[3], put[0]) for put in puts), key=_SECOND))
    tally.last_relationship += len(by_key)
    tally.relationships += len(by_key)


def _replace_relationships(
    db: apsw.Connection, tally: Tally, replaced: list[tuple[int, int, Row]], names: Mapping[str, int]
) -> None:
    """Each of *replaced* is: its number, its old target, and what it becomes."""
    puts = [
        (number, source, id, target, names[name], properties or None, tally.revision)
        for number, _, (source, id, target, name, properties) in sorted(replaced, key=_FIRST)
    ]
    put_many(db, SQL["put_relationships"], puts)
    moved = [(number, old, row[2]) for number, old, row in replaced if old != row[2]]
    keys.remove(db, tally, [(keys.INCOMING, old, number) for number, old, _ in moved])
    keys.add(db, tally, sorted(((keys.INCOMING, new, number) for number, _, new in moved), key=_SECOND))


def _require_twins(db: apsw.Connection, tally: Tally, numbers: Collection[int]) -> None:
    first = db.execute(SQL["first_twin"]).get or 0
    none_between_is_gone = tally.twins == tally.last_twin - first + 1
    if none_between_is_gone and first <= min(numbers) and max(numbers) <= tally.last_twin:
        return
    missing = db.execute(SQL["missing_twin"], {"numbers": _numbers(numbers)}).get
    if missing is not None:
        raise RowsUnfit("twin", missing)


def _numbers_of_names(db: apsw.Connection, names: Iterable[str]) -> Mapping[str, int]:
    wanted = {"names": _json(sorted(names))}
    known: dict[str, int] = dict(rows_of(db, SQL["names"], wanted))
    if len(known) < len(set(names)):
        db.execute(SQL["add_names"], wanted)
        known = dict(rows_of(db, SQL["names"], wanted))
    return known


def _found(db: apsw.Connection, wanted: Iterable[int]) -> dict[tuple[int, str], tuple[int, int]]:
    """Return number and target of each that may be meant, by source and id."""
    numbers = keys.find_relationships(db, wanted)
    if not numbers:
        return {}
    rows = db.execute(SQL["relationships_numbered"], {"numbers": _numbers(numbers)})
    return {(source, id): (number, target) for source, id, number, target in rows}


def _delete_relationships(db: apsw.Connection, tally: Tally, limit: int) -> int:
    oldest = rows_of(db, SQL["oldest_relationships"], {"limit": limit})
    outgoing = [
        (keys.OUTGOING, keys.of_relationship(tally.salt, source, id), number)
        for number, source, id, _ in oldest
    ]
    incoming = [(keys.INCOMING, target, number) for number, _, _, target in oldest]
    keys.remove(db, tally, sorted(outgoing) + sorted(incoming))
    db.execute(SQL["delete_relationships"], {"last": oldest[-1][0]})
    tally.relationships -= len(oldest)
    return len(oldest)


# ---- helpers


def _numbers(numbers: Iterable[int]) -> apsw.CArrayBinding:
    return apsw.carray(array("q", sorted(numbers)))


def _json(value: list[str]) -> str:
    return msgspec.json.encode(value).decode()
