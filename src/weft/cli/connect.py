"""The client of the server that a command talks to."""

from __future__ import annotations

from pathlib import Path

from weft.cli.errors import Misused
from weft.cli.server import find_server
from weft.client import WeftClient


def connect(data: Path | None) -> WeftClient:
    """Raises CommandFailed where there is no server."""
    address = find_server(data)
    try:
        return WeftClient(address.url, address.token)
    except ValueError as wrong:
        raise Misused(f"WEFT_URL: {wrong}") from None
