"""What a job is: frozen data that travels between faces, engine, store and runners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from weft.engine.lifecycle import State

NO_LABELS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class JobKey:
    """A job's whole name. *scope* says where the id is unique, e.g. one item of one workspace."""

    scope: str
    id: str


class WhenLost(StrEnum):
    """What happens to a running job whose worker is gone."""

    FAIL = "fail"
    RESTART = "restart"
    ADOPT = "adopt"  # the work goes on elsewhere, only its watcher is gone


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    code: str
    message: str
    parameters: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed, fit to be told to the person who ran it."""

    code: str
    message: str
    source: str = "System"
    is_permanent: bool | None = None
    parameters: tuple[str, ...] = ()
    details: tuple[ErrorDetail, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. *done* and *total* in the job's own units; total 0: not known."""

    done: float
    total: float
    text: str


@dataclass(frozen=True, slots=True)
class LogLine:
    number: int
    at: datetime
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Room:
    """*family*: all scopes below it may have *most* jobs together that have not ended."""

    family: str
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPolicy:
    """How the jobs of one type are run.

    *timeout*: how long one attempt may take. *retries*: how often a failed job starts again, unless its error
    is permanent; the waits double from *backoff_first* to *backoff_most*. *resumable*: a job whose process or
    server is lost starts again in place of failing. *concurrency*: how many run at once; None: no limit of
    its own.
    """

    timeout: timedelta | None = None
    retries: int = 0
    backoff_first: timedelta = timedelta(seconds=1)
    backoff_most: timedelta = timedelta(minutes=1)
    resumable: bool = False
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What is known of a job before the engine has it.

    *kind* is the job type, *payload* JSON as received, *labels* what the face and the runner need to know,
    *fingerprint* a digest of the request: the same id with another fingerprint is a conflict. *unique*: where
    a job of the same *unique* lives, this one is a duplicate; "": it never is. *family*: the scope right
    above the job's own, where a search of that one finds the job; "": no search does.
    """

    key: JobKey
    queue: str
    kind: str
    payload: bytes = b""
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS)
    fingerprint: bytes = b""
    submitted_by: str = ""
    when_lost: WhenLost = WhenLost.FAIL
    unique: str = ""
    family: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the store has it. *number* orders jobs by their submit; instants are aware and UTC.

    *epoch* counts its owners: a write of an owner names it, and so a former owner writes nothing.
    *send_deadline* is when the last call that may start the work elsewhere has surely arrived or died.
    *attempt* counts its starts, *losses* those whose process or server was lost.
    """

    key: JobKey
    queue: str
    kind: str
    payload: bytes
    labels: Mapping[str, str]
    fingerprint: bytes
    submitted_by: str
    when_lost: WhenLost
    state: State
    submitted_at: datetime
    available_at: datetime
    number: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    cancel_requested_by: str | None = None
    attempt: int = 0
    epoch: int = 0
    worker: str | None = None
    lease_until: datetime | None = None
    send_deadline: datetime | None = None
    result: bytes | None = None
    error: JobError | None = None
    progress: Progress | None = None
    unique: str = ""
    family: str = ""
    losses: int = 0

    @property
    def is_final(self) -> bool:
        return self.state.is_final

    @property
    def cancel_requested(self) -> bool:
        return self.cancel_requested_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a move writes beside the state; None leaves a column as it is.

    Instants of start, end and cancel are set once: a later value never replaces an earlier one.
    """

    started_at: datetime | None = None
    ended_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    cancel_requested_by: str | None = None
    available_at: datetime | None = None
    send_deadline: datetime | None = None
    adds_attempt: bool = False
    adds_loss: bool = False
    releases_lease: bool = False
    result: bytes | None = None
    error: JobError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One compare-and-swap: *key* goes from *source* to *target* if all that is named here still holds.

    *epoch* is given by an owner; *cancel_requested*, where given, is what the writer believes of the intent.
    """

    key: JobKey
    source: State
    target: State
    epoch: int | None = None
    cancel_requested: bool | None = None
    changes: Changes = field(default_factory=Changes)


@dataclass(frozen=True, slots=True)
class Completed:
    """A runner's word that the work has ended well; *result* is JSON, or None."""

    result: bytes | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    error: JobError
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """A runner's word that the work was cancelled and nothing of it runs any more."""

    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """A runner's word that this attempt failed with *error*, and that another may start *after* a while.

    *lost*: it did not fail by itself, its process was lost.
    """

    error: JobError
    after: timedelta
    lost: bool = False


Outcome = Completed | Failed | Stopped | Again
