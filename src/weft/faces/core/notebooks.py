"""Jobs under the name of their item's type, where the contract has more to say than under `/items`.

Source: fabric-rest-api-specs, notebook/swagger.json and dataPipeline/swagger.json. A run of a notebook shows
its exit value at its own address only; `beta=true` names the same form of it, as the service has it.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import asdict
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import Response

from weft.contracts import core as wire
from weft.faces.core import access, answers, jobs, mapping, typed
from weft.faces.core.calls import Call, Operation
from weft.faces.core.results import exit_value, result_of, work_of

COMPUTE: Final = "Jupyter"


class NotebooksConvertor(StringConvertor):
    regex = "notebooks"


class ExecuteConvertor(StringConvertor):
    regex = "execute"


register_url_convertor("notebooks", NotebooksConvertor())
register_url_convertor("execute", ExecuteConvertor())


async def get(call: Call) -> Response:
    job, headers = await jobs.look(call)
    instance = mapping.job_instance(job, call.id)
    value = exit_value(result_of(job, await work_of(call, job)))
    details = wire.NotebookComputeDetails(instance.root_activity_id)
    shown = wire.NotebookJobInstance(
        **asdict(instance),
        properties=wire.NotebookJobProperties(value, COMPUTE, details),
    )
    return answers.with_body(200, shown, headers)


NOTEBOOK_RUNS = "/{collection:notebooks}/{itemId}/jobs/{jobType:execute}/instances"
ADDRESSES: dict[str, dict[str, Operation]] = {
    NOTEBOOK_RUNS: {"POST": Operation(jobs.run, access.RUN_JOBS, has_preview=True, starts_job=True)},
    f"{NOTEBOOK_RUNS}/{{jobInstanceId}}": {"GET": Operation(get, access.READ_ITEMS, has_preview=True)},
    f"{typed.TYPED}/jobs/{{jobType}}/instances/{{jobInstanceId}}": {
        "GET": Operation(jobs.get, access.READ_ITEMS)
    },
}
