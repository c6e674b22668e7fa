"""Folders of a workspace, in which items lie; below the address of a workspace."""

from __future__ import annotations

from weft.faces.core.calls import Operation

ADDRESSES: dict[str, dict[str, Operation]] = {}
