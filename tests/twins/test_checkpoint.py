"""What is kept of a bulk job between two batches comes back as it was."""

from __future__ import annotations

import msgspec
import pytest

from weft.twins import checkpoint as kept
from weft.twins.checkpoint import Checkpoint, End, Status, Tally
from weft.twins.feed import Position, Totals
from weft.twins.graph import Section

FULL = Checkpoint(
    totals=Totals(1000, "tag", 1, 2, 3),
    position=Position(70, 7, Section.TWINS),
    section=Section.TWINS,
    tallies={Section.MODELS: Tally(1, 0), Section.TWINS: Tally(1, 1)},
    end=End(Status.FAILED, "Code", "message", "reason"),
)


@pytest.mark.parametrize("checkpoint", [Checkpoint(), FULL])
def test_a_checkpoint_comes_back_as_it_was(checkpoint: Checkpoint) -> None:
    assert kept.unpack(kept.pack(checkpoint)) == checkpoint


def test_the_first_checkpoint_differs_from_none() -> None:
    assert kept.unpack(b"") is None
    assert kept.pack(Checkpoint()) != b""


def test_a_damaged_checkpoint_is_no_beginning() -> None:
    with pytest.raises(msgspec.DecodeError):
        kept.unpack(b"\xc1")
