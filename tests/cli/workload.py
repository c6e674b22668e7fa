"""A workload of jobs that end in every way, for the commands to show."""

from typing import Any

from weft import JobContext, JobFailed, Workload

ITEM_TYPE = "Contoso.Commands.Thing"
OTHER_TYPE = "Contoso.Commands.Other"

workload = Workload("Contoso.Commands")


@workload.job(OTHER_TYPE, "answer")
@workload.job(ITEM_TYPE, "answer")
def answer(ctx: JobContext, payload: dict[str, Any]) -> dict[str, Any]:
    ctx.log.info("thinking")
    ctx.log.warning("\x1b[31mred\x1b[0m")
    ctx.progress(1, 2, "half done")
    return {"answer": 42, "payload": payload}


@workload.job(ITEM_TYPE, "fail")
def fail(ctx: JobContext, payload: dict[str, Any]) -> None:
    raise JobFailed("OutOfYarn", "there is no more yarn")


@workload.job(ITEM_TYPE, "divide")
def divide(ctx: JobContext, payload: dict[str, Any]) -> float:
    try:
        return 1 / int(payload.get("by", 0))
    except ZeroDivisionError as zero:
        raise ValueError("no such share") from zero


@workload.job(ITEM_TYPE, "recite")
def recite(ctx: JobContext, payload: dict[str, Any]) -> None:
    traceback = {"code": "Traceback", "message": "Cell 1:\n  knit()\n\x1b[31mred"}
    raise JobFailed("Tangled", "the yarn is tangled", details=[traceback])


@workload.job(ITEM_TYPE, "hang")
def hang(ctx: JobContext, payload: dict[str, Any]) -> None:
    ctx.log.info("hanging")
    ctx.wait_cancelled()
