"""Jobs that hold the pool: one sleeps, one uses a whole core, one does nothing."""

import time
from typing import Any

from weft import JobContext, Workload

NAME = "Contoso.Bench"
ITEM_TYPE = "Contoso.Bench.Thing"

workload = Workload(NAME)


@workload.job(ITEM_TYPE, "noop")
def noop(ctx: JobContext, payload: dict[str, Any]) -> None:
    return


@workload.job(ITEM_TYPE, "sleep")
def sleep(ctx: JobContext, payload: dict[str, Any]) -> None:
    while not ctx.cancelled:
        time.sleep(0.1)


@workload.job(ITEM_TYPE, "spin")
def spin(ctx: JobContext, payload: dict[str, Any]) -> None:
    while not ctx.cancelled:
        sum(range(10_000))
