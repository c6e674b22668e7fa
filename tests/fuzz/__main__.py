"""Send mutated requests to a real server.

Usage: `make fuzz`, or `python -m tests.fuzz --seconds 30 --seed 7`.
Exits 1 where an answer was a 5xx, a redirect or without its envelope, where no answer came, where a good
request was refused, where somebody was given what they have no right to, where a signature of a blob was
told or kept, where the server logged a traceback, or where it no longer takes a job or an import at the end.
The seed makes the same requests again, but for what answers told: where a list goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from tests.fuzz.answers import Answer, fault, read_answer, unexpected
from tests.fuzz.blobs import TWINS, Blobs, Secrets, sound
from tests.fuzz.callers import Callers
from tests.fuzz.ending import Ending, left_behind
from tests.fuzz.message import Request
from tests.fuzz.requests import Generator
from tests.fuzz.storage import Storage
from tests.fuzz.twins import TwinsRequests
from tests.fuzz.twins_answers import twins_fault
from tests.torture.ledger import Ledger
from tests.torture.load import Site
from tests.torture.server import Credentials, Server

CONNECTIONS = 8
GOOD_EVERY = 100
MOST_FAULTS = 50
MOST_BULK_JOBS = 3
TRACEBACK = "Traceback (most recent call last)"

_LONG = re.compile(r"([\w.-]{60})[\w.-]{40,}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--profile", choices=("local", "service"), default="local")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="weft-fuzz-", ignore_cleanup_errors=True) as scratch:
        fuzz = Fuzz(Path(scratch), options.profile, seed=options.seed)
        asyncio.run(fuzz.run(options.seconds))
    return 1 if fuzz.faults else 0


class Fuzz:
    def __init__(self, scratch: Path, profile: str, *, seed: int) -> None:
        self.faults: list[str] = []
        self._counts: Counter[str] = Counter()
        self._slowest = (0.0, "")
        self._seed = seed
        self._profile = profile
        self._chance = random.Random(seed)
        self._scratch = scratch
        self._secrets = Secrets()
        self._storage = Storage(sound(TWINS), random.Random(seed))

    async def run(self, seconds: float) -> None:
        await self._storage.start()
        folder = self._scratch / "blobs"
        self._blobs = Blobs(folder / "root", folder / "outside", self._storage.url, self._storage.forbidden)
        self._blobs.write(self._chance)
        blobs = ("--blob-root", str(self._blobs.root), "--blob-host", self._blobs.storage)
        at_once = ("--bulk-jobs", str(1 + self._seed % MOST_BULK_JOBS))
        self._server = Server(self._scratch, "--profile", self._profile, *at_once, *blobs)
        try:
            await self._start()
            await self._send_all(time.monotonic() + seconds)
            await self._check_alive()
        finally:
            await self._server.close()
            await self._storage.close()
        self._check_traces()
        self._summary(seconds)

    async def _start(self) -> None:
        """Start the server, make an item through Core, and a generator that knows both."""
        credentials = Credentials.sign(self._server.data)
        self._callers = Callers.sign(self._server.data)
        await self._server.launch()
        await self._server.ready()
        address = urlsplit(self._server.url)
        self._address = (address.hostname or "", address.port or 0)
        site = Site(Ledger(), credentials, self._scratch, random.Random(self._seed))
        await site.connect(self._server.url)
        await site.disconnect()
        self._twins = TwinsRequests(self._chance, self._callers, self._blobs, address.netloc)
        self._generator = Generator(
            self._chance,
            core=credentials.core,
            host=credentials.host,
            item=site.item,
            address=address.netloc,
            twins=self._twins,
        )

    async def _send_all(self, until: float) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(self._send_until(until))

    async def _send_until(self, until: float) -> None:
        while time.monotonic() < until and len(self.faults) < MOST_FAULTS:
            try:
                await self._talk(until)
            except (ConnectionError, asyncio.IncompleteReadError):
                self._counts["connections ended by the server"] += 1

    async def _talk(self, until: float) -> None:
        """Send requests over one connection until the server closes it."""
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            while time.monotonic() < until:
                good = (self._counts["requests"] + 1) % GOOD_EVERY == 0
                request = self._generator.good_create() if good else self._generator.next()
                answer = await self._exchange(reader, writer, request)
                if answer is None or "close" in answer.headers.get("connection", ""):
                    return
        finally:
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request
    ) -> Answer | None:
        """Send *request*, judge its answer and return it."""
        self._counts["requests"] += 1
        self._secrets.note(request)
        began = time.monotonic()
        writer.write(request.encoded())
        try:
            answer = await read_answer(reader, request)
        except TimeoutError:
            self._fault(request, "no answer in time")
            return None
        self._slowest = max(self._slowest, (time.monotonic() - began, _shown(request)[:300]))
        self._judge(request, answer)
        return answer

    def _judge(self, request: Request, answer: Answer | None) -> None:
        if answer is None:
            self._fault(request, "the connection was closed without an answer")
            return
        self._counts[f"{request.face or 'elsewhere':9} {answer.status}"] += 1
        if wrong := self._wrong(request, answer):
            self._fault(request, wrong)
        elif request.face == "twins":
            self._twins.hear(request, answer)

    def _wrong(self, request: Request, answer: Answer) -> str:
        if self._secrets.told_in(f"{answer.headers} {answer.body.decode('latin-1')}"):
            return f"a signature is told: {answer.body!r}"
        if request.face == "twins":
            wrong = twins_fault(request, answer, self._callers.role(request))
        else:
            wrong = fault(request, answer)
        return wrong or unexpected(request, answer)

    async def _check_alive(self) -> None:
        await self._send_once(self._generator.good_create())
        ending = Ending(self._send_once, self._twins, self._blobs)
        if wrong := await ending.check():
            self.faults.append(wrong)
        self._counts.update(ending.statuses)
        self._counts.update({f"told: {what}": count for what, count in self._twins.heard.items()})

    async def _send_once(self, request: Request) -> Answer | None:
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            return await self._exchange(reader, writer, request)
        finally:
            writer.close()

    def _check_traces(self) -> None:
        self.faults += left_behind(self._scratch, self._blobs, self._secrets)
        if TRACEBACK in self._server.log.read_text("latin-1"):
            self.faults.append(f"the server failed inside:\n{self._server.log_end()}")
        if self._storage.calls_forbidden:
            self.faults.append(f"{self._storage.calls_forbidden} calls to a host that is not set up")

    def _fault(self, request: Request, what: str) -> None:
        self.faults.append(f"{what}: {_shown(request)}")

    def _summary(self, seconds: float) -> None:
        lines = [f"  {count:8} {name}" for name, count in sorted(self._counts.items())]
        lines.append(f"slowest: {self._slowest[0]:.1f} s, {self._slowest[1]}")
        lines += [f"FAULT {text}" for text in self.faults[:20]]
        lines.append(
            f"{self._counts['requests']} requests in {seconds:.0f} s, {len(self.faults)} faults, "
            f"seed {self._seed}"
        )
        sys.stdout.write("\n".join(lines) + "\n")


def _shown(request: Request) -> str:
    """Return the request, its tokens and what is long in it shortened."""
    return _LONG.sub(r"\1...", repr(request.encoded()))[:1500]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
