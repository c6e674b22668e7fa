"""What is read of the graph: one function a verb, run inside a transaction of a reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from uuid import UUID

import apsw

from weft.stores.queries import load
from weft.stores.sqlite.graph import keys
from weft.stores.sqlite.graph.many import Row
from weft.stores.sqlite.values import instant
from weft.twins.graph import Model, Relationship, Section, Twin

SQL = load("weft.stores.sqlite.graph", "reading.sql")


def model(db: apsw.Connection, id: str) -> Model | None:
    rows = db.execute(SQL["model"], {"id": id}).fetchall()
    return _model_of(rows[0]) if rows else None


def models(db: apsw.Connection, after: int, limit: int) -> Sequence[Model]:
    return [_model_of(row) for row in db.execute(SQL["models"], {"after": after, "limit": limit})]


def twin(db: apsw.Connection, store: str, id: str) -> Twin | None:
    number = number_of_twin(db, id)
    rows = db.execute(SQL["twin"], {"number": number}).fetchall()
    return twin_of(store, rows[0]) if rows else None


def relationship(db: apsw.Connection, store: str, source: str, id: str) -> Relationship | None:
    number = number_of_twin(db, source)
    if number is None:
        return None
    key = keys.of_relationship(db.execute(SQL["salt"]).get, number, id)
    rows = db.execute(SQL["relationship"], {"id": id, "key": key}).fetchall()
    return relationship_of(store, rows[0]) if rows else None


def outgoing(
    db: apsw.Connection, store: str, source: str, name: str | None, page: tuple[int, int]
) -> Sequence[Relationship] | None:
    """*page* is: after which number, and how many."""
    number = number_of_twin(db, source)
    if number is None:
        return None
    first, last = keys.reach_of_source(number)
    bindings = {"first": first, "last": last, "name": name, "after": page[0], "limit": page[1]}
    return [relationship_of(store, row) for row in db.execute(SQL["outgoing"], bindings)]


def incoming(
    db: apsw.Connection, store: str, target: str, after: int, limit: int
) -> Sequence[Relationship] | None:
    number = number_of_twin(db, target)
    if number is None:
        return None
    rows = db.execute(SQL["incoming"], {"target": number, "after": after, "limit": limit})
    return [relationship_of(store, row) for row in rows]


def counts(db: apsw.Connection) -> Mapping[Section, int]:
    ((models, twins, relationships),) = db.execute(SQL["counts"])
    return {Section.MODELS: models, Section.TWINS: twins, Section.RELATIONSHIPS: relationships}


def number_of_twin(db: apsw.Connection, id: str) -> int | None:
    number: int | None = db.execute(SQL["number_of_twin"], {"key": keys.of_twin(id)}).get
    return number


# ---- rows


def twin_of(store: str, row: Row) -> Twin:
    number, id, model, body, revision, updated_at = row
    return Twin(
        id=id,
        model=model,
        body=body,
        etag=_etag(store, "twin", number, revision),
        updated_at=instant(updated_at),
        number=number,
    )


def relationship_of(store: str, row: Row) -> Relationship:
    number, id, source, target, name, properties, revision = row
    return Relationship(
        id=id,
        source=source,
        target=target,
        name=name,
        properties=properties or "",
        etag=_etag(store, "relationship", number, revision),
        number=number,
    )


def _model_of(row: Row) -> Model:
    number, id, definition, uploaded_at, decommissioned = row
    return Model(
        id=id,
        definition=definition,
        uploaded_at=instant(uploaded_at),
        decommissioned=bool(decommissioned),
        number=number,
    )


def _etag(store: str, kind: str, number: int, revision: int) -> str:
    """Derived, not kept: it changes with each write of the entity, and no two entities share one."""
    digest = blake2b(f"{kind} {number} {revision}".encode(), digest_size=16, key=store.encode())
    return f'W/"{UUID(bytes=digest.digest())}"'
