"""Send mutated requests to a real server.

Usage: `make fuzz`, or `python -m tests.fuzz --seconds 30 --seed 7`.
Exits 1 where an answer was a 5xx, a redirect or without its envelope, where no answer came, or where the
server no longer takes a good request at the end. The seed makes the same requests again.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from tests.fuzz.answers import Answer, fault, read_answer
from tests.fuzz.requests import Generator, Request
from tests.torture.ledger import Ledger
from tests.torture.load import Site
from tests.torture.server import Credentials, Server

CONNECTIONS = 8
GOOD_EVERY = 100


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="weft-fuzz-", ignore_cleanup_errors=True) as scratch:
        fuzz = Fuzz(Path(scratch), seed=options.seed)
        asyncio.run(fuzz.run(options.seconds))
    return 1 if fuzz.faults else 0


class Fuzz:
    def __init__(self, scratch: Path, *, seed: int) -> None:
        self.faults: list[str] = []
        self._counts: Counter[str] = Counter()
        self._seed = seed
        self._scratch = scratch
        self._server = Server(scratch)
        self._address = ("", 0)

    async def run(self, seconds: float) -> None:
        generator = await self._start()
        until = time.monotonic() + seconds
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(CONNECTIONS):
                    group.create_task(self._send_until(generator, until))
            await self._check_alive(generator)
        finally:
            await self._server.close()
        self._summary(seconds)

    async def _start(self) -> Generator:
        """Start the server, make an item through Core, and return a generator that knows both."""
        credentials = Credentials.sign(self._server.data)
        await self._server.launch()
        await self._server.ready()
        address = urlsplit(self._server.url)
        self._address = (address.hostname or "", address.port or 0)
        site = Site(Ledger(), credentials, self._scratch, random.Random(self._seed))
        await site.connect(self._server.url)
        await site.disconnect()
        return Generator(
            self._seed, core=credentials.core, host=credentials.host, item=site.item, address=address.netloc
        )

    async def _send_until(self, generator: Generator, until: float) -> None:
        while time.monotonic() < until and len(self.faults) < 50:
            try:
                await self._talk(generator, until)
            except (ConnectionError, asyncio.IncompleteReadError):
                self._counts["connections ended by the server"] += 1

    async def _talk(self, generator: Generator, until: float) -> None:
        """Send requests over one connection until the server closes it."""
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            while time.monotonic() < until:
                self._counts["requests"] += 1
                good = self._counts["requests"] % GOOD_EVERY == 0
                request = generator.good_create() if good else generator.next()
                answer = await self._exchange(reader, writer, request)
                self._judge(request, answer, good=good)
                if answer is None or "close" in answer.headers.get("connection", ""):
                    return
        finally:
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request
    ) -> Answer | None:
        writer.write(request.encoded())
        try:
            return await read_answer(reader, request)
        except TimeoutError:
            self._fault(request, "no answer in time")
            return None

    def _judge(self, request: Request, answer: Answer | None, *, good: bool) -> None:
        if answer is None:
            self._fault(request, "the connection was closed without an answer")
            return
        self._counts[f"{request.face or 'elsewhere':9} {answer.status}"] += 1
        if wrong := fault(request, answer):
            self._fault(request, wrong)
        elif good and answer.status not in (202, 409):
            self._fault(request, f"a good create was answered {answer.status} {answer.body!r}")

    async def _check_alive(self, generator: Generator) -> None:
        request = generator.good_create()
        reader, writer = await asyncio.open_connection(*self._address)
        answer = await self._exchange(reader, writer, request)
        writer.close()
        self._judge(request, answer, good=True)

    def _fault(self, request: Request, what: str) -> None:
        self.faults.append(f"{what}: {request.encoded()[:1500]!r}")

    def _summary(self, seconds: float) -> None:
        lines = [f"  {count:8} {name}" for name, count in sorted(self._counts.items())]
        lines += [f"FAULT {text}" for text in self.faults[:20]]
        lines.append(
            f"{self._counts['requests']} requests in {seconds:.0f} s, {len(self.faults)} faults, "
            f"seed {self._seed}"
        )
        sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
