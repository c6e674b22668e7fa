"""What tests of bulk jobs work with: a file only thought of, a reader of it in this process, a run."""

from __future__ import annotations

import asyncio
import json
import marshal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.runners.support import NOW
from weft.blobs.payload import seal_payload
from weft.blobs.secrets import key_from
from weft.engine.jobs import Job, JobKey, LogLine, Progress, WhenLost
from weft.engine.lifecycle import State
from weft.runners.twins_blobs import ImportBlobs
from weft.settings import BlobSettings
from weft.twins.bulk_jobs import DELETIONS, IMPORTS, QUEUE
from weft.twins.feed import (
    AnyFrame,
    Ended,
    Entities,
    Order,
    Position,
    Refused,
    Rejected,
    Scanned,
    Scanning,
    Totals,
)
from weft.twins.graph import Section

LINE_BYTES = 10
KEY = key_from(b"a secret")
MODEL = "dtmi:room;1"
DEFINITION = '{"@id":"dtmi:room;1","@type":"Interface","@context":"dtmi:dtdl:context;2"}'

Hook = Callable[["Reader", AnyFrame], None]


@dataclass(frozen=True)
class File:
    """An import file: *twins* twins t0, t1 .. and *relationships* relationships r0, r1 .. between them.

    Each line is LINE_BYTES long. Those of *bad* (line numbers, from 1) are rejected.
    """

    twins: int
    relationships: int
    bad: frozenset[int] = frozenset()

    @property
    def lines(self) -> list[tuple[Section | None, int]]:
        """Return what is on each line: an entity of a section by its number, or -1 for a section's name."""
        found: list[tuple[Section | None, int]] = [(None, -1), (None, -1)]
        counts = {Section.MODELS: 1, Section.TWINS: self.twins, Section.RELATIONSHIPS: self.relationships}
        for section, count in counts.items():
            found += [(section, number) for number in range(-1, count)]
        return found

    @property
    def totals(self) -> Totals:
        return Totals(LINE_BYTES * len(self.lines), "tag", 1, self.twins, self.relationships)

    def batches(self, start: Position, size: int) -> Iterator[Entities]:
        """Yield batches of at most *size* lines of one section each, from *start* on."""
        numbered = list(enumerate(self.lines, start=1))[start.line :]
        for section, group in groupby(numbered, key=lambda line: line[1][0]):
            lines = list(group)
            for at in range(0, len(lines), size):
                if section is not None:
                    yield self._batch(section, lines[at : at + size])

    def _batch(self, section: Section, lines: list[tuple[int, tuple[Section | None, int]]]) -> Entities:
        entities = [(line, number) for line, (_, number) in lines if number >= 0]
        good = [_row(section, number) for line, number in entities if line not in self.bad]
        bad = tuple(
            Rejected(section, line, "Bad", f"line {line} is bad") for line, _ in entities if line in self.bad
        )
        last = lines[-1][0]
        return Entities(
            section, marshal.dumps(good), len(good), bad, Position(last * LINE_BYTES, last, section)
        )


def _row(section: Section, number: int) -> tuple[Any, ...]:
    if section is Section.MODELS:
        return (MODEL, DEFINITION)
    if section is Section.TWINS:
        body = {"$dtId": f"t{number}", "$metadata": {"$model": MODEL}}
        return (f"t{number}", 1, json.dumps(body))
    return (1, f"r{number}", 2, "next", "")


class Reader:
    """Reads *file* in this process, if it is of the mind of `Readers`."""

    def __init__(self, readers: Readers, order: Order) -> None:
        self.order = order
        self.acknowledged = 0
        self.ended = False
        self._frames = readers.frames(order)
        self._hook = readers.hook

    async def next(self) -> AnyFrame:
        await asyncio.sleep(0)
        frame = next(self._frames)
        self._hook(self, frame)
        return frame

    def acknowledge(self, batches: int) -> None:
        assert not self.ended
        self.acknowledged = batches

    async def end(self) -> None:
        self.ended = True


@dataclass
class Readers:
    """Opens readers of *file*, which send batches of *batch* lines.

    *hook* is called before a frame is heard, and may raise ReaderGone. *refused* is told in place of the
    first batch that holds its line.
    """

    file: File
    batch: int = 10
    hook: Hook = lambda reader, frame: None
    refuses: Callable[[Order], Refused | None] = lambda order: None
    opened: list[Reader] = field(default_factory=list)

    def __call__(self, order: Order) -> Reader:
        assert all(reader.ended for reader in self.opened), "two readers at once"
        self.opened.append(Reader(self, order))
        return self.opened[-1]

    def frames(self, order: Order) -> Iterator[AnyFrame]:
        refused = self.refuses(order)
        if refused is not None:
            yield refused
            return
        totals = self.file.totals
        if order.totals is None:
            yield Scanning(totals.size // 2, totals.size)
            yield Scanned(totals)
        yield from self.file.batches(order.start, self.batch)
        yield Ended()


class BulkRun:
    """What a worker gives a runner; it remembers the progress it is told."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.cancel_requested = asyncio.Event()
        self.told: list[Progress] = []

    async def send(self, until: object) -> bool:
        raise AssertionError("no call starts a bulk job elsewhere")

    async def started(self, at: object) -> None:
        raise AssertionError("the claim has started the job")

    async def progress(self, progress: Progress) -> None:
        self.told.append(progress)

    async def log(self, lines: Sequence[LogLine]) -> None:
        raise AssertionError("a bulk job has its own log")


def blobs(directory: Path) -> ImportBlobs:
    return ImportBlobs(BlobSettings(roots=(directory,)), KEY)


def an_import(directory: Path, *, epoch: int = 1, number: int = 1) -> Job:
    key = JobKey(IMPORTS, "import1")
    payload = a_payload(str(directory / "input.ndjson"), str(directory / "output.ndjson"))
    return a_job(key, "import", payload, epoch, number)


def a_payload(input_uri: str, output_uri: str) -> bytes:
    return seal_payload(input_uri, output_uri, KEY)


def a_deletion(minutes: int = 60, *, epoch: int = 1, number: int = 1) -> Job:
    payload = json.dumps({"timeoutInMinutes": minutes}).encode()
    return a_job(JobKey(DELETIONS, "deletion1"), "deletion", payload, epoch, number)


def a_job(key: JobKey, kind: str, payload: bytes, epoch: int, number: int) -> Job:
    return Job(
        key=key,
        queue=QUEUE,
        kind=kind,
        payload=payload,
        labels={},
        fingerprint=b"",
        submitted_by="",
        when_lost=WhenLost.ADOPT,
        state=State.RUNNING,
        submitted_at=NOW,
        available_at=NOW,
        started_at=NOW,
        attempt=1,
        epoch=epoch,
        number=number,
    )


def logged(directory: Path) -> list[dict[str, Any]]:
    """Return the details of the lines of the output blob."""
    text = (directory / "output.ndjson").read_bytes()
    assert not text or text.endswith(b"\n")
    return [json.loads(line)["details"] for line in text.splitlines()]
