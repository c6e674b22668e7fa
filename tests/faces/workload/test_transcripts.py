"""The published samples, and what they leave open, played in this process."""

from pathlib import Path

import pytest

from tests.faces.workload.house import House
from tests.transcripts.player import play, read

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts"


@pytest.mark.parametrize("name", ["workload-items", "workload-remote"])
async def test_items_and_their_jobs_are_answered_as_it_is_written(name: str, house: House) -> None:
    transcript = read(TRANSCRIPTS / f"{name}.http")

    known = await play(transcript, house.client, {"authorization": house.tokens(), "tenant": house.tenant})

    assert known.keys() & {"url", "at"}


@pytest.mark.parametrize("name", ["workload-jobs", "workload-jobs-again"])
async def test_the_host_answers_as_it_is_written(name: str, house: House) -> None:
    transcript = read(TRANSCRIPTS / f"{name}.http")

    known = await play(transcript, house.client, {"authorization": house.tokens(), "tenant": house.tenant})

    assert known["end"].endswith("Z")
