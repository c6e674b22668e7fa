"""Imports with the process that really reads a file: replaced where killed, and gone after a cancel."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from tests.runners.imports import MODEL, BulkRun, an_import, blobs, logged
from tests.runners.support import ROOT, alive, soon, zombies
from weft.engine.clock import SystemClock
from weft.engine.jobs import Completed, Failed, Stopped
from weft.runners.reader_process import ReaderProcess
from weft.runners.twins_import import ImportRunner
from weft.stores.sqlite.graph.store import SqliteGraph
from weft.twins.feed import Order
from weft.twins.graph import Section

TWINS = 25_000
BAD = 1000


@dataclass
class Server:
    directory: Path
    graph: SqliteGraph
    readers: list[ReaderProcess] = field(default_factory=list)

    @property
    def runner(self) -> ImportRunner:
        return ImportRunner(
            graph=self.graph,
            blobs=blobs(self.directory),
            open_feed=self.open_feed,
            clock=SystemClock(),
            store_id="store",
            graph_path=str(self.directory / "graph.db"),
        )

    def open_feed(self, order: Order) -> ReaderProcess:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}"}
        self.readers.append(ReaderProcess(order, mark=uuid4().hex, environment=environment))
        return self.readers[-1]

    async def until_twins(self, least: int) -> None:
        while (await self.graph.counts())[Section.TWINS] < least:
            await asyncio.sleep(0.005)

    async def until_readers(self, number: int) -> None:
        await soon(lambda: len(self.readers) == number)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    graph = SqliteGraph.open(tmp_path / "graph.db")
    server = Server(tmp_path, graph)
    yield server
    assert [reader.pid for reader in server.readers if alive(reader.pid)] == []
    assert {reader.pid for reader in server.readers}.isdisjoint(zombies())
    await graph.close()


def write_file(directory: Path, *, bad: bool = False) -> None:
    """Write TWINS twins and as many relationships; each BAD-th twin is bad, where *bad*."""
    with (directory / "input.ndjson").open("w") as file:

        def line(value: object) -> None:
            file.write(json.dumps(value) + "\n")

        line({"Section": "Header"})
        line({"fileVersion": "1.0.0"})
        line({"Section": "Models"})
        contents = [
            {"@type": "Property", "name": "level", "schema": "integer"},
            {"@type": "Relationship", "name": "next"},
        ]
        line({"@id": MODEL, "@type": "Interface", "@context": "dtmi:dtdl:context;2", "contents": contents})
        line({"Section": "Twins"})
        for number in range(TWINS):
            level = "high" if bad and number % BAD == 0 else number
            line({"$dtId": f"t{number}", "$metadata": {"$model": MODEL}, "level": level})
        line({"Section": "Relationships"})
        for number in range(TWINS):
            names = {"$relationshipId": f"r{number}", "$relationshipName": "next"}
            line({"$dtId": f"t{number}", "$targetId": f"t{(number + 1) % TWINS}", **names})


async def test_a_killed_reader_is_replaced_and_every_entity_is_there_once(server: Server) -> None:
    write_file(server.directory)
    importing = asyncio.ensure_future(server.runner.run(BulkRun(an_import(server.directory))))
    await server.until_readers(1)

    for twins, readers in ((0, 2), (1, 3)):
        await server.until_twins(twins)
        os.kill(server.readers[-1].pid, signal.SIGKILL)
        await server.until_readers(readers)
    outcome = await importing

    assert isinstance(outcome, Completed)
    assert await server.graph.counts() == {
        Section.MODELS: 1,
        Section.TWINS: TWINS,
        Section.RELATIONSHIPS: TWINS,
    }
    sections = ["Started", "Succeeded"] * 3
    assert [line["status"] for line in logged(server.directory)] == ["Started", *sections, "Succeeded"]


async def test_each_line_that_is_rejected_is_logged_once_though_the_server_is_replaced(
    server: Server,
) -> None:
    write_file(server.directory, bad=True)
    importing = asyncio.ensure_future(server.runner.run(BulkRun(an_import(server.directory))))
    await server.until_twins(1)
    importing.cancel()
    await asyncio.gather(importing, return_exceptions=True)

    outcome = await server.runner.run(BulkRun(an_import(server.directory, epoch=2)))

    assert isinstance(outcome, Failed)
    assert outcome.error.code == "ImportFinishedWithErrors"
    rejected = [line for line in logged(server.directory) if "exceptionType" in line]
    lines = [line["line"] for line in rejected if line["section"] == "Twins"]
    assert lines == [6 + number for number in range(0, TWINS, BAD)]


async def test_a_cancelled_import_is_over_within_two_seconds_and_nothing_is_written_after_it(
    server: Server,
) -> None:
    write_file(server.directory)
    run = BulkRun(an_import(server.directory))
    importing = asyncio.ensure_future(server.runner.run(run))
    await server.until_twins(1)
    run.cancel_requested.set()
    began = time.monotonic()

    outcome = await importing

    counts, log = await server.graph.counts(), logged(server.directory)
    assert outcome == Stopped()
    assert time.monotonic() - began < 2
    assert not any(alive(reader.pid) for reader in server.readers)
    before = 5 if log[-2]["section"] == "Twins" else 6  # lines that hold no twin and no relationship
    assert log[-2]["line"] == before + counts[Section.TWINS] + counts[Section.RELATIONSHIPS]
