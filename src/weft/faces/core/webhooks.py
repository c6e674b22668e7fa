"""Webhooks: who is told of job instances as they change. An addition of weft."""

from __future__ import annotations

from weft.faces.core.calls import Operation

ADDRESSES: dict[str, dict[str, Operation]] = {}
