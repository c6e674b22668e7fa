"""Long-running operations, as clients know them: begun, looked at, and asked for what they resulted in.

Their work is done before the caller hears of them. What they result in is not kept: it is read from the items
that they were about when it is asked for, so a large definition does not lie in the store once for each look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from weft.catalog.errors import OperationNotFound
from weft.catalog.model import Operation, OperationKind, Principal
from weft.catalog.ports import OperationStore
from weft.engine.ports import Clock

KEPT_FOR: Final = timedelta(days=1)
FORGOTTEN_AT_ONCE: Final = 1000


class Operations:
    """An operation belongs to whom it was begun for: anybody else's is answered as an unknown one."""

    def __init__(self, store: OperationStore, clock: Clock, new_id: Callable[[], str]) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id

    async def done(
        self, caller: Principal, kind: OperationKind, workspace: str, items: Sequence[str]
    ) -> Operation:
        """Keep an operation whose work is done."""
        operation = Operation(
            id=self._new_id(),
            tenant=caller.tenant,
            principal=caller.id,
            kind=kind,
            workspace=workspace,
            items=tuple(items),
            created_at=self._clock.now(),
        )
        await self._store.add_operation(operation)
        return operation

    async def find(self, caller: Principal, id: str) -> Operation:
        """Raises OperationNotFound, also for one that is older than a day."""
        found = await self._store.operation(id, tenant=caller.tenant, principal=caller.id)
        if found is None or found.created_at < self._clock.now() - KEPT_FOR:
            raise OperationNotFound(id)
        return found

    async def forget(self) -> None:
        """Delete operations that are older than a day."""
        before = self._clock.now() - KEPT_FOR
        while await self._store.forget_operations(before, FORGOTTEN_AT_ONCE) == FORGOTTEN_AT_ONCE:
            pass  # each batch is a commit of its own, so that others are served between two
