"""Items below the collection of their type, such as `/notebooks`; below the address of a workspace."""

from __future__ import annotations

from weft.faces.core.calls import Operation

ADDRESSES: dict[str, dict[str, Operation]] = {}
