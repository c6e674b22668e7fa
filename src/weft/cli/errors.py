"""How a command ends: its exit codes, and the errors that a person caused or can do something about."""

from __future__ import annotations

from enum import IntEnum

from weft.contracts.core import Status


class Exit(IntEnum):
    OK = 0
    ERROR = 1
    USAGE = 2
    FAILED = 3
    CANCELLED = 4
    DEDUPED = 5
    TIMED_OUT = 6
    INTERRUPTED = 130


ENDS = {
    Status.COMPLETED: Exit.OK,
    Status.FAILED: Exit.FAILED,
    Status.CANCELLED: Exit.CANCELLED,
    Status.DEDUPED: Exit.DEDUPED,
}


class CommandFailed(Exception):
    """Ends a command with one line on stderr and an exit code."""

    def __init__(self, message: str, code: Exit = Exit.ERROR) -> None:
        super().__init__(message)
        self.code = code


class Misused(CommandFailed):
    """What was asked for makes no sense as it was asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.USAGE)
