"""The client of the server that a command talks to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from weft.cli.errors import Misused
from weft.cli.server import find_server, unknown_key
from weft.client import ApiError, WeftClient


@asynccontextmanager
async def connect(data: Path | None) -> AsyncIterator[WeftClient]:
    """Raises CommandFailed where there is no server, or one that does not know the key we sign with."""
    address = find_server(data)
    try:
        client = WeftClient(address.url, address.token)
    except ValueError as wrong:
        raise Misused(f"WEFT_URL: {wrong}") from None
    async with client:
        try:
            yield client
        except ApiError as refused:
            if refused.code == "InvalidToken" and address.signed_with is not None:
                raise unknown_key(address.url, address.signed_with) from None
            raise
