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
    """A caller that could not prove who it is. *reason* is for the log only: it would help a forger."""

    def __init__(self, code: TokenFault, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class DataRefused(Exception):
    """The data directory, or a file in it, is open to others or does not hold what it should.

    The message is one line for the person who started weft and says what to do.
    """
