"""The contract of HostedItemStore: what every store does with items of hosted workloads."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

import pytest

from weft.catalog import scopes
from weft.catalog.hosted_items import HostedItem, HostedItemStore, ItemKey, ItemState
from weft.engine.clock import SystemClock
from weft.engine.engine import Engine
from weft.engine.errors import ScopeClosed
from weft.engine.events import Events
from weft.engine.jobs import JobKey, NewJob
from weft.engine.ports import JobStore

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = ItemKey("t1", "w1", "Contoso.Thing", "i1")
ITEM = HostedItem(
    key=KEY,
    display_name="Ünïcode 🏢",
    description="about it",
    payload=b'{"a":1}',
    definition=b'{"parts":[]}',
    fingerprint=b"\x00\xff",
)
FENCES = [ItemState.SOFT_DELETED, ItemState.DELETING]


class Store(JobStore, HostedItemStore, Protocol):
    """One file keeps both."""


@pytest.fixture
def engine(store: Store) -> Engine:
    return Engine(store, SystemClock(), Events())


def a_job(id: str = "j1", *, item: ItemKey = KEY, job_type: str = "run") -> NewJob:
    return NewJob(
        key=JobKey(f"{scopes.of_hosted_item(item)}/{job_type}", id), queue=scopes.HOSTED, kind="run"
    )


async def test_an_item_is_read_back_as_it_was(store: Store) -> None:
    known = await store.add_hosted_item(ITEM, AT)

    assert known is None
    assert await store.hosted_item(KEY) == ITEM


@pytest.mark.parametrize("part", ["tenant", "workspace", "type", "id"])
async def test_an_item_is_another_one_where_any_part_of_its_name_differs(part: str, store: Store) -> None:
    other = replace(ITEM, key=replace(KEY, **{part: "other"}), payload=b"{}")
    await store.add_hosted_item(ITEM, AT)

    assert await store.hosted_item(other.key) is None
    assert await store.add_hosted_item(other, AT) is None
    assert await store.change_hosted_item(replace(other, payload=b'{"b":2}'), AT)
    await store.fence_hosted_item(other.key, ItemState.DELETING, AT)
    await store.forget_hosted_item(other.key, AT)

    assert await store.hosted_item(KEY) == ITEM


async def test_a_name_that_is_known_is_not_written_again(store: Store) -> None:
    await store.add_hosted_item(ITEM, AT)

    known = await store.add_hosted_item(replace(ITEM, payload=b"{}", fingerprint=b"x"), AT)

    assert known == ITEM
    assert await store.hosted_item(KEY) == ITEM


async def test_a_change_keeps_the_fingerprint(store: Store) -> None:
    await store.add_hosted_item(ITEM, AT)
    changed = replace(ITEM, display_name="new", description=None, payload=b"", definition=b"")

    is_done = await store.change_hosted_item(replace(changed, fingerprint=b"x"), AT)

    assert is_done
    assert await store.hosted_item(KEY) == changed


async def test_a_change_of_an_unknown_item_keeps_it(store: Store) -> None:
    assert await store.change_hosted_item(replace(ITEM, fingerprint=b""), AT)

    assert await store.hosted_item(KEY) == replace(ITEM, fingerprint=b"")


@pytest.mark.parametrize("state", FENCES)
@pytest.mark.parametrize("is_known", [True, False])
async def test_a_fenced_item_takes_no_job_and_no_change(
    state: ItemState, is_known: bool, store: Store, engine: Engine
) -> None:
    if is_known:
        await store.add_hosted_item(ITEM, AT)
    await engine.submit(a_job())

    fenced = await store.fence_hosted_item(KEY, state, AT)

    assert fenced == replace(ITEM if is_known else HostedItem(key=KEY), state=state)
    for late in (a_job("j2"), a_job("j3", job_type="never used")):
        with pytest.raises(ScopeClosed):
            await engine.submit(late)
    neighbour = a_job("j4", item=replace(KEY, id="i10"))
    assert (await engine.submit(neighbour)).key == neighbour.key
    assert not await store.change_hosted_item(ITEM, AT)
    assert await store.add_hosted_item(ITEM, AT) == fenced


async def test_a_restored_item_takes_jobs_of_all_types_again(store: Store, engine: Engine) -> None:
    await store.add_hosted_item(ITEM, AT)
    await engine.submit(a_job())
    await store.fence_hosted_item(KEY, ItemState.SOFT_DELETED, AT)

    restored = await store.restore_hosted_item(replace(ITEM, payload=b"{}"), AT)

    assert restored
    assert await store.hosted_item(KEY) == replace(ITEM, payload=b"{}")
    for late in (a_job("j2"), a_job("j3", job_type="never used")):
        assert (await engine.submit(late)).key == late.key


async def test_only_what_was_deleted_softly_is_restored(store: Store, engine: Engine) -> None:
    assert not await store.restore_hosted_item(ITEM, AT)
    assert await store.hosted_item(KEY) is None
    await store.add_hosted_item(ITEM, AT)
    assert not await store.restore_hosted_item(replace(ITEM, payload=b"{}"), AT)
    assert await store.hosted_item(KEY) == ITEM

    for state in ItemState.DELETING, ItemState.DELETED:
        await store.fence_hosted_item(KEY, ItemState.DELETING, AT)
        if state is ItemState.DELETED:
            await store.forget_hosted_item(KEY, AT)
        assert not await store.restore_hosted_item(ITEM, AT)
        with pytest.raises(ScopeClosed):
            await engine.submit(a_job())


async def test_a_neighbour_s_fence_stays_when_an_item_is_restored(store: Store, engine: Engine) -> None:
    neighbours = [replace(KEY, id=id) for id in ("i", "i0", "i10", "i2")]
    for key in (KEY, *neighbours):
        await engine.submit(a_job(item=key))
        await store.fence_hosted_item(key, ItemState.SOFT_DELETED, AT)

    await store.restore_hosted_item(ITEM, AT)

    for key in neighbours:
        with pytest.raises(ScopeClosed):
            await engine.submit(a_job("late", item=key))


async def test_a_fence_is_never_weakened(store: Store) -> None:
    await store.add_hosted_item(ITEM, AT)
    soft = await store.fence_hosted_item(KEY, ItemState.SOFT_DELETED, AT)

    hard = await store.fence_hosted_item(KEY, ItemState.DELETING, AT)
    after = await store.fence_hosted_item(KEY, ItemState.SOFT_DELETED, AT)
    await store.forget_hosted_item(KEY, AT)
    last = [await store.fence_hosted_item(KEY, state, AT) for state in FENCES]

    assert soft.state is ItemState.SOFT_DELETED
    assert hard.state is after.state is ItemState.DELETING
    assert [item.state for item in last] == [ItemState.DELETED, ItemState.DELETED]


async def test_what_is_forgotten_leaves_its_name_only(store: Store) -> None:
    await store.add_hosted_item(ITEM, AT)
    await store.forget_hosted_item(KEY, AT)
    assert await store.hosted_item(KEY) == ITEM, "it was not being deleted"
    await store.fence_hosted_item(KEY, ItemState.DELETING, AT)

    await store.forget_hosted_item(KEY, AT)

    bare = HostedItem(key=KEY, state=ItemState.DELETED)
    assert await store.hosted_item(KEY) == bare
    assert await store.add_hosted_item(ITEM, AT) == bare


async def test_no_job_slips_in_beside_fences_and_restores(store: Store, engine: Engine) -> None:
    """Whatever their order, a job was kept only while its item was active, and a deleted one has none."""

    async def submit(number: int) -> bool:
        try:
            await engine.submit(a_job(f"j{number}"))
        except ScopeClosed:
            return False
        return True

    async def fence_and_restore() -> None:
        await store.fence_hosted_item(KEY, ItemState.SOFT_DELETED, AT)
        await store.restore_hosted_item(ITEM, AT)

    await store.add_hosted_item(ITEM, AT)
    for turn in range(10):
        await asyncio.gather(*(submit(turn * 10 + n) for n in range(10)), fence_and_restore())
    await store.fence_hosted_item(KEY, ItemState.DELETING, AT)

    assert not any(await asyncio.gather(*(submit(1000 + n) for n in range(20)), return_exceptions=False))
