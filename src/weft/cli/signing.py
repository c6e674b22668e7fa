"""Tokens signed with the key in the data directory; no server is needed for them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from weft.auth.errors import DataRefused
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.cli.errors import CommandFailed
from weft.engine.clock import SystemClock


class Signing(NamedTuple):
    issuer: Issuer
    tenant: str


def open_issuer(data: Path) -> Signing:
    """Return the local issuer, and its tenant; the key is made now if there is none yet."""
    try:
        home = Home.open(data)
        return Signing(Issuer(Keys.open(data), SystemClock(), home), home.tenant)
    except (DataRefused, OSError) as refused:
        raise CommandFailed(f"cannot use the data directory: {refused}") from None
