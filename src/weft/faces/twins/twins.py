"""Twins and their relationships, read back."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from weft.contracts import twins_graph as wire
from weft.faces.twins import answers, reading
from weft.faces.twins.calls import Call
from weft.faces.twins.errors import RelationshipNotFound, TwinNotFound

ROOT: Final = "digitaltwins"
NAME: Final = "relationshipName"


async def get(call: Call) -> Response:
    id = _twin_id(call)
    twin = await call.twins.graph.twin(id)
    if twin is None:
        raise TwinNotFound(id)
    return answers.with_body(200, reading.twin(twin), {"ETag": twin.etag})


async def relationship(call: Call) -> Response:
    source, id = _twin_id(call), reading.entity_id(call.path("relationshipId"), "relationshipId")
    relationship = await call.twins.graph.relationship(source, id)
    if relationship is not None:
        return answers.with_body(200, reading.relationship(relationship), {"ETag": relationship.etag})
    if await call.twins.graph.twin(source) is None:
        raise TwinNotFound(source)
    raise RelationshipNotFound(source, id)


async def relationships(call: Call) -> Response:
    id, size = _twin_id(call), call.page_size()
    name = call.query(NAME)
    asked = {} if name is None else {NAME: reading.entity_id(name, NAME)}
    listing = "\n".join(("relationships", id, *asked.values()))
    after = call.position(listing)
    found = await call.twins.graph.outgoing(id, name=name, after=after, limit=size + 1)
    if found is None:
        raise TwinNotFound(id)
    page = wire.Page([reading.relationship(one) for one in found[:size]])
    if len(found) > size:
        path = reading.path_of(ROOT, id, "relationships")
        page.next_link = call.onward(listing, found[size - 1].number, path, asked)
    return answers.with_body(200, page)


async def incoming(call: Call) -> Response:
    id, size = _twin_id(call), call.page_size()
    listing = f"incoming\n{id}"
    found = await call.twins.graph.incoming(id, after=call.position(listing), limit=size + 1)
    if found is None:
        raise TwinNotFound(id)
    page = wire.Page([reading.incoming(one) for one in found[:size]])
    if len(found) > size:
        path = reading.path_of(ROOT, id, "incomingrelationships")
        page.next_link = call.onward(listing, found[size - 1].number, path)
    return answers.with_body(200, page)


def _twin_id(call: Call) -> str:
    return reading.entity_id(call.path("id"), "id")
