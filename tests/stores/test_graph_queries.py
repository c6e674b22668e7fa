"""What a graph store selects for a condition: also part of the contract of twins.graph.Graph."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any as Json

import msgspec
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stores.graph_builders import (
    FENCE,
    FLOOR,
    ROOM,
    all_relationships,
    all_twins,
    put_bodies,
    put_models,
    put_relationships,
    put_twins,
)
from weft.stores.sqlite.graph import SqliteGraph
from weft.stores.sqlite.graph.store import Limits
from weft.twins.errors import QueryTooLong
from weft.twins.graph import Graph, Twin
from weft.twins.query.selection import (
    MODEL,
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
    Selection,
)
from weft.twins.query.selection import (
    Path as Property,
)

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"

EQUAL, NOT_EQUAL, LESS, GREATER = Comparison.EQUAL, Comparison.NOT_EQUAL, Comparison.LESS, Comparison.GREATER

P = Property(("p",))
ID = Property(("$dtId",))
SOURCE, TARGET = Property(("$sourceId",)), Property(("$targetId",))
NAME, RELATIONSHIP = Property(("$relationshipName",)), Property(("$relationshipId",))

# t0, t1 and so on: a value of each kind of JSON, and none.
VALUES: list[Json] = [
    None, True, False, 0, 1, 1.0, 2.5, -3, 2**53 + 1, "", "1", "true", "null", "Aa", "aa", "ä", "🏢z",
    [], [1, "1", True, None, 1.5], ["aa"], {}, {"q": 1}, {"q": {"r": "deep"}}, "a'b\"c%_\\",
]  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["sqlite", "sqlite, all keys settled"])
async def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Graph]:
    """A graph that tests only read."""
    new_keys = 0 if "settled" in request.param else 400_000
    path = tmp_path_factory.mktemp("graph") / "graph.db"
    graph = SqliteGraph.open(path, limits=Limits(new_keys=new_keys))
    await graph.take_over(FENCE)
    await put_models(graph, ROOM, FLOOR)
    await put_bodies(graph, [*({"p": value} for value in VALUES), {}])
    await put_twins(graph, GUID, "floor", model=FLOOR)
    await put_relationships(graph, ("t1", "r1", "t2"), ("t1", "r2", GUID), properties='{"p": 5}')
    await put_relationships(graph, (GUID, "r1", "t1"), name="other", properties='{"p": "five"}')
    await put_relationships(graph, ("t2", "r3", "t2"), name="other")
    yield graph
    await graph.close()


async def _twins(graph: Graph, where: Condition) -> set[str]:
    return {twin.id for twin in await all_twins(graph, where)}


async def _relationships(graph: Graph, where: Condition) -> set[tuple[str, str]]:
    return {(found.source, found.id) for found in await all_relationships(graph, where)}


def _values(ids: set[str]) -> list[Json]:
    return [value for n, value in enumerate(VALUES) if f"t{n}" in ids]


pytestmark = pytest.mark.asyncio(loop_scope="module")


# ---- properties


@pytest.mark.parametrize(
    ("how", "value", "found"),
    [
        (EQUAL, 1, [1, 1.0]),
        (EQUAL, 1.0, [1, 1.0]),
        (EQUAL, "1", ["1"]),
        (EQUAL, True, [True]),
        (EQUAL, "true", ["true"]),
        (EQUAL, None, [None]),
        (EQUAL, "null", ["null"]),
        (EQUAL, "", [""]),
        (EQUAL, "aa", ["aa"]),
        (EQUAL, 2**53 + 1, [2**53 + 1]),
        (EQUAL, float(2**53), []),
        (EQUAL, "a'b\"c%_\\", ["a'b\"c%_\\"]),
        (EQUAL, "'; DROP TABLE twins; --", []),
        (NOT_EQUAL, True, [False]),
        (NOT_EQUAL, None, []),
        (NOT_EQUAL, 1, [0, 2.5, -3, 2**53 + 1]),
        (NOT_EQUAL, "aa", ["", "1", "true", "null", "Aa", "ä", "🏢z", "a'b\"c%_\\"]),
        (LESS, 1, [0, -3]),
        (GREATER, 1, [2.5, 2**53 + 1]),
        (GREATER, "aa", ["true", "null", "ä", "🏢z"]),
        (Comparison.LESS_OR_EQUAL, "Aa", ["", "1", "Aa"]),
        (Comparison.GREATER_OR_EQUAL, 2.5, [2.5, 2**53 + 1]),
    ],
)
async def test_a_property_is_compared_with_values_of_its_type(
    filled: Graph, how: Comparison, value: Literal, found: list[Json]
) -> None:
    assert _values(await _twins(filled, Compare(P, how, value))) == found


async def test_what_is_unknown_is_not_selected_and_neither_is_its_opposite(filled: Graph) -> None:
    equal = Compare(P, EQUAL, "aa")

    selected = await _twins(filled, equal) | await _twins(filled, Not(equal))

    assert _values(selected) == [value for value in VALUES if isinstance(value, str)]
    assert _values(await _twins(filled, Not(Not(equal)))) == ["aa"]


async def test_and_and_or_decide_where_one_side_is_unknown(filled: Graph) -> None:
    unknown, true, false = Compare(P, EQUAL, "x"), Call("IS_NUMBER", P), Call("IS_STRING", P)

    assert await _twins(filled, Any((unknown, true))) == await _twins(filled, true)
    assert await _twins(filled, Not(All((unknown, false)))) >= await _twins(filled, true)
    assert not await _twins(filled, All((unknown, true)))
    assert not await _twins(filled, Not(Any((unknown, Call("IS_DEFINED", P)))))


@pytest.mark.parametrize(
    ("names", "found"),
    [(("p", "q"), [{"q": 1}]), (("p", "q", "r"), []), (("p", "0"), []), (("P",), []), (("p", "length"), [])],
)
async def test_a_path_leads_through_objects_only(
    filled: Graph, names: tuple[str, ...], found: list[Json]
) -> None:
    assert _values(await _twins(filled, Compare(Property(names), EQUAL, 1))) == found


async def test_a_path_leads_deep(filled: Graph) -> None:
    assert _values(await _twins(filled, Compare(Property(("p", "q", "r")), EQUAL, "deep"))) == [
        {"q": {"r": "deep"}}
    ]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (("aa", 1, None), [None, 1, 1.0, "aa"]),
        ((True, "1"), [True, "1"]),
        ((False,), [False]),
        ((2.5, "", -3), [2.5, -3, ""]),
        (("no",), []),
    ],
)
async def test_one_of_several_values_of_several_types(
    filled: Graph, values: tuple[Literal, ...], found: list[Json]
) -> None:
    one_of = OneOf(P, values)

    assert _values(await _twins(filled, one_of)) == found
    as_or = Any(tuple(Compare(P, EQUAL, value) for value in values))
    assert await _twins(filled, Not(one_of)) == await _twins(filled, Not(as_or))


async def test_thousands_of_conditions_are_no_more_than_a_few(filled: Graph) -> None:
    many = tuple(f"t{n}" for n in range(5000))
    conditions = tuple(Compare(P, EQUAL, n + 0.25) for n in range(2000))

    assert len(await _twins(filled, OneOf(ID, many))) == len(VALUES) + 1
    assert await _twins(filled, Any((*conditions, Compare(P, EQUAL, "aa")))) == {f"t{VALUES.index('aa')}"}
    assert not await _twins(filled, OneOf(P, many))


# ---- functions


@pytest.mark.parametrize(
    ("name", "argument", "found"),
    [
        ("STARTSWITH", "a", ["aa", "a'b\"c%_\\"]),
        ("STARTSWITH", "🏢", ["🏢z"]),
        ("STARTSWITH", "%", []),
        ("ENDSWITH", "a", ["Aa", "aa"]),
        ("ENDSWITH", "_\\", ["a'b\"c%_\\"]),
        ("ENDSWITH", "xaa", []),
        ("CONTAINS", "b", ["a'b\"c%_\\"]),
        ("CONTAINS", "A", ["Aa"]),
        ("ARRAY_CONTAINS", 1, [[1, "1", True, None, 1.5]]),
        ("ARRAY_CONTAINS", "1", [[1, "1", True, None, 1.5]]),
        ("ARRAY_CONTAINS", True, [[1, "1", True, None, 1.5]]),
        ("ARRAY_CONTAINS", None, [[1, "1", True, None, 1.5]]),
        ("ARRAY_CONTAINS", 1.5, [[1, "1", True, None, 1.5]]),
        ("ARRAY_CONTAINS", "aa", [["aa"]]),
        ("ARRAY_CONTAINS", False, []),
    ],
)
async def test_a_function_of_a_value(filled: Graph, name: str, argument: Literal, found: list[Json]) -> None:
    assert _values(await _twins(filled, Call(name, P, (argument,)))) == found


@pytest.mark.parametrize("name", ["STARTSWITH", "ENDSWITH", "CONTAINS"])
async def test_every_string_holds_the_empty_one_and_nothing_else_does(filled: Graph, name: str) -> None:
    call = Call(name, P, ("",))

    assert _values(await _twins(filled, call)) == [value for value in VALUES if isinstance(value, str)]
    assert not await _twins(filled, Not(call))


async def test_whether_an_array_contains_is_unknown_of_what_is_none(filled: Graph) -> None:
    not_in = Not(Call("ARRAY_CONTAINS", P, ("aa",)))

    assert _values(await _twins(filled, not_in)) == [[], [1, "1", True, None, 1.5]]


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("IS_NULL", (type(None),)),
        ("IS_BOOL", (bool,)),
        ("IS_NUMBER", (int, float)),
        ("IS_STRING", (str,)),
        ("IS_OBJECT", (dict,)),
        ("IS_PRIMITIVE", (type(None), bool, int, float, str)),
        ("IS_DEFINED", (type(None), bool, int, float, str, list, dict)),
    ],
)
async def test_a_function_of_a_type_is_never_unknown(
    filled: Graph, name: str, types: tuple[type, ...]
) -> None:
    call = Call(name, P)

    found, others = await _twins(filled, call), await _twins(filled, Not(call))

    assert _values(found) == [value for value in VALUES if type(value) in types]
    assert found | others == {twin.id for twin in await all_twins(filled)}
    assert not found & others


# ---- ids and models of twins


async def test_a_twin_is_found_by_its_id(filled: Graph) -> None:
    assert await _twins(filled, Compare(ID, EQUAL, GUID)) == {GUID}
    assert await _twins(filled, Compare(ID, EQUAL, "t1")) == {"t1"}
    assert not await _twins(filled, Compare(ID, EQUAL, GUID.upper()))
    assert not await _twins(filled, Compare(ID, EQUAL, 1))
    assert await _twins(filled, OneOf(ID, (GUID, "t1", "nobody"))) == {GUID, "t1"}
    assert len(await _twins(filled, Compare(ID, NOT_EQUAL, "t1"))) == len(VALUES) + 2
    assert await _twins(filled, Compare(ID, LESS, "floor")) == {GUID}
    assert await _twins(filled, Call("STARTSWITH", ID, ("flo",))) == {"floor"}
    assert await _twins(filled, Call("ENDSWITH", ID, ("0e",))) == {GUID}


async def test_a_twin_is_found_by_its_model(filled: Graph) -> None:
    model = Property(MODEL)

    assert await _twins(filled, Compare(model, EQUAL, FLOOR)) == {GUID, "floor"}
    assert await _twins(filled, OneOf(model, (FLOOR, "dtmi:unknown;1"))) == {GUID, "floor"}
    assert len(await _twins(filled, OneOf(model, (FLOOR, ROOM)))) == len(VALUES) + 3
    assert not await _twins(filled, OneOf(model, ("dtmi:unknown;1",)))
    assert len(await _twins(filled, Not(Compare(model, EQUAL, FLOOR)))) == len(VALUES) + 1
    assert await _twins(filled, Call("CONTAINS", model, ("Floor",))) == {GUID, "floor"}


async def test_what_is_a_column_is_a_string_that_is_there(filled: Graph) -> None:
    everything = {twin.id for twin in await all_twins(filled)}

    for name in ("IS_DEFINED", "IS_STRING", "IS_PRIMITIVE"):
        assert await _twins(filled, Call(name, ID)) == everything
    for name in ("IS_NULL", "IS_NUMBER", "IS_BOOL", "IS_OBJECT"):
        assert not await _twins(filled, Call(name, ID))
    assert not await _twins(filled, Not(Call("ARRAY_CONTAINS", ID, ("t1",))))
    assert not await _twins(filled, Not(Compare(ID, EQUAL, None)))
    assert await _twins(filled, OneOf(ID, ("t1", 5))) == {"t1"}
    assert not await _twins(filled, Not(OneOf(ID, ("t1", 5))))


async def test_other_names_with_a_dollar_are_read_from_the_body(filled: Graph) -> None:
    assert not await _twins(filled, Call("IS_DEFINED", Property(("$etag",))))
    assert await _twins(filled, Call("IS_OBJECT", Property(("$metadata",))))


# ---- relationships


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (Compare(SOURCE, EQUAL, "t1"), {("t1", "r1"), ("t1", "r2")}),
        (Compare(SOURCE, EQUAL, GUID), {(GUID, "r1")}),
        (Compare(SOURCE, EQUAL, "nobody"), set()),
        (Compare(SOURCE, NOT_EQUAL, "t1"), {(GUID, "r1"), ("t2", "r3")}),
        (OneOf(SOURCE, ("t2", GUID, "nobody")), {(GUID, "r1"), ("t2", "r3")}),
        (Compare(SOURCE, LESS, "t"), {(GUID, "r1")}),
        (Compare(TARGET, EQUAL, "t2"), {("t1", "r1"), ("t2", "r3")}),
        (OneOf(TARGET, (GUID, "t1")), {("t1", "r2"), (GUID, "r1")}),
        (Call("STARTSWITH", TARGET, ("0f",)), {("t1", "r2")}),
        (Compare(NAME, EQUAL, "other"), {(GUID, "r1"), ("t2", "r3")}),
        (Compare(NAME, NOT_EQUAL, "other"), {("t1", "r1"), ("t1", "r2")}),
        (OneOf(NAME, ("unheard",)), set()),
        (Compare(RELATIONSHIP, EQUAL, "r1"), {("t1", "r1"), (GUID, "r1")}),
        (Compare(RELATIONSHIP, GREATER, "r1"), {("t1", "r2"), ("t2", "r3")}),
        (Compare(P, EQUAL, 5), {("t1", "r1"), ("t1", "r2")}),
        (Compare(P, EQUAL, "five"), {(GUID, "r1")}),
        (Not(Call("IS_DEFINED", P)), {("t2", "r3")}),
        (All((Compare(SOURCE, EQUAL, "t1"), Compare(TARGET, EQUAL, "t2"))), {("t1", "r1")}),
    ],
)
async def test_a_relationship_is_found_by_its_ends_name_and_properties(
    filled: Graph, where: Condition, found: set[tuple[str, str]]
) -> None:
    assert await _relationships(filled, where) == found


# ---- pages and counts


@pytest.mark.parametrize("collection", Collection)
async def test_a_selection_is_read_in_pages(filled: Graph, collection: Collection) -> None:
    selection = Selection(collection=collection)
    seen: list[int] = []

    while page := await filled.select(selection, after=seen[-1] if seen else 0, limit=3):
        assert len(page) <= 3
        seen += [found.number for found in page]

    assert seen == sorted(set(seen))
    assert len(seen) == await filled.count(selection)


@pytest.mark.parametrize(
    ("collection", "where", "counted"),
    [
        (Collection.TWINS, None, len(VALUES) + 3),
        (Collection.TWINS, Compare(P, EQUAL, 1), 2),
        (Collection.TWINS, Compare(Property(MODEL), EQUAL, FLOOR), 2),
        (Collection.RELATIONSHIPS, None, 4),
        (Collection.RELATIONSHIPS, Compare(P, EQUAL, 5), 2),
    ],
)
async def test_a_selection_is_counted(
    filled: Graph, collection: Collection, where: Condition | None, counted: int
) -> None:
    assert await filled.count(Selection(collection=collection, where=where)) == counted


async def test_a_function_that_is_no_store_s_is_refused(filled: Graph) -> None:
    with pytest.raises(ValueError, match="IS_OF_MODEL"):
        await _twins(filled, Call("IS_OF_MODEL", None, (ROOM, False)))


async def test_a_query_that_takes_too_long_is_given_up_and_others_go_on(tmp_path: Path) -> None:
    graph = SqliteGraph.open(tmp_path / "graph.db", limits=Limits(query_seconds=0))
    await graph.take_over(FENCE)
    await put_models(graph, ROOM)
    await put_twins(graph, *(f"t{n}" for n in range(5000)))
    await put_relationships(graph, *(("t0", f"r{n}", "t1") for n in range(5000)))
    selection = Selection(collection=Collection.TWINS, where=Compare(P, EQUAL, 1))

    with pytest.raises(QueryTooLong):
        await graph.select(selection, after=0, limit=10)
    with pytest.raises(QueryTooLong):
        await graph.count(selection)

    outgoing = await graph.outgoing("t0", name=None, after=0, limit=10_000)
    assert len(outgoing or ()) == 5000
    assert await graph.count(Selection(collection=Collection.TWINS)) == 5000
    await graph.close()


# ---- against a plain reading of the words in selection.py


LITERALS = st.sampled_from([None, True, False, 0, 1, 2.5, -3, 2**53, "", "1", "aa", "ä", "🏢z", "t3", GUID])
PATHS = st.sampled_from([P, Property(("p", "q")), Property(("p", "q", "r")), ID, Property(("nothing",))])
COMPARISONS = st.one_of(
    st.builds(Compare, PATHS, st.sampled_from([EQUAL, NOT_EQUAL]), LITERALS),
    st.builds(
        Compare,
        PATHS,
        st.sampled_from(Comparison),
        LITERALS.filter(lambda v: v is not None and v is not True and v is not False),
    ),
)
CALLS = st.one_of(
    st.builds(
        Call,
        st.sampled_from(
            ["IS_DEFINED", "IS_NULL", "IS_BOOL", "IS_NUMBER", "IS_STRING", "IS_OBJECT", "IS_PRIMITIVE"]
        ),
        PATHS,
    ),
    st.builds(
        Call,
        st.sampled_from(["STARTSWITH", "ENDSWITH", "CONTAINS"]),
        PATHS,
        st.tuples(st.sampled_from(["", "a", "1", "🏢", "t", "aaa"])),
    ),
    st.builds(Call, st.just("ARRAY_CONTAINS"), PATHS, st.tuples(LITERALS)),
)
ONE_OF = st.builds(OneOf, PATHS, st.lists(LITERALS, min_size=1, max_size=4).map(tuple))
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(COMPARISONS, CALLS, ONE_OF),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Any, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)

MISSING = object()


def _truth(condition: Condition, twin: dict[str, Json]) -> bool | None:
    match condition:
        case Not():
            inner = _truth(condition.of, twin)
            return None if inner is None else not inner
        case All():
            return _all([_truth(part, twin) for part in condition.of])
        case Any():
            return _any([_truth(part, twin) for part in condition.of])
        case OneOf():
            return _any([_compare(_value(twin, condition.path), EQUAL, value) for value in condition.values])
        case Compare():
            return _compare(_value(twin, condition.path), condition.how, condition.value)
        case Call():
            assert condition.path is not None
            return _call(condition.name, _value(twin, condition.path), condition.arguments)


def _all(truths: list[bool | None]) -> bool | None:
    return False if False in truths else None if None in truths else True


def _any(truths: list[bool | None]) -> bool | None:
    return True if True in truths else None if None in truths else False


def _value(twin: dict[str, Json], path: Property) -> Json:
    value: Json = twin
    for name in path.names:
        value = value.get(name, MISSING) if isinstance(value, dict) else MISSING
    return value


def _type(value: Json) -> str:
    return {bool: "bool", int: "number", float: "number"}.get(type(value), type(value).__name__)


def _compare(value: Json, how: Comparison, literal: Literal) -> bool | None:
    if _type(value) != _type(literal):
        return None
    if how is EQUAL or how is NOT_EQUAL:
        return (value == literal) is (how is EQUAL)
    return bool(
        {
            Comparison.LESS: lambda: value < literal,
            Comparison.LESS_OR_EQUAL: lambda: value <= literal,
            Comparison.GREATER: lambda: value > literal,
            Comparison.GREATER_OR_EQUAL: lambda: value >= literal,
        }[how]()
    )


def _call(name: str, value: Json, arguments: tuple[Literal, ...]) -> bool | None:
    if name == "ARRAY_CONTAINS":
        if not isinstance(value, list):
            return None
        return any(_compare(element, EQUAL, arguments[0]) for element in value)
    if name in {"STARTSWITH", "ENDSWITH", "CONTAINS"}:
        if not isinstance(value, str):
            return None
        text = str(arguments[0])
        return {"STARTSWITH": value.startswith(text), "ENDSWITH": value.endswith(text)}.get(
            name, text in value
        )
    types = {
        "IS_DEFINED": {"NoneType", "bool", "number", "str", "list", "dict"},
        "IS_NULL": {"NoneType"},
        "IS_BOOL": {"bool"},
        "IS_NUMBER": {"number"},
        "IS_STRING": {"str"},
        "IS_OBJECT": {"dict"},
        "IS_PRIMITIVE": {"NoneType", "bool", "number", "str"},
    }
    return _type(value) in types[name]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=CONDITIONS)
async def test_any_condition_selects_what_its_words_say(filled: Graph, where: Condition) -> None:
    twins: list[Twin] = await all_twins(filled)

    selected = await _twins(filled, where)

    assert selected == {twin.id for twin in twins if _truth(where, msgspec.json.decode(twin.body))}
    counted = await filled.count(Selection(collection=Collection.TWINS, where=where))
    assert counted == len(selected)
