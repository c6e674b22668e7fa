"""Who has which role in a workspace; below the address of a workspace."""

from __future__ import annotations

from weft.faces.core.calls import Operation

ADDRESSES: dict[str, dict[str, Operation]] = {}
