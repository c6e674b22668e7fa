"""What can be wrong with twins, carrying data: the faces and the log put it into words of the contract."""

from __future__ import annotations


class FenceLost(Exception):
    """The bulk job has another owner, or is over: nothing was written, and nothing may be any more."""


class RowsUnfit(Exception):
    """A row of a batch names a twin or a model that is not there: nothing of the batch was written."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(f"a row names the {what} with number {number}, which is not there")
        self.what = what
        self.number = number


class QueryTooLong(Exception):
    """A query was given up after *seconds*: it would have kept others waiting."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the query was given up after {seconds:g} seconds")
        self.seconds = seconds
