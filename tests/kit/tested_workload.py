"""A workload as an author would test it."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

from weft import JobCancelled, JobContext, JobFailed, Workload
from weft.kit.items import Item

ITEM = "Contoso.Tested.Thing"
workload = Workload("Contoso.Tested")
after: list[str] = []


@dataclass
class Count:
    to: int = 3


@workload.job(ITEM, "count")
def count(ctx: JobContext, payload: Count) -> dict[str, Any]:
    for step in range(payload.to):
        ctx.progress(step + 1, payload.to, "counting")
        ctx.log.debug("step %d", step)
        logging.getLogger("elsewhere").debug("not kept")
    logging.getLogger("elsewhere").warning("done")
    return {"counted": payload.to, "attempt": ctx.attempt, "user": ctx.user_id, "item_type": ctx.item_type}


@workload.job(ITEM, "countAsync")
async def count_async(ctx: JobContext, payload: Count) -> int:
    for step in range(payload.to):
        ctx.progress(step + 1, payload.to)
        await asyncio.sleep(0)
    await asyncio.sleep(0.6 if payload.to > 100 else 0)
    return payload.to


@workload.job(ITEM, "sleep")
def sleep(ctx: JobContext, payload: Any) -> None:
    time.sleep(60)


@workload.job(ITEM, "sleepAsync")
async def sleep_async(ctx: JobContext, payload: Any) -> None:
    await asyncio.sleep(60)


@workload.job(ITEM, "stubborn")
def stubborn(ctx: JobContext, payload: Any) -> str:
    try:
        time.sleep(60)
    except JobCancelled:
        after.append("cleaned up")
    return "all the same"


@workload.job(ITEM, "fail")
def fail(ctx: JobContext, payload: dict[str, str]) -> None:
    raise JobFailed(payload["code"], "as asked")


@workload.job(ITEM, "crash")
def crash(ctx: JobContext, payload: Any) -> float:
    return 1 / 0


@workload.job(ITEM, "unsaid")
def unsaid(ctx: JobContext, payload: Any) -> object:
    return object()


@workload.job(ITEM, "reads")
def reads(ctx: JobContext, payload: Any) -> dict[str, str]:
    return {path: content.hex() for path, content in ctx.get_definition().items()}


@workload.job(ITEM, "readsAsync")
async def reads_async(ctx: JobContext, payload: Any) -> dict[str, str]:
    return {path: content.hex() for path, content in (await ctx.definition()).items()}


@workload.on_create(ITEM)
def on_create(ctx: JobContext, item: Item) -> dict[str, str]:
    if not item.display_name:
        raise JobFailed("NameMissing", "an item has a name")
    return {"made": item.display_name}
