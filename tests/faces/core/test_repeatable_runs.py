"""`Idempotency-Key` on run: the same request again is the same job, and nothing else."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faces.core.serving import OUTCOMES, Identity, Place, Served, serve
from tests.transcripts.player import Answer
from weft.catalog.ids import is_canonical
from weft.catalog.model import Role
from weft.engine.maintenance import Maintenance, Retention

KEY = {"Idempotency-Key": "nightly-2026-04-27"}
BODY = {"executionData": {"a": 1, "b": [1.0, 2]}}
RUN = "calculateForecast/instances"


async def _run(served: Served, place: Place, body: object = BODY, **how: Any) -> Answer:
    headers = how.pop("headers", KEY)
    return await served.call("POST", f"{place.jobs}/{RUN}", body, headers=headers, **how)


async def test_the_same_request_with_the_same_key_is_the_same_job(served: Served, place: Place) -> None:
    first = await _run(served, place)
    before = served.dump()

    again = await _run(served, place)

    assert (first.status, again.status) == (202, 202)
    assert again.header("Location") == first.header("Location")
    assert again.header("x-ms-job-id") == first.header("x-ms-job-id")
    assert is_canonical(str(first.header("x-ms-job-id")))
    assert served.dump() == before
    assert len(before["jobs"]) == 1


async def test_bodies_that_are_equal_as_json_are_the_same_request(served: Served, place: Place) -> None:
    first = await _run(served, place)

    again = await _run(served, place, None, raw=b'{ "executionData": {"b": [1, 2.0], "a": 1} }')

    assert again.header("x-ms-job-id") == first.header("x-ms-job-id")


async def test_both_run_addresses_and_both_headers_mean_the_same_run(served: Served, place: Place) -> None:
    first = await _run(served, place)
    repeatability = {"Repeatability-Request-ID": KEY["Idempotency-Key"]}

    older = await served.call(
        "POST", f"{place.jobs}/instances?jobType=CALCULATEFORECAST", BODY, headers=repeatability
    )

    assert (older.status, older.header("Location")) == (202, first.header("Location"))


@pytest.mark.parametrize(
    ("job_type", "body"),
    [
        ("calculateForecast", {"executionData": {"a": 2}}),
        ("calculateForecast", None),
        ("ForecastAsync", BODY),
    ],
)
async def test_another_request_with_the_key_is_refused_and_changes_nothing(
    served: Served, place: Place, job_type: str, body: object
) -> None:
    first = await _run(served, place)
    before = served.dump()

    other = await served.call("POST", f"{place.jobs}/{job_type}/instances", body, headers=KEY)

    assert (other.status, other.json()["errorCode"]) == (409, "IdempotencyKeyReused")
    assert other.header("x-ms-public-api-error-code") == "IdempotencyKeyReused"
    assert KEY["Idempotency-Key"] in other.json()["message"]
    assert str(first.header("x-ms-job-id")) in other.json()["message"]
    assert other.json()["isRetriable"] is False
    assert served.dump() == before


async def test_twenty_runs_at_once_with_one_key_are_one_job(served: Served, place: Place) -> None:
    answers = await asyncio.gather(*(_run(served, place) for _ in range(20)))

    assert {answer.status for answer in answers} == {202}
    assert len({answer.header("Location") for answer in answers}) == 1
    assert len(served.dump()["jobs"]) == 1


async def test_two_requests_at_once_with_one_key_are_one_job_and_a_conflict(
    served: Served, place: Place
) -> None:
    answers = await asyncio.gather(_run(served, place), _run(served, place, {"executionData": {"c": 3}}))

    assert sorted(answer.status for answer in answers) == [202, 409]
    assert len(served.dump()["jobs"]) == 1


async def test_a_key_is_that_of_its_caller_and_its_item(served: Served, place: Place) -> None:
    other_item = Place(place.workspace, await served.item(place.workspace, "other"))
    colleague = await served.grant(place, "colleague", Role.CONTRIBUTOR)

    answers = [
        await _run(served, place),
        await _run(served, other_item),
        await _run(served, place, {"executionData": {"mine": True}}, token=colleague),
    ]

    assert [answer.status for answer in answers] == [202, 202, 202]
    assert len({answer.header("x-ms-job-id") for answer in answers}) == 3


async def test_a_key_in_quotes_is_the_same_key(served: Served, place: Place) -> None:
    plain = await _run(served, place, headers={"Idempotency-Key": 'a"b\\c'})

    quoted = await _run(served, place, headers={"Idempotency-Key": '"a\\"b\\\\c"'})

    assert quoted.header("x-ms-job-id") == plain.header("x-ms-job-id")


@pytest.mark.parametrize(
    "key",
    [
        "",
        '""',
        "two words",
        '"two words"',
        '"open',
        '"a\\b"',
        '"a";b=1',
        "a" * 256,
        '"' + "a" * 256 + '"',
        "ü",
        "tab\there",
        "\x7f",
        '"' + '\\"' * 10_000,
    ],
)
@pytest.mark.parametrize("header", ["Idempotency-Key", "Repeatability-Request-ID"])
async def test_a_bad_key_is_refused_by_name_and_changes_nothing(
    served: Served, place: Place, header: str, key: str
) -> None:
    before = served.dump()

    answer = await _run(served, place, headers={header: key})

    assert (answer.status, answer.json()["errorCode"]) == (400, "InvalidInput")
    assert answer.json()["moreDetails"][0]["relatedResource"]["resourceId"] == header
    assert served.dump() == before


async def test_the_longest_key_is_taken(served: Served, place: Place) -> None:
    assert (await _run(served, place, headers={"Idempotency-Key": "~" * 255})).status == 202


async def test_two_different_keys_are_refused(served: Served, place: Place) -> None:
    before = served.dump()

    answer = await _run(served, place, headers={"Idempotency-Key": "a", "Repeatability-Request-ID": "b"})
    equal = await _run(served, place, headers={"Idempotency-Key": "a", "Repeatability-Request-ID": '"a"'})

    assert (answer.status, answer.json()["errorCode"]) == (400, "InvalidInput")
    assert equal.status == 202
    assert before["jobs"] == []


async def test_runs_without_a_key_stay_different_jobs(served: Served, place: Place) -> None:
    assert await served.run(place) != await served.run(place)
    assert {row[19] for row in served.dump()["jobs"]} == {b""}


async def test_a_repeat_after_the_end_is_still_the_same_job_and_says_so(served: Served, place: Place) -> None:
    first = await _run(served, place)
    await served.ended(OUTCOMES["Failed"])

    again = await _run(served, place)

    assert again.header("x-ms-job-id") == first.header("x-ms-job-id")
    assert len(served.dump()["jobs"]) == 1


async def test_a_viewer_learns_nothing_of_a_key(served: Served, place: Place) -> None:
    await _run(served, place)
    viewer = await served.grant(place, "reader", Role.VIEWER)

    answer = await _run(served, place, token=viewer)

    assert (answer.status, answer.json()["errorCode"]) == (403, "InsufficientPrivileges")


async def test_a_key_is_known_after_a_restart(tmp_path: Path, identity: Identity) -> None:
    served = serve(tmp_path, identity)
    place = await served.place()
    first = await _run(served, place)
    await served.store.close()

    restarted = serve(tmp_path, identity)
    again = await _run(restarted, place)
    other = await _run(restarted, place, {"executionData": None})
    await restarted.store.close()

    assert again.header("Location") == first.header("Location")
    assert other.status == 409


async def test_pruning_beyond_what_an_item_keeps_spares_a_key_for_a_day(served: Served, place: Place) -> None:
    keeps_none = Retention(keep=(("core", 0),))
    maintenance = Maintenance(served.engine, (), keeps_none, every=timedelta(seconds=1))
    first = await _run(served, place)
    await served.ended(OUTCOMES["Completed"])
    plain = await served.run(place)
    await served.ended(OUTCOMES["Completed"])

    await maintenance.once()
    within_a_day = await _run(served, place)
    gone = await served.call("GET", place.instance(plain))
    served.clock.time += timedelta(hours=24, seconds=1)
    await maintenance.once()

    assert within_a_day.header("x-ms-job-id") == first.header("x-ms-job-id")
    assert gone.status == 404
    assert served.dump()["jobs"] == []
