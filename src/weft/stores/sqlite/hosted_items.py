"""What the store does with items of hosted workloads: one function a verb.

An item's fence is the scope of its jobs, which is closed and opened in the transaction that changes its row.
"""

from __future__ import annotations

from datetime import datetime

from apsw import Connection

from weft.catalog import scopes
from weft.catalog.hosted_items import HostedItem, ItemKey, ItemState
from weft.stores.queries import load
from weft.stores.sqlite.jobs import close_scope
from weft.stores.sqlite.values import Bindings, Row, json_text, micros

SQL = load("weft.stores.sqlite", "hosted_items.sql")

# From which states a fence leads to one; an item is never fenced less than it was.
_FENCED_FROM = {
    ItemState.SOFT_DELETED: (ItemState.ACTIVE,),
    ItemState.DELETING: (ItemState.ACTIVE, ItemState.SOFT_DELETED),
}

# ---- writes


def add_hosted_item(db: Connection, item: HostedItem, at: datetime) -> HostedItem | None:
    db.execute(SQL["add_hosted_item"], _row_of(item, at))
    return None if db.changes() else hosted_item(db, item.key)


def change_hosted_item(db: Connection, item: HostedItem, at: datetime) -> bool:
    row = _row_of(item, at)
    db.execute(SQL["change_hosted_item"], row | {"source": ItemState.ACTIVE})
    if not db.changes():
        db.execute(SQL["add_hosted_item"], row)
    return bool(db.changes())


def fence_hosted_item(db: Connection, key: ItemKey, state: ItemState, at: datetime) -> HostedItem:
    fence: Bindings = {"state": state, "at": micros(at), "sources": _listed(_FENCED_FROM[state])}
    with db:
        db.execute(SQL["fence_hosted_item"], _names(key) | fence)
        if not db.changes():
            db.execute(SQL["add_hosted_item"], _row_of(HostedItem(key=key, state=state), at))
        if db.changes():
            close_scope(db, scopes.of_hosted_item(key))
    return hosted_item(db, key) or HostedItem(key=key, state=state)


def restore_hosted_item(db: Connection, item: HostedItem, at: datetime) -> bool:
    scope = scopes.of_hosted_item(item.key)
    with db:
        db.execute(SQL["change_hosted_item"], _row_of(item, at) | {"source": ItemState.SOFT_DELETED})
        if not db.changes():
            return False
        db.execute(SQL["open_scopes"], {"scope": scope})
        # "0" follows "/": all scopes below lie between the two.
        db.execute(SQL["open_scopes_below"], {"below": f"{scope}/", "after": f"{scope}0"})
    return True


def forget_hosted_item(db: Connection, key: ItemKey, at: datetime) -> None:
    forgotten: Bindings = {"source": ItemState.DELETING, "state": ItemState.DELETED, "at": micros(at)}
    db.execute(SQL["forget_hosted_item"], _names(key) | forgotten)


# ---- reads


def hosted_item(db: Connection, key: ItemKey) -> HostedItem | None:
    rows = db.execute(SQL["hosted_item"], _names(key)).fetchall()
    return _item_of(rows[0]) if rows else None


# ---- helpers


def _names(key: ItemKey) -> Bindings:
    return {"tenant": key.tenant, "workspace": key.workspace, "type": key.type, "id": key.id}


def _row_of(item: HostedItem, at: datetime) -> Bindings:
    return _names(item.key) | {
        "state": item.state,
        "fingerprint": item.fingerprint,
        "at": micros(at),
        "display_name": item.display_name,
        "description": item.description,
        "payload": item.payload,
        "definition": item.definition,
    }


def _item_of(row: Row) -> HostedItem:
    tenant, workspace, type, id, state, fingerprint, display_name, description, payload, definition = row
    return HostedItem(
        key=ItemKey(tenant, workspace, type, id),
        display_name=display_name,
        description=description,
        payload=payload,
        definition=definition,
        fingerprint=fingerprint,
        state=ItemState(state),
    )


def _listed(states: tuple[ItemState, ...]) -> str:
    return json_text(states)
