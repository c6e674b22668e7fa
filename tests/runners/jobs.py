"""A workload whose jobs do all that a job may do to a server."""

import time
from typing import Any

from weft import JobContext, Workload

workload = Workload("Tests.Jobs")
TYPE = "Tests.Item"


@workload.job(TYPE, "echo")
def echo(ctx: JobContext, payload: dict[str, Any]) -> dict[str, Any]:
    return payload


@workload.job(TYPE, "sleep")
def sleep(ctx: JobContext, payload: dict[str, Any]) -> None:
    ctx.progress(1, 2, "asleep")
    time.sleep(60)
