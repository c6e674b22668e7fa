"""The scheduler under kills: a clock that is moved on, schedules, what else is kept, and a webhook."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.torture.kept import Kept, cron
from tests.torture.ledger import FINAL, Ledger
from tests.torture.load import Down, Site
from tests.torture.planned import Book, Outage, Plan, instant
from tests.torture.receiver import Receiver
from tests.torture.server import clock_headers
from weft.auth.home import Home
from weft.auth.users import Users
from weft.engine.clock import AdjustableClock, SystemClock

USERS = 6
EACH_MINUTE = 4
SOON = timedelta(minutes=3)
MINUTE, HALF_DAY = timedelta(minutes=1), timedelta(hours=12)
MOVES_SECONDS = (20, 200)
LEFT_ALONE = 0.15
AWAY = (timedelta(minutes=4), timedelta(minutes=20), timedelta(hours=12))
FURTHEST = timedelta(days=20)
"""After 30 days jobs are forgotten."""

FIRED_SECONDS = 15.0
TOLD_SECONDS = 90.0
LAST_MOVE = timedelta(minutes=6)


class Scheduling:
    """All of it on an item of its own, in the workspace of the load."""

    def __init__(self, data: Path, site: Site, chance: random.Random, files: Path) -> None:
        self._data = data
        self._clock_headers = clock_headers(data)
        self._site = site
        self._ledger: Ledger = site.ledger
        self._chance = chance
        self._files = files
        self._book = Book(site.ledger)
        self._receiver = Receiver(site.ledger, random.Random(chance.random()))
        self._kept: Kept | None = None
        self._item = ""
        self._shown = datetime.min.replace(tzinfo=UTC)

    async def begin(self) -> None:
        """Make all that is to be kept, when the server serves for the first time."""
        url = await self._receiver.start()
        self._item = await self._site.new_item("scheduled")
        workspace = self._item.partition("/items/")[0]
        made = await self._made(f"{workspace}/webhooks", {"url": url})
        self._receiver.secret = made["secret"]
        # One that begins in the past is due at its creation, which nobody outside knows to the microsecond.
        start = (await self._now()).replace(second=0, microsecond=0) + MINUTE
        begins = start.strftime("%Y-%m-%dT%H:%M:%S")
        for _ in range(EACH_MINUTE):
            await self._plan(cron(1, begins), start, MINUTE)
        first = start + SOON
        times = [f"{due:%H:%M}" for due in (first, first + HALF_DAY)]
        half_days = {**cron(1, begins), "type": "Daily", "times": times}
        del half_days["interval"]
        await self._plan(half_days, first, HALF_DAY)
        users = Users(self._data, Home.open(self._data).tenant)
        ids = [users.create(f"user {number}").object_id for number in range(USERS)]
        schedules = f"{self._item}/jobs/fails/schedules"
        self._kept = Kept(self._ledger, self._chance, workspace, schedules, ids)

    async def close(self) -> None:
        await self._receiver.close()

    # ---- while the server runs

    async def press(self) -> None:
        """Move the clock on and change what is kept, until the server is down."""
        await asyncio.gather(self._move_again_and_again(), self._change_again_and_again())

    async def _move_again_and_again(self) -> None:
        try:
            while True:
                await asyncio.sleep(self._chance.uniform(0.0, 0.5))
                await self._move(timedelta(seconds=self._chance.randint(*MOVES_SECONDS)))
        except Down:
            return

    async def _change_again_and_again(self) -> None:
        assert self._kept is not None
        try:
            while True:
                await asyncio.sleep(self._chance.uniform(0.0, 0.1))
                await self._kept.change(self._site.core)
        except Down:
            return

    async def _move(self, by: timedelta) -> None:
        body = {"seconds": by // timedelta(seconds=1)}
        status, _, answer = await self._site.core("POST", "/weft/v1/clock/advance", body, self._clock_headers)
        if status != 200:
            self._ledger.violation("the clock was not moved on", f"{status} {answer}")
            return
        self._ledger.counts["moves of the clock acknowledged"] += 1
        self._shown = instant(answer["nowUtc"])

    # ---- while it is down, and after

    def stopped(self) -> None:
        """Note when the server was killed; now and then let the clock go on far without it."""
        clock = AdjustableClock.open(self._data / "clock", SystemClock())
        if (begun := clock.now()) < self._shown:
            self._ledger.violation("the clock has gone back", f"from {self._shown} to {begun}")
        if self._chance.random() < LEFT_ALONE and clock.offset < FURTHEST:
            clock.move_on(begun + self._chance.choice(AWAY))
            self._book.outages.append(Outage(begun, clock.now()))
            self._ledger.counts["outages of minutes and hours"] += 1

    async def look_back(self) -> None:
        """Look that all that was due has happened once, and that what was acknowledged is there."""
        assert self._kept is not None
        now = await self._now()
        if now < self._shown:
            self._ledger.violation("the clock has gone back", f"from {self._shown} to {now}")
        until = asyncio.get_running_loop().time() + FIRED_SECONDS
        await self._read_plans()
        while any(plan.open(now) for plan in self._book.plans) and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.05)
            await self._read_plans()
        before = self._book.jobs()
        instances = {one["id"] for one in await self._site.pages(f"{self._item}/jobs/instances")}
        await self._read_plans()
        for plan in self._book.plans:
            self._book.check_all_known(plan, now)
        self._book.check_jobs(before, instances)
        await self._kept.check(self._site.core)

    async def finish(self) -> None:
        """Move the clock on once more with nobody in the way; then all has ended, and was told."""
        await self._move(LAST_MOVE)
        await self.look_back()
        self._book.count()
        await self._check_told()

    async def _check_told(self) -> None:
        until = asyncio.get_running_loop().time() + TOLD_SECONDS
        while True:
            ends = await self._ends()
            open_jobs = [id for id, end in ends.items() if end not in FINAL]
            untold = [id for id, end in ends.items() if self._receiver.told.get(id) != end]
            if not untold or asyncio.get_running_loop().time() > until:
                break
            await asyncio.sleep(0.2)
        for id in open_jobs[:5]:
            self._ledger.violation("a scheduled job was left hanging", f"{id} is {ends[id]}")
        for id in untold[:5]:
            told = self._receiver.told.get(id)
            self._ledger.violation("an end was not told", f"{id} is {ends[id]}, told: {told}")
        self._ledger.counts["ends of jobs told"] += len(ends) - len(untold)

    async def _ends(self) -> dict[str, str]:
        lists = [await self._site.pages(f"{item}/jobs/instances") for item in (self._item, self._site.item)]
        return {one["id"]: one["status"] for listed in lists for one in listed}

    # ---- helpers

    async def _read_plans(self) -> None:
        for plan in self._book.plans:
            path = plan.path.replace("/v1/", "/weft/v1/", 1)
            self._book.read(plan, await self._site.pages(f"{path}/occurrences"))

    async def _plan(self, configuration: dict[str, Any], first: datetime, every: timedelta) -> None:
        file = self._files / f"scheduled {configuration['type']}"
        body = {
            "enabled": True,
            "configuration": configuration,
            "executionData": {"file": str(file)},
        }
        path = f"{self._item}/jobs/quick/schedules"
        made = await self._made(path, body)
        self._book.plans.append(Plan(f"{path}/{made['id']}", first, every))

    async def _made(self, path: str, body: object) -> dict[str, Any]:
        status, _, made = await self._site.core("POST", path, body)
        if status != 201:
            raise RuntimeError(f"nothing was made at {path}: {status} {made}")
        found: dict[str, Any] = made
        return found

    async def _now(self) -> datetime:
        status, _, shown = await self._site.core("GET", "/weft/v1/clock", None, self._clock_headers)
        if status != 200:
            raise RuntimeError(f"the clock is not shown: {status} {shown}")
        return instant(shown["nowUtc"])
