"""What is kept of a bulk job between two batches: enough to go on after any crash, and how it ended."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from weft.twins.feed import Entities, Position, Totals
from weft.twins.graph import Section


class Status(StrEnum):
    """How a bulk job ended; the words are those of its log."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class End(msgspec.Struct, frozen=True):
    """*code* and *message* are the job's error, where it failed, *reason* what is behind it."""

    status: Status
    code: str = ""
    message: str = ""
    reason: str = ""


class Tally(msgspec.Struct, frozen=True):
    """The entities of a section that have been tried."""

    accepted: int = 0
    rejected: int = 0


NOTHING = Tally()


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far an import is. The first one that is kept says that its output blob has been created.

    *totals* is what the first pass found, None before its end; *position* is behind the last batch; *section*
    has begun, and has not ended; *end* is set with the last lines of the log.
    """

    totals: Totals | None = None
    position: Position = Position()
    section: Section | None = None
    tallies: dict[Section, Tally] = {}
    end: End | None = None

    @property
    def accepted(self) -> int:
        return sum(tally.accepted for tally in self.tallies.values())

    @property
    def rejected(self) -> int:
        return sum(tally.rejected for tally in self.tallies.values())

    @property
    def tried(self) -> int:
        return self.accepted + self.rejected

    def tally(self, section: Section) -> Tally:
        return self.tallies.get(section, NOTHING)

    def scanned(self, totals: Totals) -> Checkpoint:
        return msgspec.structs.replace(self, totals=totals)

    def after(self, batch: Entities) -> Checkpoint:
        before = self.tally(batch.section)
        tally = Tally(before.accepted + batch.accepted, before.rejected + len(batch.rejected))
        return msgspec.structs.replace(
            self,
            position=batch.after,
            section=batch.section,
            tallies={**self.tallies, batch.section: tally},
        )

    def ended(self, end: End) -> Checkpoint:
        return msgspec.structs.replace(self, end=end)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Checkpoint)


def pack(checkpoint: Checkpoint) -> bytes:
    return _encoder.encode(checkpoint)


def unpack(kept: bytes) -> Checkpoint | None:
    """Return None for a job that has not begun. Raises msgspec.DecodeError."""
    return _decoder.decode(kept) if kept else None
