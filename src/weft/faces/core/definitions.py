"""Definitions of items: of one, and of many at once."""

from __future__ import annotations

import msgspec
from msgspec import UNSET
from starlette.responses import Response

from weft.catalog.model import OperationKind, Role
from weft.contracts import core as wire
from weft.faces.core import answers, items, notebook_definitions, operations
from weft.faces.core.calls import Call
from weft.faces.core.item_requests import definition_update, exported_items, metadata_of
from weft.faces.http import shown
from weft.faces.parameters import bad_parameter


async def get(call: Call) -> Response:
    item = await items.find(call, needs=Role.CONTRIBUTOR)
    definition = await operations.definition_of(call, item)
    if operations.answers_later(OperationKind.GET_DEFINITION, item.type):
        kind = await _kind_of_result(call, definition)
        return await operations.accepted(call, kind, item.workspace, [item.id])
    _check_format(call, definition)
    return answers.with_body(200, wire.ItemDefinitionResponse(definition))


async def update(call: Call) -> Response:
    names_it = call.flag("updateMetadata", default=False)  # by the definition's `.platform`
    raw = await call.body()
    item = await items.find(call, needs=Role.CONTRIBUTOR)
    definition = definition_update(raw)
    metadata = metadata_of(definition) if names_it else wire.UpdateItemRequest()
    await call.core.catalog.update_item(
        call.caller,
        item.workspace,
        item.id,
        display_name=metadata.display_name,
        description=metadata.description,
        definition=msgspec.json.encode(definition),
    )
    if operations.answers_later(OperationKind.UPDATE_DEFINITION, item.type):
        return await operations.accepted(call, OperationKind.UPDATE_DEFINITION, item.workspace, [item.id])
    return answers.without_body(200)


async def export(call: Call) -> Response:
    """Begin an operation whose result is the definitions of many items of a workspace."""
    workspace = call.path_id("workspaceId")
    ids = exported_items(await call.body())
    await call.core.catalog.exports.check(call.caller, workspace, ids)
    return await operations.accepted(call, OperationKind.EXPORT, workspace, ids)


async def _kind_of_result(call: Call, definition: wire.ItemDefinition) -> OperationKind:
    """Return in which format a notebook is wanted. Raises Refused, DefinitionNotConvertible."""
    format = notebook_definitions.format_named(call.query("format"))
    if format is None or not notebook_definitions.is_convertible(definition):
        _check_format(call, definition)
        return OperationKind.GET_DEFINITION
    await notebook_definitions.in_format(definition, format)  # what can not be converted is told at once
    return OperationKind.GET_IPYNB if format == notebook_definitions.IPYNB else OperationKind.GET_DEFINITION


def _check_format(call: Call, definition: wire.ItemDefinition) -> None:
    """A definition is kept in the one format in which it was given. Raises Refused."""
    wanted = call.query("format")
    if wanted is not None and wanted != (definition.format or UNSET):
        raise bad_parameter("format", f"the definition is not there in the format {shown(wanted)}")
