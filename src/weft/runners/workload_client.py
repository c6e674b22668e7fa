"""The three calls of the Workload contract over HTTP, each with a hard deadline and a bounded answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from urllib.parse import quote
from uuid import uuid4

import aiohttp
import msgspec
from yarl import URL

from weft.catalog.item_types import Backend
from weft.contracts.workload import InvokeType
from weft.engine.jobs import Job
from weft.engine.ports import Clock
from weft.runners.workload_answers import (
    Accepted,
    Answer,
    Faulty,
    Reported,
    Silence,
    created,
    reported,
    told,
)
from weft.runners.workload_endpoint import Credentials, Directory, Leftovers, Person

log = logging.getLogger(__name__)

ANSWER_BYTES = 1024 * 1024
CONNECTIONS = 512
CONNECTIONS_A_WORKLOAD = 64
KEEP_IDLE_SECONDS = (
    3.0  # below what servers keep idle connections for, so that few requests meet a closing one
)
CONNECT_SHARE = 0.5  # of a call's time; a connection that was never made proves that nothing was delivered

Send = Callable[[], AbstractAsyncContextManager[aiohttp.ClientResponse]]


class WorkloadClient:
    """Calls workloads; trouble of any kind is an answer, never an exception."""

    def __init__(
        self,
        *,
        directory: Directory,
        credentials: Credentials,
        leftovers: Leftovers,
        clock: Clock,
        call_seconds: float,
    ) -> None:
        self._directory = directory
        self._leftovers = leftovers
        self._credentials = credentials
        self._clock = clock
        self._connect_seconds = call_seconds * CONNECT_SHARE
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=CONNECTIONS, limit_per_host=CONNECTIONS_A_WORKLOAD, keepalive_timeout=KEEP_IDLE_SECONDS
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "weft"},
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("start() comes before the first call")
        return self._session

    async def create(self, job: Job, *, by: float) -> Answer:
        """Ask for the job; the call is over at loop time *by*."""
        return await self._call("create", "POST", job, by=by, body=request_body(job))

    async def read(self, job: Job, *, by: float) -> Answer:
        return await self._call("read", "GET", job, by=by)

    async def cancel(self, job: Job, *, by: float) -> Answer:
        return await self._call("cancel", "POST", job, by=by, suffix="/cancel")

    async def _call(
        self, call: str, method: str, job: Job, *, by: float, suffix: str = "", body: bytes | None = None
    ) -> Answer:
        endpoint = self._directory.endpoint(job.labels["item_type"])
        answer: Answer
        if endpoint is None:
            answer = await self._leftovers.answer(call, job)
        else:
            url = URL(endpoint.backend.url + path_of(job) + suffix, encoded=True)
            send = partial(
                self._open.request,
                method,
                url,
                headers=self._headers(endpoint.backend, job, body),
                data=body,
                allow_redirects=False,
                ssl=endpoint.tls or True,
            )
            answer = await self._within(by, call, send)
        if not isinstance(answer, Accepted | Reported):
            log.warning("workload call failed", extra={"job": job.key.id, "call": call, **told(answer)})
        return answer

    async def _within(self, by: float, call: str, send: Send) -> Answer:
        if asyncio.get_running_loop().time() >= by:
            return Silence("no time was left for the call", arrived=False)
        try:
            async with asyncio.timeout_at(by):
                return await self._exchange(call, send)
        except TimeoutError as timeout:
            never_sent = isinstance(timeout, aiohttp.ConnectionTimeoutError)
            return Silence(
                "no connection in time" if never_sent else "no answer in time", arrived=not never_sent
            )
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as refused:
            return Silence(f"no connection: {refused}", arrived=False)
        except (aiohttp.ClientError, OSError) as broken:
            return Silence(f"connection broke: {type(broken).__name__}")

    async def _exchange(self, call: str, send: Send) -> Answer:
        async with send() as response:
            status = response.status
            if call == "create" and 200 <= status < 300:
                return Accepted()
            content = await _bounded(response)
            if content is None and 200 <= status < 300:
                return Faulty("the answer is too large or compressed")
            read = created if call == "create" else reported
            return read(status, content or b"", response.headers.get("Retry-After"), now=self._clock.now())

    def _headers(self, backend: Backend, job: Job, body: bytes | None) -> dict[str, str]:
        request_id = str(uuid4())
        person = Person.of(job)
        headers = {
            "Authorization": self._credentials.authorization(backend, person),
            "x-ms-client-tenant-id": person.tenant,
            "ActivityId": job.labels.get("request_id") or request_id,
            "RequestId": request_id,
        }
        return headers if body is None else {**headers, "Content-Type": "application/json; charset=utf-8"}


def path_of(job: Job) -> str:
    labels = job.labels
    item = ["workspaces", labels["workspace"], "items", labels["item_type"], labels["item"]]
    segments = [*item, "jobTypes", job.kind, "instances", job.key.id]
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def request_body(job: Job) -> bytes:
    """Return CreateItemJobInstanceRequest, for one job always the same bytes: a repeat is a repeat."""
    request: dict[str, object] = {"invokeType": job.labels.get("invoke_type") or InvokeType.MANUAL}
    if job.payload:
        request["creationPayload"] = msgspec.Raw(job.payload)
    return msgspec.json.encode(request)


async def _bounded(response: aiohttp.ClientResponse) -> bytes | None:
    """Return the body, or None where it is larger than an answer may be, or compressed unasked."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        return None
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > ANSWER_BYTES:
            return None
    return bytes(content)
