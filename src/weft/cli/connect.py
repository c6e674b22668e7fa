"""The client of the server that a command talks to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from weft.cli.errors import CommandFailed, Misused
from weft.cli.output import tell
from weft.cli.server import Address, Audience, find_server, own_token, unknown_key
from weft.client import ApiError, Patience, TwinsClient, WeftClient

LONG_PAUSE_SECONDS = 3


def _tell_pause(seconds: float) -> None:
    if seconds >= LONG_PAUSE_SECONDS:
        tell(f"weft: the server asks for patience; trying again in {seconds:g} s")


PATIENCE = Patience(told=_tell_pause)


@asynccontextmanager
async def connect(
    data: Path | None, *, scopes: Sequence[str] | None = None, patience: Patience = PATIENCE
) -> AsyncIterator[WeftClient]:
    """*scopes* are those of a token that we sign ourselves; None: all that a usual one has.

    Raises CommandFailed where there is no server, or one that does not know the key we sign with.
    """
    address = find_server(data)
    if scopes is not None and address.signed_with is not None:
        address = replace(address, token=own_token(address.signed_with, scopes=scopes))
    with _usable(address):
        client = WeftClient(address.url, address.token, patience=patience, certificate=address.certificate)
    async with client:
        with _known_key(address):
            yield client


@asynccontextmanager
async def connect_twins(data: Path | None) -> AsyncIterator[TwinsClient]:
    """Raises CommandFailed, as connect does."""
    address = find_server(data, Audience.TWINS)
    with _usable(address):
        client = TwinsClient(address.url, address.token, certificate=address.certificate)
    async with client:
        with _known_key(address):
            yield client


@contextmanager
def _usable(address: Address) -> Iterator[None]:
    try:
        yield
    except ValueError as wrong:
        raise Misused(f"WEFT_URL: {wrong}") from None
    except OSError as unreadable:
        raise CommandFailed(f"cannot trust the certificates of {address.certificate}: {unreadable}") from None


@contextmanager
def _known_key(address: Address) -> Iterator[None]:
    try:
        yield
    except ApiError as refused:
        if refused.status == 401 and refused.code in TOKEN_REFUSED and address.signed_with is not None:
            raise unknown_key(address.url, address.signed_with) from None
        raise


TOKEN_REFUSED = frozenset({"InvalidToken", "Unauthorized"})
