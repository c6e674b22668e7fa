"""Answers about schedules against the published document, and what was made of one that ran."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faces.core.openapi import Document
from tests.faces.core.scheduling import CRON, DAILY, MONTHLY, ORDINAL, WEEKLY, body, scheduled, schedules
from tests.faces.core.serving import NOWHERE, Place, Served
from tests.faces.core.test_openapi import ITEM, document

__all__ = ["document"]

pytestmark = pytest.mark.shared

SCHEDULES = f"{ITEM}/jobs/{{jobType}}/schedules"
SCHEDULE = f"{SCHEDULES}/{{scheduleId}}"


@pytest.mark.parametrize("configuration", [CRON, DAILY, WEEKLY, MONTHLY, ORDINAL])
async def test_every_answer_is_as_the_published_document_says(
    served: Served, place: Place, document: Document, configuration: dict[str, Any]
) -> None:
    address = await scheduled(served, place, DAILY)
    sent = body(configuration, executionData={"folds": 2})

    answers = [
        (SCHEDULES, "POST", await served.call("POST", schedules(place), sent)),
        (SCHEDULES, "GET", await served.call("GET", schedules(place))),
        (SCHEDULE, "PATCH", await served.call("PATCH", address, sent)),
        (SCHEDULE, "GET", await served.call("GET", address)),
        (SCHEDULE, "DELETE", await served.call("DELETE", address)),
        (SCHEDULE, "GET", await served.call("GET", address)),
        (SCHEDULES, "POST", await served.call("POST", schedules(place), {"enabled": 1})),
        (SCHEDULE, "DELETE", await served.call("DELETE", f"{schedules(place)}/{NOWHERE}")),
    ]

    assert [answer.status for _, _, answer in answers] == [201, 200, 200, 200, 200, 404, 400, 404]
    for path, method, answer in answers:
        shown = answer.json() if answer.body else None
        assert document.faults(method, path, answer.status, shown) == []
        if answer.status < 300:
            names = {name.lower() for name, _ in answer.headers}
            assert document.required_headers(method, path, answer.status) <= names


async def test_a_scheduled_instance_is_as_the_published_document_says(
    served: Served, place: Place, document: Document
) -> None:
    await scheduled(served, place, {**CRON, "startDateTime": "2026-01-01T00:00:00"}, executionData={"a": 1})

    assert await served.scheduler.fire_due() == 1

    job = await served.dispatched()
    shown = (await served.call("GET", place.instance(job.key.id))).json()
    assert document.faults("GET", f"{ITEM}/jobs/instances/{{jobInstanceId}}", 200, shown) == []
    assert (shown["invokeType"], shown["status"], job.payload) == ("Scheduled", "NotStarted", b'{"a": 1}')
    assert shown["rootActivityId"] != shown["id"]
