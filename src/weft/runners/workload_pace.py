"""How long to wait before the same call is tried again."""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """Waits that double: *first*, 2 x *first*, ... *most*, in seconds, each spread by a fifth."""

    def __init__(self, first: float, most: float, chance: Callable[[], float]) -> None:
        self._next = first
        self._most = most
        self._chance = chance

    def seconds(self, asked: float | None = None) -> float:
        """Return the next wait; at least what the workload *asked* for, but never more than the most."""
        wait = min(self._next, self._most) * (0.8 + 0.4 * self._chance())
        self._next = min(self._next * 2, self._most)
        return min(max(wait, asked or 0.0), self._most * 1.2)
