"""A thread that reads: calls that wait together may share a snapshot, and no reader waits for the writer."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import apsw

from weft.engine.errors import StoreUnavailable
from weft.stores.queries import load
from weft.stores.sqlite.calls import UNAVAILABLE, Answer, Call, Calls, T, Ts, Work, deliver

SQL = load("weft.stores.sqlite", "store.sql")

MOST_AT_ONCE = 64


class Reader:
    """Owns the connection it is given, and closes it at its end.

    *most_at_once* calls share a snapshot, and are answered when the last of them is done.
    """

    def __init__(self, db: apsw.Connection, name: str, *, most_at_once: int = MOST_AT_ONCE) -> None:
        self._db = db
        self._calls = Calls(most_at_once)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many calls wait, besides those that are being done."""
        return self._calls.waiting

    def call(self, work: Work[*Ts, T], *arguments: *Ts) -> asyncio.Future[T]:
        return self._calls.put(work, *arguments)

    def stop(self) -> None:
        """Take no more calls. To be called on the event loop, so that none slips in behind the last."""
        self._calls.close()

    def join(self) -> None:
        """Return when what waited is answered and the connection closed. Blocks."""
        self._thread.join()

    def _work(self) -> None:
        while batch := self._calls.take():
            deliver(self._read(batch))
        self._db.close()

    def _read(self, batch: list[Call]) -> list[Answer]:
        # The snapshot is taken after the calls were: each sees all that was acknowledged before it was made.
        try:
            self._db.execute(SQL["begin_read"])
            return [self._do(call) for call in batch]
        except apsw.Error as error:
            return [Answer(call.future, None, StoreUnavailable(str(error))) for call in batch]
        finally:
            self._end()

    def _do(self, call: Call) -> Answer:
        try:
            return Answer(call.future, call.work(self._db, *call.arguments))
        except UNAVAILABLE as error:
            return Answer(call.future, None, StoreUnavailable(str(error)))
        except Exception as error:  # it belongs to its caller, who gets it
            return Answer(call.future, None, error)

    def _end(self) -> None:
        if self._db.in_transaction:
            with contextlib.suppress(apsw.Error):  # nothing was written: there is nothing to lose
                self._db.execute(SQL["rollback"])
