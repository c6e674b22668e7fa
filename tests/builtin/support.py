"""A runner of what the server runs by itself, in processes as a server starts them, and definitions."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.runners.support import ROOT, FakeRun, marked_alive, zombies
from weft.engine.jobs import Completed, Failed, Job, JobError
from weft.kit.items import encode_definition
from weft.runners.granting import Sources
from weft.runners.processes import ProcessRunner
from weft.settings import RunnerSettings

AS_SERVED = RunnerSettings(processes=1)
UNHURRIED = RunnerSettings(processes=1, sigterm_after=timedelta(seconds=10))
"""Nothing but the job itself ends what it has started, for ten seconds."""


@dataclass
class Ran:
    """A runner, the home directory and the temporary directory of its jobs, and their item's definition."""

    runner: ProcessRunner
    home: Path
    temporary: Path
    parts: Mapping[str, bytes | str] = field(default_factory=dict)

    async def definition(self, job: Job) -> bytes:
        return encode_definition(
            {path: part.encode() if isinstance(part, str) else part for path, part in self.parts.items()}
        )

    async def result(self, run: FakeRun) -> Any:
        outcome = await self.runner.run(run)
        assert isinstance(outcome, Completed), (outcome, run.texts)
        return None if outcome.result is None else json.loads(outcome.result)

    async def error(self, run: FakeRun) -> JobError:
        outcome = await self.runner.run(run)
        assert isinstance(outcome, Failed), (outcome, run.texts)
        return outcome.error


@asynccontextmanager
async def running(
    parts: Mapping[str, bytes | str], *, temporary: Path | None = None, settings: RunnerSettings = AS_SERVED
) -> AsyncIterator[Ran]:
    """Give a runner for items of *parts*, and hold it to its word that it leaves no process and no file."""
    # Directories of tests have long names, and sockets short ones.
    with tempfile.TemporaryDirectory(prefix="w") as made:
        home, place = Path(made) / "home", temporary or Path(made) / "t"
        home.mkdir()
        place.mkdir(exist_ok=True)
        marker = uuid4().hex
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}", "HOME": str(home), "TMPDIR": str(place)}
        ran: Ran
        definitions = _Later(lambda: ran)
        runner = ProcessRunner(
            settings,
            command=[sys.executable, "-m", "weft.kit.process", "weft.builtin:workload"],
            environment=environment,
            marker=marker,
            sources=Sources(definitions=definitions),
        )
        ran = Ran(runner, home, place, parts)
        await runner.start()
        try:
            yield ran
        finally:
            await runner.close()
            assert marked_alive(marker) == []
            assert zombies() == []
        assert [*home.iterdir(), *place.iterdir()] == []


class _Later:
    def __init__(self, ran: Any) -> None:
        self._ran = ran

    async def definition(self, job: Job) -> bytes:
        found: bytes = await self._ran().definition(job)
        return found


def cell(source: str, **metadata: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "source": source,
        "metadata": metadata,
        "outputs": [],
        "execution_count": None,
        "id": f"c{uuid4().hex[:8]}",
    }


def notebook(*cells: str | dict[str, Any]) -> dict[str, bytes | str]:
    """Return a definition whose notebook has *cells*; the first of them has the default parameters."""
    made = [cell(each) if isinstance(each, str) else each for each in cells]
    if made and not made[0]["metadata"]:
        made[0]["metadata"] = {"tags": ["parameters"]}
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}
    return {"notebook-content.ipynb": json.dumps(content)}


def notebook_run(job_type: str = "RunNotebook", **parameters: Any) -> FakeRun:
    payload = {"parameters": parameters} if parameters else None
    return FakeRun(job_type, payload, item_type="Notebook")
