"""Jobs as they were last written: who asks for one that was written lately needs no reader for it.

One process writes to a file, so nothing changes behind its back. Written by the writer's thread after each
commit and before its callers hear of it; read on any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from weft.engine.jobs import Job, JobKey
from weft.stores.sqlite import jobs, schedules
from weft.stores.sqlite.calls import Answer, Call

MOST_JOBS = 8192
MOST_BYTES = 4 * 1024


class Lately:
    def __init__(self, most: int = MOST_JOBS) -> None:
        self._most = most
        self._jobs: dict[JobKey, Job] = {}

    def get(self, key: JobKey) -> Job | None:
        return self._jobs.get(key)

    def note(self, calls: Sequence[Call], answers: Sequence[Answer]) -> None:
        """Take note of what *calls* have written, now that it is on disk."""
        for call, answer in zip(calls, answers, strict=True):
            take = _TAKES.get(call.work)
            if take is not None and answer.error is None:
                take(self, call.arguments, answer.result)

    def forget(self, key: JobKey) -> None:
        self._jobs.pop(key, None)

    def forget_all(self) -> None:
        self._jobs.clear()

    def keep(self, job: Job) -> None:
        self._jobs.pop(job.key, None)  # what is kept anew is the last to go
        if len(job.payload) + len(job.result or b"") > MOST_BYTES:
            return
        self._jobs[job.key] = job
        if len(self._jobs) > self._most:
            del self._jobs[next(iter(self._jobs))]


def _one(lately: Lately, _: tuple[Any, ...], written: Job | None) -> None:
    if written is not None:
        lately.keep(written)


def _many(lately: Lately, _: tuple[Any, ...], written: Sequence[Job]) -> None:
    for job in written:
        lately.keep(job)


def _extended(lately: Lately, arguments: tuple[Any, ...], extended: Sequence[tuple[JobKey, int]]) -> None:
    until = arguments[-1]
    for key, _ in extended:
        known = lately.get(key)
        if known is not None:
            lately.keep(replace(known, lease_until=until))


def _named(lately: Lately, arguments: tuple[Any, ...], _: Any) -> None:
    lately.forget(arguments[0])


def _any(lately: Lately, _: tuple[Any, ...], changed: int) -> None:
    if changed:
        lately.forget_all()


_TAKES: Mapping[Callable[..., Any], Callable[[Lately, tuple[Any, ...], Any], None]] = {
    jobs.insert: _one,
    schedules.fire: _one,
    jobs.move: _one,
    jobs.claim: _many,
    jobs.adopt: _many,
    jobs.extend: _extended,
    jobs.note_progress: _named,
    jobs.delete: _named,
    jobs.prune: _any,
    jobs.prune_beyond: _any,
    jobs.expire_leases: _any,
}
