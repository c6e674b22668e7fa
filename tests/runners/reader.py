"""Processes that stand for readers of an import file: each does what its argument says."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

import msgspec

from weft.twins.feed import LARGEST_BYTES, LENGTH, Ack, AnyFrame, Ended, Order, Scanning, pack


def main() -> None:
    order = msgspec.msgpack.decode(receive(), type=Order)
    DEEDS[sys.argv[1]](order)


def receive() -> bytes:
    (length,) = LENGTH.unpack(sys.stdin.buffer.read(LENGTH.size))
    return sys.stdin.buffer.read(length)


def tell(frame: AnyFrame) -> None:
    say(pack(frame))


def say(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def echo(order: Order) -> None:
    """Tell what it was ordered, and then what it is acknowledged."""
    tell(Scanning(len(order.uri), len(order.blobs)))
    while True:
        ack = msgspec.msgpack.decode(receive(), type=Ack)
        tell(Scanning(ack.batches, 0))
        if ack.batches == 3:
            tell(Ended())
            return


def many(_: Order) -> None:
    for number in range(5000):
        tell(Scanning(number, 5000))
    tell(Ended())


def waits(_: Order) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    tell(Scanning(0, 0))
    while True:
        time.sleep(60)


def ends_with_its_input(_: Order) -> None:
    tell(Scanning(0, 0))
    sys.stdin.buffer.read()


def crashes(_: Order) -> NoReturn:
    sys.stderr.write("half a frame comes\n")
    say(LENGTH.pack(100) + b"half")
    raise ZeroDivisionError("the reader's own mistake")


def too_large(_: Order) -> None:
    say(LENGTH.pack(LARGEST_BYTES + 1))
    time.sleep(60)


def no_frame(_: Order) -> None:
    say(LENGTH.pack(3) + b"\xc1\xc1\xc1")
    time.sleep(60)


DEEDS: dict[str, Callable[[Order], None]] = {
    deed.__name__: deed for deed in (echo, many, waits, ends_with_its_input, crashes, too_large, no_frame)
}


if __name__ == "__main__":
    main()
