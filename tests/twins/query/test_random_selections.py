"""Random queries over a random graph: read, compiled and run, they find what plain Python finds."""

from __future__ import annotations

import asyncio
import json
import marshal
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any as Json

import pytest

from tests.twins.query.evaluation import truth
from weft.stores.sqlite.graph import SqliteGraph
from weft.twins.graph import Batch, Fence, Section
from weft.twins.query.limits import LOCAL
from weft.twins.query.models import CurrentModels
from weft.twins.query.parser import parse
from weft.twins.query.queries import Queries
from weft.twins.query.selection import (
    MODEL,
    OWN_PATHS,
    All,
    Any,
    Call,
    Collection,
    Compare,
    Comparison,
    Condition,
    Literal,
    Not,
    OneOf,
    Path,
)

TWINS, LINKS = Collection.TWINS, Collection.RELATIONSHIPS
FENCE = Fence("fill", 1)
PARENTS: Mapping[str, Sequence[str]] = {
    "base": (),
    "left": ("base",),
    "right": ("base",),
    "both": ("left", "right"),
}
GUIDS = ["63f77191-432d-4ee6-9c5f-31a1a6987072", "63F77191-432D-4EE6-9C5F-31A1A6987072"]
TEXTS = [
    "",
    "a",
    "A",
    "ab",
    "ba",
    "ä",
    "ß",
    "ss",
    "🚀",
    "a🚀b",
    "%",
    "_",
    "'",
    '"',
    "\\",
    "\n",
    "1",
    "true",
    "z" * 300,
]
NUMBERS = [0, 1, -1, 1.0, 0.5, -0.25, 2, 100, 1e3, 1e300, 2**53, 2**53 + 1, 2.0**53, 2**63 - 1, -(2**63)]
WORDS = [True, False, None]
NAMES = ["a", "b", "c", "T"]
TEXT_CALLS = ["STARTSWITH", "ENDSWITH", "CONTAINS"]
TYPE_CALLS = ["IS_DEFINED", "IS_NULL", "IS_BOOL", "IS_NUMBER", "IS_STRING", "IS_OBJECT", "IS_PRIMITIVE"]


def dtmi(name: str) -> str:
    return f"dtmi:com:example:{name};1"


def kinds_of(name: str) -> set[str]:
    return {name}.union(*(kinds_of(parent) for parent in PARENTS[name]))


class Chance:
    """Makes values and conditions; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def literal(self) -> Literal:
        values: Sequence[Literal] = self.random.choice([TEXTS, TEXTS, NUMBERS, NUMBERS, WORDS])
        return self.random.choice(values)

    def value(self, depth: int = 0) -> Json:
        shape = self.random.random()
        if depth < 2 and shape < 0.2:
            return self.members(depth + 1)
        if depth < 2 and shape < 0.35:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        return self.literal()

    def members(self, depth: int = 0) -> dict[str, Json]:
        return {name: self.value(depth) for name in NAMES if self.random.random() < 0.6}

    def path(self, collection: Collection) -> Path:
        own = sorted(OWN_PATHS[collection])
        if self.random.random() < 0.25:
            return Path(self.random.choice(own))
        return Path(tuple(self.random.choice(NAMES) for _ in range(self.random.choice([1, 1, 1, 2, 3]))))

    def literal_for(self, path: Path) -> Literal:
        """Return a literal that has a chance: paths with `$` are ids, names or models."""
        if "$" not in path.names[0] or self.random.random() < 0.1:
            return self.literal()
        if path.names == MODEL:
            return dtmi(self.random.choice(list(PARENTS)))
        return self.random.choice([*TEXTS[1:6], *GUIDS, "has", "feeds", *map(str, range(5))])

    def condition(self, collection: Collection, depth: int = 3) -> Condition:
        shape = self.random.random()
        if depth and shape < 0.15:
            return Not(self.condition(collection, depth - 1))
        if depth and shape < 0.5:
            parts = [self.condition(collection, depth - 1) for _ in range(self.random.choice([2, 2, 3]))]
            return All(tuple(parts)) if self.random.random() < 0.5 else Any(tuple(parts))
        return self.test(collection)

    def test(self, collection: Collection) -> Condition:
        path, shape = self.path(collection), self.random.random()
        if shape < 0.45:
            return self.comparison(path)
        if shape < 0.6:
            return OneOf(path, tuple(self.literal_for(path) for _ in range(self.random.randrange(1, 5))))
        if shape < 0.75:
            return Call(self.random.choice(TEXT_CALLS), path, (self.random.choice(TEXTS),))
        if shape < 0.85:
            return Call("ARRAY_CONTAINS", path, (self.literal(),))
        if collection is TWINS and shape < 0.9:
            return Call("IS_OF_MODEL", None, (dtmi(self.random.choice(list(PARENTS))), shape < 0.87))
        return Call(self.random.choice(TYPE_CALLS), path)

    def comparison(self, path: Path) -> Compare:
        value = self.literal_for(path)
        by_equality = [Comparison.EQUAL, Comparison.NOT_EQUAL]
        hows = by_equality if value is None or isinstance(value, bool) else list(Comparison)
        return Compare(path, self.random.choice(hows), value)


def written(condition: Condition) -> str:
    """Return *condition* in the words of the language."""
    match condition:
        case Not(of=one):
            return f"NOT ({written(one)})"
        case All(of=several):
            return " AND ".join(f"({written(one)})" for one in several)
        case Any(of=several):
            return " OR ".join(f"({written(one)})" for one in several)
    return written_test(condition)


def written_test(test: Compare | OneOf | Call) -> str:
    match test:
        case Compare(path=path, how=how, value=value):
            return f"{dotted(path)} {how} {said(value)}"
        case OneOf(path=path, values=values):
            return f"{dotted(path)} IN [{', '.join(map(said, values))}]"
        case Call(path=None, name=name, arguments=(id, exact)):
            return f"{name}({said(id)}{', exact' if exact else ''})"
        case Call(name=name, path=Path() as path, arguments=arguments):
            return f"{name}({', '.join([dotted(path), *map(said, arguments)])})"
    raise AssertionError(test)


def dotted(path: Path) -> str:
    return ".".join(path.names)


def said(literal: Literal) -> str:
    if isinstance(literal, str):
        return "'" + literal.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return json.dumps(literal)


@dataclass(frozen=True)
class World:
    """A graph, and the same elements as plain objects."""

    graph: SqliteGraph
    elements: Mapping[Collection, Mapping[str, Mapping[str, Json]]]

    def expected(self, collection: Collection, condition: Condition) -> list[str]:
        elements = self.elements[collection]
        return sorted(name for name, element in elements.items() if truth(condition, element) is True)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    graph = SqliteGraph.open(tmp_path_factory.mktemp("world") / "graph.db")
    yield asyncio.run(made(graph, Chance(2026)))
    asyncio.run(graph.close())


async def made(graph: SqliteGraph, chance: Chance) -> World:
    await graph.take_over(FENCE)
    models = [
        {
            "@id": dtmi(name),
            "@type": "Interface",
            "@context": "dtmi:dtdl:context;2",
            "extends": [dtmi(parent) for parent in parents],
        }
        for name, parents in PARENTS.items()
    ]
    await put(graph, Section.MODELS, [(model["@id"], json.dumps(model)) for model in models])
    numbers = {model.id: model.number for model in await graph.models(after=0, limit=100)}
    twins = {id: twin(id, chance) for id in [*TEXTS[1:16], *GUIDS, *map(str, range(60))]}
    bodies = [
        (id, numbers[one["$metadata"]["$model"]], json.dumps(without_kinds(one))) for id, one in twins.items()
    ]
    await put(graph, Section.TWINS, bodies)
    places = {id: found.number for id in twins if (found := await graph.twin(id))}
    links = dict(linked(number, list(twins), chance) for number in range(120))
    await put(graph, Section.RELATIONSHIPS, [row_of(link, places) for link in links.values()])
    return World(graph, {TWINS: twins, LINKS: links})


def twin(id: str, chance: Chance) -> dict[str, Json]:
    name = chance.random.choice(list(PARENTS))
    kinds = [dtmi(kind) for kind in kinds_of(name)]
    return {"$dtId": id, "$metadata": {"$model": dtmi(name)}, "$kinds": kinds, **chance.members()}


def without_kinds(twin: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in twin.items() if name != "$kinds"}


def linked(number: int, ids: Sequence[str], chance: Chance) -> tuple[str, dict[str, Json]]:
    source, target = chance.random.choice(ids), chance.random.choice(ids)
    own = {
        "$relationshipId": str(number),
        "$sourceId": source,
        "$targetId": target,
        "$relationshipName": chance.random.choice(["has", "feeds"]),
    }
    return str(number), {**own, **chance.members()}


def row_of(link: Mapping[str, Json], places: Mapping[str, int]) -> tuple[Json, ...]:
    properties = {name: value for name, value in link.items() if not name.startswith("$")}
    return (
        places[link["$sourceId"]],
        link["$relationshipId"],
        places[link["$targetId"]],
        link["$relationshipName"],
        json.dumps(properties) if properties else "",
    )


async def put(graph: SqliteGraph, section: Section, rows: Sequence[tuple[Json, ...]]) -> None:
    await graph.apply(FENCE, Batch(checkpoint=b"", section=section, rows=marshal.dumps(list(rows))))


def test_a_random_condition_is_read_as_it_was_written() -> None:
    chance = Chance(1)
    for _ in range(500):
        collection = chance.random.choice(list(Collection))
        condition = chance.condition(collection)
        text = f"SELECT * FROM {collection} WHERE {written(condition)}"

        assert repr(parse(text, LOCAL).where) == repr(condition), text


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("collection", list(Collection))
async def test_a_random_query_finds_what_plain_python_finds(
    world: World, collection: Collection, seed: int
) -> None:
    queries, chance = Queries(CurrentModels(world.graph), LOCAL), Chance(seed)
    answers = set()
    for _ in range(40):
        condition = chance.condition(collection)
        selection = await queries.read(f"SELECT * FROM {collection} WHERE {written(condition)}")
        expected = world.expected(collection, condition)

        found = [entity.id for entity in await world.graph.select(selection, after=0, limit=1000)]

        assert sorted(found) == expected, written(condition)
        assert await world.graph.count(selection) == len(expected), written(condition)
        answers.add(tuple(expected))
    assert len(answers) > 10  # else the conditions would be too plain to tell anything
