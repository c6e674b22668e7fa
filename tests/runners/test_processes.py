"""Running functions: the ordinary life of a job in a process."""

import asyncio
import time

from tests.runners.support import QUICK, FakeRun, running
from weft.engine.jobs import Completed, Stopped


async def test_a_function_gets_its_payload_and_its_return_value_is_the_result() -> None:
    async with running() as runner:
        outcome = await runner.run(FakeRun("echo", {"a": [1, None, "ü"]}))

    assert outcome == Completed(result='{"a":[1,null,"ü"]}'.encode())


async def test_a_sleeping_function_is_cancelled_at_once() -> None:
    async with running() as runner:
        run = FakeRun("sleep")
        work = asyncio.create_task(runner.run(run))
        await run.until_progress()
        began = time.monotonic()

        run.cancel_requested.set()
        outcome = await work
        took = time.monotonic() - began

    assert outcome == Stopped()
    assert took < QUICK.sigterm_after.total_seconds()
