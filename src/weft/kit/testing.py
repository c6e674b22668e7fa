"""For the tests of a workload: runs a job or a hook in the test's own process, without a server.

A fixture that is a whole control plane is in `weft.kit.pytest_plugin`.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from types import FrameType
from typing import Any
from uuid import uuid4

import msgspec

from weft.engine.jobs import JobError, Progress
from weft.kit.context import LOG, JobContext, Questions
from weft.kit.errors import WorkloadInvalid
from weft.kit.interruption import SIGNAL, Interruption
from weft.kit.items import Item, encode_definition
from weft.kit.outcomes import BadResult, describe_failure, encode_result
from weft.kit.workload import ItemHook, JobFunction, Workload

HEARD_SECONDS = 10.0
_LOOK_SECONDS = 0.001


class End(StrEnum):
    """How a job ended, in the contract's words."""

    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


@dataclass(slots=True)
class JobRun:
    """A job, or a hook, that has ended. *lines* are what it logged, as level and text."""

    end: End
    result: Any = None
    error: JobError | None = None
    progress: list[Progress] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)


def run_job(  # noqa: PLR0913 - each says one thing of the run
    workload: Workload,
    item_type: str,
    job_type: str,
    payload: Any = None,
    *,
    cancel_after: float | None = None,
    cancel_at_progress: int | None = None,
    attempt: int = 1,
    ids: Mapping[str, str] | None = None,
    questions: Questions | None = None,
    definition: Mapping[str, bytes | str] | None = None,
) -> JobRun:
    """Run the function of a job as a server would, and return how it ended.

    *payload* is a JSON value; it is read as the function's annotation says, and PayloadInvalid is raised
    where a server would refuse the run. The job is cancelled *cancel_after* so many seconds, 0 before it
    begins, or when it has told its progress for the *cancel_at_progress*-th time. *ids* are those of the
    context: `workspace`, `item`, `tenant`, `user`. *questions* answers for tokens and permissions.
    *definition* is the item's, the content of each part by its path; {}: it has none; None: nobody knows it.

    To be called in the main thread, where no event loop runs: a cancel interrupts plain functions by a
    signal, as in a job's own process, and async functions get a loop of their own. What the function does
    to its process, the test finds. Raises WorkloadInvalid where the workload has no such job.
    """
    name = workload.find(item_type, job_type)
    if name is None:
        raise WorkloadInvalid(f"{workload.name} has no job type {job_type!r} of item type {item_type!r}")
    raw = b"" if payload is None else msgspec.json.encode(payload)
    given = workload.payload_reader(*name).read(raw)
    watch = _Watch(cancel_after, cancel_at_progress)
    context = _context(name[0], name[1], attempt, ids, questions, watch, definition)
    return _run(workload.jobs[name], context, given, watch)


def run_hook(
    workload: Workload,
    item_type: str,
    hook: ItemHook | str,
    item: Item | None = None,
    *,
    ids: Mapping[str, str] | None = None,
    questions: Questions | None = None,
) -> JobRun:
    """Call a hook, such as "create", as run_job runs a job; its *result* is the payload it gives the item."""
    wanted = ItemHook(hook if hook.startswith("@") else f"@{hook}")
    function = workload.hooks.get((item_type, wanted))
    if function is None:
        raise WorkloadInvalid(f"{workload.name} has no hook {hook!r} of item type {item_type!r}")
    watch = _Watch(None, None)
    context = _context(item_type, wanted, 1, ids, questions, watch)
    return _run(function, context, item or Item(), watch)


def _context(
    item_type: str,
    job_type: str,
    attempt: int,
    ids: Mapping[str, str] | None,
    questions: Questions | None,
    watch: _Watch,
    definition: Mapping[str, bytes | str] | None = None,
) -> JobContext:
    made = {name: str(uuid4()) for name in ("workspace", "item", "tenant", "user")}
    return JobContext(
        job_id=str(uuid4()),
        job_type=job_type,
        attempt=attempt,
        labels={**made, "invoke_type": "Manual", **(ids or {}), "item_type": item_type},
        supervision=watch,
        questions=questions,
        definitions=None if definition is None else _Defined(definition),
    )


class _Defined:
    """Gives the definition that a test wrote, the way a server does."""

    def __init__(self, parts: Mapping[str, bytes | str]) -> None:
        self._given = encode_definition(
            {
                path: content.encode() if isinstance(content, str) else content
                for path, content in parts.items()
            }
        )

    async def definition(self) -> bytes:
        return self._given

    def get_definition(self) -> bytes:
        return self._given


class _Watch:
    """Stands behind the context: hears what the job tells, and cancels it when it is time."""

    def __init__(self, cancel_after: float | None, cancel_at_progress: int | None) -> None:
        self.told: list[Progress] = []
        self._after = cancel_after
        self._at_progress = cancel_at_progress
        self._flag = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.interruption = Interruption(self._flag)

    # ---- what the context asks

    @property
    def cancelled(self) -> bool:
        return self.interruption.cancelled

    def wait_cancelled(self, seconds: float | None) -> bool:
        return self.interruption.wait_cancelled(seconds)

    def uninterrupted(self) -> AbstractContextManager[None]:
        return self.interruption.uninterrupted()

    def progress(self, done: float, total: float, text: str) -> None:
        self.told.append(Progress(done, total, text))
        if len(self.told) == self._at_progress:
            self._cancel_here()

    # ---- what the run asks

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Cancel in time; afterwards nothing of it is left."""
        timer = None if not self._after else threading.Timer(self._after, self.interruption.cancel)
        if self._after == 0:
            self.interruption.cancel()
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()
                timer.join()
            os.close(self._flag)

    def _cancel_here(self) -> None:
        """Cancel, and let a plain function hear of it before it goes on: a test is the same each time."""
        self.interruption.cancel()
        if _runs_loop() or threading.current_thread() is not threading.main_thread():
            return
        until = time.monotonic() + HEARD_SECONDS
        while not self.interruption.told and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)


def _run(function: JobFunction, context: JobContext, given: object, watch: _Watch) -> JobRun:
    _check_place()
    with _listening(watch.interruption), _logged() as lines, watch.clock():
        run = _ended(function, context, given, watch.interruption)
    run.progress, run.lines = watch.told, lines.taken
    return run


def _ended(function: JobFunction, context: JobContext, given: object, interruption: Interruption) -> JobRun:
    try:
        value = contextvars.copy_context().run(interruption.call, function, context, given)
        encoded = encode_result(value)
    except BadResult as bad:
        return JobRun(End.FAILED, error=bad.error)
    except KeyboardInterrupt:
        raise  # of the person who runs the tests
    except BaseException as error:
        failed = JobRun(End.FAILED, error=describe_failure(error))
        return JobRun(End.CANCELLED) if interruption.cancelled else failed
    if interruption.cancelled:
        return JobRun(End.CANCELLED)  # whatever a job does after its cancel, a server has it as cancelled
    return JobRun(End.COMPLETED, result=None if encoded is None else msgspec.json.decode(encoded))


def _check_place() -> None:
    if threading.current_thread() is not threading.main_thread() or _runs_loop():
        raise RuntimeError("call it in the main thread, and from a test that is no coroutine")


def _runs_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@contextmanager
def _listening(interruption: Interruption) -> Iterator[None]:
    """Set the signals as a job finds them, and give SIGTERM back afterwards."""
    terminate = signal.getsignal(signal.SIGTERM)
    interruption.listen()
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if terminate is None else terminate)
        signal.signal(SIGNAL, _hear_nothing)  # one may still be on its way, and would end this process


def _hear_nothing(signum: int, frame: FrameType | None) -> None:
    return


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.taken.append((record.levelname.lower(), self.format(record)))


@contextmanager
def _logged() -> Iterator[_Lines]:
    """Take what is logged, as a job's process does: from INFO on, of the job's own log everything."""
    lines = _Lines()
    root = logging.getLogger()
    levels = root.level, LOG.level
    root.setLevel(logging.INFO)
    LOG.setLevel(logging.DEBUG)
    root.addHandler(lines)
    try:
        yield lines
    finally:
        root.removeHandler(lines)
        root.setLevel(levels[0])
        LOG.setLevel(levels[1])
