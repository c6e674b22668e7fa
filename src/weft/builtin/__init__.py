"""What the server runs by itself, without a workload of yours: notebooks and Python files.

Their code is that of an item's definition, so whoever may change the item decides what runs. What a job needs
is imported when it runs: a server and its waiting processes load nothing of it.
"""

from __future__ import annotations

from typing import Any

from weft.kit.context import JobContext
from weft.kit.workload import Workload

NOTEBOOK = "Notebook"
SCRIPT = "PythonScript"

workload = Workload("Weft.BuiltIn", takes_parameters=True)


@workload.job(NOTEBOOK, "RunNotebook")
@workload.job(NOTEBOOK, "Execute")
async def run_notebook(ctx: JobContext, payload: dict[str, Any]) -> dict[str, str] | None:
    from weft.builtin.notebook_run import run  # noqa: PLC0415 - see above

    return await run(ctx, payload)


@workload.job(SCRIPT, "Execute", own_process=True)
@workload.job(SCRIPT, "DefaultJob", own_process=True)
def run_script(ctx: JobContext, payload: dict[str, Any]) -> Any:
    from weft.builtin.script_run import run  # noqa: PLC0415 - see above

    return run(ctx, payload)
