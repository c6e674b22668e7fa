"""The paths of Core: what a caller names is one segment, whichever characters it holds."""

from __future__ import annotations

from urllib.parse import quote


def path_of(*segments: str | None) -> str:
    """Return the path below `/v1` of these segments; None is none."""
    return "/".join(("/v1", *(quote(segment, safe="") for segment in segments if segment is not None)))
