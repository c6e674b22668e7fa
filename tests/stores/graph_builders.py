"""Models, twins and relationships for the tests of a graph store, and short words to write them."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from weft.twins.graph import Batch, BulkGraph, Fence, Graph, Relationship, Section, Twin
from weft.twins.query.selection import Collection, Condition, Selection

FENCE = Fence("imports/i1", 1)
ROOM = "dtmi:example:Room;1"
FLOOR = "dtmi:example:Floor;1"

Row = tuple[Any, ...]


def a_batch(section: Section | None = None, rows: Sequence[Row] = (), **given: Any) -> Batch:
    """Return a batch; *rows* are those of graph.Batch before `marshal`."""
    return Batch(
        checkpoint=given.get("checkpoint", b""),
        section=section,
        rows=marshal.dumps(list(rows)) if rows else b"",
        report=given.get("report", ()),
    )


def a_body(id: str, model: str = ROOM, **properties: Any) -> str:
    return text_of({"$dtId": id, "$metadata": {"$model": model}, **properties})


def text_of(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def put_models(graph: BulkGraph, *ids: str, fence: Fence = FENCE) -> None:
    await graph.apply(fence, a_batch(Section.MODELS, [(id, text_of({"@id": id})) for id in ids]))


async def put_twins(graph: Graph, *ids: str, model: str = ROOM, fence: Fence = FENCE) -> None:
    number = await number_of_model(graph, model)
    await graph.apply(fence, a_batch(Section.TWINS, [(id, number, a_body(id, model)) for id in ids]))


async def put_bodies(graph: Graph, bodies: Iterable[dict[str, Any]], model: str = ROOM) -> None:
    """Write twins whose ids are t0, t1 and so on."""
    number = await number_of_model(graph, model)
    rows = [(f"t{n}", number, a_body(f"t{n}", model, **body)) for n, body in enumerate(bodies)]
    await graph.apply(FENCE, a_batch(Section.TWINS, rows))


async def put_relationships(
    graph: Graph, *named: tuple[str, str, str], name: str = "has", properties: str = ""
) -> None:
    """Write relationships, each given as: source, id, target."""
    rows = [
        (await number_of_twin(graph, source), id, await number_of_twin(graph, target), name, properties)
        for source, id, target in named
    ]
    await graph.apply(FENCE, a_batch(Section.RELATIONSHIPS, rows))


async def number_of_model(graph: Graph, id: str) -> int:
    model = await graph.model(id)
    assert model is not None
    return model.number


async def number_of_twin(graph: Graph, id: str) -> int:
    twin = await graph.twin(id)
    assert twin is not None
    return twin.number


async def all_twins(graph: Graph, where: Condition | None = None) -> list[Twin]:
    return [twin for twin in await _all(graph, Collection.TWINS, where) if isinstance(twin, Twin)]


async def all_relationships(graph: Graph, where: Condition | None = None) -> list[Relationship]:
    found = await _all(graph, Collection.RELATIONSHIPS, where)
    return [relationship for relationship in found if isinstance(relationship, Relationship)]


async def _all(
    graph: Graph, collection: Collection, where: Condition | None
) -> Sequence[Twin | Relationship]:
    return await graph.select(Selection(collection=collection, where=where), after=0, limit=100_000)


async def counts_of(graph: Graph) -> tuple[int, int, int]:
    counts = await graph.counts()
    return counts[Section.MODELS], counts[Section.TWINS], counts[Section.RELATIONSHIPS]
