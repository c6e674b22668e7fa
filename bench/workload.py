"""Jobs that hold the pool, one asleep, one on a whole core; and one that does nothing."""

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
    ctx.wait_cancelled(payload.get("seconds"))


@workload.job(ITEM_TYPE, "resumable", resumable=True)
def resumable(ctx: JobContext, payload: dict[str, Any]) -> None:
    ctx.wait_cancelled(payload["seconds"])


@workload.job(ITEM_TYPE, "spin")
def spin(ctx: JobContext, payload: dict[str, Any]) -> None:
    while not ctx.cancelled:
        sum(range(10_000))
