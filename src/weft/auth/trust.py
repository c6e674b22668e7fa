"""Whose tokens are trusted: keys, looked up in what is known, and learned where they are published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from joserfc.jwk import RSAKey

from weft.auth.errors import KeysUnavailable, TokenRefused

T = TypeVar("T")


class KeySource(Protocol):
    """The public keys whose signatures we trust. *generation* changes when one of them is taken away."""

    @property
    def generation(self) -> int: ...

    def public(self, kid: object) -> RSAKey | None:
        """Return the key to verify with: a look-up in what is known. Raises KeysUnavailable."""

    async def refreshed(self) -> bool:
        """Ask for news, if it is time to, and return whether more may be known now."""


async def with_news(keys: KeySource, verify: Callable[[], T]) -> T:
    """Return what *verify* returns; where a key it needs is not known, ask for news and try once more."""
    try:
        return verify()
    except (KeysUnavailable, TokenRefused) as fault:
        missing = isinstance(fault, KeysUnavailable) or fault.key_unknown
        if not (missing and await keys.refreshed()):
            raise
    return verify()
