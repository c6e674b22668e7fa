"""The keeper, as the server sees it: a tiny process that ends all jobs' processes when the server is killed.

A job's process ends itself and all below it when its server is gone, unless it is stuck in C code; the
keeper (proctree.py), which runs nothing of users, then does it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress

from weft.runners import proctree
from weft.runners.children import OURS

_PAUSE_SECONDS = 1.0
_LEAVE_SECONDS = 2.0

log = logging.getLogger(__name__)


class Keeper:
    """Constructing it starts the process, for all whose mark begins with *prefix*.

    One that is killed is replaced; one that cannot be started is tried again.
    """

    def __init__(self, prefix: str, environment: Mapping[str, str]) -> None:
        self._prefix = prefix
        self._environment = dict(environment)
        self._closing = False
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._loop = asyncio.get_running_loop()
        self._start()

    async def close(self) -> None:
        """Dismiss it. Call it when no job's process is left."""
        self._closing = True
        self._unwatch()
        await asyncio.to_thread(self._dismiss)

    def _start(self) -> None:
        if self._closing:
            return
        try:
            self._process = OURS.start(
                lambda: subprocess.Popen(
                    proctree.keeper_command(self._prefix),
                    env=self._environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    bufsize=0,
                )
            )
            self._pidfd = os.pidfd_open(self._process.pid)
            self._loop.add_reader(self._pidfd, self._replace)
        except OSError as error:
            log.error("keeper of job processes not started; trying again", extra={"reason": str(error)})
            self._replace()

    def _replace(self) -> None:
        self._unwatch()
        self._dismiss()
        self._loop.call_later(_PAUSE_SECONDS, self._start)

    def _unwatch(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _dismiss(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with suppress(BrokenPipeError):  # somebody killed it
                process.stdin.write(proctree.QUIT)
            process.stdin.close()
        try:
            process.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:  # somebody stopped it
            process.kill()
            process.wait()
        OURS.forget(process.pid)
