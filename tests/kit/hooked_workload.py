"""A workload whose items have hooks."""

from __future__ import annotations

import os
from typing import Any

from tests.runners.jobs import TYPE
from weft import JobContext, JobFailed, Workload
from weft.kit.items import Item

workload = Workload("Tests.Hooked")


@workload.job(TYPE, "job")
def job(ctx: JobContext, payload: dict[str, Any]) -> None: ...


@workload.on_create(TYPE)
def on_create(ctx: JobContext, item: Item) -> dict[str, Any]:
    if item.display_name == "bad":
        raise JobFailed("BadName", "No item is called so.")
    contents = {path: content.decode() for path, content in item.definition.items()}
    return {"was": item.payload, "parts": contents, "apart": os.getpid() != os.getppid()}


@workload.on_update(TYPE)
async def on_update(ctx: JobContext, item: Item) -> None:
    assert isinstance(item, Item)
