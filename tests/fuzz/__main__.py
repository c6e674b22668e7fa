"""Send mutated requests to a real server.

Usage: `make fuzz`, or `python -m tests.fuzz --seconds 30 --seed 7`.
Exits 1 where an answer was a 5xx, a redirect or without its envelope, where no answer came, where a good
request was refused, where somebody was given what they have no right to, where a signature of a blob,
a token or a secret was told or kept, where a file lies where it may not, where the server logged a traceback,
or where it no longer takes a job or an import at the end.
The seed makes the same requests again, but for what answers told: where a list goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from tests.fuzz.answers import Answer
from tests.fuzz.bends import as_json
from tests.fuzz.blobs import TWINS, Blobs, Secrets, sound
from tests.fuzz.callers import Callers, Rights
from tests.fuzz.core import CoreRequests
from tests.fuzz.ending import Ending, left_behind
from tests.fuzz.hosted import HostRequests
from tests.fuzz.judge import Judge
from tests.fuzz.lake import LakeRequests
from tests.fuzz.lines import Lines, Places
from tests.fuzz.login import Clients, LoginRequests
from tests.fuzz.message import Request
from tests.fuzz.requests import Face, Generator
from tests.fuzz.scheduler import SchedulerRequests
from tests.fuzz.storage import Storage
from tests.fuzz.twins import TwinsRequests
from tests.torture.ledger import Ledger
from tests.torture.load import Site
from tests.torture.server import Credentials, Server
from tests.torture.workload import ITEM_TYPE
from weft.auth.home import Home
from weft.auth.users import Users

CONNECTIONS = 8
GOOD_EVERY = 100
MOST_FAULTS = 50
MOST_BULK_JOBS = 3
USERS = 6
TRACE_CHARACTERS = 4000
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
        hooked = ("--workload", "tests.fuzz.workload:workload")
        blobs = ("--blob-root", str(self._blobs.root), "--blob-host", self._blobs.storage)
        at_once = ("--bulk-jobs", str(1 + self._seed % MOST_BULK_JOBS))
        self._server = Server(self._scratch, "--profile", self._profile, *at_once, *blobs, *hooked)
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
        data = self._server.data
        credentials = Credentials.sign(data)
        users = Users(data, Home.open(data).tenant)
        self._users = [users.create(f"fuzz {number}").object_id for number in range(USERS)]
        callers, clients, rights = Callers.sign(data), Clients.register(data), Rights.sign(data)
        await self._server.launch()
        await self._server.ready()
        address = urlsplit(self._server.url)
        told = json.loads((data / "server.json").read_bytes())
        self._places = Places.of(address.hostname or "", told, address.port or 0, data)
        site = Site(Ledger(), credentials, self._scratch, random.Random(self._seed))
        await site.connect(self._server.url)
        await site.disconnect()
        entitled = rights.entitled | {"workload": rights.hosts | {credentials.host["Authorization"]}}
        entitled["core"] |= {credentials.core["Authorization"]}
        self._clients = clients
        self._judge = Judge(callers, clients, self._secrets, entitled)
        self._twins = TwinsRequests(self._chance, callers, self._blobs, address.netloc)
        faces = self._faces(credentials, rights, address.netloc, site.item)
        faces["onelake"] = await self._lake(credentials, rights, address.netloc)
        kept = (site.item, site.item.partition("/items/")[0])
        self._generator = Generator(self._chance, faces, kept=kept)

    async def _lake(self, credentials: Credentials, rights: Rights, address: str) -> LakeRequests:
        """Make an item of its own, which nobody else knows of."""
        headers = tuple(({"Host": address} | credentials.core).items())
        workspace = await self._made(Request("POST", "/v1/workspaces", headers, b'{"displayName": "lake"}'))
        body = as_json({"displayName": "thing", "type": ITEM_TYPE})
        items = f"/v1/workspaces/{workspace}/items"
        return LakeRequests(
            self._chance,
            owner=rights.storage,
            others=(credentials.core["Authorization"], rights.foreign_storage, "Bearer x", ""),
            item=f"{items}/{await self._made(Request('POST', items, headers, body))}",
            names=(f"thing.{ITEM_TYPE}",),
        )

    async def _made(self, request: Request) -> str:
        """Send *request* and return the id of what it made."""
        answer = await self._send_once(request)
        if answer is None or answer.status != 201:
            raise RuntimeError(f"nothing is made: {answer}")
        id: str = json.loads(answer.body)["id"]
        return id

    def _faces(self, credentials: Credentials, rights: Rights, address: str, item: str) -> dict[str, Face]:
        chance, here = self._chance, {"Host": address}
        core, host = here | credentials.core, here | credentials.host
        self._host = HostRequests(
            chance,
            headers=tuple(host.items()),
            hooked=tuple((host | {"Authorization": rights.hooked}).items()),
            others=(credentials.core["Authorization"], rights.hooked, rights.nobody, rights.control),
        )
        others = (credentials.host["Authorization"], rights.storage, rights.control)
        control = (("Authorization", rights.control),)
        asked = {
            name: CoreRequests(
                chance,
                headers=tuple(core.items()),
                control=control,
                others=others,
                item=item,
                fabric=name == "fabric",
            )
            for name in ("core", "fabric")
        }
        self._scheduler = SchedulerRequests(
            chance,
            headers=tuple(core.items()),
            others=others,
            item=item,
            users=self._users,
            receiver=f"{self._storage.url}/hook",
        )
        login = LoginRequests(chance, self._clients, address)
        return {
            "twins": self._twins,
            "workload": self._host,
            **asked,
            "scheduler": self._scheduler,
            "login": login,
        }

    async def _send_all(self, until: float) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(self._send_until(until))

    async def _send_until(self, until: float) -> None:
        lines = Lines(self._places)
        try:
            while time.monotonic() < until and len(self.faults) < MOST_FAULTS:
                await self._send_next(lines)
        finally:
            lines.close()

    async def _send_next(self, lines: Lines) -> None:
        good = (self._counts["requests"] + 1) % GOOD_EVERY == 0
        face, request = (self._host, self._host.good_create()) if good else self._generator.next()
        try:
            answer = await self._exchange(lines, request)
        except (ConnectionError, asyncio.IncompleteReadError):
            self._counts["connections ended by the server"] += 1
            return
        if answer is not None and request.face != "":
            face.hear(request, answer)

    async def _exchange(self, lines: Lines, request: Request) -> Answer | None:
        """Send *request*, judge its answer and return it."""
        self._counts["requests"] += 1
        self._secrets.note(request)
        began = time.monotonic()
        try:
            answer = await lines.exchange(request)
        except TimeoutError:
            self._fault(request, "no answer in time")
            return None
        self._slowest = max(self._slowest, (time.monotonic() - began, _shown(request)[:300]))
        return self._judged(request, answer)

    def _judged(self, request: Request, answer: Answer | None) -> Answer | None:
        """Return the answer where nothing is wrong with it."""
        if answer is None:
            self._fault(request, "the connection was closed without an answer")
            return None
        self._counts[f"{request.face or 'elsewhere':9} {answer.status}"] += 1
        if wrong := self._judge.wrong(request, answer):
            self._fault(request, wrong)
            return None
        return answer

    async def _check_alive(self) -> None:
        await self._send_once(self._host.good_create())
        ending = Ending(self._send_once, self._twins, self._blobs)
        if wrong := await ending.check():
            self.faults.append(wrong)
        self._counts.update(ending.statuses)
        self._counts.update({f"told: {what}": count for what, count in self._twins.heard.items()})

    async def _send_once(self, request: Request) -> Answer | None:
        lines = Lines(self._places)
        try:
            return await self._exchange(lines, request)
        finally:
            lines.close()

    def _check_traces(self) -> None:
        self.faults += self._scheduler.faults
        secrets = self._scheduler.secrets
        self.faults += left_behind(self._scratch, self._blobs, self._secrets, self._clients, secrets)
        _, begins, trace = self._server.log.read_text("latin-1").partition(TRACEBACK)
        if begins:
            self.faults.append(f"the server failed inside:\n{begins}{trace[:TRACE_CHARACTERS]}")
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
