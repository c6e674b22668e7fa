"""Delivers what webhooks are told: one signed POST an attempt, to checked addresses, again until it is taken.

The headers are those of Standard Webhooks (https://www.standardwebhooks.com).
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import socket
import ssl
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

import msgspec

from weft.blobs.addresses import is_public
from weft.catalog.addresses import is_loopback
from weft.catalog.webhook_addresses import UrlPolicy, UrlRefused
from weft.catalog.webhooks import SECRET_PREFIX, SecretSeal, Webhook, WebhookStore
from weft.engine.errors import StoreUnavailable
from weft.engine.jobs import Again, Completed, Failed, JobError, Outcome, Progress, Stopped
from weft.engine.ports import Clock, Run
from weft.settings import WebhookSettings

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import ResolveResult

CONNECTIONS: Final = 256
AT_ONCE_OF_ONE: Final = 4
"""How many deliveries of one webhook are under way at once: a receiver that never answers delays its own."""
TURN_SECONDS: Final = 1.0
FIRST_WAIT: Final = timedelta(seconds=1)
LONGEST_WAIT: Final = timedelta(hours=1)
STORE_AWAY: Final = timedelta(seconds=5)
GONE: Final = 410

log = logging.getLogger(__name__)

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]


class AddressForbidden(OSError):
    """A name stands for an address to which nothing is sent."""


class WebhookRunner:
    """Sends deliveries. *lookup* finds the addresses of a name; *tls*: what trusts the receivers."""

    def __init__(
        self,
        settings: WebhookSettings,
        *,
        store: WebhookStore,
        seal: SecretSeal,
        policy: UrlPolicy,
        clock: Clock,
        lookup: Lookup | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._seal = seal
        self._policy = policy
        self._clock = clock
        self._lookup = lookup or _looked_up
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def run(self, run: Run) -> Outcome:
        """Try once; the engine tries again after a while."""
        try:
            webhook = await self._store.webhook(run.job.labels["webhook"])
        except StoreUnavailable as unavailable:
            return Again(JobError("StoreUnavailable", unavailable.reason), STORE_AWAY)
        if run.cancel_requested.is_set():
            return Stopped()
        if webhook is None or not webhook.enabled:
            what = "deleted" if webhook is None else "disabled"
            return Failed(JobError(f"Webhook{what.title()}", f"The webhook was {what}."))
        return await self._in_turn(run, webhook)

    async def _in_turn(self, run: Run, webhook: Webhook) -> Outcome:
        """Deliver; what has waited for its turn too long is put off, which is no attempt."""
        turns = self._turns.setdefault(webhook.id, asyncio.Semaphore(AT_ONCE_OF_ONE))
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await turns.acquire()
        except TimeoutError:
            return Again(JobError("Busy", "Others of the webhook are under way."), self._settings.timeout)
        try:
            return await self._deliver(run, webhook)
        finally:
            turns.release()

    async def _deliver(self, run: Run, webhook: Webhook) -> Outcome:
        try:
            self._policy.check(webhook.url)
            status = await self._post(webhook, run)
        except UrlRefused as refused:
            return Failed(JobError("UrlNotAllowed", f"Nothing was sent: {refused}."))
        except _NotSent as trouble:
            return await self._later(run, trouble.error)
        return await self._outcome(run, webhook, status)

    async def _outcome(self, run: Run, webhook: Webhook, status: int) -> Outcome:
        if 200 <= status < 300:
            await run.progress(Progress(_tries(run), self._settings.attempts, ""))
            return Completed(msgspec.json.encode({"status": status}))
        error = JobError("Refused", f"The receiver answered with status {status}.")
        if status != GONE:
            return await self._later(run, error)
        because = f"The receiver answered with status {GONE}: it wants no more."
        try:
            is_disabled = await self._store.disable_webhook(webhook, because)
        except StoreUnavailable as unavailable:
            return Again(JobError("StoreUnavailable", unavailable.reason), STORE_AWAY)
        # Where it goes elsewhere by now, that receiver has not been asked yet.
        return Failed(error) if is_disabled else await self._later(run, error)

    async def _later(self, run: Run, error: JobError) -> Outcome:
        attempt, most = _tries(run), self._settings.attempts
        await run.progress(Progress(attempt, most, error.message))
        if attempt >= most:
            return Failed(error)
        return Again(error, min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt - 1, 20)))

    async def _post(self, webhook: Webhook, run: Run) -> int:
        """Return the status of the answer. Raises _NotSent, and UrlRefused for where a name leads to."""
        import aiohttp  # noqa: PLC0415 - it takes a while to load, and most servers have no webhook

        from weft import outgoing  # noqa: PLC0415 - imports it, too

        headers = self._signed(webhook, run.job.key.id, run.job.payload)
        try:
            async with (
                asyncio.timeout(self._settings.timeout.total_seconds()),
                outgoing.request(
                    self._open(), "POST", webhook.url, headers=headers, data=run.job.payload, tls=self._tls
                ) as answer,
            ):
                return answer.status
        except TimeoutError:
            raise _NotSent(
                "Timeout", f"No answer within {self._settings.timeout.total_seconds():g} s."
            ) from None
        except aiohttp.ClientConnectorError as broken:
            if isinstance(broken.os_error, AddressForbidden):
                raise UrlRefused(str(broken.os_error)) from None
            raise _NotSent("Unreachable", "No connection to the receiver.") from None
        except (aiohttp.ClientError, OSError, ValueError) as broken:
            raise _NotSent("Unreachable", f"The connection broke: {type(broken).__name__}.") from None

    def _signed(self, webhook: Webhook, id: str, body: bytes) -> dict[str, str]:
        secret = self._seal.opened(webhook.secret, webhook.id)
        if not secret:
            raise UrlRefused("the secret of the webhook cannot be opened with the keys of this server")
        timestamp = str(int(self._clock.now().timestamp()))
        key = b64decode(secret.removeprefix(SECRET_PREFIX))
        signature = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, "sha256")
        return {
            "Content-Type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{b64encode(signature).decode()}",
        }

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = _new_session(self._lookup)
        return self._session


def _tries(run: Run) -> int:
    """Return how often the delivery has been tried, with this time; being put off does not count."""
    progress = run.job.progress
    return 1 if progress is None else int(progress.done) + 1


class _NotSent(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.error = JobError(code, message)


def _new_session(lookup: Lookup) -> aiohttp.ClientSession:
    import aiohttp  # noqa: PLC0415 - see above
    from aiohttp.abc import AbstractResolver  # noqa: PLC0415

    from weft import outgoing  # noqa: PLC0415

    class Checked(AbstractResolver):
        """Finds the addresses to connect to: what is looked up here is where the connection goes."""

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            found = await lookup(host, port)
            for address in found:
                _check_address(host, address)
            return [_entry(host, port, address) for address in found]

        async def close(self) -> None:
            return

    connector = aiohttp.TCPConnector(
        limit=CONNECTIONS, resolver=Checked(), use_dns_cache=False, force_close=True
    )
    return outgoing.new_session(connector)


def _check_address(host: str, address: str) -> None:
    """A name must lead to where it seems to: `localhost` to this machine, any other out of our network."""
    found = ipaddress.ip_address(address)
    if not (found.is_loopback if is_loopback(host) else is_public(found)):
        raise AddressForbidden(f"the name {host} leads to an address that is not public")


def _entry(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return {
        "hostname": host,
        "host": address,
        "port": port,
        "family": family,
        "proto": 0,
        "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    }


async def _looked_up(host: str, port: int) -> Sequence[str]:
    entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]).partition("%")[0] for entry in entries]
