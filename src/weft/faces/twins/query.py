"""Queries: what is selected or counted, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from starlette.responses import Response

from weft.contracts import twins_graph as wire
from weft.faces.http import bad_body, decode
from weft.faces.parameters import whole_number
from weft.faces.twins import answers, query_tokens, reading
from weft.faces.twins.calls import GREATEST_PAGE_SIZE, PAGE_SIZE, Call
from weft.faces.twins.query_tokens import Place
from weft.twins.graph import Relationship, Twin
from weft.twins.query.queries import Queries
from weft.twins.query.selection import Selection

PATH: Final = "/query"
LARGEST_PAGE: Final = 1000  # MicrosoftDocs/azure-docs, includes/digital-twins-limits.md


async def select(queries: Queries, call: Call) -> Response:
    size = _page_size(call)
    place = _place(call, decode(await call.body(), wire.QuerySpecification))
    selection = await queries.read(place.query)
    if selection.counts:
        counted = wire.Counted(await call.twins.graph.count(selection))
        return _answer(wire.QueryResult([msgspec.Raw(msgspec.json.encode(counted))]))
    return _answer(await _page(call, selection, place, size))


async def _page(call: Call, selection: Selection, place: Place, size: int) -> wire.QueryResult:
    wanted = size if selection.top is None else min(size, selection.top - place.given)
    found = await call.twins.graph.select(selection, after=place.after, limit=wanted + 1)
    page = wire.QueryResult([reading.row(entity, selection.alias) for entity in found[:wanted]])
    if _goes_on(selection, found, place.given + wanted, wanted):
        onward = Place(place.query, found[wanted - 1].number, place.given + wanted)
        page.continuation_token = query_tokens.mint(call.twins.secret, call.caller, onward)
    return page


def _goes_on(selection: Selection, found: Sequence[Twin | Relationship], given: int, wanted: int) -> bool:
    return len(found) > wanted and (selection.top is None or given < selection.top)


def _place(call: Call, asked: wire.QuerySpecification) -> Place:
    """Return where to begin; a token that is given decides, and the query beside it is ignored: swagger."""
    if asked.continuation_token is not None:
        return query_tokens.place_of(call.twins.secret, call.caller, asked.continuation_token)
    if asked.query is None:
        raise bad_body("query", "query: either a query or a continuationToken is needed")
    return Place(asked.query)


def _page_size(call: Call) -> int:
    text = call.header(PAGE_SIZE)
    if text is None:
        return LARGEST_PAGE
    return min(whole_number(text, PAGE_SIZE, least=1, most=GREATEST_PAGE_SIZE), LARGEST_PAGE)


def _answer(result: wire.QueryResult) -> Response:
    charge = 1 + len(result.value) / 100
    return answers.with_body(200, result, {"query-charge": f"{charge:.2f}"})
