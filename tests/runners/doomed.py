"""A server to be killed: runs the job types it is given and says when all have begun.

Arguments: marker, directory, job types.
"""

import asyncio
import sys
from pathlib import Path

from tests.runners.support import FakeRun, a_runner, soon
from weft.settings import RunnerSettings


async def main(marker: str, directory: Path, job_types: list[str]) -> None:
    runner = a_runner(RunnerSettings(processes=len(job_types)), marker=marker)
    await runner.start()
    works = []
    for job_type in job_types:
        here = directory / job_type
        payload = {"here": str(here), "file": str(directory / f"{job_type}.file"), "daemon": True}
        works.append(asyncio.create_task(runner.run(FakeRun(job_type, payload))))
        await soon(here.exists)
    sys.stdout.write("all have begun\n")
    sys.stdout.flush()
    await asyncio.wait(works)


asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
