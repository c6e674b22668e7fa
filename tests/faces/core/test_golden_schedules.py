"""Schedules as the live service answers: every recorded call of theirs, against this face."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faces.core.golden import Pair, differences
from tests.faces.core.serving import NOWHERE, Place, Served
from tests.faces.core.test_golden import named, recorded, replay

SCHEDULES = "/v1/workspaces/{}/items/{}/jobs/%s/schedules"
ITEM_TYPES = {"RunNotebook": "Notebook", "Pipeline": "DataPipeline", "sparkjob": "SparkJobDefinition"}
ROUTES = {SCHEDULES % job_type: job_type for job_type in ITEM_TYPES}

pytestmark = pytest.mark.shared


def job_type_of(pair: Pair) -> str | None:
    return ROUTES.get(pair.route.removesuffix("/{}"))


PAIRS = recorded("core-jobs.jsonl", lambda pair: job_type_of(pair) is not None)


def test_the_recordings_hold_every_kind_of_call_but_one() -> None:
    calls = {(pair.method, pair.route.endswith("/{}"), pair.status) for pair in PAIRS}

    assert len(PAIRS) == 22
    assert calls == {
        ("POST", False, 201),
        ("GET", False, 200),
        ("DELETE", True, 200),
        ("DELETE", True, 404),
    }


@pytest.mark.parametrize("pair", PAIRS, ids=named)
async def test_a_call_is_answered_as_recorded(served: Served, pair: Pair) -> None:
    job_type = str(job_type_of(pair))
    place = await served.place(item_type=ITEM_TYPES[job_type])
    target = f"{place.jobs}/{job_type}/schedules"
    if len(pair.ids) == 3:
        target += f"/{await _schedule(served, place, job_type) if pair.status == 200 else NOWHERE}"
    elif pair.method == "GET" and pair.answer["value"]:
        await _schedule(served, place, job_type, pair.answer["value"][0]["configuration"])

    ours = await replay(served, pair, target)

    assert differences(pair, ours) == []


async def _schedule(
    served: Served, place: Place, job_type: str, configuration: dict[str, Any] | None = None
) -> str:
    created = next(pair for pair in PAIRS if pair.method == "POST")
    body = json.loads(created.body or "")
    body["configuration"] = configuration or body["configuration"]
    return await served.made(f"{place.jobs}/{job_type}/schedules", body)


def test_the_recordings_are_those_of_the_shared_data(shared: Path) -> None:
    lines = (shared / "golden" / "core-jobs.jsonl").read_text().splitlines()

    assert sum("/schedules" in json.loads(line)["request"]["url"] for line in lines) == len(PAIRS)
