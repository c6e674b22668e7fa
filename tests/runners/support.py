"""A fake of the engine's side of a runner, and ways to look at processes from outside."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.runners.jobs import TYPE
from weft.engine.jobs import Job, JobKey, LogLine, Progress, RunPolicy, WhenLost
from weft.engine.lifecycle import State
from weft.runners import proctree
from weft.runners.processes import ProcessRunner
from weft.settings import RunnerSettings

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 22, tzinfo=UTC)
QUICK = RunnerSettings(processes=1, sigterm_after=timedelta(seconds=0.3), cancel_grace=timedelta(seconds=1))


class FakeRun:
    """What a worker gives a runner; it remembers what it is told."""

    def __init__(self, job_type: str, payload: Any = None, *, item_type: str = TYPE) -> None:
        self.job = a_job(job_type, payload, item_type)
        self.cancel_requested = asyncio.Event()
        self.told: list[Progress] = []
        self.lines: list[LogLine] = []
        self.news = asyncio.Condition()
        self.raises: Exception | None = None

    async def send(self, until: datetime) -> bool:
        raise AssertionError("a process needs no call that starts it")

    async def started(self, at: datetime) -> None:
        raise AssertionError("the claim has started the job")

    async def progress(self, progress: Progress) -> None:
        await self._note()
        self.told.append(progress)

    async def log(self, lines: Sequence[LogLine]) -> None:
        await self._note()
        self.lines += lines

    @property
    def texts(self) -> list[str]:
        return [line.text for line in self.lines]

    async def until(self, condition: Callable[[], bool], *, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds), self.news:
            await self.news.wait_for(condition)

    async def until_progress(self) -> None:
        await self.until(lambda: bool(self.told))

    async def _note(self) -> None:
        if self.raises is not None:
            raise self.raises
        asyncio.get_running_loop().call_soon(self._announce)

    def _announce(self) -> None:
        async def announce() -> None:
            async with self.news:
                self.news.notify_all()

        self._announcing = asyncio.ensure_future(announce())


def a_job(job_type: str, payload: Any, item_type: str) -> Job:
    labels = {
        "tenant": str(uuid4()),
        "workspace": str(uuid4()),
        "item_type": item_type,
        "item": str(uuid4()),
        "invoke_type": "Manual",
        "user": str(uuid4()),
        "activity_id": str(uuid4()),
        "request_id": str(uuid4()),
    }
    return Job(
        key=JobKey(f"workload/x/{job_type}", str(uuid4())),
        queue="workload",
        kind=job_type,
        payload=b"" if payload is None else json.dumps(payload).encode(),
        labels=labels,
        fingerprint=b"",
        submitted_by="",
        when_lost=WhenLost.FAIL,
        state=State.RUNNING,
        submitted_at=NOW,
        available_at=NOW,
        attempt=1,
        epoch=1,
    )


def a_runner(
    settings: RunnerSettings = QUICK,
    policy: RunPolicy | None = None,
    /,
    *,
    workload: str = "tests.runners.jobs:workload",
    marker: str | None = None,
    python: str = sys.executable,
    **environment: str,
) -> ProcessRunner:
    return ProcessRunner(
        settings,
        command=[python, "-m", "weft.kit.process", workload],
        environment={**os.environ, "PYTHONPATH": f"{ROOT}", **environment},
        marker=marker or uuid4().hex,
        policy=None if policy is None else lambda job: policy,
    )


@asynccontextmanager
async def running(
    settings: RunnerSettings = QUICK,
    policy: RunPolicy | None = None,
    /,
    *,
    marker: str | None = None,
    **options: str,
) -> AsyncIterator[ProcessRunner]:
    """Give a started runner, and hold it to its word that nothing is left when it is closed."""
    marker = marker or uuid4().hex
    runner = a_runner(settings, policy, marker=marker, **options)
    await runner.start()
    try:
        yield runner
    finally:
        await runner.close()
        assert marked_alive(marker) == []
        assert zombies() == []


def marked_alive(marker: str) -> list[int]:
    """Return the living processes that bear *marker*."""
    table = proctree.processes()
    return sorted(pid for pid in proctree.marked(f"{marker}/", table) if table[pid].lives)


def zombies() -> list[int]:
    """Return the zombies that are children of this process."""
    us = os.getpid()
    return [seen.pid for seen in proctree.processes().values() if seen.parent == us and not seen.lives]


def alive(pid: int) -> bool:
    seen = proctree.look(pid)
    return seen is not None and seen.lives


async def soon(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    """Wait for what happens outside this loop."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    """Wait, without a loop, for what happens outside this process."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
