"""The JSON that a job is run with, or an item created, given in place or in a file."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from weft.cli.errors import Misused


def read_payload(given: str, option: str = "--payload") -> msgspec.Raw:
    """Return the JSON object that *given* is, or that the file it names as `@FILE` holds (`@-`: stdin).

    It stays as it was written. Raises Misused.
    """
    raw = _bytes(given, option)
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise Misused(f"{option} is not JSON: {fault}") from None
    if not isinstance(value, dict):
        raise Misused(f"{option} must be a JSON object, not {type(value).__name__}")
    return msgspec.Raw(raw)


def _bytes(given: str, option: str) -> bytes:
    if not given.startswith("@"):
        return given.encode(errors="surrogateescape")
    if given == "@-":
        return sys.stdin.buffer.read()
    try:
        return Path(given[1:]).read_bytes()
    except (OSError, ValueError) as unreadable:
        reason = unreadable.strerror if isinstance(unreadable, OSError) else unreadable
        raise Misused(f"{option}: cannot read {given[1:]!r}: {reason}") from None
