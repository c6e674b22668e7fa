"""What the store does with long-running operations: one function a verb."""

from __future__ import annotations

from datetime import datetime

import msgspec
from apsw import Connection

from weft.catalog.model import Operation, OperationKind
from weft.stores.queries import load
from weft.stores.sqlite.values import Row, instant, json_text, micros

SQL = load("weft.stores.sqlite", "operations.sql")


def add_operation(db: Connection, operation: Operation) -> None:
    db.execute(
        SQL["add_operation"],
        {
            "id": operation.id,
            "tenant": operation.tenant,
            "principal": operation.principal,
            "kind": operation.kind,
            "workspace": operation.workspace,
            "items": json_text(operation.items),
            "created_at": micros(operation.created_at),
        },
    )


def operation(db: Connection, id: str, tenant: str, principal: str) -> Operation | None:
    wanted = {"id": id, "tenant": tenant, "principal": principal}
    rows = db.execute(SQL["operation"], wanted).fetchall()
    if not rows:
        return None
    return _operation_of(rows[0])


def forget_operations(db: Connection, before: datetime, limit: int) -> int:
    db.execute(SQL["forget_operations"], {"before": micros(before), "limit": limit})
    return db.changes()


def _operation_of(row: Row) -> Operation:
    id, tenant, principal, kind, workspace, items, created_at = row
    return Operation(
        id=id,
        tenant=tenant,
        principal=principal,
        kind=OperationKind(kind),
        workspace=workspace,
        items=msgspec.json.decode(items, type=tuple[str, ...]),
        created_at=instant(created_at),
    )
