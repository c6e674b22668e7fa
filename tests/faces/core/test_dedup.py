"""De-duplication: which runs are skipped, and how a skipped run is shown."""

from __future__ import annotations

import asyncio

import pytest

from tests.faces.core.serving import FORECAST, HOST, OUTCOMES, Place, Served
from weft.catalog.item_types import Dedup, RunsAs
from weft.catalog.model import Role


async def test_a_run_beside_a_live_one_is_accepted_and_skipped(served: Served, place: Place) -> None:
    served.types.dedups[FORECAST] = Dedup.PER_ITEM
    winner = await served.run(place)

    answer = await served.call("POST", f"{place.jobs}/instances?jobType=CALCULATEFORECAST")
    id = str(answer.header("x-ms-job-id"))
    shown = await served.call("GET", place.instance(id))
    cancelled = await served.call("POST", f"{place.instance(id)}/cancel")

    assert answer.status == 202
    assert answer.header("Location") == f"http://{HOST}{place.instance(id)}"
    body = shown.json()
    assert id != winner
    assert (body["status"], body["endTimeUtc"]) == ("Deduped", body["startTimeUtc"])
    assert body["failureReason"]["errorCode"] == "JobInstanceStatusDeduped"
    assert winner in body["failureReason"]["message"]
    assert body["failureReason"]["requestId"] == shown.header("RequestId")
    assert shown.header("Retry-After") is None
    assert (cancelled.status, cancelled.json()["errorCode"]) == (400, "JobAlreadyCompleted")
    listed = (await served.call("GET", f"{place.jobs}/instances")).json()["value"]
    assert {job["id"]: job["status"] for job in listed} == {winner: "NotStarted", id: "Deduped"}


@pytest.mark.parametrize("status", OUTCOMES)
async def test_a_run_after_the_end_of_another_is_not_skipped(
    served: Served, place: Place, status: str
) -> None:
    served.types.dedups[FORECAST] = Dedup.PER_ITEM
    await served.run(place)
    await served.ended(OUTCOMES[status])

    id = await served.run(place)

    assert (await served.call("GET", place.instance(id))).json()["status"] == "NotStarted"


@pytest.mark.parametrize(
    ("dedup", "who", "skipped"),
    [
        (Dedup.NONE, "admin", False),
        (Dedup.PER_ITEM, "admin", True),
        (Dedup.PER_ITEM, "colleague", True),
        (Dedup.PER_USER, "admin", True),
        (Dedup.PER_USER, "colleague", False),
    ],
)
async def test_who_is_skipped_is_what_the_manifest_says(
    served: Served, place: Place, dedup: Dedup, who: str, skipped: bool
) -> None:
    served.types.dedups[FORECAST] = dedup
    await served.run(place)
    await served.grant(place, "colleague", Role.CONTRIBUTOR)

    id = await served.run(place, token=served.token(who))

    status = (await served.call("GET", place.instance(id))).json()["status"]
    assert status == ("Deduped" if skipped else "NotStarted")


async def test_other_items_and_other_job_types_are_not_skipped(served: Served, place: Place) -> None:
    served.types.dedups[FORECAST] = Dedup.PER_ITEM
    await served.run(place)
    other = Place(place.workspace, await served.item(place.workspace, "other"))

    ids = [(place, await served.run(place, "ForecastAsync")), (other, await served.run(other))]

    for where, id in ids:
        assert (await served.call("GET", where.instance(id))).json()["status"] == "NotStarted"


async def test_of_many_runs_at_once_one_lives(served: Served, place: Place) -> None:
    served.types.dedups[FORECAST] = Dedup.PER_ITEM

    await asyncio.gather(*(served.run(place) for _ in range(20)))

    listed = (await served.call("GET", f"{place.jobs}/instances")).json()["value"]
    statuses = sorted(job["status"] for job in listed)
    assert statuses == ["Deduped"] * 19 + ["NotStarted"]


async def test_job_types_that_are_one_at_their_workload_are_duplicates_of_each_other(
    served: Served, place: Place
) -> None:
    served.types.dedups[FORECAST] = Dedup.PER_ITEM
    served.types.mapped[FORECAST] = RunsAs("Contoso.Other.Thing", "spin")

    winner = await served.run(place, "calculateForecast")
    other = await served.run(place, "ForecastAsync")

    shown = [(await served.call("GET", place.instance(id))).json() for id in (winner, other)]
    assert [(job["jobType"], job["status"]) for job in shown] == [
        ("calculateForecast", "NotStarted"),
        ("ForecastAsync", "Deduped"),
    ]
