"""What the clients have in common: connections to one server, kept until they are closed."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from weft.client.transport import Patience, Transport


class Client:
    """An async context manager, or call `close`."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        certificate: Path | None = None,
    ) -> None:
        """Raises ValueError where *url* is no address, OSError where *certificate* is none."""
        self._transport = Transport(url, token, patience, certificate)

    @property
    def url(self) -> str:
        return self._transport.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._transport.close()
