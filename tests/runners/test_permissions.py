"""What a job's user may do with its item: asked for at a Fabric on loopback, that has faults on demand."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.runners.support import FakeRun
from weft.auth.certificate import Certificate
from weft.catalog.addresses import AddressRefused
from weft.catalog.tokens import NoTokens, Token, auth_ui_required
from weft.engine.jobs import Job, JobError
from weft.runners.permissions import MOST_PERMISSIONS, ResolvedPermissions

NOW = datetime(2026, 11, 22, tzinfo=UTC)
QUICK_SECONDS = 0.4
POWER_BI = "https://analysis.windows.net/powerbi/api/.default"
GOOD = b'{"permissions":["Read","Reshare"],"more":1}'


class Source:
    """Gives a token for each kind, or an error."""

    def __init__(self, *, user: JobError | None = None, app: JobError | None = None) -> None:
        self.asked: list[tuple[str, bool]] = []
        self.errors = {False: user, True: app}

    async def token(self, job: Job, scope: str, as_app: bool) -> Token | JobError:
        self.asked.append((scope, as_app))
        return self.errors[as_app] or Token("eyJapp" if as_app else "eyJuser", NOW)


class Fabric:
    """Answers each request with *says*, or does as a fault has it."""

    def __init__(self, says: bytes | Callable[[asyncio.StreamWriter], object], status: int = 200) -> None:
        self.says = says
        self.status = status
        self.more = ""
        self.requests: list[str] = []
        self.over = asyncio.Event()
        self._served: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        finally:
            self.over.set()
            server.close()
            await server.wait_closed()
            if self._served:
                await asyncio.wait(self._served, timeout=20)
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if isinstance(self.says, bytes):
                head = f"HTTP/1.1 {self.status} Said\r\nContent-Length: {len(self.says)}\r\n{self.more}\r\n"
                writer.write(head.encode() + self.says)
                await writer.drain()
            else:
                await self._misbehave(writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _misbehave(self, writer: asyncio.StreamWriter) -> None:
        assert callable(self.says)
        while not self.over.is_set() and self.says(writer) is not None:
            await writer.drain()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), 0.001)


@asynccontextmanager
async def resolving(
    core: str, source: Source | None = None, resolver: AbstractResolver | None = None
) -> AsyncIterator[ResolvedPermissions]:
    permissions = ResolvedPermissions(core, source or Source(), seconds=QUICK_SECONDS, resolver=resolver)
    await permissions.start()
    try:
        yield permissions
    finally:
        await permissions.close()


def a_job() -> Job:
    return FakeRun("any").job


async def error_of(permissions: ResolvedPermissions) -> JobError:
    found = await permissions.permissions(a_job())
    assert isinstance(found, JobError)
    return found


@pytest.mark.parametrize("ending", ["", "/"])
async def test_permissions_are_asked_for_with_both_tokens(ending: str) -> None:
    fabric, source, job = Fabric(GOOD), Source(), a_job()
    async with fabric.serving() as core, resolving(core + ending, source) as permissions:
        assert await permissions.permissions(job) == ("Read", "Reshare")

    (request,) = fabric.requests
    labels = job.labels
    path = f"/v1/workload-control/workspaces/{labels['workspace']}/items/{labels['item']}/resolvePermissions"
    assert request.startswith(f"GET {path} HTTP/1.1\r\n")
    assert 'Authorization: SubjectAndAppToken1.0 subjectToken="eyJuser", appToken="eyJapp"\r\n' in request
    assert source.asked == [(POWER_BI, False), (POWER_BI, True)]


@pytest.mark.parametrize("kind", ["user", "app"])
async def test_without_a_token_nothing_is_sent_and_the_job_learns_why(kind: str) -> None:
    needed = auth_ui_required("AADSTS65001: consent", scopes=[POWER_BI])
    fabric, source = Fabric(GOOD), Source(**{kind: needed})
    async with fabric.serving() as core, resolving(core, source) as permissions:
        assert await error_of(permissions) == needed

    assert not fabric.requests


@pytest.mark.parametrize(("status", "code"), [(401, "AuthError"), (403, "Forbidden"), (404, "ItemNotFound")])
async def test_a_refusal_is_told_in_the_words_of_the_service(status: int, code: str) -> None:
    fabric = Fabric(f'{{"errorCode":"{code}","message":"it said why"}}'.encode(), status)
    async with fabric.serving() as core, resolving(core) as permissions:
        error = await error_of(permissions)

    assert (error.code, error.source, error.is_permanent) == (code, "External", True)
    assert "it said why" in error.message


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errorCode":7}', b"\xff"])
async def test_a_refusal_without_words_is_told_by_its_status(body: bytes) -> None:
    async with Fabric(body, 403).serving() as core, resolving(core) as permissions:
        error = await error_of(permissions)

    assert error.code == "PermissionsRefused"
    assert "403" in error.message


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@pytest.mark.parametrize("header", ["Retry-After", "retry-after"])
async def test_what_passes_is_told_as_such_with_how_long_to_wait(status: int, header: str) -> None:
    fabric = Fabric(b"<html>Bad Gateway</html>", status)
    fabric.more = f"{header}: 7\r\n"
    async with fabric.serving() as core, resolving(core) as permissions:
        error = await error_of(permissions)

    assert (error.code, error.is_permanent) == ("PermissionsUnavailable", False)
    assert f"status {status}; it asks to wait 7 s" in error.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Sign in</html>",
        b"[]",
        b"{}",
        b'{"permissions":"Read"}',
        b'{"permissions":[1]}',
        b'{"permissions":[' + b",".join([b'"Read"'] * (MOST_PERMISSIONS + 1)) + b"]}",
        b'{"permissions":["' + b"x" * 70_000 + b'"]}',
        b"\xff\xfe",
    ],
    ids=lambda body: repr(body[:20]),
)
async def test_an_answer_that_is_not_the_contracts_gives_no_permission(body: bytes) -> None:
    fabric = Fabric(body)
    async with fabric.serving() as core, resolving(core) as permissions:
        error = await error_of(permissions)

    assert error.code == "PermissionsUnavailable"
    assert len(fabric.requests) == 1


async def test_an_answer_that_is_compressed_unasked_is_not_unpacked() -> None:
    fabric = Fabric(GOOD)
    fabric.more = "Content-Encoding: gzip\r\n"
    async with fabric.serving() as core, resolving(core) as permissions:
        error = await error_of(permissions)

    assert error.code == "PermissionsUnavailable"
    assert "compressed" in error.message


async def test_a_redirect_is_not_followed() -> None:
    elsewhere = Fabric(GOOD)
    async with elsewhere.serving() as other:
        fabric = Fabric(b"", 307)
        fabric.more = f"Location: {other}/v1\r\n"
        async with fabric.serving() as core, resolving(core) as permissions:
            error = await error_of(permissions)

    assert error.code == "PermissionsRefused"
    assert not elsewhere.requests


def silent(writer: asyncio.StreamWriter) -> object:
    return writer


def drip(writer: asyncio.StreamWriter) -> object:
    writer.write(b"x")
    return writer


def flood(writer: asyncio.StreamWriter) -> object:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n" + b" " * 1_000_000)
    return writer


def reset(writer: asyncio.StreamWriter) -> object:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
    return None


@pytest.mark.parametrize("fault", [silent, drip, flood, reset])
async def test_a_fault_of_the_connection_is_a_clear_error_in_time(
    fault: Callable[[asyncio.StreamWriter], object],
) -> None:
    fabric = Fabric(fault)
    async with fabric.serving() as core, resolving(core) as permissions:
        began = time.monotonic()
        error = await error_of(permissions)

        assert time.monotonic() - began < QUICK_SECONDS + 2
    assert (error.code, error.is_permanent) == ("PermissionsUnavailable", False)
    assert len(fabric.requests) == 1


async def test_a_fabric_that_cannot_be_reached_or_trusted_gets_no_token(tmp_path: Path) -> None:
    class NoNames(AbstractResolver):
        asked = 0

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            self.asked += 1
            raise OSError(socket.EAI_NONAME, "Name or service not known")

        async def close(self) -> None:
            return

    names = NoNames()
    tls = Certificate.open(tmp_path / "data", host="localhost", now=NOW).server_context()
    untrusted = Fabric(GOOD)
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        async with untrusted.serving(tls) as of_nobody:
            closed = f"http://127.0.0.1:{hole.getsockname()[1]}"
            for core, why in [
                (closed, "ClientConnectorError"),
                ("https://fabric.example", "DNS"),
                (of_nobody, "Certificate"),
            ]:
                async with resolving(core, resolver=names) as permissions:
                    error = await error_of(permissions)
                assert error.code == "PermissionsUnavailable"
                assert why in error.message

    assert names.asked == 1
    assert not untrusted.requests


async def test_nothing_is_asked_before_the_start() -> None:
    error = await error_of(ResolvedPermissions("https://api.fabric.microsoft.com", Source()))

    assert error.code == "PermissionsUnavailable"


@pytest.mark.parametrize("core", ["http://api.example", "api.fabric.microsoft.com", "https://u:p@x.example"])
def test_tokens_are_never_sent_in_the_clear(core: str) -> None:
    with pytest.raises(AddressRefused):
        ResolvedPermissions(core, NoTokens())
