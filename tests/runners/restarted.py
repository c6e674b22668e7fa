"""A server to be killed and started again: does one resumable job, and says how it ended.

Arguments: directory of the store, job type, payload as JSON. It writes state, attempt and losses.
"""

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path

from tests.runners.jobs import TYPE
from tests.runners.support import QUICK, a_runner
from weft.engine.clock import SystemClock
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.jobs import JobKey, NewJob, RunPolicy, WhenLost
from weft.engine.lifecycle import Event
from weft.engine.worker import Habits, Worker
from weft.stores.sqlite import SqliteStore

HABITS = Habits(queue="workload", slots=1, begins=Event.START, cancel_wins=True, adopts=False)


async def main(directory: Path, job_type: str, payload: str) -> None:
    store = SqliteStore.open(directory / "weft.db", writes_waiting=100)
    engine = Engine(store, SystemClock(), Events())
    runner = a_runner(QUICK, RunPolicy(resumable=True), marker=store.store_id)
    await runner.start()
    await store.expire_leases(engine.clock.now())
    await engine.rescue()
    new = NewJob(
        key=JobKey("workload/x", "job"),
        queue="workload",
        kind=job_type,
        payload=payload.encode(),
        labels={"item_type": TYPE},
        when_lost=WhenLost.RESTART,
    )
    await engine.submit(new)
    worker = Worker(engine, runner, HABITS)
    working = asyncio.create_task(worker.work())
    job = await engine.wait(new.key, seconds=60)
    sys.stdout.write(json.dumps([job.state, job.attempt, job.losses, (job.result or b"").decode()]))
    await worker.drain(timedelta(0))
    await working
    await runner.close()
    await store.close()


asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
