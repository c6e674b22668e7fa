"""Clients that create, read and cancel jobs through both faces, and note every promise they are given."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import aiohttp
from yarl import URL

from tests.torture.ledger import FINAL, Face, Ledger, Promised
from tests.torture.server import Credentials
from tests.torture.workload import ITEM_TYPE

# How often each kind of job is made. What only a SIGKILL ends holds a slot for the whole grace of a cancel.
KINDS = {"quick": 12, "fails": 3, "long": 5, "polite": 4, "stubborn": 2, "parent": 3}
CREATED_BY_HOST_CALLS = 0.6
RUN_WITH_A_KEY = 0.4
LIVING_AT_MOST = 60
CALL_SECONDS = 30.0
NO_HEADERS: Mapping[str, str] = {}


class Down(Exception):
    """The call got no whole answer: the server died under it."""


class Site:
    """One server under load. It outlives the restarts: `connect` tells where the server is now."""

    def __init__(self, ledger: Ledger, credentials: Credentials, files: Path, chance: random.Random) -> None:
        self.ledger = ledger
        self.files = files
        self.chance = chance
        self._credentials = credentials
        self.item = ""
        self._session: aiohttp.ClientSession | None = None

    async def connect(self, url: str) -> None:
        await self.disconnect()
        self._session = aiohttp.ClientSession(
            url, timeout=aiohttp.ClientTimeout(total=CALL_SECONDS), trust_env=False
        )
        if not self.item:
            self.item = await self._make_item()

    async def disconnect(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    # ---- what a client does

    async def act(self) -> None:
        """Do one thing, chosen by chance."""
        living = self.ledger.living()
        doubtful = [job for job in self.ledger.jobs if job.can_be_repeated and not job.accepted]
        dice = self.chance.random()
        if doubtful and dice < 0.3:
            await self.repeat(self.chance.choice(doubtful))
        elif dice < 0.55 and len(living) < LIVING_AT_MOST:
            await self.create()
        elif living and dice < 0.9:
            await self.read(self.chance.choice(living))
        elif living:
            await self.cancel(self.chance.choice(living))

    async def create(self) -> None:
        kind = self.chance.choices(list(KINDS), list(KINDS.values()))[0]
        name = str(UUID(int=self.chance.getrandbits(128), version=4))
        file = self.files / name
        if self.chance.random() < CREATED_BY_HOST_CALLS:
            path = f"/workload/{self.item.removeprefix('/v1/')}/jobTypes/{kind}/instances/{name}"
            path = path.replace("/items/", f"/items/{ITEM_TYPE}/")
            job = Promised(Face.HOST, kind, path, file)
            self.ledger.jobs.append(job)
            await self._create_at_host(job)
        else:
            key = name if self.chance.random() < RUN_WITH_A_KEY else ""
            job = Promised(Face.CORE, kind, "", file, key=key)
            if key:
                self.ledger.jobs.append(job)
            await self._run_through_core(job)

    async def repeat(self, job: Promised) -> None:
        """Create *job* again, as a client does that has lost the answer: by its id, or by its key."""
        if job.face is Face.HOST:
            await self._create_at_host(job)
        else:
            self.ledger.counts["runs repeated by their key"] += 1
            await self._run_through_core(job)

    async def cancel(self, job: Promised) -> None:
        asked_at = _now()
        status, _, state = await self._call(job.face, "POST", f"{job.path}/cancel")
        if status == 404:
            self.ledger.missing(job)
        elif status in (200, 202):
            job.cancel_accepted = True
            self.ledger.counts["cancels acknowledged"] += 1
            if state:
                self.ledger.read(job, state, asked_at=asked_at, now=_now())
        elif not (status == 400 and job.face is Face.CORE) and status != 429:
            self.ledger.violation("an unexpected answer to a cancel", f"{status} {state} {job.path}")

    async def read(self, job: Promised) -> None:
        asked_at = _now()
        status, _, state = await self._call(job.face, "GET", job.path)
        self.ledger.counts["reads"] += 1
        if status == 404:
            self.ledger.missing(job)
        elif status == 200:
            self.ledger.read(job, state, asked_at=asked_at, now=_now())

    async def settle(self) -> None:
        """Learn what became of the calls whose answers were lost, and cancel what they began."""
        for job in [job for job in self.ledger.jobs if not job.accepted]:
            await self.repeat(job)
        known = {job.path for job in self.ledger.jobs}
        for instance in await self.pages(f"{self.item}/jobs/instances"):
            place = f"{self.item}/jobs/instances/{instance['id']}"
            if place not in known and instance["status"] not in FINAL:
                self.ledger.counts["runs found whose answer was lost"] += 1
                await self.cancel(Promised(Face.CORE, "unknown", place, self.files))

    # ---- the two faces

    async def _create_at_host(self, job: Promised) -> None:
        """Create, or create again with the same id and body where the first answer was lost."""
        body = {"invokeType": "Manual", "creationPayload": {"file": str(job.file)}}
        status, _, state = await self._call(Face.HOST, "POST", job.path, body)
        if status == 202:
            job.accepted = True
            self.ledger.counts["creates acknowledged by the host"] += 1
        elif status != 429:
            self.ledger.violation("an unexpected answer to a create", f"{status} {state} {job.path}")

    async def _run_through_core(self, job: Promised) -> None:
        body = {"executionData": {"file": str(job.file)}}
        path = f"{self.item}/jobs/{job.kind}/instances"
        key = {"Idempotency-Key": job.key} if job.key else {}
        status, headers, state = await self._call(Face.CORE, "POST", path, body, key)
        if status == 202:
            instance = headers["Location"].rsplit("/", 1)[1]
            self.note_run(job, f"{self.item}/jobs/instances/{instance}")
        elif status != 429:
            self.ledger.violation("an unexpected answer to a run", f"{status} {state} {path}")

    def note_run(self, job: Promised, path: str) -> None:
        """Note where a run is that was acknowledged, maybe not for the first time."""
        if job.accepted and path != job.path:
            self.ledger.violation("a key has two jobs", f"{job.key}: {job.path} and {path}")
        elif not job.accepted:
            job.path, job.accepted = path, True
            self.ledger.counts["runs acknowledged by Core"] += 1
            if not job.key:
                self.ledger.jobs.append(job)

    async def new_item(self, name: str) -> str:
        """Return the path of one more item in the workspace of the first."""
        place = self.item.rpartition("/")[0]
        status, _, item = await self.core("POST", place, {"displayName": name, "type": ITEM_TYPE})
        if status != 201:
            raise RuntimeError(f"no item: {status} {item}")
        return f"{place}/{item['id']}"

    async def core(
        self, method: str, path: str, body: object = None, more: Mapping[str, str] = NO_HEADERS
    ) -> tuple[int, Mapping[str, str], Any]:
        """Call Core, as `_call` does."""
        return await self._call(Face.CORE, method, path, body, more)

    async def pages(self, path: str) -> list[dict[str, Any]]:
        """Return all entries of a list."""
        entries: list[dict[str, Any]] = []
        onward: str | None = path
        while onward:
            status, _, page = await self.core("GET", onward)
            if status != 200:
                self.ledger.violation("an unexpected answer to a list", f"{status} {page} {onward}")
                break
            entries += page["value"]
            token = page.get("continuationToken")
            onward = f"{path}?continuationToken={quote(token, safe='')}" if token else None
        return entries

    async def _make_item(self) -> str:
        """Return the path of a new item in a new workspace."""
        _, _, workspace = await self._call(Face.CORE, "POST", "/v1/workspaces", {"displayName": "torture"})
        place = f"/v1/workspaces/{workspace['id']}/items"
        status, _, item = await self._call(
            Face.CORE, "POST", place, {"displayName": "thing", "type": ITEM_TYPE}
        )
        if status != 201:
            raise RuntimeError(f"no item: {status} {item}")
        return f"{place}/{item['id']}"

    async def _call(
        self, face: Face, method: str, path: str, body: object = None, more: Mapping[str, str] = NO_HEADERS
    ) -> tuple[int, Mapping[str, str], Any]:
        """Return status, headers and decoded body. Raises Down; a 5xx is noted as a broken promise."""
        if self._session is None:
            raise Down
        headers = self._credentials.core if face is Face.CORE else self._credentials.host
        try:
            async with self._session.request(
                method, URL(path, encoded=True), json=body, headers={**headers, **more}
            ) as response:
                is_json = response.content_type == "application/json"
                content = await response.json() if is_json else None
        except (aiohttp.ClientError, ConnectionError) as error:
            self.ledger.counts["calls cut by a kill"] += 1
            raise Down from error
        except TimeoutError:
            self.ledger.violation("no answer", f"{method} {path} after {CALL_SECONDS} s")
            raise Down from None
        if response.status >= 500:
            self.ledger.violation("an answer 5xx", f"{response.status} {content} {method} {path}")
        return response.status, response.headers, content


async def press(site: Site) -> None:
    """Act until cancelled, or until the server is down."""
    while True:
        try:
            await site.act()
        except Down:
            return
        await asyncio.sleep(site.chance.uniform(0.0, 0.02))


async def watch(site: Site) -> None:
    """Read every living job again and again, until cancelled or the server is down."""
    while True:
        for job in site.ledger.living():
            try:
                await site.read(job)
            except Down:
                return
        site.ledger.check_files()
        await asyncio.sleep(0.02)


def _now() -> float:
    return asyncio.get_running_loop().time()
