"""The contract of WebhookStore: what every store does with webhooks, and with what they are to tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

import pytest

from tests.catalog.people import a_user
from tests.stores.builders import a_claim, a_job, a_workspace, an_end
from weft.catalog.ports import CatalogStore
from weft.catalog.webhooks import Webhook, WebhookStore
from weft.engine.jobs import Job, JobKey
from weft.engine.lifecycle import State
from weft.engine.ports import JobStore

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
LABELS = {"workspace": "w1", "item": "i1"}


class Store(JobStore, CatalogStore, WebhookStore, Protocol):
    """One file keeps all three."""


def a_webhook(id: str = "h1", **given: Any) -> Webhook:
    webhook = Webhook(
        id=id,
        workspace="w1",
        url="https://ci.contoso.com/ü",
        secret="SEALED",
        item=None,
        states=frozenset({State.COMPLETED, State.FAILED}),
        enabled=True,
        created_by="u1",
        created_at=AT,
    )
    return replace(webhook, **given)


@pytest.fixture
async def home(store: Store) -> Store:
    for id in ("w1", "w2"):
        await store.add_workspace(a_workspace(id, display_name=id), a_user("ann"))
    return store


async def _kept(store: Store, number: int = 0, **given: Any) -> Job:
    job = a_job(key=JobKey("core/w1/i1", f"j{number}"), labels=LABELS, **{"queue": "core", **given})
    kept = await store.insert(job)
    assert kept is not None
    return kept


async def test_a_webhook_is_kept_as_it_is(home: Store) -> None:
    webhook = a_webhook(item="i1", enabled=False, disabled_because="gone")

    assert await home.add_webhook(webhook, most=1)

    assert await home.webhook("h1") == replace(webhook, number=1)
    assert await home.webhook("h2") is None


async def test_no_webhook_is_kept_of_a_workspace_that_is_not_there_or_has_enough(home: Store) -> None:
    assert not await home.add_webhook(a_webhook(workspace="nowhere"), most=1)
    assert await home.add_webhook(a_webhook("h1"), most=2)
    assert await home.add_webhook(a_webhook("h2"), most=2)

    assert not await home.add_webhook(a_webhook("h3"), most=2)
    assert await home.add_webhook(a_webhook("h4", workspace="w2"), most=2)


async def test_webhooks_are_listed_oldest_first(home: Store) -> None:
    for id in ("h1", "h2", "h3"):
        await home.add_webhook(a_webhook(id), most=5)
    await home.add_webhook(a_webhook("h4", workspace="w2"), most=5)

    first = await home.webhooks("w1", after=0, limit=2)
    rest = await home.webhooks("w1", after=first[-1].number, limit=2)

    assert [webhook.id for webhook in (*first, *rest)] == ["h1", "h2", "h3"]


async def test_what_may_change_of_a_webhook_changes(home: Store) -> None:
    await home.add_webhook(a_webhook(), most=1)
    changed = a_webhook(
        url="https://x", item="i2", states=frozenset({State.RUNNING}), enabled=False, disabled_because="b"
    )

    assert await home.change_webhook(replace(changed, secret="other", created_by="other"))

    assert await home.webhook("h1") == replace(changed, number=1)
    assert not await home.change_webhook(a_webhook("h9"))


async def test_a_webhook_is_disabled_only_while_it_goes_where_it_went(home: Store) -> None:
    known = a_webhook(url="https://old", disabled_because="")
    await home.add_webhook(known, most=1)
    moved = replace(known, url="https://new")
    await home.change_webhook(moved)

    late = await home.disable_webhook(known, "gone")
    untouched = await home.webhook("h1")
    now = await home.disable_webhook(moved, "gone")

    assert (late, untouched) == (False, replace(moved, number=1))
    assert now
    assert await home.webhook("h1") == replace(moved, enabled=False, disabled_because="gone", number=1)
    assert not await home.disable_webhook(a_webhook("h9"), "gone")


async def test_a_deleted_webhook_is_gone(home: Store) -> None:
    await home.add_webhook(a_webhook(), most=1)
    known = await home.any_webhook()

    assert await home.delete_webhook("h1")

    assert known
    assert not await home.any_webhook()
    assert not await home.delete_webhook("h1")


async def test_a_workspace_takes_its_webhooks_along(home: Store) -> None:
    await home.add_webhook(a_webhook(), most=1)

    await home.delete_workspace("w1")

    assert not await home.any_webhook()


async def test_each_state_that_a_job_comes_to_is_news(home: Store) -> None:
    await home.add_webhook(a_webhook(), most=1)
    kept = await _kept(home)
    [running] = await home.claim(a_claim(queue="core"))
    await home.extend(running.worker or "", [running.number], AT)  # no other state
    ended = await home.move(an_end(running))
    assert ended is not None

    news = await home.news(10)

    assert [(one.workspace, one.job.key) for one in news] == [("w1", kept.key)] * 3
    assert [one.job.state for one in news] == [kept.state, running.state, ended.state]
    assert [one.job.ended_at for one in news] == [None, None, ended.ended_at]
    last = news[-1].job
    assert (last.kind, last.labels, last.submitted_by) == (ended.kind, LABELS, ended.submitted_by)
    assert (last.submitted_at, last.started_at, last.error) == (
        ended.submitted_at,
        ended.started_at,
        ended.error,
    )


async def test_news_are_forgotten_up_to_a_number(home: Store) -> None:
    await home.add_webhook(a_webhook(), most=1)
    for number in range(3):
        await _kept(home, number)
    first, *_ = await home.news(1)

    await home.forget_news(first.number)

    assert [one.job.key.id for one in await home.news(10)] == ["j1", "j2"]
    await home.forget_news((await home.news(10))[-1].number)
    await _kept(home, 4)
    assert [one.job.key.id for one in await home.news(10)] == ["j4"]


@pytest.mark.parametrize(
    "given",
    [
        {"webhook": {"enabled": False}},
        {"webhook": {"workspace": "w2"}},
        {"job": {"queue": "workload"}},
    ],
)
async def test_what_no_webhook_waits_for_is_no_news(home: Store, given: dict[str, dict[str, Any]]) -> None:
    await home.add_webhook(a_webhook(**given.get("webhook", {})), most=1)

    await _kept(home, **given.get("job", {}))

    assert await home.news(10) == []


async def test_without_a_webhook_nothing_is_news(home: Store) -> None:
    await _kept(home)

    assert await home.news(10) == []
