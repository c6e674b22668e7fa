"""One HTTP exchange with a workload, and what its trouble tells: whether the call may have arrived."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping

import aiohttp
from aiohttp.abc import AbstractResolver

from weft import outgoing
from weft.runners.workload_answers import Said, Silence

CONNECTIONS = 512
CONNECTIONS_A_WORKLOAD = 64
KEEP_IDLE_SECONDS = (
    3.0  # below what servers keep idle connections for, so that few requests meet a closing one
)


class WorkloadHttp:
    """Made and closed on the loop that uses it; trouble of any kind is an answer, never an exception."""

    def __init__(self, *, connect_seconds: float, resolver: AbstractResolver | None = None) -> None:
        """*resolver* finds the addresses of names; None: as the machine does."""
        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS,
            limit_per_host=CONNECTIONS_A_WORKLOAD,
            keepalive_timeout=KEEP_IDLE_SECONDS,
            resolver=resolver,
        )
        self._session = outgoing.new_session(connector, connect_seconds=connect_seconds)

    async def close(self) -> None:
        await self._session.close()

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        tls: ssl.SSLContext | None,
        by: float,
        reads_success: bool,
    ) -> Said | Silence:
        """Send, and return what is answered before loop time *by*.

        *reads_success*: whether the body of a 2xx is wanted; where not, it is not waited for.
        """
        if asyncio.get_running_loop().time() >= by:
            return Silence("no time was left for the call", arrived=False)
        try:
            async with (
                asyncio.timeout_at(by),
                outgoing.request(self._session, method, url, headers=headers, data=body, tls=tls) as response,
            ):
                return await _heard(response, reads_success=reads_success)
        except TimeoutError as timeout:
            never_sent = isinstance(timeout, aiohttp.ConnectionTimeoutError)
            return Silence(
                "no connection in time" if never_sent else "no answer in time", arrived=not never_sent
            )
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as refused:
            return Silence(f"no connection: {refused}", arrived=False)
        except (aiohttp.ClientError, OSError) as broken:
            return Silence(f"connection broke: {type(broken).__name__}")


async def _heard(response: aiohttp.ClientResponse, *, reads_success: bool) -> Said:
    """A body that is larger than an answer may be, or compressed unasked, is None."""
    wanted = reads_success or not 200 <= response.status < 300
    try:
        body = await outgoing.bounded(response, outgoing.ANSWER_BYTES) if wanted else b""
    except outgoing.BodyRefused:
        body = None
    return Said(response.status, body, response.headers.get("Retry-After"))
