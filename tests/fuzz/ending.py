"""What must hold when the fuzz is over: a good import succeeds, and nothing went where it may not."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.fuzz.answers import Answer
from tests.fuzz.blobs import TWINS, Blobs, Secrets, sound
from tests.fuzz.lake import MARK
from tests.fuzz.login import Clients
from tests.fuzz.message import Request
from tests.fuzz.twins import TwinsRequests

Send = Callable[[Request], Awaitable[Answer | None]]

ENDS = ("succeeded", "failed", "cancelled")
CANCEL_SECONDS = 30.0
IMPORT_SECONDS = 30.0
RATE_SECONDS = 1.1  # the service profile lets one request a second pass


class Ending:
    def __init__(self, send: Send, requests: TwinsRequests, blobs: Blobs) -> None:
        self.statuses: Counter[str] = Counter()
        self._send_once = send
        self._requests = requests
        self._blobs = blobs

    async def check(self) -> str:
        """End all imports, then import once more; return what is wrong, or nothing."""
        self._blobs.good.write_bytes(sound(TWINS))
        if (living := await self._cancel_all()) or (living := await self._living_deletions()):
            return f"jobs do not end: {living}"
        answer = await self._send(self._requests.good_import("last", str(self._blobs.root / "out" / "last")))
        if answer is None or answer.status != 201:
            return f"the last import was answered {answer}"
        body = await self._wait_for_end("/jobs/imports/last", IMPORT_SECONDS)
        return "" if body.get("status") == "succeeded" else f"the last import ended as {body}"

    async def _send(self, request: Request) -> Answer | None:
        """Send *request* until nobody tells us to wait."""
        while True:
            answer = await self._send_once(request)
            if answer is None or answer.status != 429 or "retry-after" not in answer.headers:
                return answer
            await asyncio.sleep(RATE_SECONDS)

    async def _cancel_all(self) -> list[Any]:
        """Cancel what still runs and return what has not ended in time."""
        for job in await self._list("/jobs/imports"):
            if job["status"] not in ENDS:
                await self._send(self._requests.cancel(job["id"]))
        return await self._unended("/jobs/imports")

    async def _living_deletions(self) -> list[Any]:
        return await self._unended("/jobs/deletions")

    async def _unended(self, path: str) -> list[Any]:
        until = time.monotonic() + CANCEL_SECONDS
        jobs = await self._list(path)
        while living := [job for job in jobs if job["status"] not in ENDS]:
            if time.monotonic() > until:
                return living
            await asyncio.sleep(0.2)
            jobs = await self._list(path)
        codes = (job.get("error", {}).get("code", "") for job in jobs)
        self.statuses.update(f"{path} {job['status']} {code}" for job, code in zip(jobs, codes, strict=True))
        return []

    async def _wait_for_end(self, path: str, seconds: float) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while True:
            answer = await self._send(self._requests.get(path))
            body: dict[str, Any] = {} if answer is None else json.loads(answer.body)
            if body.get("status") in ENDS or time.monotonic() > until:
                return body
            await asyncio.sleep(0.1)

    async def _list(self, path: str) -> list[Any]:
        """Return all pages of a list of jobs."""
        jobs: list[Any] = []
        request = self._requests.get(path)
        while True:
            answer = await self._send(request)
            page = json.loads(answer.body) if answer is not None and answer.status == 200 else {"value": []}
            jobs += page["value"]
            if not page.get("nextLink"):
                return jobs
            request = self._requests.get_onward(urlsplit(page["nextLink"]))


def left_behind(
    scratch: Path, blobs: Blobs, secrets: Secrets, clients: Clients, webhooks: Collection[str] = ()
) -> Iterator[str]:
    """Yield what the server wrote that it must not have written, in its files, its log and outside.

    *webhooks*: the secrets of webhooks.
    """
    outside = {path.name: path.read_bytes() for path in blobs.outside.iterdir()}
    if outside != {"secret.ndjson": sound(TWINS)}:
        yield f"what lies outside of the root has changed: {list(outside)}"
    lake = scratch / "data" / "onelake"
    for path in scratch.rglob("*"):
        if path.name.startswith(MARK) and not path.is_relative_to(lake):
            yield f"a file of OneLake lies at {path.relative_to(scratch)}"
        if path.is_file() and not path.is_symlink():
            text = path.read_text("latin-1")
            is_told = any(secret in text for secret in webhooks)
            if is_told or secrets.told_in(text) or clients.told_in(text):
                yield f"a signature, a token or a secret was written to {path.relative_to(scratch)}"
