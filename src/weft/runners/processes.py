"""Runs Python functions as jobs, each in a process of its own, out of a warm pool; and really stops them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from weft.engine.jobs import Again, Completed, Failed, Job, JobError, Outcome, RunPolicy, Stopped
from weft.engine.ports import Run
from weft.runners import attempts, proctree
from weft.runners.frames import Ended
from weft.runners.granting import Sources
from weft.runners.job_process import Identity, JobProcess, Turn, memory_tag
from weft.runners.keeper import Keeper
from weft.runners.reporting import Reporter, say
from weft.runners.waiting import surely
from weft.settings import RunnerSettings

BOOT_SECONDS = 120.0
BACKOFF_FIRST_SECONDS = 0.5
BACKOFF_MOST_SECONDS = 30.0

# What a job's process may know of the server's environment. Everything else, secrets first, stays out.
# fmt: off
ALLOWED = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TZDIR", "TMPDIR",
        "TEMP", "TMP", "PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE",
        "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES",
    }
)
# fmt: on

ONCE = RunPolicy()

log = logging.getLogger(__name__)


class Attempt(NamedTuple):
    """How one call of a function ended; *lost*: its process died by itself."""

    outcome: Outcome
    lost: bool = False


class ProcessRunner:
    """A pool of processes started by *command*; *marker* names the store whose jobs they do.

    `start` it before `run`, and `close` it at the end. Not more than one runner may use a marker at a time.
    Where it *owns_all_children*, whatever becomes a child of this process after `start` is taken for what a
    job left behind, and ended: nothing else here may then start processes. A job can hide what it starts
    from any other look. *sources*: where jobs get their tokens from. *policy*: how long a job may take and
    when it starts again; without it, each is done once for as long as it takes.
    """

    def __init__(
        self,
        settings: RunnerSettings,
        *,
        command: Sequence[str],
        environment: Mapping[str, str],
        marker: str,
        owns_all_children: bool = False,
        sources: Sources | None = None,
        policy: Callable[[Job], RunPolicy] | None = None,
    ) -> None:
        self._settings = settings
        self._policy = policy or (lambda job: ONCE)
        self._sources = sources
        self._command = tuple(command)
        self._environment = job_environment(environment)
        self._store_mark = f"{marker}/"
        self._mark = f"{marker}/{uuid4().hex}/"
        self._idle: list[JobProcess] = []
        self._waiting: deque[asyncio.Future[JobProcess | JobError]] = deque()
        self._hopeful = 0
        self._boot_error: JobError | None = None
        self._keeper: Keeper | None = None
        self._tag = memory_tag()
        self._owns_all_children = owns_all_children
        self._strangers: frozenset[Identity] | None = None
        self._tenders: list[asyncio.Task[None]] = []

    def new_mark(self) -> str:
        """Return a mark for a process that another part of the server starts for these jobs' store.

        It is then swept like theirs: by the keeper when the server is killed, or by the next server.
        """
        return f"{self._mark}{uuid4().hex}"

    async def start(self) -> None:
        """End what a server before us left running; return when it is gone, while the pool begins to fill."""
        proctree.become_subreaper()
        await asyncio.to_thread(_sweep, self._store_mark)
        if self._owns_all_children:
            self._strangers = await asyncio.to_thread(_children)
        self._keeper = Keeper(self._mark, self._environment)
        self._hopeful = self._settings.processes
        self._tenders = [
            asyncio.create_task(self._tend(), name=f"job process {number}")
            for number in range(self._settings.processes)
        ]

    async def close(self) -> None:
        """End all processes, and return when they are gone. Jobs that still run then fail."""
        for tender in self._tenders:
            tender.cancel()
        if self._tenders:
            await asyncio.wait(self._tenders)
        self._tenders.clear()
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await keeper.close()

    async def run(self, run: Run) -> Outcome:
        """Do the job. Whatever the outcome, nothing of it runs any more when this returns or raises."""
        policy = self._policy(run.job)
        outcome, lost = await self._attempt(run, policy.timeout)
        if not isinstance(outcome, Failed):
            return outcome
        judged = attempts.judged(run.job, outcome, policy, lost=lost)
        if isinstance(judged, Again):
            await say(run, "warning", attempts.told(run.job, judged))
        return judged

    # ---- one job

    async def _attempt(self, run: Run, timeout: timedelta | None) -> Attempt:
        attempt: Attempt | None = None
        while attempt is None:
            process = await self._take(run)
            if isinstance(process, JobError):
                return Attempt(Failed(process))
            if process is None:
                return Attempt(Stopped())
            try:
                attempt = await self._do(run, process, timeout)
            finally:
                self._offer(process)
        return attempt

    async def _do(self, run: Run, process: JobProcess, timeout: timedelta | None) -> Attempt | None:
        """Return how the job ended, None where its process died before it began."""
        if run.cancel_requested.is_set():
            return Attempt(Stopped())
        if not process.is_free:  # it died between the hand that gave it and this one
            return None
        reporter = Reporter(run)
        turn = process.begin(run.job, reporter)
        try:
            ended = await self._see_to_end(run, process, turn, timeout)
            if not process.is_free:
                await surely(process.end())
            await reporter.finish()
        except BaseException:
            await surely(process.end())
            await reporter.abandon()
            raise
        cancelled = run.cancel_requested.is_set()
        if turn.timed_out and timeout is not None and not cancelled:
            return Attempt(Failed(attempts.timed_out(timeout)))
        if ended is None and not turn.began:
            return None
        return _attempt(ended, process, cancelled=cancelled)

    async def _see_to_end(
        self, run: Run, process: JobProcess, turn: Turn, timeout: timedelta | None
    ) -> Ended | None:
        """Return how the function ended, None where it was stopped or its process died.

        Raises what telling of it raised, e.g. LeaseLost.
        """
        cancelled = asyncio.create_task(run.cancel_requested.wait(), name="cancel of a job")
        lost = turn.reporter.lost
        news: set[asyncio.Future[Any]] = {turn.ended, cancelled, lost}
        try:
            seconds = None if timeout is None else timeout.total_seconds()
            done, _ = await asyncio.wait(news, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            turn.timed_out = not done
            if turn.ended.done():
                return turn.ended.result()
            if lost.done():
                lost.result()
        finally:
            cancelled.cancel()
        return await self._cancel(process, turn)

    async def _cancel(self, process: JobProcess, turn: Turn) -> Ended | None:
        """Tell the function, then ask its process, and give it what is left of the grace."""
        gentle = self._settings.sigterm_after.total_seconds()
        grace = self._settings.cancel_grace.total_seconds()
        process.cancel(turn)
        await asyncio.wait({turn.ended}, timeout=min(gentle, grace))
        if not turn.ended.done() and grace > gentle:
            await process.terminate()
            await asyncio.wait({turn.ended}, timeout=grace - gentle)
        return turn.ended.result() if turn.ended.done() else None

    # ---- the pool

    async def _take(self, run: Run) -> JobProcess | JobError | None:
        """Return a free process, or why there is none, or None where the job is cancelled before."""
        while self._idle:
            process = self._idle.pop()
            if process.is_free:
                return process
        if self._is_hopeless:
            return self._boot_error
        waiter: asyncio.Future[JobProcess | JobError] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        cancelled = asyncio.create_task(run.cancel_requested.wait(), name="cancel of a waiting job")
        news: set[asyncio.Future[Any]] = {waiter, cancelled}
        try:
            await asyncio.wait(news, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._take_back(waiter)
            raise
        finally:
            cancelled.cancel()
        if waiter.done():
            return waiter.result()
        self._take_back(waiter)
        return None

    def _take_back(self, waiter: asyncio.Future[JobProcess | JobError]) -> None:
        if not waiter.done():
            waiter.cancel()
        elif isinstance(given := waiter.result(), JobProcess):
            self._offer(given)

    def _offer(self, process: JobProcess) -> None:
        """Give a free process to whoever waits longest; one that is not free is left to its tender."""
        while process.is_free and self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(process)
                return
        if process.is_free:
            self._idle.append(process)

    @property
    def _is_hopeless(self) -> bool:
        """Whether no process works and the last ones could not be started."""
        return self._boot_error is not None and not self._hopeful

    def _despair(self) -> None:
        """Let no job wait for processes that cannot be started."""
        while self._is_hopeless and self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done() and self._boot_error is not None:
                waiter.set_result(self._boot_error)

    async def _tend(self) -> None:
        """Keep one process alive: start it, and when it has ended, start the next."""
        failures = 0
        while True:
            if await self._live_in_any_case():
                failures = 0
                continue
            self._hopeful -= 1
            self._despair()
            await asyncio.sleep(min(BACKOFF_FIRST_SECONDS * 2**failures, BACKOFF_MOST_SECONDS))
            failures += 1
            self._hopeful += 1

    async def _live_in_any_case(self) -> bool:
        """Do `_live`, and return False where it raises: its tender has the next process to think of."""
        try:
            return await self._live()
        except Exception:
            log.exception("a job process was not seen through its life; another is started")
            return False

    async def _live(self) -> bool:
        """See one process from its start to its end; return whether it was good for any job."""
        try:
            process = JobProcess(
                self._command,
                self._environment,
                mark=self.new_mark(),
                tag=self._tag,
                strangers=self._strangers,
                sources=self._sources,
            )
        except OSError as error:
            self._boot_failed(
                JobError("WorkloadNotLoaded", f"No process can be started: {error}", "System", False)
            )
            return False
        try:
            return await self._live_as(process)
        finally:
            with suppress(ValueError):  # it was not idle
                self._idle.remove(process)
            await surely(process.end())

    async def _live_as(self, process: JobProcess) -> bool:
        error = await _boot(process)
        if error is not None:
            self._boot_failed(error)
            return False
        self._boot_error = None
        self._offer(process)
        await process.gone.wait()
        return process.has_worked

    def _boot_failed(self, error: JobError) -> None:
        log.error("job process not ready", extra={"reason": error.message})
        self._boot_error = error


def job_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what of *environment* a job's process may have: the names of ALLOWED, and `LC_*`."""
    return {name: value for name, value in environment.items() if name in ALLOWED or name.startswith("LC_")}


async def _boot(process: JobProcess) -> JobError | None:
    try:
        async with asyncio.timeout(BOOT_SECONDS):
            return await asyncio.shield(process.booted)
    except TimeoutError:
        why = f"The process for jobs was not ready after {BOOT_SECONDS:.0f} s of loading the workloads."
        return JobError("WorkloadNotLoaded", why, "User", False)


def _attempt(ended: Ended | None, process: JobProcess, *, cancelled: bool) -> Attempt:
    if ended is not None and ended.error is None and not ended.cancelled:
        return Attempt(Completed(result=ended.result))
    if cancelled:
        return Attempt(Stopped())
    if ended is None or ended.error is None:
        return Attempt(Failed(process.explain()), lost=True)
    return Attempt(Failed(ended.error))


def _sweep(prefix: str) -> None:
    proctree.end(lambda table: proctree.below(proctree.marked(prefix, table), table))


def _children() -> frozenset[Identity]:
    us = os.getpid()
    table = proctree.processes()
    return frozenset((seen.pid, seen.started) for seen in table.values() if seen.parent == us)
