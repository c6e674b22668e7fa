"""Models, read back: all, those that others need, or one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from weft.contracts import twins_graph as wire
from weft.faces.http import shown
from weft.faces.parameters import bad_parameter, true_or_false
from weft.faces.twins import answers, reading
from weft.faces.twins.calls import Call
from weft.faces.twins.errors import ModelNotFound, TooManyModels
from weft.twins.dtdl.dtmi import is_dtmi
from weft.twins.graph import Model
from weft.twins.query.models import CurrentModels

PATH: Final = "/models"
DEPENDENCIES_FOR: Final = "dependenciesFor"
WITH_DEFINITION: Final = "includeModelDefinition"
MOST_DEPENDENCIES_FOR: Final = 100
NEWEST_DTDL: Final = 3


async def list_all(current: CurrentModels, call: Call) -> Response:
    size, with_definition = call.page_size(), _with_definition(call)
    wanted = [_dtmi(id, DEPENDENCIES_FOR) for id in call.request.query_params.getlist(DEPENDENCIES_FOR)]
    if len(wanted) > MOST_DEPENDENCIES_FOR:
        raise TooManyModels(len(wanted), MOST_DEPENDENCIES_FOR)
    listing = "\n".join(("models", *wanted))
    after = call.position(listing)
    found = await _found(call, current, wanted, after, size + 1)
    page = wire.Page([reading.model(model, with_definition=with_definition) for model in found[:size]])
    if len(found) > size:
        page.next_link = call.onward(listing, found[size - 1].number, PATH, _asked(wanted, with_definition))
    return answers.with_body(200, page)


async def get(call: Call) -> Response:
    id = _dtmi(call.path("id"), "id")
    with_definition = _with_definition(call)
    model = await call.twins.graph.model(id)
    if model is None:
        raise ModelNotFound(id)
    return answers.with_body(200, reading.model(model, with_definition=with_definition))


async def _found(
    call: Call, current: CurrentModels, wanted: Sequence[str], after: int, limit: int
) -> Sequence[Model]:
    if not wanted:
        return await call.twins.graph.models(after=after, limit=limit)
    models = await current.now()
    for id in wanted:
        if id not in models.numbers:
            raise ModelNotFound(id)
    ids = [id for id in models.with_dependencies(wanted) if models.numbers[id] > after]
    return await _each(call, ids[:limit])


async def _each(call: Call, ids: Sequence[str]) -> Sequence[Model]:
    models = [await call.twins.graph.model(id) for id in ids]
    return [model for model in models if model is not None]


def _asked(wanted: Sequence[str], with_definition: bool) -> dict[str, str | Sequence[str]]:
    """Return what the next page has to ask again."""
    return {
        **({DEPENDENCIES_FOR: wanted} if wanted else {}),
        **({WITH_DEFINITION: "true"} if with_definition else {}),
    }


def _with_definition(call: Call) -> bool:
    text = call.query(WITH_DEFINITION)
    return text is not None and true_or_false(text, WITH_DEFINITION)


def _dtmi(text: str, field: str) -> str:
    if is_dtmi(text, NEWEST_DTDL):
        return text
    raise bad_parameter(
        field,
        f"{field} must be the id of a model such as dtmi:com:example:Room;1, not {shown(text)}",
    )
