"""Kill the server N times while it imports, and cancel M imports, each at a random moment.

Usage: `make torture`, or `python -m tests.torture.imports --kills 10 --cancels 10 --seed 7`. Exits 1 where a
promise was broken: after kills the graph must be what the file says and the log must name each rejected line
once; after a cancel it must be a beginning of each section, and stay so.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

from tests.torture import building
from tests.torture.building import Expected, Found
from tests.torture.server import Server, twins_headers

API = {"api-version": "2023-10-31"}
KILL_SECONDS = (0.02, 1.5)
REST_SECONDS = 10.0
RESTING = 5
LOOK_SECONDS = 0.02
END_SECONDS = 120.0
CANCEL_SECONDS = 2.0
KILLED_AFTER_CANCEL = 0.2
ENDS = ("succeeded", "failed", "cancelled")


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="weft-torture-", ignore_cleanup_errors=True) as scratch:
        torture = Torture(Path(scratch), random.Random(options.seed))
        began = time.monotonic()
        asyncio.run(torture.run(kills=options.kills, cancels=options.cancels))
    counts = torture.counts
    lines = [f"  {count:8} {name}" for name, count in sorted(counts.items())]
    lines += [f"BROKEN {text}" for text in torture.broken[:50]]
    lines.append(
        f"{counts['kills']} kills of an import, {counts['cancels']} cancels, {len(torture.broken)} promises "
        f"broken, seed {options.seed}, {time.monotonic() - began:.0f} s"
    )
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if torture.broken else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.imports", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of the whole server while it imports")
    parser.add_argument("--cancels", type=int, default=100, help="of imports at random moments")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="of all choices")
    return parser.parse_args(arguments)


@dataclass
class Rest:
    """A server whose import was cancelled, and the graph as it was then."""

    site: Site
    graph: Found
    since: float


@dataclass
class Torture:
    scratch: Path
    chance: random.Random
    broken: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    async def run(self, *, kills: int, cancels: int) -> None:
        file = self.scratch / "building.ndjson"
        expected = building.write(file, self.chance)
        while self.counts["kills"] < kills:
            await self._kill_until_done(file, expected, kills)
        resting: list[Rest] = []
        try:
            numbers = count()
            while self.counts["cancels"] < cancels:
                resting.append(await self._cancel(file, expected, next(numbers)))
                if len(resting) == RESTING:
                    await self._wake(resting.pop(0))
        finally:
            for rest in resting:
                await self._wake(rest)

    async def _kill_until_done(self, file: Path, expected: Expected, kills: int) -> None:
        """Import once, killed again and again; then compare what is there with what the file says."""
        site = Site(self.scratch / f"killed-{self.counts['imports, killed and resumed']}", file)
        try:
            await site.start()
            await site.add()
            while self.counts["kills"] < kills and not await site.ends_within(self._moment()):
                await site.server.kill()
                self.counts["kills"] += 1
                await site.start()
            body = await site.ended()
            if body["status"] != "failed" or body["error"]["code"] != "ImportFinishedWithErrors":
                self._note("an import did not end as its file says", body)
            if await site.server.drain() != 0:
                self._note("SIGTERM did not end with 0", site.server.log_end())
            self._compare(site, expected)
        finally:
            self.counts["imports, killed and resumed"] += 1
            await site.close()

    def _moment(self) -> float:
        return self.chance.uniform(*KILL_SECONDS)

    def _compare(self, site: Site, expected: Expected) -> None:
        found = building.read(site.server.data / "graph.db")
        for name, difference in expected.differences(found).items():
            self._note(f"the graph differs from the file: {name}", difference)
        for fault in expected.faults_of_log(building.read_log(site.log)):
            self._note("the log differs from the file", fault)

    async def _cancel(self, file: Path, expected: Expected, number: int) -> Rest:
        """Import, cancel at a random moment, and let the server rest with what is there."""
        site = Site(self.scratch / f"cancelled-{number}", file)
        await site.start()
        await site.add()
        if await site.ends_within(self._moment()):
            self.counts["imports that ended before their cancel"] += 1
        elif await site.cancel():
            self.counts["cancels"] += 1
            if self.chance.random() < KILLED_AFTER_CANCEL:
                await site.server.kill()
                self.counts["kills after a cancel"] += 1
                await site.start()
        began = time.monotonic()
        body = await site.ended()
        self._note_end(body, time.monotonic() - began)
        found = building.read(site.server.data / "graph.db")
        if body["status"] == "cancelled":
            for fault in expected.faults_of_beginning(found, building.read_log(site.log)):
                self._note("a cancelled import is no beginning of its file", fault)
        return Rest(site, found, time.monotonic())

    def _note_end(self, body: dict[str, Any], seconds: float) -> None:
        self.counts[f"cancelled imports that ended {body['status']}"] += 1
        if seconds > CANCEL_SECONDS:
            self._note("a cancel took too long", f"{seconds:.2f} s")

    async def _wake(self, rest: Rest) -> None:
        """Look once more, when the server has had time to write what it must not."""
        await asyncio.sleep(max(0.0, rest.since + REST_SECONDS - time.monotonic()))
        try:
            if building.read(rest.site.server.data / "graph.db") != rest.graph:
                self._note("a cancelled import wrote afterwards", rest.site.server.data)
            if await rest.site.server.drain() != 0:
                self._note("SIGTERM did not end with 0", rest.site.server.log_end())
        finally:
            await rest.site.close()

    def _note(self, what: str, detail: object) -> None:
        self.broken.append(f"{what}: {str(detail)[:600]}")


class Site:
    """One data directory, its server, and the one import there."""

    def __init__(self, folder: Path, file: Path) -> None:
        folder.mkdir()
        self.log = folder / "import.log"
        self.server = Server(folder, "--blob-root", str(folder.parent))
        self._file = file
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        await self._disconnect()
        await self.server.launch()
        await self.server.ready()
        self._session = aiohttp.ClientSession(headers=twins_headers(self.server.data))

    async def add(self) -> None:
        body = {"inputBlobUri": str(self._file), "outputBlobUri": str(self.log)}
        status, answer = await self._call("PUT", "", body)
        if status != 201:
            raise RuntimeError(f"the import was answered with {status}: {answer}")

    async def cancel(self) -> bool:
        """Return whether the cancel came before the end."""
        status, answer = await self._call("POST", "/cancel")
        if status not in (200, 400):
            raise RuntimeError(f"the cancel was answered with {status}: {answer}")
        return status == 200

    async def ends_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if (await self._look())["status"] in ENDS:
                return True
            await asyncio.sleep(LOOK_SECONDS)
        return False

    async def ended(self) -> dict[str, Any]:
        """Return the import when it has ended. Raises RuntimeError where it does not."""
        if not await self.ends_within(END_SECONDS):
            raise RuntimeError(f"no end after {END_SECONDS:.0f} s: {await self._look()}")
        return await self._look()

    async def close(self) -> None:
        await self._disconnect()
        await self.server.close()

    async def _look(self) -> dict[str, Any]:
        status, answer = await self._call("GET", "")
        if status != 200:
            raise RuntimeError(f"an acknowledged import is answered with {status}: {answer}")
        found: dict[str, Any] = answer
        return found

    async def _call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        assert self._session is not None
        url = f"{self.server.url}/jobs/imports/import{path}"
        async with self._session.request(method, url, params=API, json=body) as answer:
            return answer.status, await answer.json()

    async def _disconnect(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
