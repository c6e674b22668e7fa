"""The W3C trace context of a call, as far as the service answers it: `traceresponse`."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

# https://www.w3.org/TR/trace-context/: version ff is no version, and an id of zeros only is no id.
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_NEWER = re.compile(r"(?!00|ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def traceresponse(traceparents: Sequence[str]) -> str:
    """Return the value of `traceresponse`: the caller's trace where the headers name one, else a new one."""
    return f"00-{_trace_of(traceparents) or secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def _trace_of(traceparents: Sequence[str]) -> str | None:
    if len(traceparents) != 1:
        return None
    found = _TRACEPARENT.fullmatch(traceparents[0]) or _NEWER.fullmatch(traceparents[0])
    return None if found is None else found[1]
