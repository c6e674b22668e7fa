"""Places where a test may kill this process: without `WEFT_CRASH_AT=name:n` they do nothing."""

from __future__ import annotations

import os
import signal

_NAME, _, _PASS = os.environ.get("WEFT_CRASH_AT", "").partition(":")
_left = int(_PASS or 1)


def crash_point(name: str) -> None:
    """End this process with SIGKILL at the n-th pass of the place that `WEFT_CRASH_AT` names."""
    if name == _NAME:
        _count_down()


def _count_down() -> None:
    global _left  # noqa: PLW0603 - the count belongs to the process that it ends
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
