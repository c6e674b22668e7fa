"""The published limit of the Jobs API, one request a second, which the service profile keeps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from weft.engine.ports import Clock

BETWEEN_REQUESTS: Final = timedelta(seconds=1)
SHORTEST_WAIT_SECONDS: Final = 5
LONGEST_WAIT_SECONDS: Final = 14


class TooFast(Exception):
    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"too many requests, try again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class Unlimited:
    """The local profile: nobody waits."""

    def take(self) -> None:
        return


class OneRequestAtATime:
    """Lets one request pass a second; refused ones are told to wait 5 to 14 s, as recorded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._passed: datetime | None = None
        self._refused = 0

    def take(self) -> None:
        """Raises TooFast."""
        now = self._clock.now()
        if self._passed is not None and abs(now - self._passed) < BETWEEN_REQUESTS:
            self._refused += 1
            # Those who are refused together must not come back together.
            spread = self._refused % (LONGEST_WAIT_SECONDS - SHORTEST_WAIT_SECONDS + 1)
            raise TooFast(SHORTEST_WAIT_SECONDS + spread)
        self._passed = now
