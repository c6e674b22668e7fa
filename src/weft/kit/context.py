"""What a job's function is given beside its payload: who wants what, and ways to tell and to listen."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

LOG = logging.getLogger("weft.job")


class Supervision(Protocol):
    """What stands behind a context: the process it runs in, or a stand-in in the tests of a workload."""

    @property
    def cancelled(self) -> bool: ...

    def wait_cancelled(self, seconds: float | None) -> bool: ...

    def uninterrupted(self) -> AbstractContextManager[None]: ...

    def progress(self, done: float, total: float, text: str) -> None: ...


class JobContext:
    """One run of one job, as its function sees it. Ids are canonical UUIDs, "" where not known.

    *log* is an ordinary logger whose lines are kept with the job, as is everything that is printed.
    """

    log = LOG

    def __init__(
        self, *, job_id: str, job_type: str, attempt: int, labels: Mapping[str, str], supervision: Supervision
    ) -> None:
        self.job_id = job_id
        self.job_type = job_type
        self.attempt = attempt
        self.workspace_id = labels.get("workspace", "")
        self.item_id = labels.get("item", "")
        self.item_type = labels.get("item_type", "")
        self.tenant_id = labels.get("tenant", "")
        self.user_id = labels.get("user", "")
        self.invoke_type = labels.get("invoke_type", "")
        self.activity_id = labels.get("activity_id", "")
        self.request_id = labels.get("request_id", "")
        self._supervision = supervision

    def __repr__(self) -> str:
        return f"<JobContext {self.job_type} {self.job_id}>"

    @property
    def cancelled(self) -> bool:
        """Whether the job is to be cancelled; threads of the job ask here, its function is also told."""
        return self._supervision.cancelled

    def wait_cancelled(self, seconds: float | None = None) -> bool:
        """Wait up to *seconds* (None: for ever) for a cancel, and return whether there is one."""
        return self._supervision.wait_cancelled(seconds)

    def uninterrupted(self) -> AbstractContextManager[None]:
        """Put off JobCancelled until the end of a `with` block, e.g. around a write of two parts.

        The time a cancelled job has for its clean-up runs all the same.
        """
        return self._supervision.uninterrupted()

    def progress(self, done: float, total: float = 0, text: str = "") -> None:
        """Tell how far the job is, in units of its own; total 0: not known.

        Call it as often as you like: about ten a second are passed on, and always the last.
        Raises ValueError for a number that is not finite or below zero.
        """
        self._supervision.progress(_amount("done", done), _amount("total", total), str(text))


def _amount(name: str, given: float) -> float:
    number = float(given)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"progress: {name} is a finite number from 0 on, not {given!r}")
    return number
