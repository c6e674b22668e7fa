"""The process in which jobs run, one at a time: `python -m weft.kit.process MODULE:ATTR...`.

The server starts it (`runners/processes.py`) and speaks with it over a socket that it inherits.
"""

from __future__ import annotations

import _thread
import asyncio
import contextvars
import faulthandler
import logging
import os
import queue
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from weft.engine.jobs import JobError, Progress
from weft.kit.asking import Asker, Asking
from weft.kit.context import LOG, JobContext
from weft.kit.errors import JobCancelled, JobFailed, PayloadInvalid, WorkloadNotLoaded
from weft.kit.interruption import Interruption
from weft.kit.items import ItemReader
from weft.kit.outcomes import BadResult, clip, describe_failure, encode_result, plain_text
from weft.kit.payloads import Reader
from weft.kit.telling import Teller
from weft.kit.workload import JobFunction, JobName, load_workload
from weft.runners import proctree
from weft.runners.frames import (
    CHANNEL,
    AnyFrame,
    Begin,
    Broken,
    Cancel,
    Ended,
    Given,
    Ready,
    Unpacker,
    pack,
)

NICENESS = 19  # jobs get what the server and its callers leave
NOT_LOADED_EXIT = 78
BROKEN_RULE_EXIT = 70
LOST_CHANNEL_EXIT = 74
_FIRST_RUN_SECONDS = 0.05
_ALL_CHILDREN = 0x40000000  # __WALL: also children that do not tell of their end by SIGCHLD


class Link:
    """The child's end of the channel."""

    def __init__(self, descriptors: str) -> None:
        fd, self._begun = map(int, descriptors.split(","))
        self._socket = socket.socket(fileno=fd)
        self._socket.set_inheritable(False)
        os.set_inheritable(self._begun, False)
        self._sending = threading.Lock()
        # What the job forks must not keep the channel, nor speak in it.
        os.register_at_fork(after_in_child=self._socket.close)

    def send(self, frame: AnyFrame) -> None:
        """Send *frame*, or end this process: nobody would ever hear how its job ended.

        It cannot be sent where the server is gone, and where the job has closed the channel.
        """
        data = pack(frame)
        try:
            with self._sending:
                self._socket.sendall(data)
        except OSError as error:
            _end_mute(error)

    def note_begun(self) -> None:
        """Note that a function is called now, so that its job is never begun again elsewhere."""
        os.eventfd_write(self._begun, 1)

    def receive(self) -> bytes:
        """Return some bytes, none at the end."""
        try:
            return self._socket.recv(256 * 1024)
        except OSError:
            return b""


class Task(NamedTuple):
    begin: Begin
    interruption: Interruption
    asking: Asking


class Doing(NamedTuple):
    """What does jobs of one name, and what makes the second thing that it is called with.

    *spoils*: its process does no other job afterwards.
    """

    function: JobFunction
    payload: Reader
    spoils: bool = False


class Listener:
    """Hears the server in a thread, so that a cancel is heard while a function works."""

    def __init__(self, link: Link) -> None:
        self.tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self.busy = False
        self._link = link
        self._flag = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._last: Task | None = None
        self._asker = Asker(link.send)
        threading.Thread(target=self._listen, name="weft listener", daemon=True).start()

    def _listen(self) -> None:
        unpacker = Unpacker()
        while data := self._link.receive():
            for frame in unpacker.feed(data):
                if isinstance(frame, Begin):
                    self._begin(frame)
                elif isinstance(frame, Cancel):
                    self._cancel(frame)
                elif isinstance(frame, Given):
                    self._give(frame)
        _end_all()

    def _begin(self, begin: Begin) -> None:
        if self.busy:
            os._exit(BROKEN_RULE_EXIT)  # two jobs in one process must never be
        self.busy = True
        self._last = Task(begin, Interruption(self._flag), Asking(self._asker, begin.turn))
        self.tasks.put(self._last)

    def _cancel(self, cancel: Cancel) -> None:
        if self._last is not None and self._last.begin.turn == cancel.turn:
            self._last.interruption.cancel()

    def _give(self, given: Given) -> None:
        if self._last is not None and self._last.begin.turn == given.turn:
            self._last.asking.hear(given)


class Supervised:
    """What stands behind the context of one job."""

    def __init__(self, interruption: Interruption, teller: Teller) -> None:
        self._interruption = interruption
        self._teller = teller

    @property
    def cancelled(self) -> bool:
        return self._interruption.cancelled

    def wait_cancelled(self, seconds: float | None) -> bool:
        return self._interruption.wait_cancelled(seconds)

    def uninterrupted(self) -> AbstractContextManager[None]:
        return self._interruption.uninterrupted()

    def progress(self, done: float, total: float, text: str) -> None:
        self._teller.progress(Progress(done, total, text))


class Surroundings:
    """What a job may change and the next one must find as it was."""

    def __init__(self) -> None:
        self._directory = os.getcwd()  # noqa: PTH109 - it is only given back, as it came
        self._environment = dict(os.environ)
        self._streams = sys.stdin, sys.stdout, sys.stderr
        self._mask = os.umask(0o077)
        os.umask(self._mask)
        self._threads = set(threading.enumerate())
        self._count = _thread._count()
        self._tasks = _count_tasks()

    def restore(self) -> None:
        for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            signal.setitimer(timer, 0)
        with suppress(OSError):  # it is gone, for everybody
            os.chdir(self._directory)
        os.umask(self._mask)
        if os.environ != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        sys.stdin, sys.stdout, sys.stderr = self._streams
        logging.disable(logging.NOTSET)
        LOG.disabled = False

    @property
    def are_dirty(self) -> bool:
        """Whether the job left behind what cannot be undone: a thread, a process, a closed stream.

        Orphans below us are our children. Threads are those of Python, also where it was started without
        `threading`; the pools that libraries keep in C are no reason to give up a warm process.
        """
        return (
            any(getattr(stream, "closed", False) for stream in self._streams)
            or bool(set(threading.enumerate()) - self._threads)
            or self._has_nameless_thread()
            or _has_children()
        )

    def _has_nameless_thread(self) -> bool:
        """Whether there are more threads of Python: those of C code alone are not counted.

        Python counts a thread when it first runs, so one that the kernel knows is given a moment to.
        """
        tasks, known = _count_tasks(), self._tasks
        self._tasks = tasks
        until = time.monotonic() + _FIRST_RUN_SECONDS
        while tasks > known and _thread._count() <= self._count and time.monotonic() < until:
            time.sleep(0.001)
        return _thread._count() > self._count


class Worker:
    """Does jobs in the main thread until the process is ended."""

    def __init__(self, link: Link, listener: Listener, jobs: dict[JobName, Doing]) -> None:
        self._link = link
        self._listener = listener
        self._jobs = jobs
        self._teller = Teller(link.send)
        _log_to(self._teller)
        self._surroundings = Surroundings()

    def work(self) -> None:
        self._link.send(Ready())
        while True:
            task = self._listener.tasks.get()
            ended = self._do(task)
            self._teller.send_all()
            self._listener.busy = False
            self._link.send(ended)
            del task, ended

    def _do(self, task: Task) -> Ended:
        self._link.note_begun()
        self._teller.begin(task.begin.turn)
        try:
            ended = Ended(task.begin.turn, result=self._result(task))
        except BadResult as bad:
            ended = Ended(task.begin.turn, error=bad.error)
        except BaseException as error:
            ended = _ended_by(error, task)
        _flush()
        self._surroundings.restore()
        _flush()
        _log_to(self._teller)
        is_dirty = self._spoils(task.begin) or self._surroundings.are_dirty
        return msgspec.structs.replace(ended, dirty=True) if is_dirty else ended

    def _spoils(self, begin: Begin) -> bool:
        doing = self._jobs.get((begin.item_type, begin.job_type))
        return doing is not None and doing.spoils

    def _result(self, task: Task) -> bytes | None:
        begin = task.begin
        doing = self._jobs.get((begin.item_type, begin.job_type))
        if doing is None:
            raise JobFailed("InvalidJobType", f"No function does {begin.job_type} of {begin.item_type}.")
        context = JobContext(
            job_id=begin.job_id,
            job_type=begin.job_type,
            attempt=begin.attempt,
            labels=begin.labels,
            supervision=Supervised(task.interruption, self._teller),
            questions=task.asking,
            definitions=task.asking,
        )
        payload = _payload(doing, begin.payload)
        task.interruption.listen()
        value = contextvars.copy_context().run(task.interruption.call, doing.function, context, payload)
        return encode_result(value)


def main(specs: Sequence[str]) -> int:
    """Do jobs of the workloads *specs* until the server ends this process."""
    _settle()
    link = Link(os.environ.pop(CHANNEL))
    listener = Listener(link)
    try:
        jobs = _load(specs)
    except BaseException as error:
        link.send(Broken(_not_loaded(error)))
        return NOT_LOADED_EXIT
    Worker(link, listener, jobs).work()
    return 0


def _settle() -> None:
    os.nice(NICENESS)
    proctree.become_subreaper()
    # A core dump would hold the payload of a job.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    faulthandler.enable(all_threads=False)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True, errors="backslashreplace")


def _load(specs: Sequence[str]) -> dict[JobName, Doing]:
    jobs: dict[JobName, Doing] = {}
    for workload in map(load_workload, specs):
        for name, function in workload.jobs.items():
            jobs[name] = Doing(function, workload.payload_reader(*name), workload.needs_own_process(*name))
        for name, hook in workload.hooks.items():
            jobs[name] = Doing(hook, ItemReader())
    return jobs


def _payload(doing: Doing, raw: bytes) -> object:
    """The host has checked it, but perhaps an earlier one, for which the function took another type."""
    try:
        return doing.payload.read(raw)
    except PayloadInvalid as invalid:
        raise JobFailed("InvalidPayload", str(invalid), parameters=[invalid.field]) from None


def _not_loaded(error: BaseException) -> JobError:
    found = describe_failure(error.__cause__ or error)
    why = clip(plain_text(str(error))) if isinstance(error, WorkloadNotLoaded) else found.message
    return JobError("WorkloadNotLoaded", why, "User", is_permanent=False, details=found.details)


def _ended_by(error: BaseException, task: Task) -> Ended:
    if task.interruption.told:
        return Ended(task.begin.turn, cancelled=True)
    if isinstance(error, JobCancelled | asyncio.CancelledError):
        why = f"The function raised {type(error).__name__}, but nobody had cancelled the job."
        return Ended(task.begin.turn, error=JobError(type(error).__name__, why, "User"))
    return Ended(task.begin.turn, error=describe_failure(error))


def _log_to(teller: Teller) -> None:
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(teller)
    LOG.setLevel(logging.DEBUG)
    LOG.addHandler(teller)
    LOG.propagate = False


def _count_tasks() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a job may have closed or replaced it
            stream.flush()


def _has_children() -> bool:
    """Return whether a child of this process lives; those that have ended are taken off the list."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT | _ALL_CHILDREN)
        except ChildProcessError:
            return False
        if ended is None:
            return True
        with suppress(ChildProcessError):  # a thread of the job took it just now
            os.waitpid(ended.si_pid, os.WNOHANG | _ALL_CHILDREN)


def _end_all() -> None:
    """The server is gone: end everything below this process, and it."""
    me = os.getpid()
    try:
        proctree.end(lambda table: proctree.below([me], table))
    finally:
        os.kill(me, signal.SIGKILL)  # where a look failed, the keeper ends what is below


def _end_mute(error: OSError) -> None:
    """Nothing can be said to the server: end everything below this process, and it, by an exit of its own."""
    me = os.getpid()
    with suppress(OSError):
        os.write(2, f"The channel to the server is closed: {error}\n".encode())
    try:
        proctree.end(lambda table: proctree.below([me], table))
    finally:
        os._exit(LOST_CHANNEL_EXIT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
