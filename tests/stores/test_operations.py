"""The contract of OperationStore: what every store does with long-running operations."""

from __future__ import annotations

from dataclasses import replace

from tests.stores.builders import NOW, after
from weft.catalog.model import Operation, OperationKind
from weft.catalog.ports import OperationStore

CREATED = Operation(
    id="o1",
    tenant="t1",
    principal="ann",
    kind=OperationKind.CREATE,
    workspace="w1",
    items=("i1", "ü"),
    created_at=NOW,
)


async def test_an_operation_is_read_back_as_it_was(store: OperationStore) -> None:
    exported = replace(CREATED, id="o2", kind=OperationKind.EXPORT, items=())

    await store.add_operation(CREATED)
    await store.add_operation(exported)

    assert await store.operation("o1", tenant="t1", principal="ann") == CREATED
    assert await store.operation("o2", tenant="t1", principal="ann") == exported


async def test_an_operation_is_found_by_whom_it_belongs_to_only(store: OperationStore) -> None:
    await store.add_operation(CREATED)

    assert await store.operation("o1", tenant="t1", principal="bob") is None
    assert await store.operation("o1", tenant="t2", principal="ann") is None
    assert await store.operation("o3", tenant="t1", principal="ann") is None


async def test_old_operations_are_forgotten_the_oldest_first(store: OperationStore) -> None:
    for id, seconds in (("o1", 3), ("o2", 1), ("o3", 2), ("o4", 9)):
        await store.add_operation(replace(CREATED, id=id, created_at=after(seconds)))

    first = await store.forget_operations(after(9), 2)
    left = [id for id in ("o1", "o2", "o3", "o4") if await store.operation(id, tenant="t1", principal="ann")]
    second = await store.forget_operations(after(9), 99)

    assert (first, second) == (2, 1)
    assert left == ["o1", "o4"]
    assert await store.operation("o4", tenant="t1", principal="ann") is not None
