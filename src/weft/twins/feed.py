"""What the process that reads an import file tells the server, and is told: frames of MessagePack.

The process only reads: the file, and the graph. Everything that is written goes through the server, which
acknowledges each batch after its commit. The process may be killed at any time.
"""

from __future__ import annotations

import struct

import msgspec

from weft.twins.graph import Section

LENGTH = struct.Struct("!I")
LARGEST_BYTES = 64 * 1024 * 1024


class Position(msgspec.Struct, frozen=True, array_like=True):
    """A place between two lines: *offset* in bytes, *line* lines lie before it, in *section*."""

    offset: int = 0
    line: int = 0
    section: Section | None = None


class Totals(msgspec.Struct, frozen=True, array_like=True):
    """What the first pass found: entities by section, and the size and tag of the file they are in."""

    size: int
    tag: str
    models: int
    twins: int
    relationships: int

    @property
    def entities(self) -> int:
        return self.models + self.twins + self.relationships

    def of(self, section: Section) -> int:
        counts = {
            Section.MODELS: self.models,
            Section.TWINS: self.twins,
            Section.RELATIONSHIPS: self.relationships,
        }
        return counts[section]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The first frame to the process: what to read. *totals* is None where the first pass is still to make.

    *blobs* is what weft.blobs needs to open *uri* (settings and secrets), *graph* the path of the store.
    *strict*: refuse properties of relationships that their model does not declare.
    """

    uri: str
    blobs: bytes
    graph: str
    strict: bool = False
    totals: Totals | None = None
    start: Position = Position()


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    pass


class Scanning(Frame, frozen=True):
    """The first pass has come to *offset* of *size* bytes."""

    offset: int
    size: int


class Scanned(Frame, frozen=True):
    """The first pass found no fault."""

    totals: Totals


class Rejected(msgspec.Struct, frozen=True, array_like=True):
    """An Error line of the log: *line* counts from 1."""

    section: Section
    line: int
    type: str
    message: str


class Entities(Frame, frozen=True):
    """A batch: all lines between the last batch and *after* are either in *rows* or in *rejected*.

    See graph.Batch for *rows*; *accepted* is how many entities it holds. *section* is that of all of them. A
    batch may be empty, to tell that a section has begun.
    """

    section: Section
    rows: bytes
    accepted: int
    rejected: tuple[Rejected, ...]
    after: Position


class Ended(Frame, frozen=True):
    """The file has been read to its end."""


class Refused(Frame, frozen=True):
    """The import ends here: *code* and *message* are the job's error, *rejected* are lines for the log.

    Nothing of the section in which it happens was sent, where *section* is Models or None.
    """

    code: str
    message: str
    section: Section | None
    rejected: tuple[Rejected, ...] = ()
    may_pass: bool = False


AnyFrame = Scanning | Scanned | Entities | Ended | Refused


class Ack(msgspec.Struct, frozen=True, array_like=True):
    """To the process: so many batches have been committed since it was started."""

    batches: int


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyFrame] = msgspec.msgpack.Decoder(AnyFrame)


def pack(frame: AnyFrame | Order | Ack) -> bytes:
    body = _encoder.encode(frame)
    return LENGTH.pack(len(body)) + body


def unpack(body: bytes) -> AnyFrame:
    """Raises msgspec.DecodeError."""
    return _decoder.decode(body)
