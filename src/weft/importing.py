"""The process that reads an import file: `python -m weft.importing`, see twins/feed.py.

It is told on stdin what to read, and tells on stdout what it finds. It has nothing to put in order: it ends
where it stands as soon as the server lets go of either.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from io import FileIO
from typing import TypeVar

import msgspec

from weft.blobs.opening import open_source
from weft.blobs.ports import BlobChanged, BlobFault, BlobMissing, BlobUnavailable
from weft.engine.errors import StoreUnavailable
from weft.stores.sqlite.graph.known import open_known
from weft.twins.feed import LENGTH, Ack, AnyFrame, Order, Refused, pack
from weft.twins.reader import read

Told = TypeVar("Told", Order, Ack)


class _ServerGone(Exception):
    """The other end of stdin is closed."""


class Acks:
    """How many batches the server has committed."""

    def __init__(self) -> None:
        self._batches = 0
        self._grown = threading.Condition()

    def follow(self, stdin: FileIO) -> None:
        """Listen until the server closes stdin, and end the process then."""
        try:
            while True:
                acked = _receive(stdin, Ack).batches
                with self._grown:
                    self._batches = acked
                    self._grown.notify_all()
        except _ServerGone:
            os._exit(0)

    def wait(self, batches: int) -> None:
        with self._grown:
            self._grown.wait_for(lambda: self._batches >= batches)


def main() -> None:
    # Without a buffer, whose lock the thread would hold when the interpreter ends.
    stdin = FileIO(sys.stdin.fileno(), closefd=False)
    try:
        order = _receive(stdin, Order)
        acks = Acks()
        threading.Thread(target=acks.follow, args=(stdin,), name="acks", daemon=True).start()
        _spare_the_collector()
        for frame in frames(order, acks.wait):
            sys.stdout.buffer.write(pack(frame))
            sys.stdout.buffer.flush()
    except (_ServerGone, BrokenPipeError):
        os._exit(0)


def _receive(stdin: FileIO, kind: type[Told]) -> Told:
    (length,) = LENGTH.unpack(_read(stdin, LENGTH.size))
    return msgspec.msgpack.decode(_read(stdin, length), type=kind)


def _read(stdin: FileIO, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = stdin.read(length - len(data))
        if not more:
            raise _ServerGone
        data += more
    return data


def _spare_the_collector() -> None:
    """Decoded lines have no cycles: counting references frees them, and looking for cycles finds nothing."""
    gc.freeze()
    gc.disable()


def frames(order: Order, committed: Callable[[int], None]) -> Iterator[AnyFrame]:
    """Yield all that there is to tell; see twins.reader.read for *committed*."""
    try:
        tag = order.totals.tag if order.totals else None
        with (
            closing(open_source(order.uri, order.blobs, tag=tag)) as source,
            closing(open_known(order.graph)) as known,
        ):
            yield from read(order, source, known, committed=committed, clock=time.monotonic)
    except BlobFault as fault:
        yield _unreadable(fault)
    except StoreUnavailable as unavailable:
        yield Refused(
            "ServiceUnavailable", f"The graph cannot be read: {unavailable.reason}", None, may_pass=True
        )


def _unreadable(fault: BlobFault) -> Refused:
    codes = {BlobMissing: "InputBlobNotFound", BlobChanged: "InputBlobChanged"}
    code = codes.get(type(fault), "UnableToReadInputBlob")
    return Refused(code, fault.message, None, may_pass=isinstance(fault, BlobUnavailable))


if __name__ == "__main__":
    main()
