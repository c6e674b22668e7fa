"""What can be wrong with twins, carrying data: the faces and the log put it into words of the contract."""

from __future__ import annotations


class FenceLost(Exception):
    """The bulk job has another owner, or is over: nothing was written, and nothing may be any more."""


class ImportFault(Exception):
    """Ends an import. *code* is the job's `error.code`; *message* is for the person who imports."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
