"""How long a storage may keep us waiting."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """For one request: to connect, for each next byte, and for the whole answer; then how often again.

    The pause before each *retries* is *pause_seconds* to the power of its number: 2, 4, 8.
    """

    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    answer_seconds: float = 60.0
    retries: int = 3
    pause_seconds: int = 2
