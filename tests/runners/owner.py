"""A server that owns all its children: cancels a job that hides a daemon, and says what became of it.

Argument: a directory. It writes one JSON object.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from tests.runners.support import QUICK, ROOT, FakeRun
from tests.runners.test_process_server_death import children, runs_keeper
from tests.runners.test_process_stop import Cancelling, growing
from weft.engine.jobs import Completed
from weft.runners.processes import ProcessRunner


async def main(directory: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        runner = ProcessRunner(
            QUICK,
            command=[sys.executable, "-m", "weft.kit.process", "tests.runners.jobs:workload"],
            environment={**os.environ, "PYTHONPATH": f"{ROOT}"},
            marker=uuid4().hex,
            owns_all_children=True,
        )
        await runner.start()
        job = await Cancelling("escapes", directory).by(runner)
        found = {
            "outcome": type(job.outcome).__name__,
            "daemon wrote": job.size > 0,
            "daemon lives": growing(job.file),
            "keepers": sum(map(runs_keeper, children())),
            "stranger lives": stranger.poll() is None,
            "next job is done": await runner.run(FakeRun("echo", 1)) == Completed(result=b"1"),
        }
        await runner.close()
        found["children left"] = len(children()) - 1
        stranger.kill()
    sys.stdout.write(json.dumps(found))


asyncio.run(main(Path(sys.argv[1])))
