"""The written conversations about bulk jobs, in process; `tests/transcripts` plays them against a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faces.twins.serving import Served
from tests.transcripts.clients import InProcess
from tests.transcripts.player import play, read
from weft.engine.jobs import Completed, Outcome, Stopped
from weft.engine.lifecycle import Event
from weft.engine.ports import Run
from weft.engine.worker import Habits, Worker
from weft.twins.bulk_jobs import IMPORT, QUEUE

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts"


class Dummy:
    """Imports nothing until it is cancelled, and deletes nothing at once."""

    async def run(self, run: Run) -> Outcome:
        if run.job.kind != IMPORT:
            return Completed()
        await run.cancel_requested.wait()
        return Stopped()


@pytest.fixture
async def working(served: Served) -> AsyncIterator[Served]:
    habits = Habits(queue=QUEUE, slots=1, begins=Event.START, cancel_wins=False, adopts=True)
    worker = Worker(served.engine, Dummy(), habits)
    work = asyncio.create_task(worker.work())
    yield served
    await worker.drain(timedelta(0))
    await work


@pytest.mark.parametrize("name", ["twins-imports", "twins-deletions"])
async def test_bulk_jobs_are_answered_as_written(working: Served, name: str) -> None:
    transcript = read(TRANSCRIPTS / f"{name}.http")
    values = {
        "twins_token": working.token(),
        "input": working.uris["inputBlobUri"],
        "output": working.uris["outputBlobUri"],
        "operation": "deletejob1",
    }

    known = await play(transcript, InProcess(working.app), values)

    assert known["created"].endswith("Z")
