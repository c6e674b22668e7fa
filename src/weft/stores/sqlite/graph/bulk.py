"""What bulk jobs write, behind their fence: one function a verb, run inside a transaction of the writer."""

from __future__ import annotations

import contextlib
import marshal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import apsw

from weft.engine.crash import crash_point
from weft.stores.queries import load
from weft.stores.sqlite.calls import UNAVAILABLE
from weft.stores.sqlite.graph import entities, keys
from weft.stores.sqlite.graph.many import Row, rows_of
from weft.stores.sqlite.graph.tally import Tally
from weft.stores.sqlite.writer import Undo
from weft.twins.errors import FenceLost
from weft.twins.graph import Batch, Bulk, Fence

SQL = load("weft.stores.sqlite.graph", "bulk.sql")

PIECE_BYTES = 64 * 1024

# Of each index: a look at all rows would keep other writes waiting for seconds.
ROWS_ANALYZED = 1000


@dataclass(frozen=True, slots=True)
class Pace:
    """*now* is the time of the write; *most_new_keys* stay in the small table of keys."""

    now: datetime
    most_new_keys: int


# ---- writes


def take_over(db: apsw.Connection, fence: Fence) -> Bulk:
    rows = rows_of(db, SQL["take_over"], _names(fence))
    if not rows:
        raise FenceLost
    return _bulk_of(rows[0])


def apply(db: apsw.Connection, fence: Fence, batch: Batch, pace: Pace) -> None:
    """Raises FenceLost, RowsUnfit."""
    with _whole():
        _hold(db, fence, batch)
        if batch.section is not None and batch.rows:
            tally = Tally.of(db)
            entities.write(db, tally, batch.section, marshal.loads(batch.rows), pace.now)  # noqa: S302 - our own
            keys.settle(db, tally, pace.most_new_keys)
            tally.keep(db)
        crash_point("graph.mid-batch")


def delete_some(db: apsw.Connection, fence: Fence, limit: int, batch: Batch) -> int:
    """Raises FenceLost."""
    with _whole():
        _hold(db, fence, batch)
        tally = Tally.of(db)
        deleted = entities.delete_oldest(db, tally, limit)
        tally.keep(db)
        crash_point("graph.mid-batch")
    return deleted


def shut(db: apsw.Connection, fence: Fence) -> None:
    if not rows_of(db, SQL["shut"], _names(fence)):
        raise FenceLost


def reported(db: apsw.Connection, fence: Fence, offset: int) -> None:
    number = db.execute(SQL["reported"], _names(fence) | {"offset": offset}).get
    if number is None:
        raise FenceLost
    db.execute(SQL["forget_reported"], {"bulk": number, "offset": offset})


def forget(db: apsw.Connection, job: str) -> None:
    with db:
        db.execute(SQL["forget_report"], {"job": job})
        db.execute(SQL["forget"], {"job": job})


def optimize(db: apsw.Connection) -> None:
    db.pragma("analysis_limit", ROWS_ANALYZED)
    db.execute(SQL["optimize"])


# ---- reads


def bulk(db: apsw.Connection, job: str) -> Bulk | None:
    rows = rows_of(db, SQL["bulk"], {"job": job})
    return _bulk_of(rows[0]) if rows else None


def report(db: apsw.Connection, job: str, offset: int, most_bytes: int) -> bytes:
    """Raises ValueError where the lines from *offset* on are forgotten."""
    text = b""
    for start, piece in db.execute(SQL["report"], {"job": job, "offset": offset}):
        if start > offset + len(text):
            raise ValueError(f"the report of {job!r} is forgotten up to byte {start}, and not at {offset}")
        text += piece[offset + len(text) - start :]
        if len(text) > most_bytes:
            return _cut(text, most_bytes)
    return text


# ---- helpers


@contextlib.contextmanager
def _whole() -> Iterator[None]:
    """Undo all of a call where anything of it fails; a lost fence has written nothing."""
    try:
        yield
    except (FenceLost, *UNAVAILABLE):
        raise
    except Exception as error:
        raise Undo(error) from error


def _hold(db: apsw.Connection, fence: Fence, batch: Batch) -> None:
    """Keep checkpoint and report of *batch*, if the fence still stands. Raises FenceLost."""
    kept = {"checkpoint": batch.checkpoint, "more_bytes": sum(map(len, batch.report))}
    rows = rows_of(db, SQL["hold"], _names(fence) | kept)
    if not rows:
        raise FenceLost
    number, offset = rows[0]
    for piece in _pieces(batch.report):
        db.execute(SQL["add_report"], {"bulk": number, "offset": offset, "text": piece})
        offset += len(piece)


def _pieces(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Join lines to pieces that are long enough to be few, and short enough to be read one by one."""
    piece: list[bytes] = []
    length = 0
    for line in lines:
        if piece and length + len(line) > PIECE_BYTES:
            yield b"".join(piece)
            piece, length = [], 0
        piece.append(line)
        length += len(line)
    if piece:
        yield b"".join(piece)


def _cut(text: bytes, most_bytes: int) -> bytes:
    """Return the whole lines that *most_bytes* hold, or the first line where they hold none."""
    end = text.rfind(b"\n", 0, most_bytes)
    return text[: end + 1] if end >= 0 else text[: text.find(b"\n") + 1]


def _names(fence: Fence) -> dict[str, str | int | bytes]:
    return {"job": fence.job, "epoch": fence.epoch}


def _bulk_of(row: Row) -> Bulk:
    checkpoint, report_bytes, reported_bytes = row
    return Bulk(checkpoint=checkpoint, report_bytes=report_bytes, reported_bytes=reported_bytes)
