"""A workload for a host on its own; its jobs tell in files that they have begun."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.kit import Item, JobContext, JobFailed, Workload

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


@workload.job(ITEM_TYPE, "flaky", retries=2, backoff=0.01)
def flaky(ctx: JobContext, payload: dict[str, Any]) -> int:
    if _note(payload) < 3:
        raise JobFailed("TryAgain", "not yet", is_permanent=False)
    return ctx.attempt


@workload.job(ITEM_TYPE, "brief", timeout=0.2)
def brief(ctx: JobContext, payload: dict[str, Any]) -> None:
    ctx.wait_cancelled(600)


@workload.job(ITEM_TYPE, "alone", concurrency=1)
def alone(ctx: JobContext, payload: dict[str, Any]) -> None:
    with Path(payload["file"]).open("a") as file:
        file.write("in\n")
        file.flush()
        time.sleep(0.05)
        file.write("out\n")


@workload.job(ITEM_TYPE, "token")
async def token(ctx: JobContext, payload: dict[str, Any]) -> None:
    """Keep the tokens that it is given in a file: a host has no other place where a test could look."""
    scope = "https://storage.azure.com/.default"
    given = [await ctx.token(scope), await ctx.token(scope, as_app=True)]
    Path(payload["file"]).write_text("\n".join(given))


@workload.job(ITEM_TYPE, "permissions")
def permissions(ctx: JobContext, payload: dict[str, Any]) -> None:
    Path(payload["file"]).write_text(" ".join(ctx.get_permissions()))


@workload.on_create(ITEM_TYPE)
def created(ctx: JobContext, item: Item) -> dict[str, str]:
    if not item.display_name.startswith("good"):
        raise JobFailed("BadName", f"{item.display_name} is no good name")
    return {"madeFor": ctx.user_id}
