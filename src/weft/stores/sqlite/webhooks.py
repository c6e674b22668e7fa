"""What the store does with webhooks and with what they are to tell: one function a verb."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from apsw import Connection

from weft.catalog.webhooks import News, Webhook
from weft.engine.jobs import Job, JobKey, WhenLost
from weft.engine.lifecycle import State
from weft.stores.queries import load
from weft.stores.sqlite.values import (
    Bindings,
    Row,
    error_of,
    instant,
    instant_or_none,
    json_text,
    labels_of,
    micros,
)

SQL = load("weft.stores.sqlite", "webhooks.sql")

_states_of = msgspec.json.Decoder(list[State]).decode

# ---- writes


def add_webhook(db: Connection, webhook: Webhook, most: int) -> bool:
    db.execute(
        SQL["add_webhook"],
        _row_of(webhook)
        | {
            "workspace": webhook.workspace,
            "secret": webhook.secret,
            "created_by": webhook.created_by,
            "created_at": micros(webhook.created_at),
            "most": most,
        },
    )
    return bool(db.changes())


def change_webhook(db: Connection, webhook: Webhook) -> bool:
    db.execute(SQL["change_webhook"], _row_of(webhook))
    return bool(db.changes())


def disable_webhook(db: Connection, webhook: Webhook, because: str) -> bool:
    db.execute(SQL["disable_webhook"], {"id": webhook.id, "url": webhook.url, "because": because})
    return bool(db.changes())


def delete_webhook(db: Connection, id: str) -> bool:
    db.execute(SQL["delete_webhook"], {"id": id})
    return bool(db.changes())


def forget_news(db: Connection, through: int) -> None:
    db.execute(SQL["forget_news"], {"through": through})


# ---- reads


def webhook(db: Connection, id: str) -> Webhook | None:
    rows = db.execute(SQL["webhook"], {"id": id}).fetchall()
    return _webhook_of(rows[0]) if rows else None


def webhooks(db: Connection, workspace: str, after: int, limit: int) -> Sequence[Webhook]:
    wanted: Bindings = {"workspace": workspace, "after": after, "limit": limit}
    return [_webhook_of(row) for row in db.execute(SQL["webhooks"], wanted)]


def any_webhook(db: Connection) -> bool:
    return bool(db.execute(SQL["any_webhook"]).get)


def news(db: Connection, limit: int) -> Sequence[News]:
    return [_news_of(row) for row in db.execute(SQL["news"], {"limit": limit})]


# ---- helpers


def _row_of(webhook: Webhook) -> Bindings:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "item": webhook.item,
        "states": json_text(sorted(webhook.states)),
        "enabled": webhook.enabled,
        "disabled_because": webhook.disabled_because,
    }


def _webhook_of(row: Row) -> Webhook:
    id, workspace, url, secret, item, states, enabled, because, created_by, created_at, number = row
    return Webhook(
        id=id,
        workspace=workspace,
        url=url,
        secret=secret,
        item=item,
        states=frozenset(_states_of(states)),
        enabled=bool(enabled),
        disabled_because=because,
        created_by=created_by,
        created_at=instant(created_at),
        number=number,
    )


def _news_of(row: Row) -> News:
    number, workspace, scope, id, kind, state, by, submitted_at, started_at, ended_at, labels, error = row
    job = Job(
        key=JobKey(scope, id),
        queue="",
        kind=kind,
        payload=b"",
        labels=labels_of(labels),
        fingerprint=b"",
        submitted_by=by,
        when_lost=WhenLost.ADOPT,
        state=State(state),
        submitted_at=instant(submitted_at),
        available_at=instant(submitted_at),
        started_at=instant_or_none(started_at),
        ended_at=instant_or_none(ended_at),
        error=None if error is None else error_of(error),
    )
    return News(number, workspace, job)
