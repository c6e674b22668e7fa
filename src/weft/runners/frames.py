"""What a job's process and its supervisor say to each other, over a socket pair: frames of MessagePack."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

import msgspec

from weft.engine.jobs import JobError, Progress

# The environment variable with the numbers of two descriptors: of the socket, and of an eventfd to which the
# process adds one before it calls a function. Read when it has died, that tells whether its last job began.
CHANNEL = "WEFT_JOB_CHANNEL"
LARGEST_BYTES = 8 * 1024 * 1024
_LENGTH = struct.Struct("!I")


class BadFrame(Exception):
    """What came through the channel is no frame."""


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """*turn*, where a frame has one, numbers the jobs of a process, so that nothing late hits the next."""


class Begin(Frame, frozen=True):
    """To the process: do this job. *payload* is JSON, or empty."""

    turn: int
    job_id: str
    item_type: str
    job_type: str
    attempt: int
    labels: Mapping[str, str]
    payload: bytes


class Cancel(Frame, frozen=True):
    """To the process: the job of *turn* is to be cancelled."""

    turn: int


class TokenWanted(Frame, frozen=True):
    """From the process: the job wants a token for *scope*. *number* counts what the job of *turn* asks."""

    turn: int
    number: int
    scope: str
    as_app: bool


class TokenGiven(Frame, frozen=True):
    """To the process: the *token* that was wanted, or the *error* that there is in its place."""

    turn: int
    number: int
    token: str = ""
    error: JobError | None = None


class PermissionsWanted(Frame, frozen=True):
    """From the process: the job wants to know what its user may do with its item."""

    turn: int
    number: int


class PermissionsGiven(Frame, frozen=True):
    """To the process: the *permissions* that were asked for, or the *error* that there is in their place."""

    turn: int
    number: int
    permissions: tuple[str, ...] = ()
    error: JobError | None = None


class DefinitionWanted(Frame, frozen=True):
    """From the process: the job wants the definition of its item."""

    turn: int
    number: int


class DefinitionGiven(Frame, frozen=True):
    """To the process: the *definition* as JSON, empty where there is none, or the *error* in its place."""

    turn: int
    number: int
    definition: bytes = b""
    error: JobError | None = None


class Ready(Frame, frozen=True):
    """From the process: it has imported its workloads, and can take a job."""


class Broken(Frame, frozen=True):
    """From the process: its workloads cannot be used; it ends now."""

    error: JobError


class Lines(Frame, frozen=True):
    """From the process: what the job has logged, as instant (seconds since 1970), level and text."""

    turn: int
    lines: tuple[tuple[float, str, str], ...]
    dropped: int


class Told(Frame, frozen=True):
    """From the process: how far the job is."""

    turn: int
    progress: Progress


class Ended(Frame, frozen=True):
    """From the process: the function has ended; its last frame of the turn.

    It returned (*result*: JSON or None), or failed with *error*, or let itself be *cancelled*. *dirty*: it
    left threads or processes behind.
    """

    turn: int
    result: bytes | None = None
    error: JobError | None = None
    cancelled: bool = False
    dirty: bool = False


Wanted = TokenWanted | PermissionsWanted | DefinitionWanted
Given = TokenGiven | PermissionsGiven | DefinitionGiven
AnyFrame = Begin | Cancel | Wanted | Given | Ready | Broken | Lines | Told | Ended

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyFrame] = msgspec.msgpack.Decoder(AnyFrame)


def pack(frame: AnyFrame) -> bytes:
    body = _encoder.encode(frame)
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """Takes bytes as they come and gives whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[AnyFrame]:
        """Raises BadFrame; the channel is then of no more use."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > LARGEST_BYTES:
                raise BadFrame(f"a frame of {length} bytes")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield _decoded(body)


def _decoded(body: bytes) -> AnyFrame:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadFrame(str(error)) from None
