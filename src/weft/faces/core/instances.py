"""Job instances of all workspaces: found, sorted, and read many at once. An addition of weft."""

from __future__ import annotations

from weft.faces.core.calls import Operation

ADDRESSES: dict[str, dict[str, Operation]] = {}
