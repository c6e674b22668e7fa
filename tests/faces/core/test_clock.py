"""The server's clock: who may move it on, what happens on the way, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.faces.core.scheduling import CRON, DAILY, scheduled
from tests.faces.core.serving import Identity, Place, Served, serve
from tests.faces.core.test_bad_input import NO_STRICT_JSON
from tests.faces.core.test_isolation import refused
from tests.transcripts.player import Answer
from weft.auth.issuer import CORE_SCOPES
from weft.catalog.model import Role

CLOCK = "/weft/v1/clock"
ADVANCE = f"{CLOCK}/advance"
SCOPE = "Clock.ReadWrite.All"
NOW = "2026-04-27T07:11:35.247"
DAY = 24 * 3600
MINUTELY = {**CRON, "interval": 1, "startDateTime": "2026-04-28T00:00:00"}


@pytest.fixture
async def unmovable(tmp_path: Path, identity: Identity) -> AsyncIterator[Served]:
    served = serve(tmp_path, identity, is_movable=False)
    yield served
    await served.store.close()


async def move(served: Served, seconds: int) -> Answer:
    return await served.call("POST", ADVANCE, {"seconds": seconds}, token=served.token("admin", SCOPE))


async def jobs(served: Served, place: Place) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await served.call("GET", f"{place.jobs}/instances")).json()["value"]
    return found


async def test_the_clock_is_moved_on_and_goes_on_from_there(served: Served) -> None:
    before = await served.call("GET", CLOCK, token=served.token("admin", SCOPE))

    moved = await move(served, 3 * DAY)

    assert before.json() == {"nowUtc": NOW, "movedBySeconds": 0}
    assert (moved.status, moved.json()) == (
        200,
        {"nowUtc": "2026-04-30T07:11:35.247", "movedBySeconds": 3 * DAY, "fired": 0},
    )
    after = await served.call("GET", CLOCK, token=served.token("admin", SCOPE))
    assert after.json() == {"nowUtc": "2026-04-30T07:11:35.247", "movedBySeconds": 3 * DAY}


async def test_what_is_due_on_the_way_fires_at_its_time(served: Served, place: Place) -> None:
    await scheduled(served, place, {**DAILY, "startDateTime": "2026-04-27T07:12:00"})

    moved = await move(served, 2 * DAY)

    assert moved.json()["fired"] == 4
    assert [(job["invokeType"], job["startTimeUtc"]) for job in await jobs(served, place)] == [
        ("Scheduled", "2026-04-29T05:00:00"),
        ("Scheduled", "2026-04-28T17:00:00"),
        ("Scheduled", "2026-04-28T05:00:00"),
        ("Scheduled", "2026-04-27T17:00:00"),
    ]


async def test_an_owner_without_a_role_gets_failed_instances_that_say_so(
    served: Served, place: Place
) -> None:
    token = await served.grant(place, "colleague", Role.CONTRIBUTOR)
    target = f"{place.jobs}/calculateForecast/schedules"
    await served.made(target, {"enabled": True, "configuration": DAILY}, token=token)
    await served.store.take_role(place.workspace, served.user_id("colleague"))

    await move(served, 5 * DAY)

    [last, *_] = await jobs(served, place)
    assert (last["status"], last["invokeType"]) == ("Failed", "Scheduled")
    assert last["failureReason"]["errorCode"] == "JobInstanceStatusOwnerUserMissing"
    assert "colleague" in last["failureReason"]["message"]
    assert last["startTimeUtc"] == last["endTimeUtc"] == "2026-05-02T05:00:00"


async def test_tokens_know_nothing_of_a_clock_that_was_moved(served: Served, place: Place) -> None:
    token = served.token("admin", SCOPE, "Item.Read.All")

    await move(served, 300 * DAY)

    assert (await served.call("GET", f"{place.jobs}/instances", token=token)).status == 200
    assert (await served.call("GET", CLOCK, token=served.token("admin", SCOPE))).status == 200


async def test_more_occurrences_than_anybody_wants_are_refused_before_anything_moves(
    served: Served, place: Place
) -> None:
    await scheduled(served, place, MINUTELY)
    before = served.dump()

    answer = await move(served, 30 * DAY)

    assert refused(answer, 400, "TooManyOccurrences")
    shown = await served.call("GET", CLOCK, token=served.token("admin", SCOPE))
    assert shown.json() == {"nowUtc": NOW, "movedBySeconds": 0}
    assert served.dump() == before


# ---- who may


@pytest.mark.parametrize(("method", "target"), [("GET", CLOCK), ("POST", ADVANCE)])
async def test_no_ordinary_token_reaches_the_clock(served: Served, method: str, target: str) -> None:
    sent = {"seconds": 1} if method == "POST" else None
    tokens = [
        served.token("admin", *CORE_SCOPES),
        served.token("admin", "Item.ReadWrite.All", "Clock.Read.All", "clock.readwrite.all"),
        served.token("robot", app=True),
    ]

    answers = [await served.call(method, target, sent, token=token) for token in tokens]

    assert all(refused(answer, 403, "InsufficientScopes") for answer in answers)
    assert (await served.send(method, target, None)).status == 401
    assert SCOPE not in CORE_SCOPES
    shown = await served.call("GET", CLOCK, token=served.token("admin", SCOPE))
    assert shown.json()["movedBySeconds"] == 0


@pytest.mark.parametrize(("method", "target"), [("GET", CLOCK), ("POST", ADVANCE)])
async def test_a_clock_that_cannot_be_moved_says_so(unmovable: Served, method: str, target: str) -> None:
    sent = {"seconds": 1} if method == "POST" else None

    answer = await unmovable.call(method, target, sent, token=unmovable.token("admin", SCOPE))

    assert refused(answer, 403, "FeatureNotAvailable")
    assert "local profile" in answer.json()["message"]


@pytest.mark.parametrize(("method", "target"), [("POST", CLOCK), ("GET", ADVANCE), ("PUT", ADVANCE)])
async def test_other_methods_are_not_there(served: Served, method: str, target: str) -> None:
    answer = await served.call(method, target, token=served.token("admin", SCOPE))

    assert answer.status == 405


# ---- bad input

SECONDS: dict[str, Any] = {
    "null": None,
    "0": 0,
    "negative": -1,
    "1.5": 1.5,
    "1.0": 1.0,
    "text": "5",
    "true": True,
    "array": [1],
    "more than ten years": 10 * 366 * DAY + 1,
    "2 to the 63": 2**63,
}


@pytest.mark.parametrize("seconds", SECONDS.values(), ids=SECONDS)
async def test_a_length_that_is_none_is_refused(served: Served, seconds: Any) -> None:
    answer = await served.call("POST", ADVANCE, {"seconds": seconds}, token=served.token("admin", SCOPE))

    assert refused(answer, 400, "InvalidInput")
    assert answer.json()["moreDetails"][0]["relatedResource"]["resourceId"] == "seconds"


@pytest.mark.parametrize("raw", [*NO_STRICT_JSON.values(), b"", b"{}", b"null"])
async def test_a_body_that_is_none_is_refused(served: Served, raw: bytes) -> None:
    answer = await served.call("POST", ADVANCE, raw=raw, token=served.token("admin", SCOPE))

    assert refused(answer, 400, "InvalidInput")


async def test_a_clock_at_the_end_of_time_is_not_moved_on(served: Served) -> None:
    served.clock.time = served.clock.time.replace(year=8999, month=12, day=31)

    answer = await move(served, 2 * DAY)

    assert refused(answer, 400, "InvalidInput")
    assert "9000" in answer.json()["message"]
