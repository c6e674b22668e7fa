"""One process that does jobs, as its supervisor sees it: start, give it a job, stop it, know why it ended."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import signal
import socket
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from weft.catalog.tokens import without_secrets
from weft.engine.jobs import ErrorDetail, Job, JobError
from weft.runners import proctree
from weft.runners.channel import Channel
from weft.runners.children import OURS
from weft.runners.frames import (
    CHANNEL,
    AnyFrame,
    Begin,
    Broken,
    Cancel,
    Ended,
    Lines,
    Ready,
    Told,
    Wanted,
)
from weft.runners.granting import Granting, Sources
from weft.runners.output import Output, line_text
from weft.runners.reporting import Reporter

_REMEMBERED_LINES = 40
_AGAIN_SECONDS = 0.1

log = logging.getLogger(__name__)

# A process id and when it started: no later process is the same.
Identity = tuple[int, int]


def memory_tag() -> int | None:
    """Return the readiness to be killed for memory that job processes get: above that of the server.

    The kernel then ends a job, not the server. Children inherit the number whatever they do to their
    environment and session, so it also tells an orphan of a job from other children. None where the
    server's own is too high to leave room.
    """
    own = int(Path("/proc/self/oom_score_adj").read_text())
    return own + 101 if own < 899 else None


class Turn:
    """One job in a process.

    *ended* is None where the process died; *began* then says whether the function may have been called.
    *timed_out*: it had not ended in the time it has.
    """

    def __init__(self, number: int, reporter: Reporter, granting: Granting) -> None:
        self.number = number
        self.reporter = reporter
        self.granting = granting
        self.began = True
        self.timed_out = False
        self.ended: asyncio.Future[Ended | None] = asyncio.get_running_loop().create_future()


class JobProcess:
    """Constructing it starts the process; raises OSError. `end` it, whatever has become of it.

    A child of the server that it did not start is an orphan of a job whose process died: where it bears
    *tag*, or, where *strangers* are given, in any case but theirs.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        mark: str,
        tag: int | None,
        strangers: frozenset[Identity] | None = None,
        sources: Sources | None = None,
    ) -> None:
        self.booted: asyncio.Future[JobError | None] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()
        self._mark = mark
        self._tag = tag
        self._strangers = strangers
        self._sources = sources or Sources()
        self._unanswered: set[asyncio.Task[None]] = set()
        self._turn: Turn | None = None
        self._turns = 0
        self._spoilt = False
        self._fault = ""
        self._said: deque[str] = deque(maxlen=_REMEMBERED_LINES)
        self._ending: asyncio.Task[None] | None = None
        with contextlib.ExitStack() as opened:
            self._start(command, environment, opened)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_free(self) -> bool:
        """Whether it can take a job."""
        usable = not self._spoilt and self._ending is None and self._turn is None
        return usable and self.booted.done() and not self.gone.is_set() and self._popen.returncode is None

    @property
    def has_worked(self) -> bool:
        """Whether it was given a job."""
        return self._turns > 0

    def begin(self, job: Job, reporter: Reporter) -> Turn:
        """Give it a job. Raises RuntimeError where it is not free."""
        if not self.is_free:
            raise RuntimeError(f"process {self.pid} is not free")
        self._drain_output()
        self._turns += 1
        granting = Granting(self._sources, job, self._channel.send)
        self._turn = Turn(self._turns, reporter, granting)
        self._channel.send(
            Begin(
                turn=self._turns,
                job_id=job.key.id,
                item_type=job.labels.get("item_type", ""),
                job_type=job.kind,
                attempt=job.attempt,
                labels=without_secrets(job.labels),
                payload=job.payload,
            )
        )
        return self._turn

    def cancel(self, turn: Turn) -> None:
        """Tell the function to stop. The process takes no other job after that."""
        self._spoilt = True
        self._channel.send(Cancel(turn.number))

    async def terminate(self) -> None:
        """Ask it, and everything that it started, to end; what cannot be asked now is left to `end`."""
        self._spoilt = True
        try:
            await asyncio.to_thread(self._terminate)
        except OSError as error:
            log.error("job process not asked to end", extra={"pid": self.pid, "reason": str(error)})

    async def end(self) -> None:
        """Return once nothing of it, or of what it started, lives; may be called by many and again."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(), name=f"end of process {self.pid}")
        await asyncio.shield(self._ending)

    def explain(self) -> JobError:
        """Return why the job failed whose process has ended."""
        where = f"The job's process {describe_exit(self._popen.returncode)}"
        if self._fault:
            where = f"The job's process was ended because it broke the channel to the server ({self._fault})"
        details = self._last_words()
        return JobError("ProcessCrashed", f"{where} before the function returned.", "User", None, (), details)

    # ---- start

    def _start(
        self, command: Sequence[str], environment: Mapping[str, str], opened: contextlib.ExitStack
    ) -> None:
        ours, theirs = socket.socketpair()
        opened.callback(theirs.close)
        failed = opened.enter_context(contextlib.ExitStack())
        failed.callback(ours.close)
        self._begun = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        failed.callback(os.close, self._begun)
        out, out_end = _pipe(opened, failed)
        err, err_end = _pipe(opened, failed)
        self._popen = OURS.start(
            lambda: subprocess.Popen(
                command,
                env={proctree.MARK: self._mark, CHANNEL: f"{theirs.fileno()},{self._begun}", **environment},
                stdin=subprocess.DEVNULL,
                stdout=out_end,
                stderr=err_end,
                pass_fds=(theirs.fileno(), self._begun),
                start_new_session=True,
            )
        )
        failed.callback(self._abandon)
        self._identity = proctree.look(self._popen.pid)
        self._pidfd = os.pidfd_open(self._popen.pid)
        failed.callback(os.close, self._pidfd)
        if self._tag is not None:
            with contextlib.suppress(OSError):  # it has ended
                Path(f"/proc/{self._popen.pid}/oom_score_adj").write_text(str(self._tag))
        self._channel = Channel(ours, self._hear, self._break)
        failed.callback(self._channel.close)
        self._outputs = (self._listen(out, "stdout", failed), self._listen(err, "stderr", failed))
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_exit)
        failed.pop_all()

    def _listen(self, pipe: io.FileIO, level: str, failed: contextlib.ExitStack) -> Output:
        output = Output(pipe, self._printed(level))
        failed.callback(output.close)
        return output

    def _abandon(self) -> None:
        """End it at once: it was started, but cannot be watched."""
        self._popen.kill()
        self._popen.wait()
        OURS.forget(self._popen.pid)

    # ---- what it says

    def _hear(self, frame: AnyFrame) -> None:
        if isinstance(frame, Ready):
            self._settle_boot(None)
        elif isinstance(frame, Broken):
            self._settle_boot(frame.error)
        elif self._turn is not None and getattr(frame, "turn", None) == self._turn.number:
            self._hear_of(self._turn, frame)

    def _hear_of(self, turn: Turn, frame: AnyFrame) -> None:
        if isinstance(frame, Lines):
            turn.reporter.lines((_instant(at), level, text) for at, level, text in frame.lines)
            turn.reporter.dropped(frame.dropped)
        elif isinstance(frame, Told):
            turn.reporter.progress(frame.progress)
        elif isinstance(frame, Wanted):
            turn.granting.hear(frame)
        elif isinstance(frame, Ended):
            self._spoilt = self._spoilt or frame.dirty
            self._end_turn(frame)

    def _end_turn(self, ended: Ended | None) -> None:
        self._drain_output()
        turn, self._turn = self._turn, None
        if turn is None:
            return
        for question in turn.granting.end():
            self._unanswered.add(question)
            question.add_done_callback(self._unanswered.discard)
        if not turn.ended.done():
            turn.ended.set_result(ended)

    def _printed(self, level: str) -> Callable[[Sequence[bytes]], None]:
        def tell(lines: Sequence[bytes]) -> None:
            self._said.extend(line_text(line) for line in lines[-_REMEMBERED_LINES:])
            if self._turn is None:
                return
            reporter = self._turn.reporter
            kept = lines[: reporter.room]
            now = datetime.now(UTC)
            reporter.lines([(now, level, line_text(line)) for line in kept])
            reporter.dropped(len(lines) - len(kept))

        return tell

    def _drain_output(self) -> None:
        for output in self._outputs:
            output.drain()

    def _break(self, reason: str) -> None:
        self._fault = reason
        self._spoilt = True
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    # ---- its end

    def _on_exit(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self._channel.drain()
        self._drain_output()
        self._popen.wait()
        OURS.forget(self._popen.pid)
        self._settle_boot(self._boot_failure())
        if self._turn is not None:
            self._turn.began = self._count_begun() == self._turns
        self._end_turn(None)
        self.gone.set()

    def _count_begun(self) -> int:
        try:
            return os.eventfd_read(self._begun)
        except BlockingIOError:
            return 0

    def _settle_boot(self, error: JobError | None) -> None:
        if not self.booted.done():
            self.booted.set_result(error)

    def _boot_failure(self) -> JobError:
        how = describe_exit(self._popen.returncode)
        why = f"The process for jobs {how} while it was loading the workloads."
        return JobError("WorkloadNotLoaded", why, "User", False, (), self._last_words())

    def _last_words(self) -> tuple[ErrorDetail, ...]:
        said = "\n".join(self._said)
        return (ErrorDetail("LastOutput", said[-4000:]),) if said else ()

    async def _end(self) -> None:
        await self._end_tree_for_certain()
        await self.gone.wait()
        if self._unanswered:
            await asyncio.wait(self._unanswered)
        os.close(self._pidfd)
        os.close(self._begun)
        self._channel.close()
        for output in self._outputs:
            output.close()

    async def _end_tree_for_certain(self) -> None:
        """Do it again where something, e.g. a lack of files, keeps us from it: nothing may be said before."""
        while True:
            try:
                await asyncio.to_thread(self._end_tree)
            except Exception:
                log.exception("job process not ended yet; trying again", extra={"pid": self.pid})
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return

    def _end_tree(self) -> None:
        ended = proctree.end(self._find, spare=OURS.pids - {self.pid})
        proctree.reap(ended - OURS.pids)
        proctree.reap(self._orphans(proctree.processes()))

    def _terminate(self) -> None:
        for process in proctree.living(self._find, proctree.processes(), spare=OURS.pids - {self.pid}):
            proctree.send(process, signal.SIGTERM)

    def _find(self, table: proctree.Table) -> set[int]:
        """Return what belongs to this process: by its mark, by descent, or as an orphan with the tag."""
        roots = proctree.marked(f"{self._mark}", table) | self._orphans(table)
        me = table.get(self.pid)
        if me is not None and self._identity is not None and me.started == self._identity.started:
            roots.add(self.pid)
        return proctree.below(roots, table)

    def _orphans(self, table: proctree.Table) -> set[int]:
        us, ours = os.getpid(), OURS.pids
        adopted = {pid: seen for pid, seen in table.items() if seen.parent == us and pid not in ours}
        if self._strangers is not None:
            return {pid for pid, seen in adopted.items() if (pid, seen.started) not in self._strangers}
        return set() if self._tag is None else proctree.tagged(self._tag, adopted)


def describe_exit(code: int) -> str:
    """Return how a process ended, in words; *code* as in `Popen.returncode`."""
    if code >= 0:
        return f"exited with code {code}"
    if code == -signal.SIGKILL:
        return "was killed by signal 9 (SIGKILL; out of memory?)"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "a real-time signal"
    return f"was killed by signal {-code} ({name})"


def _pipe(opened: contextlib.ExitStack, failed: contextlib.ExitStack) -> tuple[io.FileIO, int]:
    """Return a pipe whose second end is closed with *opened*, and its first with *failed*."""
    ours, theirs = os.pipe()
    opened.callback(os.close, theirs)
    reader = io.FileIO(ours)
    failed.callback(reader.close)
    return reader, theirs


def _instant(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.now(UTC)
