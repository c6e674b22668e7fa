"""Ids as the contracts write them: UUIDs in their one spelling, hexadecimal and hyphens."""

from __future__ import annotations

import re
from typing import Final

CANONICAL: Final = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"

_CANONICAL = re.compile(CANONICAL)
_UUID = re.compile(CANONICAL.replace("a-f", "a-fA-F"))


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def is_canonical(text: str) -> bool:
    """Return whether *text* is a UUID in lower case."""
    return _CANONICAL.fullmatch(text) is not None
