"""Kill the server N times under load, and count what was lost, wrote on or was left behind.

Usage: `make torture`, or `python -m tests.torture --kills 30 --seed 7`.
Clients create, run (also with keys, again and again), read and cancel; the clock is moved on and schedules
fire; folders, schedules and roles are changed; a receiver of the torture's own takes what a webhook tells.
Exits 1 where any promise was broken, and prints which; the seed makes the same choices again.
The server is started from this tree again and again: leave the source alone meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from tests.torture import processes
from tests.torture.ledger import Ledger
from tests.torture.load import Down, Site, press, watch
from tests.torture.processes import Process
from tests.torture.schedules import Scheduling
from tests.torture.server import Credentials, Server

CLIENTS = 6
ROUND_SECONDS = (0.2, 2.5)
KILLED_WHILE_STARTING = 0.1
LEFT_DEAD = 0.1
GONE_SECONDS = 5.0
END_SECONDS = 300.0
ENDED_TO_READ_AGAIN = 40
KEYS_TO_REPEAT = 8
SITUATIONS = ("queued", "running", "cancelling")
BESIDE = ("occurrences fired", "runs repeated by their key", "deliveries refused", "things read again")


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="weft-torture-", ignore_cleanup_errors=True) as scratch:
        torture = Torture(Path(scratch), seed=options.seed, out=sys.stdout)
        asyncio.run(torture.run(kills=options.kills, seconds=options.minutes * 60))
        if torture.ledger.broken and options.keep:
            Path(options.keep).write_bytes(torture.server.log.read_bytes())
    return 1 if torture.ledger.broken else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how often the server is killed")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="of all choices")
    parser.add_argument("--minutes", type=float, default=60.0, help="stop killing after so long")
    parser.add_argument(
        "--keep", default="", metavar="FILE", help="copy the server's log there on a violation"
    )
    return parser.parse_args(arguments)


class Torture:
    def __init__(self, scratch: Path, *, seed: int, out: TextIO) -> None:
        self.ledger = Ledger()
        self.server = Server(scratch)
        self._seed = seed
        self._chance = random.Random(seed)
        self._scratch = scratch
        self._marks: set[bytes] = set()
        self._out = out
        files = scratch / "files"
        files.mkdir()
        self._site = Site(self.ledger, Credentials.sign(self.server.data), files, self._chance)
        self._scheduling = Scheduling(self.server.data, self._site, self._chance, files)

    async def run(self, *, kills: int, seconds: float) -> None:
        self._say(f"seed {self._seed}: {kills} kills -9 of the whole server, under load")
        began = time.monotonic()
        try:
            await self._start()
            await self._scheduling.begin()
            while self.ledger.counts["kills"] < kills and time.monotonic() - began < seconds:
                await self._round()
                self._tell_progress(kills)
            await self._finish()
        finally:
            await self._site.disconnect()
            await self.server.close()
            await self._scheduling.close()
        if self.ledger.counts["kills"] < kills:
            self._say(f"stopped by --minutes after {self.ledger.counts['kills']} of {kills} kills")
        self._check_situations()
        self._summary(time.monotonic() - began)

    # ---- one round: load, kill, look, start again

    async def _round(self) -> None:
        load = [asyncio.create_task(press(self._site)) for _ in range(CLIENTS)]
        load.append(asyncio.create_task(watch(self._site)))
        load.append(asyncio.create_task(self._scheduling.press()))
        await asyncio.sleep(self._chance.uniform(*ROUND_SECONDS))
        self._know_marks()
        self.ledger.note_kill()
        if not self.server.runs:
            self.ledger.violation("the server went down by itself", self.server.log_end())
        await self.server.kill()
        # Each ends by itself at its first call that finds nobody.
        await asyncio.gather(*load)
        await self._site.disconnect()
        self._scheduling.stopped()
        if self._chance.random() < LEFT_DEAD:
            await self._check_nobody_works("after the server's death")
        while self._chance.random() < KILLED_WHILE_STARTING:
            await self.server.launch()
            await asyncio.sleep(self._chance.uniform(0.0, 0.6))
            await self.server.kill()
            self.ledger.counts["kills"] += 1
            self.ledger.counts["kills that hit the start"] += 1
        await self._start()
        await self._look_back()

    async def _start(self) -> None:
        await self.server.launch()
        launched = processes.started(self.server.pid)
        await self.server.ready()
        await self._check_gone("after the restart", lambda process: process.started < launched)
        await self._site.connect(self.server.url)
        self._know_marks()

    async def _look_back(self) -> None:
        """Read every living job, and some that had ended, from the server that has just started."""
        ended = self.ledger.ended()
        again = self._chance.sample(ended, min(ENDED_TO_READ_AGAIN, len(ended)))
        for job in [*self.ledger.living(), *again]:
            await self._site.read(job)
        keyed = [job for job in self.ledger.jobs if job.key and job.accepted]
        for job in self._chance.sample(keyed, min(KEYS_TO_REPEAT, len(keyed))):
            await self._site.repeat(job)
        await self._scheduling.look_back()
        self.ledger.check_files()

    # ---- the end: everything promised is carried out

    async def _finish(self) -> None:
        """Cancel what would run for ever, wait until all has ended, and check every record once more."""
        until = time.monotonic() + END_SECONDS
        watcher = asyncio.create_task(watch(self._site))
        try:
            await self._site.settle()
            for job in self.ledger.living():
                if job.kind not in ("quick", "fails"):
                    await self._site.cancel(job)
            while self.ledger.living() and time.monotonic() < until and not watcher.done():
                await asyncio.sleep(0.1)
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
        self.ledger.check_all_ended()
        await self._read_everything()
        await self._scheduling.finish()
        self._know_marks()
        if (code := await self.server.drain()) != 0:
            self.ledger.violation("SIGTERM did not end with 0", str(code))
        await self._check_nobody_works("at the end")
        self.ledger.check_files()
        self.ledger.check_starts()

    async def _read_everything(self) -> None:
        try:
            for job in self.ledger.jobs:
                if job.accepted:
                    await self._site.read(job)
        except Down:
            self.ledger.violation("the server went down by itself", self.server.log_end())

    # ---- processes

    def _know_marks(self) -> None:
        self._marks |= processes.markers(processes.descendants(self.server.pid))

    async def _check_nobody_works(self, when: str) -> None:
        await self._check_gone(when, lambda _: True)

    async def _check_gone(self, when: str, counts: Callable[[Process], bool]) -> None:
        """Note a violation where processes of this run for which *counts* holds live on for too long."""
        until = time.monotonic() + GONE_SECONDS
        while left := [p for p in processes.working_for(self._scratch, self._marks) if counts(p)]:
            if time.monotonic() > until:
                for process in left:
                    self.ledger.violation(f"an orphan process {when}", processes.describe(process))
                return
            await asyncio.sleep(0.05)

    # ---- what is said

    def _check_situations(self) -> None:
        if self.ledger.counts["kills"] < 20:
            return
        for name in SITUATIONS:
            if not self.ledger.counts[f"kills that hit a {name} job"]:
                self.ledger.violation("the torture was too gentle", f"no kill hit a {name} job")
        for name in BESIDE:
            if not self.ledger.counts[name]:
                self.ledger.violation("the torture was too gentle", f"no {name}")

    def _tell_progress(self, kills: int) -> None:
        counts = self.ledger.counts
        if counts["kills"] % 10 == 0:
            self._say(
                f"  {counts['kills']}/{kills} kills, {len(self.ledger.jobs)} jobs, "
                f"{counts['cancels acknowledged']} cancels, {len(self.ledger.broken)} promises broken"
            )

    def _summary(self, seconds: float) -> None:
        for name, count in sorted(self.ledger.counts.items()):
            self._say(f"  {count:8} {name}")
        for text in self.ledger.broken[:50]:
            self._say(f"BROKEN {text}")
        accepted = sum(job.accepted for job in self.ledger.jobs)
        self._say(
            f"{self.ledger.counts['kills']} kills, {accepted} acknowledged jobs, "
            f"{len(self.ledger.broken)} promises broken, seed {self._seed}, {seconds:.0f} s"
        )

    def _say(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
