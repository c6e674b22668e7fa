"""What is true of the SQLite graph only: its file, plans and bounds, and other processes that read it."""

from __future__ import annotations

import asyncio
import re
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.conftest import ROOT
from tests.stores.graph_builders import (
    FENCE,
    ROOM,
    a_batch,
    a_body,
    all_twins,
    counts_of,
    number_of_model,
    put_models,
    put_relationships,
    put_twins,
)
from tests.stores.shims import Disk
from weft.engine.errors import Overloaded, StoreUnavailable
from weft.stores.errors import StoreDamaged, StoreLocked, StoreTooNew
from weft.stores.sqlite import SqliteStore
from weft.stores.sqlite.database import migrations
from weft.stores.sqlite.graph import SqliteGraph, bulk, entities, keys, known, open_known, reading, tally
from weft.stores.sqlite.graph.query import compiled
from weft.stores.sqlite.graph.schema import GRAPH
from weft.stores.sqlite.graph.store import CHECKPOINT_PAGES, Limits
from weft.twins.graph import Section
from weft.twins.query.selection import MODEL, All, Collection, Compare, Comparison, OneOf, Selection
from weft.twins.query.selection import Path as Property

STATEMENTS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": statement
    for module in (bulk, entities, keys, known, reading, tally)
    for name, statement in module.SQL.items()
    if name != "optimize"
}

EQUAL = Comparison.EQUAL
ID, SOURCE, TARGET = Property(("$dtId",)), Property(("$sourceId",)), Property(("$targetId",))
TWIN_BY_ID = [
    "SEARCH twins USING INTEGER PRIMARY KEY (rowid=?)",
    "SEARCH keys USING PRIMARY KEY (kind=? AND key=?)",
    "SEARCH new_keys USING PRIMARY KEY (kind=? AND key=?)",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "graph.db"


@pytest.fixture
async def db(path: Path) -> AsyncIterator[apsw.Connection]:
    await SqliteGraph.open(path).close()
    db = apsw.Connection(str(path))
    yield db
    db.close()


async def _filled(path: Path, **given: Any) -> SqliteGraph:
    graph = SqliteGraph.open(path, **given)
    await graph.take_over(FENCE)
    await put_models(graph, ROOM)
    return graph


# ---- plans


def _plan(db: apsw.Connection, sql: str) -> list[str]:
    bindings: Any = dict.fromkeys(re.findall(r":(\w+)", sql)) or [None] * sql.count("?")
    return [str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", bindings)]


# What was asked for, the one row of counters, and lists that are asked for as a whole or end at their LIMIT.
HARMLESS = re.compile(
    r"SCAN (CONSTANT ROW|(wanted|element|json_each) VIRTUAL TABLE .*|tally|\(subquery-\d+\)"
    r"|models|twins|relationships|models USING INTEGER PRIMARY KEY)"
)
LISTS = {
    "known.models": "models",
    "entities.first_twin": "twins",
    "entities.oldest_twins": "twins",
    "entities.oldest_relationships": "relationships",
    "entities.delete_models": "models",
}


@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_statement_searches_and_never_scans(db: apsw.Connection, name: str) -> None:
    scans = [step for step in _plan(db, STATEMENTS[name]) if step.startswith("SCAN")]

    tables = {step.split()[1] for step in scans if step.split()[1] in {"models", "twins", "relationships"}}
    assert tables <= {LISTS.get(name)}
    assert not [step for step in _plan(db, STATEMENTS[name]) if step.endswith("USING PRIMARY KEY (kind=?)")]
    assert [scan for scan in scans if not HARMLESS.match(scan)] == []


@pytest.mark.parametrize("name", ["first_twin", "oldest_twins", "oldest_relationships"])
async def test_the_oldest_are_read_in_the_order_of_the_table(db: apsw.Connection, name: str) -> None:
    assert not any("TEMP B-TREE" in step for step in _plan(db, entities.SQL[name]))


@pytest.mark.parametrize(
    ("statement", "step"),
    [
        (keys.SQL["find"], "SEARCH keys USING PRIMARY KEY (kind=? AND key=?)"),
        (keys.SQL["find"], "SEARCH new_keys USING PRIMARY KEY (kind=? AND key=?)"),
        (keys.SQL["remove"], "SEARCH keys USING PRIMARY KEY (kind=? AND key=? AND number=?)"),
        (keys.SQL["end_of_move"], "SEARCH new_keys USING PRIMARY KEY ((kind,key,number)>(?,?,?))"),
        (
            keys.SQL["move_keys"],
            "SEARCH new_keys USING PRIMARY KEY ((kind,key,number)>(?,?,?) AND (kind,key,number)<(?,?,?))",
        ),
        (reading.SQL["number_of_twin"], "SEARCH keys USING PRIMARY KEY (kind=? AND key=?)"),
        (reading.SQL["outgoing"], "SEARCH keys USING PRIMARY KEY (kind=? AND key>? AND key<?)"),
        (reading.SQL["incoming"], "SEARCH keys USING PRIMARY KEY (kind=? AND key=? AND number>?)"),
        (known.SQL["twins"], "SEARCH new_keys USING PRIMARY KEY (kind=? AND key=?)"),
        (bulk.SQL["report"], "SEARCH report USING INDEX report_by_offset (bulk=? AND offset>?)"),
    ],
)
async def test_a_statement_uses_the_key_made_for_it(db: apsw.Connection, statement: str, step: str) -> None:
    assert step in _plan(db, statement)


@pytest.mark.parametrize(
    ("collection", "where", "steps"),
    [
        (Collection.TWINS, Compare(ID, EQUAL, "x"), TWIN_BY_ID),
        (
            Collection.TWINS,
            All((Compare(ID, EQUAL, "x"), Compare(Property(("p",)), EQUAL, 1))),
            TWIN_BY_ID,
        ),
        (Collection.TWINS, OneOf(ID, ("x", "y")), TWIN_BY_ID),
        (
            Collection.TWINS,
            OneOf(Property(MODEL), ("x", "y")),
            ["SEARCH twins USING COVERING INDEX twins_by_model (model=? AND rowid>?)"],
        ),
        (
            Collection.RELATIONSHIPS,
            Compare(SOURCE, EQUAL, "x"),
            [
                "SEARCH relationships USING INTEGER PRIMARY KEY (rowid=?)",
                "SEARCH keys USING PRIMARY KEY (kind=? AND key>? AND key<?)",
                "SEARCH new_keys USING PRIMARY KEY (kind=? AND key>? AND key<?)",
            ],
        ),
        (
            Collection.RELATIONSHIPS,
            Compare(TARGET, EQUAL, "x"),
            [
                "SEARCH relationships USING INTEGER PRIMARY KEY (rowid=?)",
                "SEARCH keys USING PRIMARY KEY (kind=? AND key=?)",
                "SEARCH new_keys USING PRIMARY KEY (kind=? AND key=?)",
            ],
        ),
        (Collection.TWINS, None, ["SEARCH twins USING INTEGER PRIMARY KEY (rowid>?)"]),
    ],
)
async def test_a_query_finds_by_what_is_named_exactly(
    db: apsw.Connection, collection: Collection, where: Any, steps: list[str]
) -> None:
    sql, _ = compiled(Selection(collection=collection, where=where), "select")

    plan = _plan(db, sql)

    for step in steps:
        assert step in plan
    assert not [scan for scan in plan if scan.startswith("SCAN") and "VIRTUAL TABLE" not in scan]
    assert not [step for step in plan if step.endswith("keys USING PRIMARY KEY (kind=?)")]


def test_nothing_of_a_query_is_text_of_its_statement() -> None:
    evil = "'; DROP TABLE twins; --"
    conditions = All(
        (
            Compare(Property((evil,)), EQUAL, evil),
            OneOf(Property(("{path}", "{value}")), ("{keys}", "{0}")),
            OneOf(ID, (evil,)),
        )
    )

    sql, bindings = compiled(Selection(collection=Collection.TWINS, where=conditions), "count")

    assert "DROP" not in sql
    assert "{" not in sql
    assert set(re.findall(r":(v\d+)", sql)) == set(bindings)


# ---- the file


async def test_one_server_has_the_graph(path: Path) -> None:
    graph = SqliteGraph.open(path)

    with pytest.raises(StoreLocked):
        SqliteGraph.open(path)

    assert graph.synchronous_full
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(["graph.db", "graph.db-shm", "graph.db-wal", "graph.lock"], 0o600)
    await graph.close()
    await SqliteGraph.open(path).close()


async def test_a_graph_is_migrated_once_and_keeps_its_id(path: Path) -> None:
    first = SqliteGraph.open(path)
    await first.close()

    second = SqliteGraph.open(path)

    assert second.store_id == first.store_id
    await second.close()
    db = apsw.Connection(str(path))
    noted = db.execute("SELECT number, name FROM migrations").fetchall()
    db.close()
    assert noted == [(migration.number, migration.name) for migration in migrations(GRAPH)]
    assert [migration.number for migration in migrations(GRAPH)] == list(range(1, len(noted) + 1))


async def test_a_graph_of_a_newer_version_is_refused(path: Path) -> None:
    await SqliteGraph.open(path).close()
    db = apsw.Connection(str(path))
    db.execute("INSERT INTO migrations (number, name, written_by) VALUES (9999, 'later', '7.8.9')")
    db.close()

    with pytest.raises(StoreTooNew):
        SqliteGraph.open(path)


async def test_the_file_of_the_jobs_is_no_graph_and_the_other_way_round(path: Path, tmp_path: Path) -> None:
    jobs = tmp_path / "weft.db"
    await SqliteGraph.open(path).close()
    await SqliteStore.open(jobs, writes_waiting=10).close()

    with pytest.raises(StoreDamaged, match="another kind"):
        SqliteGraph.open(jobs)
    with pytest.raises(StoreDamaged, match="another kind"):
        SqliteStore.open(path, writes_waiting=10)


async def test_a_closed_graph_takes_no_calls(path: Path) -> None:
    graph = SqliteGraph.open(path)
    await graph.close()
    await graph.close()

    with pytest.raises(StoreUnavailable):
        await graph.counts()
    with pytest.raises(StoreUnavailable):
        await graph.take_over(FENCE)


# ---- bounds


async def test_the_log_of_writes_stays_bounded(path: Path) -> None:
    graph = await _filled(path)
    model = await number_of_model(graph, ROOM)
    longest = 0
    for batch in range(60):
        rows = [(f"t{batch}-{n}", model, a_body("x", p="y" * 20_000)) for n in range(150)]
        await graph.apply(FENCE, a_batch(Section.TWINS, rows))
        longest = max(longest, Path(f"{path}-wal").stat().st_size)

    assert longest < (CHECKPOINT_PAGES + 4_000) * 4096 * 1.1
    await graph.close()
    assert path.stat().st_size > 60 * 150 * 20_000


async def test_keys_that_come_in_order_take_no_detour_and_scattered_ones_do(path: Path) -> None:
    graph = SqliteGraph.open(path)
    await graph.take_over(FENCE)
    await put_models(graph, ROOM)
    new = []
    for ids in (range(0, 200, 2), range(200, 300), range(300, 400, 2), range(1, 200, 20), range(301, 304, 2)):
        await put_twins(graph, *(f"t{id:03}" for id in ids))
        with apsw.Connection(str(path)) as db:
            new.append(db.execute("SELECT COUNT(*) FROM new_keys").get)
    every_id = [f"t{id:03}" for id in (*range(0, 400, 2), *range(201, 300, 2), *range(1, 200, 20), 301, 303)]

    found = [await graph.twin(id) for id in every_id]
    await graph.close()

    assert new == [0, 0, 0, 10, 10]  # ten among the first hundred are far from each other
    assert [twin.id for twin in found if twin] == every_id


async def test_keys_move_on_so_that_few_are_new(path: Path) -> None:
    graph = await _filled(path, limits=Limits(new_keys=50))
    for part in range(10):
        await put_twins(graph, *(f"t{(n * 7919) % 1000:04}" for n in range(part * 100, part * 100 + 100)))
    await put_relationships(graph, *((f"t{n:04}", "r", f"t{n * 3:04}") for n in range(90)))

    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    new = db.execute("SELECT COUNT(*) FROM new_keys").get
    both = db.execute("SELECT kind, COUNT(*) FROM all_keys GROUP BY kind").fetchall()
    noted = db.execute("SELECT new_keys FROM tally").get
    db.close()
    assert new == noted == 50
    assert both == [(0, 1000), (1, 90), (2, 90)]
    assert await counts_of(graph) == (1, 1000, 90)
    await graph.close()


async def test_deleting_leaves_no_key_behind(path: Path) -> None:
    graph = await _filled(path, limits=Limits(new_keys=5))
    await put_twins(graph, *(f"t{n}" for n in range(20)))
    await put_relationships(graph, *((f"t{n}", "r", f"t{n + 1}") for n in range(12)))
    while await graph.delete_some(FENCE, 7, a_batch()):
        pass
    await graph.close()

    db = apsw.Connection(str(path))
    left = db.execute("SELECT COUNT(*) FROM all_keys").get
    noted = db.execute("SELECT new_keys, models, twins, relationships FROM tally").fetchall()
    db.close()
    assert left == 0
    assert noted == [(0, 0, 0, 0)]


async def test_relationships_whose_hashes_are_equal_are_two(path: Path) -> None:
    graph = await _filled(path)
    await put_twins(graph, "t1", "t2")
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    salt = db.execute("SELECT salt FROM tally").get
    db.close()
    seen: dict[int, str] = {}
    ids = (f"r{n}" for n in range(10**6))
    one, other = next((seen[key], id) for id in ids if seen.setdefault(key := _key(salt, id), id) != id)

    await put_relationships(graph, ("t1", one, "t1"))
    await put_relationships(graph, ("t1", other, "t2"), ("t1", one, "t2"))

    found = [await graph.relationship("t1", id) for id in (one, other)]
    assert [relationship and relationship.id for relationship in found] == [one, other]
    assert await counts_of(graph) == (1, 2, 2)
    await graph.close()


def _key(salt: bytes, id: str) -> int:
    return keys.of_relationship(salt, 1, id)


# ---- a disk that fails


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.unregister()


@pytest.mark.parametrize("place", ["write_error", "sync_error"])
async def test_a_failing_disk_fails_the_batch_as_a_whole(path: Path, disk: Disk, place: str) -> None:
    graph = await _filled(path, vfs=disk.name)
    model = await number_of_model(graph, ROOM)
    batch = a_batch(Section.TWINS, [("t1", model, a_body("t1"))], checkpoint=b"one", report=[b"line\n"])
    setattr(disk, place, apsw.IOError)

    with pytest.raises(StoreUnavailable):
        await graph.apply(FENCE, batch)

    setattr(disk, place, None)
    assert await counts_of(graph) == (1, 0, 0)
    await graph.apply(FENCE, batch)
    taken = await graph.take_over(FENCE)
    assert (taken.checkpoint, taken.report_bytes) == (b"one", 5)
    assert len(await all_twins(graph)) == 1
    await graph.close()


async def test_the_answer_to_a_query_does_not_wait_for_the_queries_behind_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [threading.Event() for _ in range(3)]
    begun = iter(events)

    def count(db: apsw.Connection, selection: Selection, most_seconds: float) -> int:
        assert next(begun).wait(30)
        return 7

    monkeypatch.setattr("weft.stores.sqlite.graph.query.count", count)
    graph = await _filled(path)
    try:
        first, second, third = (
            asyncio.ensure_future(graph.count(Selection(collection=Collection.TWINS))) for _ in events
        )
        await asyncio.sleep(0)  # the second and the third wait together behind the first
        events[0].set()
        events[1].set()

        assert await asyncio.wait_for(second, 10) == 7
        assert first.done()
        assert not third.done()
    finally:
        events[2].set()
        await graph.close()


async def test_beyond_sixteen_that_wait_lists_and_queries_are_refused_and_keyed_reads_go_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, release = threading.Event(), threading.Event()

    def count(db: apsw.Connection, selection: Selection, most_seconds: float) -> int:
        begun.set()
        assert release.wait(30)
        return 7

    monkeypatch.setattr("weft.stores.sqlite.graph.query.count", count)
    graph = await _filled(path)
    twins = Selection(collection=Collection.TWINS)
    try:
        held = asyncio.ensure_future(graph.count(twins))
        await asyncio.to_thread(begun.wait, 30)
        waiting = [asyncio.ensure_future(graph.models(after=0, limit=1)) for _ in range(16)]
        await asyncio.sleep(0)
        for call in (
            graph.count(twins),
            graph.select(twins, after=0, limit=1),
            graph.models(after=0, limit=1),
            graph.outgoing("a", name=None, after=0, limit=1),
            graph.incoming("a", after=0, limit=1),
        ):
            with pytest.raises(Overloaded):
                await call

        assert (await graph.counts())[Section.MODELS] == 1
        assert await graph.model("dtmi:none;1") is None
        assert await graph.twin("none") is None
        assert await graph.relationship("none", "none") is None
        release.set()
        assert await held == 7
        assert [len(models) for models in await asyncio.gather(*waiting)] == [1] * 16
    finally:
        release.set()
        await graph.close()


async def test_reads_go_on_while_a_batch_is_written(path: Path, disk: Disk) -> None:
    graph = await _filled(path, vfs=disk.name)
    model = await number_of_model(graph, ROOM)
    disk.hold_sync()
    write = asyncio.create_task(
        graph.apply(FENCE, a_batch(Section.TWINS, [("t1", model, a_body("t1"))], checkpoint=b"one"))
    )
    await disk.until_in_sync()

    counted = await asyncio.wait_for(counts_of(graph), 5)

    assert counted == (1, 0, 0)
    assert not write.done()
    disk.release_sync()
    await write
    assert await counts_of(graph) == (1, 1, 0)
    await graph.close()


# ---- another process

READER = """
import sys
from weft.stores.sqlite.graph import open_known
known = open_known(sys.argv[1])
for line in sys.stdin:
    print(len(known.models()), len(known.twins(line.split())), flush=True)
"""


async def test_another_process_sees_what_is_committed_and_keeps_nobody_from_writing(path: Path) -> None:
    graph = await _filled(path)
    with subprocess.Popen(
        [sys.executable, "-c", READER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        answers = []
        for ids in (["t1"], ["t2", "t3"]):
            await put_twins(graph, *ids)
            reader.stdin.write("t1 t2 t3\n")
            reader.stdin.flush()
            answers.append(await asyncio.to_thread(reader.stdout.readline))
        await put_twins(graph, "t4")
        reader.stdin.close()

    assert answers == ["1 1\n", "1 3\n"]
    await graph.close()


async def test_a_graph_that_is_not_there_is_not_made_by_who_only_reads(path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        open_known(str(path))

    assert not path.exists()
