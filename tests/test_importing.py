"""The process that reads an import file, with a real graph, a real file, and a server that the test plays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import pytest

from tests.twins.bad_files import HEAD, TWINS
from tests.twins.house import DEFINITIONS, has, line_of, room, sensor
from weft.blobs.opening import pack_config
from weft.blobs.ports import BlobChanged, BlobFault, BlobForbidden, BlobMissing, BlobUnavailable
from weft.importing import Acks, frames
from weft.settings import BlobSettings
from weft.stores.sqlite.graph import SqliteGraph
from weft.twins.feed import (
    LENGTH,
    Ack,
    AnyFrame,
    Ended,
    Entities,
    Order,
    Position,
    Refused,
    Scanned,
    Totals,
    pack,
    unpack,
)
from weft.twins.graph import Batch, Fence, Section

FENCE = Fence("twins/imports/job", 1)
MOST_SECONDS = 60


@pytest.fixture
async def graph(tmp_path: Path) -> AsyncIterator[SqliteGraph]:
    graph = SqliteGraph.open(tmp_path / "graph.db")
    await graph.take_over(FENCE)
    yield graph
    await graph.close()


def order_for(path: Path, *, totals: Totals | None = None, start: Position | None = None) -> Order:
    """Read the file *path* for the graph beside it."""
    return Order(
        uri=str(path),
        blobs=pack_config(BlobSettings(roots=(path.parent,)), str(path)),
        graph=str(path.parent / "graph.db"),
        totals=totals,
        start=start or Position(),
    )


def written(path: Path, *, twins: int) -> Path:
    """Write a file with the house's models, a room, and *twins* sensors that the room has."""
    lines = [b'{"Section": "Models"}', *map(line_of, DEFINITIONS.values()), b'{"Section": "Twins"}']
    lines += [line_of(room()), *(line_of(sensor(f"s{number}")) for number in range(twins))]
    lines.append(b'{"Section": "Relationships"}')
    lines += [line_of(has("r1", f"s{number}", **{"$relationshipId": str(number)})) for number in range(twins)]
    path.write_bytes(HEAD + b"\n".join(lines) + b"\n")
    return path


class Reader:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self.stdin, self.stdout = process.stdin, process.stdout

    def send(self, frame: Order | Ack) -> None:
        with suppress(BrokenPipeError):  # it has told all that there is, and ended
            self.stdin.write(pack(frame))

    def next(self) -> AnyFrame:
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        return unpack(self._read(length))

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self.stdout.read(length - len(data))
            assert more, "it ended early"
            data += more
        return data

    def ends(self) -> int:
        return self.process.wait(timeout=MOST_SECONDS)


@contextmanager
def reading(order: Order) -> Iterator[Reader]:
    command = [sys.executable, "-m", "weft.importing"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        reader = Reader(process)
        reader.send(order)
        try:
            yield reader
        finally:
            process.kill()


async def served(graph: SqliteGraph, order: Order, *, most: int | None = None) -> list[AnyFrame]:
    """Commit batch by batch what the process tells, at most so many, and return all that it told."""
    told: list[AnyFrame] = []
    batches = 0
    with reading(order) as reader:
        while not told or not isinstance(told[-1], Ended | Refused):
            told.append(reader.next())
            if isinstance(told[-1], Entities):
                batch = told[-1]
                await graph.apply(FENCE, Batch(checkpoint=b"", section=batch.section, rows=batch.rows))
                batches += 1
                if batches == most:
                    return told
                reader.send(Ack(batches))
        reader.ends()
    return told


def refusal_of(order: Order) -> AnyFrame:
    with reading(order) as reader:
        frame = reader.next()
        assert reader.ends() == 0
    return frame


async def test_what_the_process_tells_is_an_import(graph: SqliteGraph, tmp_path: Path) -> None:
    path = written(tmp_path / "in.ndjson", twins=12_000)

    told = await served(graph, order_for(path))

    rejected = [rejected for frame in told if isinstance(frame, Entities) for rejected in frame.rejected]
    assert rejected == []
    assert told[-1] == Ended()
    assert await graph.counts() == {
        Section.MODELS: len(DEFINITIONS),
        Section.TWINS: 12_001,
        Section.RELATIONSHIPS: 12_000,
    }


@pytest.mark.parametrize("committed", range(1, 8))
async def test_another_process_goes_on_where_one_was_killed(
    graph: SqliteGraph, tmp_path: Path, committed: int
) -> None:
    path = written(tmp_path / "in.ndjson", twins=12_000)
    begun = await served(graph, order_for(path), most=committed)
    (scanned,) = (frame for frame in begun if isinstance(frame, Scanned))
    last = begun[-1]
    assert isinstance(last, Entities)

    told = await served(graph, order_for(path, totals=scanned.totals, start=last.after))

    batches = [frame for frame in (*begun, *told) if isinstance(frame, Entities)]
    assert [batch.rejected for batch in batches if batch.rejected] == []
    assert sum(batch.accepted for batch in batches) == len(DEFINITIONS) + 24_001
    assert (await graph.counts())[Section.RELATIONSHIPS] == 12_000


def test_the_process_ends_when_the_server_lets_go_of_its_input(graph: SqliteGraph, tmp_path: Path) -> None:
    path = written(tmp_path / "in.ndjson", twins=1)

    with reading(order_for(path)) as reader:
        while not isinstance(reader.next(), Entities):
            pass
        reader.stdin.close()  # while it waits for what it told to be committed

        assert reader.ends() == 0


def test_the_process_ends_when_nobody_takes_its_output(graph: SqliteGraph, tmp_path: Path) -> None:
    path = tmp_path / "in.ndjson"
    path.write_bytes(TWINS + (line_of(sensor()) + b"\n") * 100_000)

    with reading(order_for(path)) as reader:
        reader.next()
        reader.stdout.close()
        reader.send(Ack(1))

        assert reader.ends() == 0


def test_the_process_ends_when_it_is_never_told_what_to_read() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "weft.importing"], input=b"\0\0", capture_output=True, timeout=60, check=False
    )

    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")


def test_a_file_that_is_missing_is_refused(graph: SqliteGraph, tmp_path: Path) -> None:
    frame = refusal_of(order_for(tmp_path / "none.ndjson"))

    assert isinstance(frame, Refused)
    assert (frame.code, frame.section, frame.may_pass) == ("InputBlobNotFound", None, False)
    assert "none.ndjson" in frame.message


def test_a_file_that_is_another_now_is_refused(graph: SqliteGraph, tmp_path: Path) -> None:
    path = written(tmp_path / "in.ndjson", twins=1)

    frame = refusal_of(order_for(path, totals=Totals(path.stat().st_size, "another tag", 1, 1, 1)))

    assert isinstance(frame, Refused)
    assert (frame.code, frame.may_pass) == ("InputBlobChanged", False)


def test_a_graph_that_cannot_be_read_may_be_there_later(tmp_path: Path) -> None:
    path = written(tmp_path / "in.ndjson", twins=1)

    frame = refusal_of(order_for(path))

    assert isinstance(frame, Refused)
    assert (frame.code, frame.may_pass) == ("ServiceUnavailable", True)


@pytest.mark.parametrize(
    ("fault", "code", "may_pass"),
    [
        (BlobMissing("gone"), "InputBlobNotFound", False),
        (BlobForbidden("not yours"), "UnableToReadInputBlob", False),
        (BlobChanged("another"), "InputBlobChanged", False),
        (BlobUnavailable("asleep"), "UnableToReadInputBlob", True),
    ],
)
def test_a_fault_of_the_storage_has_a_code_and_may_pass_if_it_is_asleep(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: BlobFault, code: str, may_pass: bool
) -> None:
    def fail(*args: object, **more: object) -> NoReturn:
        raise fault

    monkeypatch.setattr("weft.importing.open_source", fail)

    told = list(frames(order_for(tmp_path / "in.ndjson"), Acks().wait))

    assert told == [Refused(code, fault.message, None, may_pass=may_pass)]


def peak_kilobytes(order: Order) -> int:
    """Return the most memory that a process had which read what *order* says."""
    script = "import sys, weft.importing as it; it.main(); sys.stderr.write(open('/proc/self/status').read())"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(pack(order))
        process.stdin.flush()
        status = process.stderr.read().decode()
    return int(status.split("VmHWM:")[1].split()[0])


@pytest.mark.parametrize(
    "body",
    [b"a" * 200_000_000, b"\n" * 10_000_000, (line_of(sensor(name="\u00fc")) + b"\n") * 500_000 + b"!"],
    ids=["one_line", "blank_lines", "fault_in_the_last_line"],
)
def test_memory_does_not_grow_with_the_file(graph: SqliteGraph, tmp_path: Path, body: bytes) -> None:
    small, large = tmp_path / "small.ndjson", tmp_path / "large.ndjson"
    small.write_bytes(b"")
    large.write_bytes(HEAD + b'{"Section":"Twins"}\n' + body)

    more = peak_kilobytes(order_for(large)) - peak_kilobytes(order_for(small))

    assert more < 60 * 1024
