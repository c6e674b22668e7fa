"""The written conversations of Core, in process; `tests/e2e` plays them against a server."""

from __future__ import annotations

from pathlib import Path

from tests.faces.core.serving import Served
from tests.transcripts.clients import InProcess
from tests.transcripts.player import play, read

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts"


async def test_a_job_is_run_and_cancelled_as_written(served: Served) -> None:
    transcript = read(TRANSCRIPTS / "core-cancel.http")

    values = await play(transcript, InProcess(served.app), {"token": served.token(), "name": "plans"})

    assert values["instance"]


async def test_an_item_is_made_changed_and_deleted_as_written(served: Served) -> None:
    transcript = read(TRANSCRIPTS / "core-items.http")

    values = await play(transcript, InProcess(served.app), {"token": served.token(), "name": "plans"})

    assert served.owner.words == [
        ("created", "sales"),
        ("updated", "costs"),
        ("updated", "costs"),
        ("deleted", "costs"),
    ]
    assert values["item"]


async def test_a_schedule_is_made_changed_and_deleted_as_written(served: Served) -> None:
    transcript = read(TRANSCRIPTS / "core-schedules.http")

    values = await play(transcript, InProcess(served.app), {"token": served.token(), "name": "plans"})

    assert values["owner"] == served.user_id("admin")
    assert served.dump()["schedules"] == []


async def test_what_weft_adds_to_a_run_is_answered_as_written(served: Served) -> None:
    transcript = read(TRANSCRIPTS / "core-extras.http")

    values = await play(transcript, InProcess(served.app), {"token": served.token(), "name": "plans"})

    assert values["second"] != values["instance"]
