"""The keys of an issuer elsewhere: asked for at its address, renewed, and kept while it is away."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from aiohttp.abc import AbstractResolver
from joserfc.jwk import RSAKey

from weft.auth.errors import KeysUnavailable
from weft.auth.jwks import Document, discovery_address, read_document, read_keys
from weft.engine.ports import Clock
from weft.outgoing import ANSWER_SECONDS, Transport, Unreachable

REFETCH_AFTER: Final = timedelta(seconds=30)
FIRST_AFTER: Final = timedelta(seconds=2)
GOOD_FOR: Final = timedelta(hours=24)
RENEWED_AFTER: Final = timedelta(hours=1)
MOST_WAITING: Final = 64

log = logging.getLogger(__name__)


class RemoteKeys:
    """The keys of an issuer elsewhere: Entra, or another weft. `start` it, and `close` it at the end.

    *issuer*: its address, with or without that of the discovery document. Keys are asked for when it starts,
    every hour, and when a token names one that is not known; never twice within half a minute. Where the
    issuer is away they stay good for a day; until it was there once, it is asked every other second.
    """

    def __init__(
        self,
        issuer: str,
        clock: Clock,
        *,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        """*seconds*: how long an answer may take. Raises AddressRefused."""
        self._address = discovery_address(issuer)
        self._clock = clock
        self._transport = Transport(tls=tls, resolver=resolver, seconds=seconds)
        self._keys: Mapping[str, RSAKey] = {}
        self._generation = 0
        self._document: Document | None = None
        self._asked_at: datetime | None = None
        self._known_at: datetime | None = None
        self._asking: asyncio.Task[bool] | None = None
        self._waiting = 0
        self._keeping: asyncio.Task[None] | None = None

    @property
    def generation(self) -> int:
        return self._generation

    async def start(self) -> None:
        """Return at once: the first keys come when they come."""
        await self._transport.start()
        self._keeping = asyncio.create_task(self._keep(), name="keys of the issuer")

    async def close(self) -> None:
        tasks = [task for task in (self._keeping, self._asking) if task is not None]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self._transport.close()

    def public(self, kid: object) -> RSAKey | None:
        if not self.is_current:
            raise KeysUnavailable(self._address)
        return self._keys.get(kid) if isinstance(kid, str) else None

    @property
    def is_current(self) -> bool:
        """Whether the keys are known, and no older than they may be."""
        return self._known_at is not None and self._clock.now() - self._known_at < GOOD_FOR

    async def refreshed(self) -> bool:
        """Return False at once where it is too early to ask, or too many wait for an answer already."""
        if self._asking is None or self._asking.done():
            if not self._is_time:
                return False
            self._asked_at = self._clock.now()
            self._asking = asyncio.create_task(self._ask(), name="asking for keys")
        if self._waiting >= MOST_WAITING:
            return False
        self._waiting += 1
        try:
            return await asyncio.shield(self._asking)
        finally:
            self._waiting -= 1

    @property
    def _is_time(self) -> bool:
        if self._asked_at is None:
            return True
        # A clock that was set back must not keep us from asking.
        return not timedelta() <= self._clock.now() - self._asked_at < REFETCH_AFTER

    async def _keep(self) -> None:
        while True:
            if await self.refreshed():
                pause = RENEWED_AFTER
            elif self._known_at is None:
                self._asked_at = None  # the issuer may just be starting, and nobody gets in before it has
                pause = FIRST_AFTER
            else:
                pause = REFETCH_AFTER
            await asyncio.sleep(pause.total_seconds())

    async def _ask(self) -> bool:
        try:
            keys = await self._fetch()
        except Unreachable as fault:
            self._document = None  # the keys may have moved
            log.warning(
                "keys of the issuer not renewed", extra={"issuer": self._address, "reason": str(fault)}
            )
            return False
        if not self._keys.keys() <= keys.keys():
            self._generation += 1
        self._keys = keys
        self._known_at = self._clock.now()
        return True

    async def _fetch(self) -> Mapping[str, RSAKey]:
        if self._document is None:
            self._document = read_document(await self._get(self._address), self._address)
        return read_keys(await self._get(self._document.jwks_uri), self._document)

    async def _get(self, address: str) -> bytes:
        answer = await self._transport.exchange("GET", address)
        if answer.status != 200:
            raise Unreachable(f"status {answer.status}")
        return answer.body
