"""The proxy of `weft exec`: whom it connects with whom, what it refuses, and its bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from weft.client.tunnel import (
    Target,
    Tunnel,
    TunnelLimits,
    TunnelRefused,
    check_other,
    is_answered,
    target_of,
)
from weft.contracts.hosts import ANSWERED_HOSTS

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SECONDS = 20


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[int]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while said := await reader.read(1024):
        writer.write(b"<" + said + b">")
        await writer.drain()
    writer.write(b"bye")
    writer.close()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def connect(self, target: str) -> bytes:
        """Ask for *target* and return the first line of the answer."""
        self.writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        return (await self.head()).split(b"\r\n")[0]

    async def head(self) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def rest(self) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self.reader.read()


@asynccontextmanager
async def calling(tunnel: Tunnel) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(tunnel.url).port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


def no_fabric() -> int | None:
    return None


@pytest.mark.parametrize("host", [*ANSWERED_HOSTS, "API.Fabric.Microsoft.Com", "api.fabric.microsoft.com."])
async def test_fabric_s_hosts_are_brought_to_the_local_one(host: str) -> None:
    async with listening(echo) as port, Tunnel(lambda: port) as tunnel, calling(tunnel) as client:
        assert await client.connect(f"{host}:443") == b"HTTP/1.1 200 Connection established"
        client.writer.write(b"hello")
        client.writer.write_eof()

        assert await client.rest() == b"<hello>bye"


async def test_what_comes_with_the_head_is_passed_on() -> None:
    async with listening(echo) as port, Tunnel(lambda: port) as tunnel, calling(tunnel) as client:
        client.writer.write(b"CONNECT api.fabric.microsoft.com:443 HTTP/1.1\r\n\r\nearly")
        client.writer.write_eof()

        await client.head()
        assert await client.rest() == b"<early>bye"


async def test_the_end_of_what_the_server_says_is_passed_on_too() -> None:
    heard = asyncio.Queue[bytes]()

    async def says_bye_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.write_eof()
        await heard.put(await reader.read())
        writer.close()

    async with (
        listening(says_bye_first) as port,
        Tunnel(no_fabric) as tunnel,
        calling(tunnel) as client,
    ):
        await client.connect(f"127.0.0.1:{port}")
        assert await client.rest() == b"bye"
        client.writer.write(b"and more")
        client.writer.write_eof()

        async with asyncio.timeout(SECONDS):
            assert await heard.get() == b"and more"


async def test_much_is_passed_on_whole() -> None:
    much = bytes(range(256)) * 8192

    async def repeats(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(len(much)))
        await writer.drain()
        writer.close()

    async with listening(repeats) as port, Tunnel(lambda: port) as tunnel, calling(tunnel) as client:
        await client.connect("api.fabric.microsoft.com:443")
        client.writer.write(much)
        assert await client.rest() == much


async def test_a_server_that_was_restarted_is_found_at_its_new_port() -> None:
    ports: list[int] = []
    async with Tunnel(lambda: ports[-1] if ports else None) as tunnel:
        async with calling(tunnel) as client:
            assert (await client.connect("api.fabric.microsoft.com:443")).startswith(b"HTTP/1.1 502 ")
        async with listening(echo) as port, calling(tunnel) as client:
            ports.append(port)
            assert (await client.connect("api.fabric.microsoft.com:443")).startswith(b"HTTP/1.1 200 ")


async def test_this_machine_is_connected_with_directly() -> None:
    async with listening(echo) as port, Tunnel(no_fabric) as tunnel:
        for host in ("127.0.0.1", "LOCALHOST"):
            async with calling(tunnel) as client:
                assert (await client.connect(f"{host}:{port}")).startswith(b"HTTP/1.1 200 ")


async def test_a_port_where_nobody_listens_is_told() -> None:
    async with listening(echo) as port:
        pass
    async with Tunnel(no_fabric) as tunnel, calling(tunnel) as client:
        answer = await client.connect(f"127.0.0.1:{port}")

        assert answer.startswith(f"HTTP/1.1 502 127.0.0.1:{port} cannot be reached".encode())


@pytest.mark.parametrize("host", ["example.com", "93.184.216.34", "[2001:db8::1]", "169.254.169.254"])
async def test_another_host_is_refused_in_a_line_that_says_why(host: str) -> None:
    async with Tunnel(no_fabric) as tunnel, calling(tunnel) as client:
        answer = await client.connect(f"{host}:443")

        assert answer.startswith(b"HTTP/1.1 403 ")
        assert b"--allow-other-hosts" in answer
        assert b"--allow-other-hosts" in await client.rest()


async def test_another_host_is_connected_with_where_that_is_allowed() -> None:
    another = "127.1"  # found without asking anybody for a name, and none of the names of this machine

    async with (
        listening(echo) as port,
        Tunnel(no_fabric, allows_other_hosts=True) as open_tunnel,
        Tunnel(no_fabric) as tunnel,
    ):
        async with calling(open_tunnel) as client:
            assert (await client.connect(f"{another}:{port}")).startswith(b"HTTP/1.1 200 ")
        async with calling(tunnel) as client:
            assert (await client.connect(f"{another}:{port}")).startswith(b"HTTP/1.1 403 ")


KEPT_AWAY = [
    ("onelake.table.fabric.microsoft.com", 443),
    ("app.fabric.microsoft.com", 443),
    ("westus-onelake.dfs.fabric.microsoft.com", 443),
    ("app.powerbi.com", 443),
    ("management.azure.com", 443),
    ("analysis.windows.net", 443),
    ("autologon.microsoftonline.com", 443),
    ("api.fabric.microsoft.com", 80),
    ("login.microsoftonline.com", 8443),
]


@pytest.mark.parametrize(("host", "port"), KEPT_AWAY)
@pytest.mark.parametrize("allowed", [True, False])
async def test_fabric_s_other_hosts_never_see_a_local_token(host: str, port: int, allowed: bool) -> None:
    async with Tunnel(no_fabric, allows_other_hosts=allowed) as tunnel, calling(tunnel) as client:
        answer = await client.connect(f"{host}:{port}")

        assert answer.startswith(f"HTTP/1.1 403 {host}:{port} is Fabric's".encode())


@pytest.mark.parametrize(
    "host", ["notfabric.microsoft.com", "fabric.microsoft.com.evil.example", "xpowerbi.com"]
)
def test_a_host_that_only_looks_like_fabric_s_is_another(host: str) -> None:
    check_other(Target(host, 443), allowed=True)

    with pytest.raises(TunnelRefused, match="is not Fabric"):
        check_other(Target(host, 443), allowed=False)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_plain_http_is_no_business_of_the_tunnel(method: str) -> None:
    async with Tunnel(no_fabric, allows_other_hosts=True) as tunnel, calling(tunnel) as client:
        request = f"{method} http://127.0.0.1:1/ HTTP/1.1\r\nContent-Length: 200000\r\n\r\n"
        client.writer.write(request.encode() + b"x" * 200_000)

        answer = await client.head()

        assert answer.startswith(b"HTTP/1.1 405 Method Not Allowed\r\nallow: CONNECT\r\n")


@pytest.mark.parametrize(
    "target",
    ["", "host", "host:", ":443", ".:443", "host:0", "host:65536", "host:443x", "h\u00f6st:443", "http://host:443",
     "u@host:443", "[::1:443", "[]:443", "host:443:1", "a/b:443", f"{'a' * 254}:443"],
)  # fmt: skip
def test_a_target_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(TunnelRefused) as refused:
        target_of(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode("latin-1"))

    assert refused.value.status == 400


@pytest.mark.parametrize(
    "head", [b"\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"CONNECT a:1\r\n\r\n", b"CONNECT  a:1 HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_request_is_refused(head: bytes) -> None:
    with pytest.raises(TunnelRefused) as refused:
        target_of(head)

    assert refused.value.status == 400


def test_names_are_compared_in_one_spelling() -> None:
    assert target_of(b"CONNECT [::1]:80 HTTP/1.1\r\n\r\n") == Target("::1", 80)
    assert target_of(b"CONNECT Example.COM.:443 HTTP/1.0\r\n\r\n") == Target("example.com", 443)
    # With one dot left over it would be found, and not known for what it is.
    assert target_of(b"CONNECT api.powerbi.com..:443 HTTP/1.1\r\n\r\n") == Target("api.powerbi.com", 443)
    assert is_answered(Target("onelake.dfs.fabric.microsoft.com", 443))
    assert not is_answered(Target("onelake.dfs.fabric.microsoft.com", 80))


async def test_a_head_that_is_too_long_is_refused() -> None:
    async with Tunnel(no_fabric) as tunnel, calling(tunnel) as client:
        client.writer.write(b"CONNECT a:1 HTTP/1.1\r\n" + b"x" * 40_000)

        assert (await client.head()).startswith(b"HTTP/1.1 431 ")


async def test_a_head_that_does_not_come_is_not_waited_for() -> None:
    limits = TunnelLimits(head_seconds=0.01)
    async with Tunnel(no_fabric, limits=limits) as tunnel, calling(tunnel) as client:
        client.writer.write(b"CONNECT a:1 HTTP")

        assert (await client.head()).startswith(b"HTTP/1.1 408 ")


async def test_a_call_in_which_nothing_is_said_ends() -> None:
    limits = TunnelLimits(idle_seconds=0.05)
    async with (
        listening(echo) as port,
        Tunnel(lambda: port, limits=limits) as tunnel,
        calling(tunnel) as client,
    ):
        await client.connect("api.fabric.microsoft.com:443")

        assert await client.rest() == b""


async def test_there_is_a_most_of_calls_and_room_again_afterwards() -> None:
    limits = TunnelLimits(connections=1)
    async with listening(echo) as port, Tunnel(lambda: port, limits=limits) as tunnel:
        async with calling(tunnel) as first:
            await first.connect("api.fabric.microsoft.com:443")
            async with calling(tunnel) as second:
                assert (await second.head()).startswith(b"HTTP/1.1 503 ")
            first.writer.write_eof()
            assert await first.rest() == b"bye"
        async with asyncio.timeout(SECONDS):
            while not await _has_room(tunnel):
                pass


async def _has_room(tunnel: Tunnel) -> bool:
    async with calling(tunnel) as client:
        return (await client.connect("api.fabric.microsoft.com:443")).startswith(b"HTTP/1.1 200 ")


async def test_leaving_ends_what_is_under_way() -> None:
    async with listening(echo) as port:
        async with Tunnel(lambda: port) as tunnel:
            address = urlsplit(tunnel.url)
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            client = Client(reader, writer)
            await client.connect("api.fabric.microsoft.com:443")
        assert await client.rest() == b""
        writer.close()

        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection(address.hostname, address.port)


async def test_a_client_that_goes_away_is_no_error() -> None:
    async with listening(echo) as port, Tunnel(lambda: port) as tunnel:
        async with calling(tunnel) as client:
            client.writer.write(b"CONNECT ")
        async with calling(tunnel) as client:
            assert (await client.connect("api.fabric.microsoft.com:443")).startswith(b"HTTP/1.1 200 ")
            client.writer.transport.abort()
        async with calling(tunnel) as client:
            assert (await client.connect("api.fabric.microsoft.com:443")).startswith(b"HTTP/1.1 200 ")
