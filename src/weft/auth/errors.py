"""What can be expected to go wrong with tokens, and with the files that hold our keys."""

from __future__ import annotations

from enum import StrEnum


class TokenFault(StrEnum):
    """The published words for a token that is not accepted (contracts/core.md 2, contracts/workload.md 2)."""

    MISSING = "TokenIsMissing"
    INVALID = "InvalidToken"
    EXPIRED = "TokenExpired"
    AUTH_ERROR = "AuthError"


class TokenRefused(Exception):
    """A caller that could not prove who it is. *reason* is for the log only: it would help a forger.

    *key_unknown*: the token names a key that we do not know, but that its issuer may have by now.
    """

    def __init__(self, code: TokenFault, reason: str, *, key_unknown: bool = False) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.key_unknown = key_unknown


class KeysUnavailable(Exception):
    """No token can be verified: the keys of *issuer* are not known, or were last heard of too long ago."""

    def __init__(self, issuer: str) -> None:
        super().__init__("The keys of the token issuer are not available; try again later.")
        self.issuer = issuer


class DataRefused(Exception):
    """The data directory, or a file in it, is open to others or does not hold what it should.

    The message is one line for the person who started weft and says what to do.
    """


class EntraMissing(Exception):
    """The library for Entra is not installed; the message says what to do."""

    def __init__(self) -> None:
        super().__init__("tokens from Entra need MSAL: install weft[entra]")
