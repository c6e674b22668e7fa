"""Jobs of item types that every client knows; what they do is a parameter of the run."""

from __future__ import annotations

import time
from typing import Any

from weft import JobContext, JobFailed, Workload

workload = Workload("Contoso.Clients")


@workload.job("Notebook", "RunNotebook")
@workload.job("Notebook", "Execute")
@workload.job("DataPipeline", "Pipeline")
@workload.job("DataPipeline", "Execute")
@workload.job("SparkJobDefinition", "sparkjob")
@workload.job("Lakehouse", "TableMaintenance")
def work(ctx: JobContext, payload: Any) -> dict[str, Any]:
    """Return what the client has sent, unless the parameter `how` says `fails` or `endless`."""
    how = _parameter(payload, "how")
    if how == "fails":
        raise JobFailed("OutOfInk", "there is no ink left")
    while how == "endless":
        ctx.progress(1, 0, "writing")
        time.sleep(0.02)
    return {"sent": payload}


def _parameter(payload: Any, name: str) -> Any:
    """Return a parameter as a notebook gets it, {"type", "value"}, or as a pipeline does, bare."""
    value = payload.get("parameters", {}).get(name) if isinstance(payload, dict) else None
    return value["value"] if isinstance(value, dict) else value
