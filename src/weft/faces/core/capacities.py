"""Capacities: this server is the only one."""

from __future__ import annotations

from weft.faces.core.calls import Operation

ADDRESSES: dict[str, dict[str, Operation]] = {}
