"""What twins and relationships are found by, in an order that is cheap to write.

Names that come in random order (GUIDs) would each change a page of their own of a large index. So such a key
goes into a small table first, which stays in memory, and every transaction moves as many keys as came from
there to the large one: neighbours, whose pages are few. Keys that come as neighbours go there at once.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import apsw

from weft.stores.queries import load
from weft.stores.sqlite.graph.many import Row, put_many, rows_of
from weft.stores.sqlite.graph.tally import Tally

SQL = load("weft.stores.sqlite.graph", "keys.sql")

TWIN, OUTGOING, INCOMING = 0, 1, 2

HASH_BITS = 24
HASHES = (1 << HASH_BITS) - 1

Key = str | bytes | int
Entry = tuple[int, Key, int]

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_AFTER_ALL: dict[str, Key] = {"kind": INCOMING + 1, "key": 0, "number": 0}
_BEFORE_ALL = (-1, 0, 0)


def of_twin(id: str) -> str | bytes:
    return bytes.fromhex(id.replace("-", "")) if _GUID.fullmatch(id) else id


def of_relationship(salt: bytes, source: int, id: str) -> int:
    digest = blake2b(id.encode(), digest_size=HASH_BITS // 8, key=salt).digest()
    return source << HASH_BITS | int.from_bytes(digest, "big")


def reach_of_source(source: int) -> tuple[int, int]:
    """Return the first and the last key that relationships from the twin may have."""
    return source << HASH_BITS, source << HASH_BITS | HASHES


def find_twins(db: apsw.Connection, keys: Iterable[str | bytes]) -> dict[str | bytes, int]:
    """Return the numbers of those that exist."""
    texts, guids = by_type(keys)
    return dict(_find(db, texts) + _find(db, guids))


def by_type(keys: Iterable[str | bytes]) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
    """Return the ids, and the bytes of GUIDs, each in the order of the tables of keys."""
    texts: list[str] = []
    guids: list[bytes] = []
    for key in keys:
        if isinstance(key, str):
            texts.append(key)
        else:
            guids.append(key)
    return tuple(sorted(texts)), tuple(sorted(guids))


def find_relationships(db: apsw.Connection, keys: Iterable[int]) -> list[int]:
    """Return the numbers of those that may be meant: other ids may have the same hash."""
    wanted = array("q", sorted(set(keys)))
    found = db.execute(SQL["find"], {"wanted": apsw.carray(wanted), "kind": OUTGOING})
    return [number for _, number in found]


def add(db: apsw.Connection, tally: Tally, entries: Sequence[Entry]) -> None:
    """Add *entries*, which are of one kind and sorted by key."""
    if _are_neighbours(db, entries):
        put_many(db, SQL["add_settled"], entries)
    else:
        put_many(db, SQL["add"], entries)
        tally.new_keys += len(entries)


def _are_neighbours(db: apsw.Connection, entries: Sequence[Entry]) -> bool:
    """Return whether the large table has no more keys between the first and the last than *entries* are.

    Such keys change few of its pages: they need no detour through the small one.
    """
    if not entries:
        return True
    (kind, first, _), (_, last, _) = entries[0], entries[-1]
    reach: dict[str, Key] = {"kind": kind, "first": first, "last": last, "most": len(entries) + 1}
    return int(db.execute(SQL["count_between"], reach).get) <= len(entries)


def remove(db: apsw.Connection, tally: Tally, entries: Sequence[Entry]) -> None:
    before = db.total_changes()
    db.executemany(SQL["remove_new"], entries)
    removed = db.total_changes() - before
    tally.new_keys -= removed
    if removed < len(entries):
        db.executemany(SQL["remove"], entries)


def settle(db: apsw.Connection, tally: Tally, most_new: int) -> None:
    """Move neighbours to the large table until *most_new* keys are left in the small one."""
    while tally.new_keys > most_new:
        _move(db, tally, tally.new_keys - most_new)


def _find(db: apsw.Connection, keys: tuple[str, ...] | tuple[bytes, ...]) -> list[Row]:
    if not keys:
        return []  # SQLite takes no empty array
    return rows_of(db, SQL["find"], {"wanted": apsw.carray(keys), "kind": TWIN})


def _move(db: apsw.Connection, tally: Tally, count: int) -> None:
    """Move up to *count* keys behind the last one that moved; behind the last of all, begin anew."""
    start: dict[str, Key] = {
        "moved_kind": tally.moved_kind,
        "moved_key": tally.moved_key,
        "moved_number": tally.moved_number,
    }
    ends = rows_of(db, SQL["end_of_move"], start | {"count": count})
    end: dict[str, Key] = dict(zip(("kind", "key", "number"), ends[0], strict=True)) if ends else _AFTER_ALL
    db.execute(SQL["move_keys"], start | end)
    db.execute(SQL["remove_moved"], start | end)
    tally.new_keys -= db.changes()
    tally.moved_kind, tally.moved_key, tally.moved_number = ends[0] if ends else _BEFORE_ALL
