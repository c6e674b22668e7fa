"""The schedules of an item's jobs: list, create, get, update, delete; below the address of an item."""

from __future__ import annotations

from weft.faces.core.calls import Operation

ADDRESSES: dict[str, dict[str, Operation]] = {}
