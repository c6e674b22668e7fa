"""The first pass over an import file, which comes in pieces of any length."""

from __future__ import annotations

from weft.twins.ndjson import check_format


def run(data: bytes) -> None:
    length = 1 + (data[0] if data else 0)
    rest = data[1:]
    check_format(rest[start : start + length] for start in range(0, len(rest), length))
