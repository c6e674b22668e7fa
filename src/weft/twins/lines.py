"""The lines of an import file, cut out of its bytes in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LONGEST_LINE_BYTES = 1024 * 1024
_PIECE_BYTES = 256 * 1024
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines, each with its line break; only the last line of a file may have none.

    *offset* is where *data* begins in the file, in bytes; a byte order mark is left out.
    """

    offset: int
    data: bytes

    @property
    def lines(self) -> list[bytes]:
        """The lines without `\\n`. A `\\r` stays: it is white space to JSON."""
        lines = self.data.split(b"\n")
        if not lines[-1]:
            del lines[-1]
        return lines


def blocks(chunks: Iterable[bytes], offset: int = 0) -> Iterator[Block]:
    """Cut *chunks*, which begin at *offset* of the file, between lines.

    A line that is too long is not read to its end: its beginning is the last block, and too long itself.
    """
    for data in _whole_lines(chunks):
        marked = offset == 0 and data.startswith(_MARK)
        yield Block(offset + len(_MARK), data[len(_MARK) :]) if marked else Block(offset, data)
        offset += len(data)


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    begun = bytearray()  # of a line whose end has not been seen
    for piece in _pieces(chunks):
        end = piece.rfind(b"\n") + 1
        if end:
            yield bytes(begun + piece[:end])
            begun = bytearray(piece[end:])
        else:
            begun += piece
        if len(begun) > LONGEST_LINE_BYTES + len(_MARK) + len(b"\r"):
            break
    if begun:
        yield bytes(begun)


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), _PIECE_BYTES):
            yield chunk[start : start + _PIECE_BYTES]
