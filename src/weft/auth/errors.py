"""What can be expected to go wrong with tokens and keys."""

from __future__ import annotations

from enum import StrEnum


class TokenFault(StrEnum):
    """The published words for a token that is not accepted (contracts/core.md 2, contracts/workload.md 2)."""

    MISSING = "TokenIsMissing"
    INVALID = "InvalidToken"
    EXPIRED = "TokenExpired"
    AUTH_ERROR = "AuthError"


class TokenRefused(Exception):
    """A caller that could not prove who it is. *reason* is for the log only: it helps whoever forges."""

    def __init__(self, code: TokenFault, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class UnsafeKeys(Exception):
    """The data directory or a key in it may be read or written by others, or is no usable key."""
