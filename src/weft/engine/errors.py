"""What can be expected to go wrong in the engine; each error carries data, and a face gives it words."""

from __future__ import annotations

from weft.engine.jobs import Job, JobKey, Room


class EngineError(Exception):
    """The root of all expected errors."""


class JobNotFound(EngineError):
    def __init__(self, key: JobKey) -> None:
        super().__init__(f"no job {key.id!r} in {key.scope!r}")
        self.key = key


class JobConflict(EngineError):
    """The id is taken by a job with another request."""

    def __init__(self, known: Job) -> None:
        super().__init__(f"job {known.key.id!r} in {known.key.scope!r} was submitted with another request")
        self.known = known


class JobEnded(EngineError):
    """The job has ended, so it cannot be cancelled."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.key.id!r} in {job.key.scope!r} is {job.state}")
        self.job = job


class JobNotEnded(EngineError):
    """The job has not ended, so it cannot be deleted."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.key.id!r} in {job.key.scope!r} is {job.state}")
        self.job = job


class NoRoom(EngineError):
    """As many jobs of the family live as may: nothing was submitted."""

    def __init__(self, room: Room) -> None:
        super().__init__(f"{room.family!r} has no room for more than {room.most} jobs at once")
        self.room = room


class ScopeClosed(EngineError):
    """The scope takes no more jobs: what it stands for is being deleted."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"{scope!r} takes no more jobs")
        self.scope = scope


class ScopeBusy(EngineError):
    """A job of a closed scope has not stopped in the time given."""

    def __init__(self, scope: str, job: Job) -> None:
        super().__init__(f"job {job.key.id!r} of {scope!r} has not stopped")
        self.scope = scope
        self.job = job


class LeaseLost(EngineError):
    """The job has another owner, or none: what this worker wanted to write was dropped."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.key.id!r} in {job.key.scope!r} is no longer held under epoch {job.epoch}")
        self.job = job


class Overloaded(EngineError):
    """More work waits than may wait; nothing was written. Try again in *retry_after_seconds*."""

    def __init__(self, retry_after_seconds: int = 1) -> None:
        super().__init__(f"overloaded, try again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class StoreUnavailable(EngineError):
    """The store could not write or read (disk full, input/output error).

    Nothing of the call was acknowledged. Nothing of it was kept either, unless a failed fsync left it in the
    log: then it may still come back with the next commit.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the store is unavailable: {reason}")
        self.reason = reason
