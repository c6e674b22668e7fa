"""What every graph store does: the contract of twins.graph.Graph, run by each implementation."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tests.stores.graph_builders import (
    FENCE,
    FLOOR,
    ROOM,
    a_batch,
    a_body,
    all_relationships,
    all_twins,
    counts_of,
    number_of_model,
    number_of_twin,
    put_models,
    put_relationships,
    put_twins,
    text_of,
)
from weft.stores.sqlite.graph import SqliteGraph, open_known
from weft.stores.sqlite.graph.store import Limits
from weft.twins.errors import FenceLost, RowsUnfit
from weft.twins.graph import Bulk, Fence, Graph, KnownModel, Section
from weft.twins.query.selection import Collection, Selection

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "graph.db"


@pytest.fixture(params=["sqlite", "sqlite, all keys settled", "sqlite, few keys new"])
async def graph(request: pytest.FixtureRequest, path: Path, clock: Clock) -> AsyncIterator[SqliteGraph]:
    new_keys = {"sqlite": 400_000, "sqlite, all keys settled": 0, "sqlite, few keys new": 3}[request.param]
    opened = SqliteGraph.open(path, clock=clock, limits=Limits(new_keys=new_keys))
    await opened.take_over(FENCE)
    await put_models(opened, ROOM, FLOOR)
    yield opened
    await opened.close()


# ---- models


async def test_a_model_is_read_as_it_was_given(graph: Graph) -> None:
    definition = '{ "@id":"dtmi:é;1",  "displayName": "Ä \\u00e4" }'

    await graph.apply(FENCE, a_batch(Section.MODELS, [("dtmi:é;1", definition)]))

    model = await graph.model("dtmi:é;1")
    assert model is not None
    assert (model.id, model.definition, model.uploaded_at) == ("dtmi:é;1", definition, NOW)
    assert not model.decommissioned
    assert await graph.model("dtmi:e;1") is None


async def test_models_are_listed_in_pages(graph: Graph) -> None:
    await put_models(graph, *(f"dtmi:m{n};1" for n in range(5)))

    first = await graph.models(after=0, limit=4)
    rest = await graph.models(after=first[-1].number, limit=4)

    assert [model.id for model in [*first, *rest]] == [ROOM, FLOOR, *(f"dtmi:m{n};1" for n in range(5))]
    numbers = [model.number for model in [*first, *rest]]
    assert numbers == sorted(set(numbers))


async def test_a_model_that_comes_again_keeps_its_number(graph: Graph) -> None:
    before = await number_of_model(graph, ROOM)

    await graph.apply(FENCE, a_batch(Section.MODELS, [(ROOM, "{}"), (ROOM, '{"last": 1}')]))

    model = await graph.model(ROOM)
    assert model is not None
    assert (model.number, model.definition) == (before, '{"last": 1}')
    assert await counts_of(graph) == (2, 0, 0)


# ---- twins


async def test_a_twin_is_read_as_it_was_given(graph: Graph) -> None:
    body = '{"$dtId": "T 1", "$metadata": {"$model": "dtmi:example:Room;1"}, "p": "Ä\\n", "n": 1.0}'
    await graph.apply(FENCE, a_batch(Section.TWINS, [("T 1", await number_of_model(graph, ROOM), body)]))

    twin = await graph.twin("T 1")

    assert twin is not None
    assert (twin.id, twin.model, twin.body, twin.updated_at) == ("T 1", ROOM, body, NOW)
    assert await graph.twin("t 1") is None


@pytest.mark.parametrize(
    "ids",
    [
        (GUID, GUID.upper(), GUID.replace("-", ""), GUID + "0", "{" + GUID + "}"),
        ("", "0", "a", "A", "ä", "a ", "🏢", "x" * 2000),
        ("\x01", "\t", "'; DROP TABLE twins; --", '"', "%", "$"),
    ],
    ids=["GUIDs", "texts", "signs"],
)
async def test_ids_that_differ_name_different_twins(graph: Graph, ids: tuple[str, ...]) -> None:
    await put_twins(graph, *ids)

    twins = [await graph.twin(id) for id in ids]

    assert [twin and twin.id for twin in twins] == list(ids)
    assert len({twin.number for twin in twins if twin}) == len(ids)


@pytest.mark.parametrize("id", ["t1", GUID], ids=["text", "GUID"])
async def test_a_twin_that_comes_again_is_replaced_and_keeps_its_number(
    graph: Graph, clock: Clock, id: str
) -> None:
    await put_twins(graph, "t0", id, "t2")
    before = await graph.twin(id)
    clock.at = NOW + timedelta(seconds=1)

    body = a_body(id, FLOOR, p=2)
    await graph.apply(FENCE, a_batch(Section.TWINS, [(id, await number_of_model(graph, FLOOR), body)]))

    after = await graph.twin(id)
    assert before is not None
    assert after is not None
    assert (after.number, after.model, after.body) == (before.number, FLOOR, body)
    assert after.updated_at == clock.at
    assert after.etag != before.etag
    assert await counts_of(graph) == (2, 3, 0)


async def test_of_twins_of_one_id_in_a_batch_the_last_wins(graph: Graph) -> None:
    model = await number_of_model(graph, ROOM)
    rows = [(id, model, a_body(id, p=n)) for n, id in enumerate(["b", GUID, "a", "b", GUID, "b"])]

    await graph.apply(FENCE, a_batch(Section.TWINS, rows))

    twins = {twin.id: twin.body for twin in await all_twins(graph)}
    assert twins == {"a": a_body("a", p=2), "b": a_body("b", p=5), GUID: a_body(GUID, p=4)}
    assert await counts_of(graph) == (2, 3, 0)


async def test_an_etag_is_a_weak_guid_of_one_entity_and_one_write(graph: Graph) -> None:
    await put_twins(graph, "t1", "t2")
    await put_relationships(graph, ("t1", "r1", "t2"))
    twins = await all_twins(graph)
    relationships = await all_relationships(graph)

    etags = [twin.etag for twin in twins] + [relationship.etag for relationship in relationships]

    assert len(set(etags)) == 3
    for etag in etags:
        assert etag == f'W/"{UUID(etag[3:-1])}"'
    again = await graph.twin("t1")
    assert again is not None
    assert again.etag in etags


async def test_a_twin_of_a_model_that_is_gone_is_refused_and_nothing_is_written(graph: Graph) -> None:
    model = await number_of_model(graph, ROOM)
    rows = [("t1", model, "{}"), ("t2", 999, "{}")]

    with pytest.raises(RowsUnfit) as refused:
        await graph.apply(FENCE, a_batch(Section.TWINS, rows, checkpoint=b"after", report=[b"line\n"]))

    assert (refused.value.what, refused.value.number) == ("model", 999)
    assert await graph.twin("t1") is None
    assert await graph.bulk(FENCE.job) == Bulk(checkpoint=b"", report_bytes=0, reported_bytes=0)


# ---- relationships


async def test_a_relationship_is_read_as_it_was_given(graph: Graph) -> None:
    await put_twins(graph, "t1", GUID)
    await put_relationships(graph, ("t1", "r 1", GUID), name="contains", properties='{"a": 1}')

    relationship = await graph.relationship("t1", "r 1")

    assert relationship is not None
    assert (relationship.id, relationship.source, relationship.target) == ("r 1", "t1", GUID)
    assert (relationship.name, relationship.properties) == ("contains", '{"a": 1}')
    assert await graph.relationship(GUID, "r 1") is None
    assert await graph.relationship("t1", "r1") is None
    assert await graph.relationship("nobody", "r 1") is None


async def test_one_id_may_name_relationships_of_several_sources(graph: Graph) -> None:
    await put_twins(graph, "t1", "t2")

    await put_relationships(graph, ("t1", "r", "t2"), ("t2", "r", "t1"), ("t2", "r", "t2"))

    one, other = await graph.relationship("t1", "r"), await graph.relationship("t2", "r")
    assert one is not None
    assert other is not None
    assert (one.target, other.target) == ("t2", "t2")
    assert one.number != other.number
    assert await counts_of(graph) == (2, 2, 2)


async def test_a_relationship_that_comes_again_may_have_another_target(graph: Graph) -> None:
    await put_twins(graph, "t1", "t2", "t3")
    await put_relationships(graph, ("t1", "r", "t2"), ("t1", "s", "t2"), properties='{"a": 1}')
    before = await graph.relationship("t1", "r")

    await put_relationships(graph, ("t1", "r", "t3"), ("t1", "new", "t3"), name="other")

    after = await graph.relationship("t1", "r")
    assert before is not None
    assert after is not None
    assert (after.number, after.target, after.name, after.properties) == (before.number, "t3", "other", "")
    assert after.etag != before.etag
    assert [found.id for found in await graph.incoming("t2", after=0, limit=9) or ()] == ["s"]
    assert {found.id for found in await graph.incoming("t3", after=0, limit=9) or ()} == {"r", "new"}
    assert await counts_of(graph) == (2, 3, 3)


async def test_a_relationship_that_comes_again_with_its_target_is_one(graph: Graph) -> None:
    await put_twins(graph, "t1", "t2")
    await put_relationships(graph, ("t1", "r", "t2"))

    await put_relationships(graph, ("t1", "r", "t2"), properties='{"a": 2}')

    assert [found.properties for found in await graph.incoming("t2", after=0, limit=9) or ()] == ['{"a": 2}']
    assert await counts_of(graph) == (2, 2, 1)


async def test_relationships_from_a_twin_are_listed_in_pages_and_by_name(graph: Graph) -> None:
    await put_twins(graph, "t0", "t1", "t2")
    await put_relationships(graph, *(("t1", f"r{n}", "t2") for n in range(5)))
    await put_relationships(graph, ("t1", "other", "t0"), name="other")
    await put_relationships(graph, ("t0", "r0", "t1"), ("t2", "r0", "t1"))

    first = await graph.outgoing("t1", name=None, after=0, limit=4)
    assert first is not None
    rest = await graph.outgoing("t1", name=None, after=first[-1].number, limit=4)
    named = await graph.outgoing("t1", name="other", after=0, limit=4)

    assert rest is not None
    assert {found.id for found in [*first, *rest]} == {"r0", "r1", "r2", "r3", "r4", "other"}
    numbers = [found.number for found in [*first, *rest]]
    assert numbers == sorted(numbers)
    assert {found.source for found in [*first, *rest]} == {"t1"}
    assert [found.id for found in named or ()] == ["other"]
    assert await graph.outgoing("t1", name="unheard", after=0, limit=4) == []


async def test_relationships_to_a_twin_are_listed_in_pages(graph: Graph) -> None:
    await put_twins(graph, "t0", "t1", "t2")
    await put_relationships(graph, *(("t1", f"r{n}", "t2") for n in range(5)), ("t2", "self", "t2"))
    await put_relationships(graph, ("t1", "away", "t0"))

    first = await graph.incoming("t2", after=0, limit=4)
    assert first is not None
    rest = await graph.incoming("t2", after=first[-1].number, limit=4)

    assert rest is not None
    assert {found.id for found in [*first, *rest]} == {"r0", "r1", "r2", "r3", "r4", "self"}
    assert len(first) == 4


async def test_a_twin_without_relationships_has_none_and_no_twin_has_not_even_that(graph: Graph) -> None:
    await put_twins(graph, "t1")

    assert await graph.outgoing("t1", name=None, after=0, limit=9) == []
    assert await graph.incoming("t1", after=0, limit=9) == []
    assert await graph.outgoing("nobody", name=None, after=0, limit=9) is None
    assert await graph.incoming("nobody", after=0, limit=9) is None


@pytest.mark.parametrize("place", ["source", "target"])
@pytest.mark.parametrize("missing", [0, -1, 999])
async def test_a_relationship_of_a_twin_that_is_gone_is_refused_and_nothing_is_written(
    graph: Graph, place: str, missing: int
) -> None:
    await put_twins(graph, "t1")
    there = await number_of_twin(graph, "t1")
    ends = (missing, there) if place == "source" else (there, missing)
    rows = [(there, "good", there, "has", ""), (ends[0], "bad", ends[1], "has", "")]

    with pytest.raises(RowsUnfit) as refused:
        await graph.apply(FENCE, a_batch(Section.RELATIONSHIPS, rows, checkpoint=b"after"))

    assert (refused.value.what, refused.value.number) == ("twin", missing)
    assert await counts_of(graph) == (2, 1, 0)
    bulk = await graph.bulk(FENCE.job)
    assert bulk is not None
    assert bulk.checkpoint == b""


async def test_many_rows_of_random_names_are_all_found_again(graph: Graph) -> None:
    chance = random.Random(7)
    ids = [str(UUID(int=chance.getrandbits(128))) if n % 3 else f"t{n}" for n in range(700)]
    for start in range(0, 700, 250):
        await put_twins(graph, *ids[start : start + 250])
    numbers = {id: await number_of_twin(graph, id) for id in ids}
    ends = [(chance.choice(ids), f"r{n}", chance.choice(ids)) for n in range(900)]
    for start in range(0, 900, 130):
        part = ends[start : start + 130]
        rows = [(numbers[source], id, numbers[target], "has", "") for source, id, target in part]
        await graph.apply(FENCE, a_batch(Section.RELATIONSHIPS, rows))

    assert await counts_of(graph) == (2, 700, 900)
    assert {(found.source, found.id, found.target) for found in await all_relationships(graph)} == set(ends)
    for source, id, target in ends[::30]:
        found = await graph.relationship(source, id)
        assert found is not None
        assert found.target == target
    for twin in ids[::30]:
        outgoing = await graph.outgoing(twin, name=None, after=0, limit=1000)
        incoming = await graph.incoming(twin, after=0, limit=1000)
        assert {found.id for found in outgoing or ()} == {id for source, id, _ in ends if source == twin}
        assert {found.id for found in incoming or ()} == {id for _, id, target in ends if target == twin}


# ---- the fence


async def test_a_newer_owner_shuts_out_the_older_one(graph: Graph) -> None:
    await graph.apply(FENCE, a_batch(checkpoint=b"one", report=[b"a\n", b"bc\n"]))

    taken = await graph.take_over(Fence(FENCE.job, 3))

    assert taken == Bulk(checkpoint=b"one", report_bytes=5, reported_bytes=0)
    for late in (FENCE, Fence(FENCE.job, 2), Fence(FENCE.job, 4)):
        with pytest.raises(FenceLost):
            await graph.apply(late, a_batch(Section.MODELS, [("late", "{}")], checkpoint=b"late"))
        with pytest.raises(FenceLost):
            await graph.delete_some(late, 10, a_batch(checkpoint=b"late"))
        with pytest.raises(FenceLost):
            await graph.reported(late, 2)
    for older in (FENCE, Fence(FENCE.job, 2)):
        with pytest.raises(FenceLost):
            await graph.take_over(older)
        with pytest.raises(FenceLost):
            await graph.shut(older)
    assert await graph.bulk(FENCE.job) == taken
    assert await counts_of(graph) == (2, 0, 0)


async def test_the_same_owner_may_take_over_again(graph: Graph) -> None:
    await graph.apply(FENCE, a_batch(checkpoint=b"one"))

    again = await graph.take_over(FENCE)

    assert again.checkpoint == b"one"
    await graph.apply(FENCE, a_batch(checkpoint=b"two"))


async def test_an_owner_that_did_not_take_over_cannot_write(graph: Graph) -> None:
    with pytest.raises(FenceLost):
        await graph.apply(Fence("imports/unknown", 1), a_batch(checkpoint=b"x"))

    assert await graph.bulk("imports/unknown") is None


@pytest.mark.parametrize("epoch", [1, 2, 99])
async def test_nobody_writes_for_a_job_that_is_shut(graph: Graph, epoch: int) -> None:
    await graph.apply(FENCE, a_batch(checkpoint=b"one", report=[b"line\n"]))
    await graph.shut(FENCE)
    fence = Fence(FENCE.job, epoch)

    with pytest.raises(FenceLost):
        await graph.take_over(fence)
    with pytest.raises(FenceLost):
        await graph.apply(fence, a_batch(checkpoint=b"two"))

    assert await graph.bulk(FENCE.job) == Bulk(checkpoint=b"one", report_bytes=5, reported_bytes=0)
    assert await graph.report(FENCE.job, offset=0, most_bytes=99) == b"line\n"
    await graph.shut(FENCE)
    await graph.reported(FENCE, 5)


async def test_a_job_that_is_not_known_is_shut_all_the_same(graph: Graph) -> None:
    fence = Fence("imports/never-ran", 4)

    await graph.shut(fence)

    for epoch in (4, 5):
        with pytest.raises(FenceLost):
            await graph.take_over(Fence(fence.job, epoch))


async def test_jobs_do_not_touch_each_others_fences(graph: Graph) -> None:
    other = Fence("imports/i2", 7)
    await graph.take_over(other)
    await graph.shut(FENCE)

    await graph.apply(other, a_batch(checkpoint=b"mine", report=[b"mine\n"]))

    assert await graph.bulk(other.job) == Bulk(checkpoint=b"mine", report_bytes=5, reported_bytes=0)
    assert await graph.report(FENCE.job, offset=0, most_bytes=99) == b""


async def test_a_call_that_fails_harms_no_call_beside_it(graph: Graph) -> None:
    model = await number_of_model(graph, ROOM)
    late, unfit = Fence(FENCE.job, 0), a_batch(Section.TWINS, [("bad", 999, "{}")], checkpoint=b"bad")
    good = [
        a_batch(
            Section.TWINS, [(f"t{n}", model, a_body(f"t{n}"))], checkpoint=b"%d" % n, report=[b"%d\n" % n]
        )
        for n in range(6)
    ]

    results = await asyncio.gather(
        graph.apply(FENCE, good[0]),
        graph.apply(late, good[1]),
        graph.apply(FENCE, good[2]),
        graph.apply(FENCE, unfit),
        graph.apply(FENCE, good[3]),
        graph.apply(FENCE, a_batch(Section.TWINS, [("\ud800", model, "{}")], checkpoint=b"bad")),
        graph.apply(FENCE, good[4]),
        return_exceptions=True,
    )

    faults = [type(result) for result in results]
    nothing = type(None)
    assert faults == [nothing, FenceLost, nothing, RowsUnfit, nothing, UnicodeEncodeError, nothing]
    assert [twin.id for twin in await all_twins(graph)] == ["t0", "t2", "t3", "t4"]
    assert await graph.bulk(FENCE.job) == Bulk(checkpoint=b"4", report_bytes=8, reported_bytes=0)
    assert await graph.report(FENCE.job, offset=0, most_bytes=99) == b"0\n2\n3\n4\n"


async def test_a_forgotten_job_stays_shut(graph: Graph) -> None:
    await graph.apply(FENCE, a_batch(checkpoint=b"one", report=[b"line\n"]))
    await graph.shut(FENCE)

    await graph.forget(FENCE.job)

    assert await graph.bulk(FENCE.job) is None
    assert await graph.report(FENCE.job, offset=0, most_bytes=99) == b""
    for epoch in (1, 2):
        with pytest.raises(FenceLost):
            await graph.take_over(Fence(FENCE.job, epoch))
    await graph.forget("imports/never-heard-of")


# ---- the report


async def test_a_report_is_read_in_whole_lines_from_any_of_them(graph: Graph) -> None:
    lines = [b"%d %s\n" % (n, b"x" * (n % 7)) for n in range(200)]
    for start in range(0, 200, 30):
        await graph.apply(FENCE, a_batch(report=lines[start : start + 30]))
    whole = b"".join(lines)

    read = b""
    while len(read) < len(whole):
        part = await graph.report(FENCE.job, offset=len(read), most_bytes=50)
        assert 0 < len(part) <= 50
        assert part.endswith(b"\n")
        read += part

    assert read == whole
    assert await graph.report(FENCE.job, offset=len(whole), most_bytes=50) == b""
    assert await graph.report("unknown", offset=0, most_bytes=50) == b""


async def test_a_line_longer_than_what_is_asked_for_is_given_whole(graph: Graph) -> None:
    await graph.apply(FENCE, a_batch(report=[b"x" * 200_000 + b"\n", b"next\n"]))

    assert await graph.report(FENCE.job, offset=0, most_bytes=10) == b"x" * 200_000 + b"\n"
    assert await graph.report(FENCE.job, offset=200_001, most_bytes=10) == b"next\n"
    assert len(await graph.report(FENCE.job, offset=0, most_bytes=10**6)) == 200_006


async def test_a_line_that_ends_where_the_bytes_end_is_given(graph: Graph) -> None:
    await graph.apply(FENCE, a_batch(report=[b"123\n", b"567\n", b"9\n"]))

    assert await graph.report(FENCE.job, offset=0, most_bytes=8) == b"123\n567\n"
    assert await graph.report(FENCE.job, offset=0, most_bytes=7) == b"123\n"


async def test_what_is_reported_is_forgotten_and_the_rest_is_kept(graph: Graph) -> None:
    long_line = b"y" * 70_000 + b"\n"
    await graph.apply(FENCE, a_batch(report=[b"one\n", b"two\n"]))
    await graph.apply(FENCE, a_batch(report=[long_line, b"end\n"]))

    await graph.reported(FENCE, 4)
    amid = await graph.report(FENCE.job, offset=4, most_bytes=10)
    await graph.reported(FENCE, 8)
    await graph.reported(FENCE, 4)

    assert amid == b"two\n"
    bulk = await graph.bulk(FENCE.job)
    assert bulk == Bulk(checkpoint=b"", report_bytes=8 + 70_001 + 4, reported_bytes=8)
    assert await graph.report(FENCE.job, offset=8, most_bytes=10**6) == long_line + b"end\n"
    with pytest.raises(ValueError, match="forgotten up to byte 8"):
        await graph.report(FENCE.job, offset=4, most_bytes=10)
    await graph.apply(FENCE, a_batch(report=[b"more\n"]))
    assert await graph.report(FENCE.job, offset=8 + 70_001, most_bytes=99) == b"end\nmore\n"


# ---- deleting


async def test_deleting_some_takes_relationships_then_twins_then_models(graph: Graph) -> None:
    await put_twins(graph, *(f"t{n}" for n in range(4)), GUID)
    await put_relationships(graph, *(("t1", f"r{n}", GUID) for n in range(5)))
    seen = []

    while deleted := await graph.delete_some(FENCE, 3, a_batch(checkpoint=b"on", report=[b"x\n"])):
        seen.append((deleted, *await counts_of(graph)))

    assert seen == [
        (3, 2, 5, 2), (2, 2, 5, 0), (3, 2, 2, 0), (2, 2, 0, 0), (2, 0, 0, 0),
    ]  # fmt: skip
    assert await graph.bulk(FENCE.job) == Bulk(checkpoint=b"on", report_bytes=12, reported_bytes=0)
    assert await graph.twin("t1") is None
    assert await graph.model(ROOM) is None
    assert await all_twins(graph) == []


async def test_half_deleted_relationships_are_found_as_long_as_they_are_there(graph: Graph) -> None:
    await put_twins(graph, "t1", "t2")
    await put_relationships(graph, *(("t1", f"r{n}", "t2") for n in range(6)))

    await graph.delete_some(FENCE, 2, a_batch())

    outgoing = await graph.outgoing("t1", name=None, after=0, limit=9)
    incoming = await graph.incoming("t2", after=0, limit=9)
    assert len(outgoing or ()) == 4
    assert outgoing == incoming == await all_relationships(graph)


async def test_numbers_are_never_used_again(graph: Graph) -> None:
    await put_twins(graph, "t1", "t2")
    await put_relationships(graph, ("t1", "r", "t2"))
    gone = {twin.number for twin in await all_twins(graph)}
    gone_models = {await number_of_model(graph, id) for id in (ROOM, FLOOR)}
    gone_relationships = {found.number for found in await all_relationships(graph)}
    while await graph.delete_some(FENCE, 100, a_batch()):
        pass

    await put_models(graph, ROOM)
    await put_twins(graph, "t1", "t2")
    await put_relationships(graph, ("t1", "r", "t2"))

    assert not gone & {twin.number for twin in await all_twins(graph)}
    assert not gone_relationships & {found.number for found in await all_relationships(graph)}
    assert await number_of_model(graph, ROOM) not in gone_models


async def test_a_relationship_of_a_deleted_twin_is_refused(graph: Graph) -> None:
    await put_twins(graph, "t1", "t2", "t3")
    numbers = {id: await number_of_twin(graph, id) for id in ("t1", "t2", "t3")}
    await graph.delete_some(FENCE, 1, a_batch())
    left = await all_twins(graph)
    (gone,) = set(numbers.values()) - {twin.number for twin in left}

    batch = a_batch(Section.RELATIONSHIPS, [(left[0].number, "r", gone, "has", "")])
    with pytest.raises(RowsUnfit):
        await graph.apply(FENCE, batch)

    await put_relationships(graph, (left[0].id, "r", left[1].id))


# ---- what is known while others write


async def test_another_connection_knows_models_and_twins_as_soon_as_they_are_written(
    graph: SqliteGraph, path: Path
) -> None:
    known = open_known(str(path))
    model = await number_of_model(graph, ROOM)
    assert known.models() == {
        id: KnownModel(await number_of_model(graph, id), text_of({"@id": id}), False) for id in (ROOM, FLOOR)
    }
    assert known.twins(["t1", GUID]) == {}

    await put_twins(graph, "t1", GUID, "t2")

    assert known.twins(["", GUID, GUID.upper(), "t0", "t1"]) == {
        id: (await number_of_twin(graph, id), model) for id in ("t1", GUID)
    }
    assert known.twins([]) == {}
    known.close()


async def test_twins_are_known_by_thousands(graph: SqliteGraph, path: Path) -> None:
    ids = [f"t{n:05}" for n in range(6000)] + [str(UUID(int=n)) for n in range(6000)]
    await put_twins(graph, *ids)
    known = open_known(str(path))

    found = known.twins(sorted([*ids, *(f"u{n}" for n in range(8000))]))

    assert found.keys() == set(ids)
    assert len({number for number, _ in found.values()}) == 12_000
    known.close()


# ---- reads see writes


async def test_what_was_written_is_there_when_the_graph_is_opened_again(
    graph: SqliteGraph, path: Path
) -> None:
    await put_twins(graph, "t1", GUID)
    await put_relationships(graph, ("t1", "r", GUID))
    await graph.apply(FENCE, a_batch(checkpoint=b"end", report=[b"line\n"]))
    before = (await all_twins(graph), await all_relationships(graph), await counts_of(graph))
    await graph.close()

    again = SqliteGraph.open(path)

    assert (await all_twins(again), await all_relationships(again), await counts_of(again)) == before
    assert await again.take_over(Fence(FENCE.job, 2)) == Bulk(
        checkpoint=b"end", report_bytes=5, reported_bytes=0
    )
    await again.close()


async def test_statistics_can_be_brought_up_to_date(graph: Graph) -> None:
    await put_twins(graph, "t1", "t2")

    await graph.optimize()

    assert await graph.count(Selection(collection=Collection.TWINS)) == 2
