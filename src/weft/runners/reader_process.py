"""The process that reads an import file, as the server sees it: start, hear, acknowledge, end for certain."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import io
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from weft.runners import proctree
from weft.runners.children import OURS
from weft.runners.job_process import describe_exit, memory_tag
from weft.runners.output import Output, line_text
from weft.runners.processes import job_environment
from weft.twins.feed import LARGEST_BYTES, LENGTH, Ack, AnyFrame, Order, pack, unpack

COMMAND = (sys.executable, "-m", "weft.importing")
PIPE_BYTES = 1024 * 1024
_LAST_WORDS_LINES = 20


class ReaderGone(Exception):
    """The process ended, or said what no reader says. The text is for the server's log, not for its users."""


class ReaderProcess:
    """Reads what *order* says, from its construction on; `end` it, whatever has become of it.

    *mark* is one of ProcessRunner.new_mark. Raises ReaderGone where no process can be started.
    """

    def __init__(
        self,
        order: Order,
        *,
        mark: str,
        environment: Mapping[str, str],
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._gone = asyncio.Event()
        self._said: deque[str] = deque(maxlen=_LAST_WORDS_LINES)
        with contextlib.ExitStack() as failed:
            try:
                self._start(command, {proctree.MARK: mark, **job_environment(environment)}, failed)
            except OSError as error:
                raise ReaderGone(f"it could not be started: {error}") from error
            failed.pop_all()
        self._send(pack(order))

    @property
    def pid(self) -> int:
        return self._popen.pid

    async def next(self) -> AnyFrame:
        """Return the next frame; a call that was cancelled spoils the process. Raises ReaderGone."""
        (length,) = LENGTH.unpack(await self._read(LENGTH.size))
        if length > LARGEST_BYTES:
            raise ReaderGone(f"it sent a frame of {length} bytes")
        try:
            return unpack(bytes(await self._read(length)))
        except msgspec.MsgspecError as error:
            raise ReaderGone(f"it sent what is no frame: {error}") from error

    def acknowledge(self, batches: int) -> None:
        """Tell it that so many batches have been committed since it was started."""
        self._send(pack(Ack(batches)))

    async def end(self) -> None:
        """Kill it, and return when it is gone. It is called once."""
        self._kill()
        await self._gone.wait()
        self._errors.close()
        self._stdin.close()
        self._stdout.close()
        os.close(self._pidfd)

    # ---- start

    def _start(
        self, command: Sequence[str], environment: Mapping[str, str], failed: contextlib.ExitStack
    ) -> None:
        self._popen = OURS.start(
            lambda: subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        )
        failed.callback(self._abandon)
        self._stdin, self._stdout, stderr = _raw(self._popen)
        self._pidfd = os.pidfd_open(self._popen.pid)
        failed.callback(os.close, self._pidfd)
        _prefer_to_kill(self._popen.pid)
        with contextlib.suppress(PermissionError):  # this user has used up what all its pipes may have
            fcntl.fcntl(self._stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        for pipe in (self._stdin, self._stdout):
            os.set_blocking(pipe.fileno(), False)
        self._errors = Output(stderr, self._hear_errors)
        failed.callback(self._errors.close)
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_exit)

    def _abandon(self) -> None:
        """End it at once: it was started, but cannot be watched."""
        self._popen.kill()
        self._popen.wait()
        OURS.forget(self._popen.pid)
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                pipe.close()

    # ---- what goes through the pipes

    async def _read(self, length: int) -> bytearray:
        data = bytearray(length)
        view = memoryview(data)
        read = 0
        while read < length:
            count = self._stdout.readinto(view[read:])
            if count is None:
                await self._readable()
            elif count == 0:
                await self._tell_of_its_end()
            else:
                read += count
        return data

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        readable: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self._stdout.fileno(), _settle(readable))
        try:
            await readable
        finally:
            loop.remove_reader(self._stdout.fileno())

    async def _tell_of_its_end(self) -> None:
        """It has closed its output, which is its last deed: raise how it ended."""
        try:
            async with asyncio.timeout(1):
                await self._gone.wait()
        except TimeoutError:
            raise ReaderGone("it closed its output") from None
        words = "\n".join(self._said)
        raise ReaderGone(f"it {describe_exit(self._popen.returncode)}; last words: {words}")

    def _send(self, frame: bytes) -> None:
        """Write at once: a pipe has room for an order and for every acknowledgement that is under way."""
        with contextlib.suppress(
            BrokenPipeError, BlockingIOError
        ):  # then its output ends too, or stands still
            self._stdin.write(frame)

    def _hear_errors(self, lines: Sequence[bytes]) -> None:
        self._said.extend(line_text(line) for line in lines[-_LAST_WORDS_LINES:])

    # ---- its end

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _on_exit(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self._errors.drain()
        self._popen.wait()
        OURS.forget(self._popen.pid)
        self._gone.set()


def _raw(popen: subprocess.Popen[bytes]) -> tuple[io.FileIO, io.FileIO, io.FileIO]:
    pipes = (popen.stdin, popen.stdout, popen.stderr)
    stdin, stdout, stderr = (pipe for pipe in pipes if isinstance(pipe, io.FileIO))
    return stdin, stdout, stderr


def _prefer_to_kill(pid: int) -> None:
    """Let the kernel end it, and not the server, where memory is short."""
    tag = memory_tag()
    if tag is not None:
        with contextlib.suppress(OSError):  # it has ended
            Path(f"/proc/{pid}/oom_score_adj").write_text(str(tag))


def _settle(future: asyncio.Future[None]) -> Callable[[], None]:
    def settle() -> None:
        if not future.done():
            future.set_result(None)

    return settle
