"""Brings a cancel into a running function: at most once, and never into anything but that function."""

from __future__ import annotations

import asyncio
import inspect
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from weft.kit.errors import JobCancelled

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

# A real-time signal: libraries and users have their own plans for the ordinary ones.
SIGNAL = signal.SIGRTMIN + 5
_LOOP_PATIENCE_SECONDS = 0.25
_FIRST_PAUSE_SECONDS = 0.002
_MOST_PAUSE_SECONDS = 0.1
_WATCH_SECONDS = 0.005


class Interruption:
    """The cancel of one call of one function, which runs in the main thread.

    `cancel` comes from another thread. A plain function gets JobCancelled from a signal handler, an async
    one is cancelled as a task. Where the exception comes up in a `__del__` or in a callback of C code, Python
    ignores it; the function is then told again. *flag* is an eventfd of the process, which takes no other job
    after a cancel.
    """

    def __init__(self, flag: int) -> None:
        self._flag = flag
        self._main = threading.main_thread().ident or 0
        self._wanted = False
        self._told = False
        self._ignored = False
        self._heard_by_loop = threading.Event()
        self._open = False
        self._shields = 0
        self._owed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None

    # ---- in the main thread

    def listen(self) -> None:
        """Set the signals as a job shall find them, whatever the job before has done to them."""
        signal.signal(SIGNAL, self._on_signal)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {SIGNAL, signal.SIGTERM})

    def call(self, function: Callable[..., Any], *arguments: object) -> Any:
        """Return what the function, plain or async, returns.

        Raises what it raises; JobCancelled or CancelledError where it was told to stop, see `told`.
        """
        hook = sys.unraisablehook
        self._open = True
        try:
            sys.unraisablehook = self._sees_ignored(hook)
            if self._wanted:
                self._tell()
            value = function(*arguments)
            if inspect.isawaitable(value):
                value = self._run_async(value)
        finally:
            self._open = False
            sys.unraisablehook = hook
        return value

    @property
    def told(self) -> bool:
        """Whether the function has been told to stop."""
        return self._told

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
            if not self._shields and self._is_owed():
                self._owed = False
                raise JobCancelled

    # ---- in any thread

    @property
    def cancelled(self) -> bool:
        return self._wanted

    def wait_cancelled(self, seconds: float | None) -> bool:
        poll = select.poll()
        poll.register(self._flag, select.POLLIN)
        poll.poll(None if seconds is None else max(0.0, seconds) * 1000)
        return self._wanted

    def cancel(self) -> None:
        """Tell the function to stop; of no effect where none runs."""
        self._wanted = True
        os.eventfd_write(self._flag, 1)
        threading.Thread(target=self._insist, name="weft interrupter", daemon=True).start()

    # ---- helpers

    def _insist(self) -> None:
        """Signal until the handler has run, and again where Python ignored what it raised.

        A signal that comes just before a system call sets a mark that Python looks at only after the call:
        time.sleep(60) would sleep on. The next signal interrupts it.
        """
        loop = self._loop
        if loop is not None and self._told_by(loop):
            return
        pause = _FIRST_PAUSE_SECONDS
        while self._open:
            if self._has_heard:
                pause = _FIRST_PAUSE_SECONDS
                time.sleep(_WATCH_SECONDS)
            else:
                signal.pthread_kill(self._main, SIGNAL)
                time.sleep(pause)
                pause = min(pause * 2, _MOST_PAUSE_SECONDS)

    def _run_async(self, awaitable: Any) -> Any:
        async def main() -> Any:
            self._task = asyncio.current_task()
            self._loop = asyncio.get_running_loop()
            if self._wanted:
                self._tell_task()
            return await awaitable

        try:
            with asyncio.Runner() as runner:
                return runner.run(main())
        finally:
            self._loop = None

    def _told_by(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Return whether the loop passed the cancel on in good time; one that is blocked does not."""
        with suppress(RuntimeError):  # it was closed just now
            loop.call_soon_threadsafe(self._tell_task)
            return self._heard_by_loop.wait(_LOOP_PATIENCE_SECONDS)
        return False

    def _tell_task(self) -> None:
        if self._note_told() and self._task is not None:
            self._task.cancel()
        self._heard_by_loop.set()

    def _tell(self) -> None:
        if not self._note_told():
            return
        if self._shields:
            self._owed = True
        else:
            raise JobCancelled

    def _is_owed(self) -> bool:
        """Whether a plain function still has to hear of its cancel, seen or on its way."""
        return self._owed or (self._wanted and self._task is None and self._note_told())

    def _note_told(self) -> bool:
        """Return whether it is news. What has been told is spared by SIGTERM, to clean up."""
        if self._has_heard:
            return False
        self._told = True
        self._ignored = False
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _ignore)
        return True

    @property
    def _has_heard(self) -> bool:
        return self._told and not self._ignored

    def _sees_ignored(self, hook: Callable[[UnraisableHookArgs], Any]) -> Callable[[UnraisableHookArgs], Any]:
        def see(ignored: UnraisableHookArgs) -> None:
            if self._told and issubclass(ignored.exc_type, JobCancelled):
                # Raised from here it would be ignored as well, and a call lets a signal in: none may follow.
                self._ignored = True
            else:
                hook(ignored)

        return see

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self._open and self._wanted:
            self._tell()


def _ignore(signum: int, frame: FrameType | None) -> None:
    """Unlike SIG_IGN, a handler is not passed on to the programs that the job starts."""
