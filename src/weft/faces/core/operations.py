"""Long-running operations: how far they are, and what came of them."""

from __future__ import annotations

from weft.faces.core.calls import Operation

ADDRESSES: dict[str, dict[str, Operation]] = {}
