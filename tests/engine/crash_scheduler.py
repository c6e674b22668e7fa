"""A process that fires schedules minute by minute, and says each minute that is done, until it is killed.

Run with the store's path, and the first minute and the one behind the last.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

from tests.engine.scheduling import MINUTELY, NOW, Maker, SetClock, Timetables, a_new, minutes, timetable
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.scheduler import Scheduler
from weft.engine.schedules import Schedules
from weft.stores.sqlite import SqliteStore

SCHEDULES = 5
GRACE = timedelta(minutes=5)


async def fire(path: Path, first: int, end: int) -> None:
    """Add the schedules where there are none, and fire what is due at each minute."""
    store = SqliteStore.open(path, writes_waiting=1000)
    clock, tables = SetClock(), Timetables()
    configuration = tables.named(timetable(MINUTELY, NOW))
    schedules = Schedules(store, clock, read=tables.read)
    if await store.next_due() is None:
        for number in range(SCHEDULES):
            await schedules.add(a_new(configuration, f"s{number}"))
    maker = Maker(prefix=f"{os.getpid()}-")
    scheduler = Scheduler(schedules, Engine(store, clock, Events()), maker, misfire_grace=GRACE, catch_up=0)
    for minute in range(first, end):
        clock.set(minutes(minute))
        await scheduler.fire_due()
        os.write(sys.stdout.fileno(), f"{minute}\n".encode())
    await store.close()


if __name__ == "__main__":
    asyncio.run(fire(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
