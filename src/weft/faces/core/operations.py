"""Long-running operations: which requests begin one, its state, and what it resulted in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
from starlette.responses import Response

from weft.catalog.errors import OperationHasNoResult
from weft.catalog.exports import Exported
from weft.catalog.model import Item, OperationKind, Role
from weft.catalog.model import Operation as Begun
from weft.contracts import core as wire
from weft.faces.core import access, answers, mapping, notebook_definitions
from weft.faces.core.calls import Call, Operation

# The item types, in lower case, for which clients of the service know that the answer comes later: they poll.
LATER: Mapping[OperationKind, frozenset[str]] = {
    OperationKind.CREATE: frozenset({"notebook"}),
    OperationKind.GET_DEFINITION: frozenset({"notebook"}),
    OperationKind.GET_IPYNB: frozenset({"notebook"}),
    OperationKind.UPDATE_DEFINITION: frozenset({"notebook"}),
}
LONGEST_RETRY_AFTER_SECONDS = 20


def answers_later(kind: OperationKind, item_type: str) -> bool:
    """Return whether clients of the service know the answer for items of this type to be an operation."""
    return item_type.lower() in LATER[kind]


async def accepted(
    call: Call,
    kind: OperationKind,
    workspace: str,
    items: list[str],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Keep an operation whose work is done, and return the answer that names it."""
    begun = await call.core.catalog.operations.done(call.caller, kind, workspace, items)
    wait = min(call.core.pace.retry_after_seconds, LONGEST_RETRY_AFTER_SECONDS)
    told = {
        "Location": call.url(f"/operations/{begun.id}"),
        "Retry-After": str(wait),
        **(headers or {}),
        "x-ms-operation-id": begun.id,
    }
    return answers.with_body(202, None, told)


async def get(call: Call) -> Response:
    known = await _find(call)
    headers = {"x-ms-operation-id": known.id}
    if RESULTS[known.kind] is not _nothing:  # clients fetch what is named here, and fail without it
        headers["Location"] = call.url(f"/operations/{known.id}/result")
    return answers.with_body(200, mapping.operation_state(known), headers)


async def result(call: Call) -> Response:
    known = await _find(call)
    resulted = await RESULTS[known.kind](call, known)
    return answers.as_stored(200, msgspec.json.encode(resulted))


async def definition_of(call: Call, item: Item) -> wire.ItemDefinition:
    """Return an item's definition; that of one that was never given any has no parts."""
    kept = await call.core.catalog.definition(call.caller, item.workspace, item.id)
    return msgspec.json.decode(kept, type=wire.ItemDefinition) if kept else wire.ItemDefinition(parts=[])


async def _find(call: Call) -> Begun:
    return await call.core.catalog.operations.find(call.caller, call.path_id("operationId"))


# ---- what each kind results in, read now: the caller's role may have changed, and the items


async def _created(call: Call, known: Begun) -> wire.Item:
    item = await call.core.catalog.item(call.caller, known.workspace, known.items[0])
    return mapping.item(item)


async def _as_git_source(call: Call, known: Begun) -> wire.ItemDefinitionResponse:
    return await _defined(call, known, notebook_definitions.GIT_SOURCE)


async def _as_ipynb(call: Call, known: Begun) -> wire.ItemDefinitionResponse:
    return await _defined(call, known, notebook_definitions.IPYNB)


async def _defined(call: Call, known: Begun, format: str) -> wire.ItemDefinitionResponse:
    item = await _readable(call, known, known.items[0])
    definition = await definition_of(call, item)
    return wire.ItemDefinitionResponse(await notebook_definitions.in_format(definition, format))


async def _exported(call: Call, known: Begun) -> wire.BulkExportItemDefinitionsResponse:
    """Items without a definition are left out, and those that were deleted meanwhile."""
    access.EXPORT_ITEMS.check(call.caller)
    found = await call.core.catalog.exports.read(call.caller, known.workspace, known.items)
    index = [wire.ItemDefinitionIndex(one.item.id, one.path) for one in found]
    return wire.BulkExportItemDefinitionsResponse(index, await asyncio.to_thread(_parts, found))


def _parts(exported: Sequence[Exported]) -> list[wire.ItemDefinitionPart]:
    """A workspace may have megabytes of them: not to be read on the event loop."""
    return [
        wire.ItemDefinitionPart(f"{one.path}/{part.path}", part.payload, part.payload_type)
        for one in exported
        for part in msgspec.json.decode(one.definition, type=wire.ItemDefinition).parts
    ]


async def _nothing(call: Call, known: Begun) -> object:
    raise OperationHasNoResult


async def _readable(call: Call, known: Begun, id: str) -> Item:
    item = await call.core.catalog.item(call.caller, known.workspace, id, needs=Role.CONTRIBUTOR)
    access.WRITE_ITEMS.check_for(call.caller, item.type)
    return item


RESULTS: Mapping[OperationKind, Callable[[Call, Begun], Awaitable[object]]] = {
    OperationKind.CREATE: _created,
    OperationKind.GET_DEFINITION: _as_git_source,
    OperationKind.GET_IPYNB: _as_ipynb,
    OperationKind.UPDATE_DEFINITION: _nothing,
    OperationKind.EXPORT: _exported,
}

OPERATION = "/operations/{operationId}"
ADDRESSES: dict[str, dict[str, Operation]] = {
    OPERATION: {"GET": Operation(get, access.NONE)},
    f"{OPERATION}/result": {"GET": Operation(result, access.NONE)},
}
