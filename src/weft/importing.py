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
from collections.abc import Iterator
from contextlib import closing
from typing import BinaryIO, TypeVar

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


class _Acks:
    """How many batches the server has committed."""

    def __init__(self) -> None:
        self._batches = 0
        self._grown = threading.Condition()

    def follow(self, stdin: BinaryIO) -> None:
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
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    order = _receive(stdin, Order)
    acks = _Acks()
    threading.Thread(target=acks.follow, args=(stdin,), name="acks", daemon=True).start()
    _spare_the_collector()
    try:
        for frame in _frames(order, acks):
            stdout.write(pack(frame))
            stdout.flush()
    except BrokenPipeError:
        os._exit(0)


def _receive(stdin: BinaryIO, kind: type[Told]) -> Told:
    head = stdin.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise _ServerGone
    (length,) = LENGTH.unpack(head)
    body = stdin.read(length)
    if len(body) < length:
        raise _ServerGone
    return msgspec.msgpack.decode(body, type=kind)


def _spare_the_collector() -> None:
    """Decoded lines have no cycles: counting references frees them, and looking for cycles finds nothing."""
    gc.freeze()
    gc.disable()


def _frames(order: Order, acks: _Acks) -> Iterator[AnyFrame]:
    try:
        tag = order.totals.tag if order.totals else None
        with (
            closing(open_source(order.uri, order.blobs, tag=tag)) as source,
            closing(open_known(order.graph)) as known,
        ):
            yield from read(order, source, known, committed=acks.wait, clock=time.monotonic)
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
