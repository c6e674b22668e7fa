"""What the client returns beside the contract's own structs: weft's additions to Core."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from weft.contracts.core import ErrorResponse, Status
from weft.contracts.workload import ErrorExtendedInformation

FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.DEDUPED})


class Answer(Struct, frozen=True, rename="camel"):
    """A member this version does not know is ignored: a newer server may send it."""


class Accepted(Answer, frozen=True):
    """A job that the server has taken on. *retry_after_seconds*: when to look at it first."""

    id: str
    location: str
    retry_after_seconds: float


class Progress(Answer, frozen=True):
    """*done* and *total* in the job's own units; total 0: not known."""

    done: float
    total: float
    text: str = ""


class JobFault(Answer, frozen=True):
    """Why a job failed, as its workload said it: the Workload contract's ErrorDetails."""

    error_code: str
    message: str
    source: str
    is_permanent: bool | None = None
    message_parameters: list[str] = []
    more_details: list[ErrorExtendedInformation] = []


class JobInstance(Answer, frozen=True, kw_only=True):
    """What every answer says of a job instance. Times are UTC, without `Z`."""

    id: str
    item_id: str
    job_type: str
    invoke_type: str
    status: Status
    failure_reason: ErrorResponse | None = None
    root_activity_id: str
    start_time_utc: str | None = None
    end_time_utc: str | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in FINAL


class JobDetails(JobInstance, frozen=True, kw_only=True):
    """A job instance with what Core's own answer has no place for."""

    cancel_requested_utc: str | None = None
    attempt: int = 0
    progress: Progress | None = None
    result: Any = None
    exit_value: str | None = None
    error: JobFault | None = None
    rerun_of: str | None = None


class LogLine(Answer, frozen=True):
    number: int
    at: str
    level: str
    text: str


class JobLog(Answer, frozen=True):
    """A page of a job's log lines; *next* is what to ask for lines *after*."""

    value: list[LogLine]
    next: int
