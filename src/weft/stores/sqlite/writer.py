"""The one thread that writes: many callers share a commit, and each hears of it after it is on disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Sequence
from typing import Protocol

import apsw

from weft.engine.crash import crash_point
from weft.engine.errors import StoreUnavailable
from weft.stores.queries import load
from weft.stores.sqlite.calls import UNAVAILABLE, Answer, Call, Calls, T, Ts, Work, deliver

log = logging.getLogger(__name__)

SQL = load("weft.stores.sqlite", "store.sql")

MOST_AT_ONCE = 256
CHECKPOINT_PAGES = 4_000
TOO_LONG = 8  # times CHECKPOINT_PAGES


class Undo(Exception):
    """A call broke amid its writes: they are undone, and its caller gets *error*.

    The others of its commit are done again: large calls need no savepoint, which copies each page.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _Spoilt(Exception):
    def __init__(self, call: Call, error: Exception) -> None:
        super().__init__(str(error))
        self.call = call
        self.error = error


class Heard(Protocol):
    """Who hears of each commit in the writer's thread, before the callers do."""

    def note(self, calls: Sequence[Call], answers: Sequence[Answer]) -> None:
        """*calls* are on disk."""

    def forget_all(self) -> None:
        """Nothing is known of what has just been tried."""


class Nobody:
    def note(self, calls: Sequence[Call], answers: Sequence[Answer]) -> None:
        return

    def forget_all(self) -> None:
        return


class Writer:
    """Owns the connection it is given, and closes it at its end."""

    def __init__(
        self,
        db: apsw.Connection,
        *,
        most_at_once: int = MOST_AT_ONCE,
        checkpoint_pages: int = CHECKPOINT_PAGES,
        heard: Heard | None = None,
    ) -> None:
        """*most_at_once* calls share a commit; the log is brought in after *checkpoint_pages*."""
        self.commits = 0
        self._heard = heard or Nobody()
        self._db = db
        self._calls = Calls(most_at_once)
        self._checkpoint_pages = checkpoint_pages
        self._wal_pages = 0
        db.set_wal_hook(self._note_wal)
        self._thread = threading.Thread(target=self._work, name="store writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many calls wait for the next commit."""
        return self._calls.waiting

    def call(self, work: Work[*Ts, T], *arguments: *Ts) -> asyncio.Future[T]:
        return self._calls.put(work, *arguments)

    def stop(self) -> None:
        """Take no more calls. To be called on the event loop, so that none slips in behind the last."""
        self._calls.close()

    def join(self) -> None:
        """Return when what waited is written and the connection closed. Blocks."""
        self._thread.join()

    def _work(self) -> None:
        while batch := self._calls.take():
            answers = self._commit(batch)
            deliver(answers)
            self._checkpoint()
        self._db.close()

    def _commit(self, batch: list[Call]) -> list[Answer]:
        try:
            self._db.execute(SQL["begin_write"])
            answers = [self._do(call) for call in batch]
            crash_point("store.before-commit")
            self._db.execute(SQL["commit"])
        except _Spoilt as spoilt:
            self._roll_back()
            others = [call for call in batch if call is not spoilt.call]
            return [Answer(spoilt.call.future, None, spoilt.error), *(self._commit(others) if others else [])]
        except apsw.Error as error:
            log.warning("nothing was written", extra={"reason": str(error), "calls": len(batch)})
            self._roll_back()
            self._heard.forget_all()
            return [Answer(call.future, None, StoreUnavailable(str(error))) for call in batch]
        self.commits += 1
        self._heard.note(batch, answers)
        crash_point("store.after-commit")
        return answers

    def _do(self, call: Call) -> Answer:
        try:
            return Answer(call.future, call.work(self._db, *call.arguments))
        except UNAVAILABLE:
            raise
        except Undo as undo:
            raise _Spoilt(call, undo.error) from undo
        except Exception as error:  # it belongs to its caller, who gets it
            if not self._db.in_transaction:
                raise apsw.IOError(f"the transaction ended early: {error}") from error
            return Answer(call.future, None, error)

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            with contextlib.suppress(apsw.Error):  # SQLite may have rolled back by itself
                self._db.execute(SQL["rollback"])

    def _note_wal(self, _: apsw.Connection, __: str, pages: int) -> int:
        self._wal_pages = pages
        return 0

    def _checkpoint(self) -> None:
        """Bring the log into the database once it is long; waiting for readers only if it is far too long."""
        if self._wal_pages < self._checkpoint_pages:
            return
        too_many = self._wal_pages >= self._checkpoint_pages * TOO_LONG
        mode = apsw.SQLITE_CHECKPOINT_RESTART if too_many else apsw.SQLITE_CHECKPOINT_PASSIVE
        self._wal_pages = 0
        try:
            self._db.wal_checkpoint(mode=mode)
        except UNAVAILABLE as error:
            log.warning("no checkpoint", extra={"reason": str(error)})
