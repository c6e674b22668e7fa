"""A workload on loopback with one job and one item, which answers named calls with named faults.

It speaks both published contracts, and is its own endpoint resolution service where *resolves* is set.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from tests.http_faults import A_PAGE, SERVER_ERRORS, drip, flood, heard, message, reset, saying, stay_silent
from weft.auth.certificate import Certificate
from weft.catalog.item_types import Backend, Contract, ItemEvent, ItemType
from weft.runners.workload_endpoint import Endpoint, Person


class Call(StrEnum):
    CREATE = "create"
    READ = "read"
    CANCEL = "cancel"
    ITEM_CREATE = "item create"
    ITEM_UPDATE = "item update"
    ITEM_DELETE = "item delete"
    ITEM_PAYLOAD = "item payload"
    RESOLVE = "resolve"


OF_JOBS = (Call.CREATE, Call.READ, Call.CANCEL)
OF_ITEMS = {
    "POST": Call.ITEM_CREATE,
    "PATCH": Call.ITEM_UPDATE,
    "DELETE": Call.ITEM_DELETE,
    "GET": Call.ITEM_PAYLOAD,
}
ACTIONS = {
    "onCreateJobInstance": Call.CREATE,
    "onGetJobInstanceStatus": Call.READ,
    "onCancelJobInstance": Call.CANCEL,
    "OnCreateItem": Call.ITEM_CREATE,
    "OnUpdateItem": Call.ITEM_UPDATE,
    "OnDeleteItem": Call.ITEM_DELETE,
}


class Fault(StrEnum):
    REFUSED = "connection refused"
    NO_NAME = "a name without an address"
    NO_TLS = "a port that speaks no TLS"
    TIMEOUT_BEFORE = "no answer, no effect"
    TIMEOUT_AFTER = "no answer, with effect"
    RESET = "reset in the middle of the answer"
    STATUS_500 = "500"
    STATUS_502 = "502"
    STATUS_503 = "503 with Retry-After"
    STATUS_429 = "429 with Retry-After"
    STATUS_404 = "404"
    REDIRECT = "301"
    GARBAGE = "a page of HTML with 200"
    UNKNOWN_STATUS = "a status that is none"
    DRIP = "16 bytes a second"
    OVERSIZED = "an answer of 200 MB"


BEFORE_A_REQUEST = (Fault.REFUSED, Fault.NO_NAME, Fault.NO_TLS)
NOWHERE = "nowhere.invalid"

TAKES_EFFECT = frozenset(
    {
        Fault.TIMEOUT_AFTER,
        Fault.RESET,
        Fault.GARBAGE,
        Fault.UNKNOWN_STATUS,
        Fault.DRIP,
        Fault.OVERSIZED,
    }
)


@dataclass
class Request:
    call: Call
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Hosted:
    """What the workload knows of the job."""

    status: str = ""
    starts: int = 0
    state: dict[str, Any] = field(default_factory=dict)


class FaultServer(AbstractResolver):
    """Use as an async context manager; it is the caller's directory, credentials and DNS as well."""

    def __init__(self, tls: Certificate | None = None, *, trusted: bool = True) -> None:
        """*tls*: serve https with it, and let the caller trust it or not."""
        self._served_with = tls.server_context() if tls else None
        self._trusts = ssl.create_default_context(cafile=tls.chain) if tls and trusted else None
        self.job = Hosted()
        self.requests: list[Request] = []
        self.fired: Counter[tuple[Call, Fault]] = Counter()
        self.reads_to_come = 2
        self.effects: Counter[Call] = Counter()
        self.contract = Contract.WDK
        self.told = frozenset(ItemEvent)
        self.resolves: tuple[str, ...] | None = None
        self.resolution: dict[str, object] = {}
        self.payload = b'{"itemPayload":{"rows":7}}'
        self.redirects_to = ""
        self._faults: dict[Call, list[Fault]] = {call: [] for call in Call}
        self._said: dict[Call, list[bytes]] = {call: [] for call in Call}
        self._next_call = Call.CREATE
        self._port = 0
        self._closed_port = 0
        self._deaf_port = 0
        self._will_fire: tuple[Call, Fault] | None = None
        self.over = asyncio.Event()
        self._arrived = asyncio.Condition()

    async def __aenter__(self) -> FaultServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._served_with)
        self._port = self._server.sockets[0].getsockname()[1]
        self._hole = socket.socket()
        self._hole.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        self._closed_port = self._hole.getsockname()[1]
        self._deaf = await asyncio.start_server(self._speak_no_tls, "127.0.0.1", 0)
        self._deaf_port = self._deaf.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._hole.close()
        for server in (self._server, self._deaf):
            server.close()
            await server.wait_closed()
        await asyncio.sleep(0)

    def will(self, call: Call, *faults: Fault) -> None:
        """Answer the next calls of the kind with *faults*, one each."""
        self._faults[call].extend(faults)

    def will_say(self, call: Call, status: int, body: bytes) -> None:
        """Answer the next call of the kind so."""
        self._said[call].append(message(status, body))

    async def seen(self, call: Call, times: int = 1) -> list[Request]:
        """Wait for as many requests of the kind, and return them."""
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(self.of(call)) >= times)
        return self.of(call)

    def of(self, call: Call) -> list[Request]:
        return [request for request in self.requests if request.call is call]

    # ---- what the caller asks before a call

    def expects(self, call: Call) -> None:
        """Say which call comes next, for a connection that is refused tells nothing of it."""
        self._next_call = call

    def find(self, name: str) -> ItemType | None:
        return ItemType(name=name, backend=self._backend(""), told=self.told)

    def endpoint(self, item_type: str) -> Endpoint:
        faults = self._faults[self._next_call]
        if faults and faults[0] in BEFORE_A_REQUEST:
            return Endpoint(self._backend(self._unreachable(self._next_call, faults.pop(0))))
        return Endpoint(self._backend(self.base_url), self._trusts)

    @property
    def base_url(self) -> str:
        return f"{'https' if self._served_with else 'http'}://127.0.0.1:{self._port}/workload"

    def _unreachable(self, call: Call, fault: Fault) -> str:
        if fault is Fault.REFUSED:
            self.fired[call, fault] += 1
            return f"http://127.0.0.1:{self._closed_port}/workload"
        self.will_fire(call, fault)
        return f"http://{NOWHERE}" if fault is Fault.NO_NAME else f"https://127.0.0.1:{self._deaf_port}"

    def will_fire(self, call: Call, fault: Fault) -> None:
        """Say which fault a connection to nowhere is."""
        self._will_fire = call, fault

    def _fire(self) -> None:
        assert self._will_fire is not None
        self.fired[self._will_fire] += 1

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        assert host == NOWHERE
        self._fire()
        raise OSError(f"no address of {host}")

    async def close(self) -> None:
        return

    async def _speak_no_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._fire()
        with contextlib.suppress(ConnectionError):
            await reader.read(100)
            writer.write(message(400, b"what?"))
            await writer.drain()
        writer.close()

    def _backend(self, url: str) -> Backend:
        resolves = self.resolves
        return Backend(
            workload="Contoso",
            audience="api://contoso",
            publisher_tenant="",
            url=url if resolves is None else f"{url}/resolve",
            contract=self.contract,
            resolves=resolves,
        )

    def authorization(self, backend: Backend, person: Person) -> str:
        return "SubjectAndAppToken1.0 secret"

    # ---- serving

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await _read_request(reader)
            async with self._arrived:
                self.requests.append(request)
                self._arrived.notify_all()
            await self._answer(request, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if said := self._said[request.call]:
            writer.write(said.pop(0))
            await writer.drain()
            return
        faults = self._faults[request.call]
        if not faults or faults[0] in BEFORE_A_REQUEST:
            status, body = self._do(request.call)
            writer.write(message(status, body))
            await writer.drain()
            return
        fault = faults.pop(0)
        if fault in TAKES_EFFECT:
            self._do(request.call)
        self.fired[request.call, fault] += 1
        await FAULTS[fault](self, writer)

    def _do(self, call: Call) -> tuple[int, bytes]:
        self.effects[call] += 1
        if call in OF_JOBS:
            return self._do_job(call)
        if call is Call.RESOLVE:
            found = {"url": self.base_url, "ttlInMinutes": 60, **self.resolution}
            return 200, json.dumps(found).encode()
        return 200, self.payload if call is Call.ITEM_PAYLOAD else b""

    def _do_job(self, call: Call) -> tuple[int, bytes]:
        job = self.job
        if call is Call.CREATE:
            job.starts += job.status == ""
            job.status = job.status or "InProgress"
            return (202, b"") if self.contract is Contract.WDK else (201, b'{"status":"NotStarted"}')
        if not job.status:
            return 404, b'{"errorCode":"JobInstanceNotFound","message":"no such job","source":"User"}'
        if call is Call.CANCEL and job.status == "InProgress":
            job.status = "Cancelled"
        if call is Call.READ and job.status == "InProgress":
            self.reads_to_come -= 1
            job.status = "InProgress" if self.reads_to_come > 0 else "Completed"
        return 200, json.dumps({"status": job.status, **job.state}).encode()

    async def redirect(self, writer: asyncio.StreamWriter) -> None:
        target = self.redirects_to or f"http://127.0.0.1:{self._port}/elsewhere"
        writer.write(message(301, b"", f"Location: {target}\r\n"))
        await writer.drain()


FAULTS: dict[Fault, Callable[[FaultServer, asyncio.StreamWriter], Awaitable[None]]] = {
    Fault.TIMEOUT_BEFORE: stay_silent,
    Fault.TIMEOUT_AFTER: stay_silent,
    Fault.RESET: reset,
    Fault.STATUS_500: SERVER_ERRORS[500],
    Fault.STATUS_502: SERVER_ERRORS[502],
    Fault.STATUS_503: SERVER_ERRORS[503],
    Fault.STATUS_429: SERVER_ERRORS[429],
    Fault.STATUS_404: saying(404, b'{"error_code":"InvalidJobType","message":"no such type"}'),
    Fault.REDIRECT: FaultServer.redirect,
    Fault.GARBAGE: A_PAGE,
    Fault.UNKNOWN_STATUS: saying(200, b'{"status":"Paused"}'),
    Fault.DRIP: drip,
    Fault.OVERSIZED: flood,
}


async def _read_request(reader: asyncio.StreamReader) -> Request:
    told = await heard(reader)
    call = _call_of(told.method, told.path)
    now = asyncio.get_running_loop().time()
    return Request(call, told.method, told.path, told.headers, told.body, now)


def _call_of(method: str, path: str) -> Call:
    *_, last = path.split("/")
    if last == "resolve":
        return Call.RESOLVE
    if last in ACTIONS:
        return ACTIONS[last]
    if "/jobTypes/" not in path:
        return OF_ITEMS[method]
    return Call.READ if method == "GET" else Call.CANCEL if last == "cancel" else Call.CREATE
