"""The frames between a job's process and its supervisor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.engine.jobs import ErrorDetail, JobError, Progress
from weft.runners.frames import (
    LARGEST_BYTES,
    AnyFrame,
    BadFrame,
    Begin,
    Broken,
    Cancel,
    Ended,
    Lines,
    PermissionsGiven,
    PermissionsWanted,
    Ready,
    TokenGiven,
    TokenWanted,
    Told,
    Unpacker,
    pack,
)

ERROR = JobError("Code", "ü", "External", False, ("p",), (ErrorDetail("D", "m", ("x",), (("a", "b"),)),))
FRAMES: list[AnyFrame] = [
    Begin(1, "id", "Type", "kind", 2, {"a": "b"}, b"\x00{}"),
    Cancel(1),
    TokenWanted(1, 2, "https://a.example/.default", True),
    TokenGiven(1, 2, "eyJ"),
    TokenGiven(1, 2, error=ERROR),
    PermissionsWanted(1, 3),
    PermissionsGiven(1, 3, ("Read", "Write")),
    Ready(),
    Broken(ERROR),
    Lines(1, ((1.5, "info", "text"),), 7),
    Told(1, Progress(1.0, 2.0, "half")),
    Ended(1, b"null", ERROR, True, True),
]


@given(st.lists(st.sampled_from(FRAMES)), st.integers(1, 50))
def test_frames_come_out_as_they_went_in_however_they_are_cut(frames: list[AnyFrame], size: int) -> None:
    stream = b"".join(map(pack, frames))
    unpacker = Unpacker()

    out = [
        frame
        for start in range(0, len(stream), size)
        for frame in unpacker.feed(stream[start : start + size])
    ]

    assert out == frames


@given(st.binary(min_size=1, max_size=100))
def test_what_is_no_frame_is_refused_as_such(body: bytes) -> None:
    unpacker = Unpacker()

    try:
        frames = list(unpacker.feed(len(body).to_bytes(4, "big") + body))
    except BadFrame:
        return

    assert len(frames) == 1


def test_a_frame_that_is_too_long_is_refused_before_it_is_there() -> None:
    with pytest.raises(BadFrame):
        list(Unpacker().feed((LARGEST_BYTES + 1).to_bytes(4, "big")))
