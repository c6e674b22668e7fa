"""What the published API does not show of a job, under `/weft/v1`: progress, result, error and log lines."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct
from msgspec.structs import asdict
from starlette.responses import Response
from starlette.routing import BaseRoute

from weft.contracts import core as wire
from weft.contracts import workload
from weft.engine.jobs import Job, JobError, LogLine, Progress
from weft.faces.core import access, answers, clock, jobs, mapping, schedules
from weft.faces.core.calls import Call, Operation
from weft.faces.core.face import CoreFace
from weft.faces.core.results import exit_value, result_of, work_key, work_of
from weft.faces.core.routes import ITEM, routes_of

LINES_AT_ONCE = 1000


class ProgressShown(wire.Wire):
    done: float
    total: float
    text: str


class ErrorShown(wire.Wire):
    """The workload contract's ErrorDetails, every member always there."""

    error_code: str
    message: str
    source: str
    is_permanent: bool | None
    message_parameters: list[str]
    more_details: list[workload.ErrorExtendedInformation]


class JobShown(wire.ItemJobInstance):
    """An ItemJobInstance and what else is known; *attempt* counts the calls that may have started it.

    *exit_value*: the member of that name, a string, of the object that the job has returned. *rerun_of*: the
    instance that this one repeats.
    """

    progress: ProgressShown | None
    result: Raw | None
    exit_value: str | None
    error: ErrorShown | None
    attempt: int
    cancel_requested_utc: str | None
    rerun_of: str | None


class LineShown(Struct):
    """*at* is RFC 3339 with `Z`."""

    number: int
    at: str
    level: str
    text: str


class Lines(Struct):
    """*next*: what to ask for as `after` to go on."""

    value: list[LineShown]
    next: int


async def get(call: Call) -> Response:
    job, headers = await jobs.look(call)
    work = await work_of(call, job)
    return answers.with_body(200, _job_shown(job, work, call.id), headers)


async def logs(call: Call) -> Response:
    after = call.number("after", 0, least=0)  # the last line that the caller has
    job = await jobs.find(call)
    lines = await call.core.engine.lines(work_key(call, job), after=after, limit=LINES_AT_ONCE)
    shown_lines = [_line_shown(line) for line in lines]
    page = Lines(shown_lines, next=lines[-1].number if lines else after)
    return answers.with_body(200, page, jobs.pace(call, job))


JOB = f"{ITEM}/jobs/instances/{{jobInstanceId}}"
ADDRESSES = {
    JOB: {"GET": Operation(get, access.READ_ITEMS)},
    f"{JOB}/logs": {"GET": Operation(logs, access.READ_ITEMS)},
    **{f"{ITEM}{address}": of_schedule for address, of_schedule in schedules.ADDITIONS.items()},
    **clock.ADDRESSES,
}


def routes(core: CoreFace) -> list[BaseRoute]:
    """Return the routes below `/weft/v1`."""
    return routes_of(core, ADDRESSES)


def _job_shown(job: Job, work: Job, request_id: str) -> JobShown:
    instance = mapping.job_instance(job, request_id)
    # An error counts only once Core, too, knows how the job ended.
    error = None if job.error is None else work.error or job.error
    result = result_of(job, work)
    return JobShown(
        **asdict(instance),
        progress=None if work.progress is None else _progress_shown(work.progress),
        result=None if result is None else Raw(result),
        exit_value=exit_value(result),
        error=None if error is None else _error_shown(error),
        attempt=job.attempt,
        cancel_requested_utc=None
        if job.cancel_requested_at is None
        else mapping.utc(job.cancel_requested_at),
        rerun_of=job.labels.get("rerun_of"),
    )


def _progress_shown(progress: Progress) -> ProgressShown:
    return ProgressShown(progress.done, progress.total, progress.text)


def _error_shown(error: JobError) -> ErrorShown:
    details = [
        workload.ErrorExtendedInformation(
            detail.code,
            detail.message,
            message_parameters=list(detail.parameters) or UNSET,
            additional_parameters=[workload.NameValuePair(*pair) for pair in detail.extra] or UNSET,
        )
        for detail in error.details
    ]
    return ErrorShown(
        error.code, error.message, error.source, error.is_permanent, list(error.parameters), details
    )


def _line_shown(line: LogLine) -> LineShown:
    return LineShown(line.number, f"{mapping.utc(line.at)}Z", line.level, line.text)
