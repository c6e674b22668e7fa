"""A workload for a host on its own; its jobs tell in files that they have begun."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft import JobContext, Workload

ITEM_TYPE = "Contoso.Hosted.Thing"

workload = Workload("Contoso.Hosted")


@dataclass
class Settings:
    folds: int


def _note(payload: dict[str, Any]) -> int:
    """Write a line, and return how many there are now."""
    if "file" not in payload:
        return 0
    path = Path(payload["file"])
    with path.open("a") as file:
        file.write("begun\n")
    return len(path.read_text().splitlines())


@workload.job(ITEM_TYPE, "quick")
def quick(ctx: JobContext, payload: dict[str, Any]) -> None:
    _note(payload)


@workload.job(ITEM_TYPE, "typed")
def typed(ctx: JobContext, payload: Settings) -> int:
    return payload.folds


@workload.job(ITEM_TYPE, "long")
def long(ctx: JobContext, payload: dict[str, Any]) -> None:
    _note(payload)
    ctx.wait_cancelled(600)


@workload.job(ITEM_TYPE, "resumable", resumable=True)
def resumable(ctx: JobContext, payload: dict[str, Any]) -> None:
    """Go on for ever the first time, and end at once the next."""
    if _note(payload) == 1:
        ctx.wait_cancelled(600)


@workload.job(ITEM_TYPE, "until")
def until(ctx: JobContext, payload: dict[str, Any]) -> None:
    _note(payload)
    deadline = time.monotonic() + 600
    while not Path(payload["end"]).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
