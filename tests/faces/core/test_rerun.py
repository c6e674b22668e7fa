"""Running an ended instance again: the same work, as another job, for whoever asks for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.faces.core.serving import FORECAST, JOB_TYPES, NOWHERE, OUTCOMES, Place, Served
from tests.transcripts.player import Answer
from weft.catalog.item_types import Dedup
from weft.catalog.model import Role

BODY = {"executionData": {"day": "2026-04-27"}}


async def _again(served: Served, place: Place, id: str, **how: Any) -> Answer:
    return await served.call("POST", f"{place.instance(id)}/rerun", **how)


@pytest.mark.parametrize("status", [*OUTCOMES])
async def test_an_ended_instance_runs_again_with_what_it_was_given(
    served: Served, place: Place, status: str
) -> None:
    first = await served.run(place, body=BODY)
    await served.ended(OUTCOMES[status])

    answer = await _again(served, place, first)

    id = str(answer.header("x-ms-job-id"))
    kept, known = await served.engine.get(place.key(id)), await served.engine.get(place.key(first))
    shown = (await served.call("GET", f"/weft{place.instance(id)}")).json()
    assert (answer.status, answer.body) == (202, b"")
    assert str(answer.header("Location")).endswith(place.instance(id))
    assert answer.header("Retry-After") == "60"
    assert id != first
    assert (kept.payload, kept.kind) == (known.payload, known.kind)
    assert (shown["rerunOf"], shown["status"], shown["invokeType"]) == (first, "NotStarted", "Manual")


async def test_it_runs_as_who_asks_for_it(served: Served, place: Place) -> None:
    first = await served.run(place)
    await served.ended(OUTCOMES["Failed"])
    colleague = await served.grant(place, "colleague", Role.CONTRIBUTOR)

    answer = await _again(served, place, first, token=colleague)

    kept = await served.engine.get(place.key(str(answer.header("x-ms-job-id"))))
    assert kept.submitted_by == kept.labels["user"] == served.user_id("colleague")


async def test_what_has_not_ended_is_not_run_again(served: Served, place: Place) -> None:
    id = await served.run(place)
    before = served.dump()

    answer = await _again(served, place, id)

    assert (answer.status, answer.json()["errorCode"]) == (400, "JobNotCompleted")
    assert id in answer.json()["message"]
    assert served.dump() == before


@pytest.mark.parametrize(
    ("role", "scopes", "code"),
    [
        (Role.VIEWER, (), "InsufficientPrivileges"),
        (Role.CONTRIBUTOR, ("Item.Read.All",), "InsufficientScopes"),
        (Role.CONTRIBUTOR, ("Notebook.Execute.All",), "InsufficientScopes"),
    ],
)
async def test_who_may_not_run_may_not_run_again(
    served: Served, place: Place, role: Role, scopes: tuple[str, ...], code: str
) -> None:
    id = await served.run(place)
    await served.ended(OUTCOMES["Failed"])
    await served.grant(place, "other", role)
    before = served.dump()

    answer = await _again(served, place, id, token=served.token("other", *scopes))

    assert (answer.status, answer.json()["errorCode"]) == (403, code)
    assert served.dump() == before


async def test_instances_of_others_answer_as_unknown_ones(served: Served, place: Place) -> None:
    other = Place(place.workspace, await served.item(place.workspace, "other"))
    id = await served.run(other)
    await served.ended(OUTCOMES["Failed"])
    stranger = served.token("stranger")

    foreign = await _again(served, place, id)
    unknown = await _again(served, place, NOWHERE)
    outside = await _again(served, other, id, token=stranger)

    assert (foreign.status, foreign.json()["errorCode"]) == (404, "JobInstanceNotFound")
    assert foreign.json()["message"].replace(id, NOWHERE) == unknown.json()["message"]
    assert (outside.status, outside.json()["errorCode"]) == (404, "WorkspaceNotFound")


async def test_a_job_type_that_is_gone_is_told(
    served: Served, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await served.run(place)
    await served.ended(OUTCOMES["Failed"])
    monkeypatch.setitem(JOB_TYPES, FORECAST, ("ForecastAsync",))
    before = served.dump()

    answer = await _again(served, place, id)

    assert (answer.status, answer.json()["errorCode"]) == (400, "InvalidJobType")
    assert served.dump() == before


async def test_a_rerun_is_de_duplicated_as_a_run_is(served: Served, place: Place) -> None:
    first = await served.run(place)
    await served.ended(OUTCOMES["Failed"])
    served.types.dedups[FORECAST] = Dedup.PER_ITEM
    await served.run(place)

    answer = await _again(served, place, first)

    shown = await served.call("GET", place.instance(str(answer.header("x-ms-job-id"))))
    assert (answer.status, shown.json()["status"]) == (202, "Deduped")


async def test_reruns_at_once_with_one_key_are_one_job(served: Served, place: Place) -> None:
    id = await served.run(place)
    await served.ended(OUTCOMES["Failed"])
    key = {"Idempotency-Key": "again"}

    answers = await asyncio.gather(*(_again(served, place, id, headers=key) for _ in range(20)))
    run = await served.call("POST", f"{place.jobs}/calculateForecast/instances", headers=key)

    assert {answer.status for answer in answers} == {202}
    assert len({answer.header("x-ms-job-id") for answer in answers}) == 1
    assert len(served.dump()["jobs"]) == 2
    assert (run.status, run.json()["errorCode"]) == (409, "IdempotencyKeyReused")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_there_is_nothing_else_at_the_address(served: Served, place: Place, method: str) -> None:
    id = await served.run(place)

    answer = await served.call(method, f"{place.instance(id)}/rerun")

    assert (answer.status, answer.json()["errorCode"]) == (405, "MethodNotAllowed")
