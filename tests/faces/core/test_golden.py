"""Our answers beside those of the live service, for every recorded run, get and cancel of a job."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import shared_directory
from tests.faces.core.golden import Pair, differences, pairs
from tests.faces.core.serving import OUTCOMES, OverTls, Place, Served
from tests.transcripts.clients import InProcess
from tests.transcripts.player import Answer, Request

HOST = "api.fabric.microsoft.com"
INSTANCES = "/v1/workspaces/{}/items/{}/jobs/instances"
ITEM_TYPES = {
    "jobType=RunNotebook": ("Notebook", "RunNotebook"),
    "jobType=Pipeline": ("DataPipeline", "Pipeline"),
}

pytestmark = pytest.mark.shared


def recorded(file: str, wanted: Callable[[Pair], bool]) -> list[Pair]:
    """Return recorded pairs, while tests are collected; none where there is no shared data."""
    shared = shared_directory()
    return [] if shared is None else [pair for pair in pairs(shared / "golden" / file) if wanted(pair)]


def named(pair: Pair) -> str:
    return f"{pair.recording}-{pair.method}-{pair.status}"


RUNS = recorded("core-jobs.jsonl", lambda pair: pair.route == INSTANCES and pair.method == "POST")
GETS = recorded("core-jobs.jsonl", lambda pair: pair.route == f"{INSTANCES}/{{}}")
CANCELS = recorded("core-jobs.jsonl", lambda pair: pair.route == f"{INSTANCES}/{{}}/cancel")


def test_the_recordings_hold_what_these_tests_are_about() -> None:
    assert (len(RUNS), len(GETS), len(CANCELS)) == (14, 20, 5)


async def replay(served: Served, pair: Pair, target: str) -> Answer:
    headers = [("Authorization", f"Bearer {served.token()}"), ("Content-Type", "application/json")]
    body = b"" if pair.body is None else pair.body.encode()
    return await InProcess(OverTls(served.app), host=HOST).send(
        Request(pair.method, target, tuple(headers), body)
    )


async def run_recorded(served: Served, job_type: str) -> tuple[Place, str]:
    item_type = next(item for item, job in ITEM_TYPES.values() if job == job_type)
    place = await served.place(item_type=item_type)
    return place, await served.run(place, job_type)


async def bring(served: Served, status: str) -> None:
    """Bring the only job into the state that was recorded."""
    if status == "InProgress":
        await served.started()
    elif status != "NotStarted":
        await served.ended(OUTCOMES[status])


@pytest.mark.parametrize("pair", RUNS, ids=named)
async def test_a_run_is_answered_as_recorded(served: Served, pair: Pair) -> None:
    item_type, _ = ITEM_TYPES[pair.query]
    place = await served.place(item_type=item_type)

    ours = await replay(served, pair, f"{place.jobs}/instances?{pair.query}")

    assert differences(pair, ours) == []


@pytest.mark.parametrize("pair", GETS, ids=named)
async def test_a_job_is_shown_as_recorded(served: Served, pair: Pair) -> None:
    place, id = await run_recorded(served, pair.answer["jobType"])
    await bring(served, pair.answer["status"])

    ours = await replay(served, pair, place.instance(id))

    assert differences(pair, ours, free=free_of(pair)) == []


def free_of(pair: Pair) -> frozenset[str]:
    """The service shows a cancelled job for a moment without its end, and Retry-After only now and then."""
    if pair.answer["status"] == "Cancelled" and pair.answer["endTimeUtc"] is None:
        return frozenset({"body.endTimeUtc"})
    if pair.answer["status"] in OUTCOMES:
        return frozenset()
    return frozenset({"retry-after", "access-control-expose-headers"})


@pytest.mark.parametrize("pair", CANCELS, ids=named)
async def test_a_cancel_is_answered_as_recorded(served: Served, pair: Pair) -> None:
    place, id = await run_recorded(served, "RunNotebook")

    ours = await replay(served, pair, f"{place.instance(id)}/cancel")

    assert differences(pair, ours) == []


def test_the_comparison_sees_what_it_is_for(shared: Path) -> None:
    pair = next(pair for pair in GETS if pair.answer["status"] == "Failed")
    right = dict(pair.answer)
    wrong = [
        {**right, "status": "Completed"},
        {**right, "startTimeUtc": f"{right['startTimeUtc']}Z"},
        {**right, "endTimeUtc": "2026-04-27T07:11:53.2450000"},
        {**right, "id": right["id"].upper()},
        dict(reversed(list(right.items()))),
        {key: value for key, value in right.items() if key != "failureReason"},
    ]

    def seen(body: dict[str, object], **headers: str) -> list[str]:
        sent = {**pair.headers, **headers}
        return differences(pair, Answer(200, tuple(sent.items()), json.dumps(body).encode()))

    assert seen(right) == []
    assert all(seen(body) for body in wrong)
    assert seen(right, **{"x-frame-options": "allow"})
    assert seen(right, **{"x-new": "1"})
