"""Our answers against the published document; test_generated.py asks for all of its operations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.owner import NO_ANSWER, REFUSED
from tests.faces.core.openapi import Document
from tests.faces.core.serving import FORECAST, OUTCOMES, Place, Served
from weft.catalog.errors import ItemRefused
from weft.engine.jobs import ErrorDetail, Failed, JobError

pytestmark = pytest.mark.shared

WORKSPACES = "/workspaces"
WORKSPACE = "/workspaces/{workspaceId}"
ITEMS = f"{WORKSPACE}/items"
ITEM = f"{ITEMS}/{{itemId}}"
FOLDERS = f"{WORKSPACE}/folders"
INSTANCES = f"{ITEM}/jobs/instances"
INSTANCE = f"{INSTANCES}/{{jobInstanceId}}"
RUN = f"{ITEM}/jobs/{{jobType}}/instances"
UNKNOWN = "00000000-0000-0000-0000-00000000dead"


@pytest.fixture(scope="session")
def document(shared: Path) -> Document:
    return Document(json.loads((shared / "specs" / "core-jobs.openapi.json").read_text()))


OPERATIONS: list[tuple[str, str, Any, int]] = [
    ("POST", WORKSPACES, {"displayName": "more", "description": "ours"}, 201),
    ("GET", WORKSPACES, None, 200),
    ("GET", WORKSPACE, None, 200),
    ("POST", ITEMS, {"displayName": "more", "type": FORECAST}, 201),
    ("GET", ITEMS, None, 200),
    ("GET", ITEM, None, 200),
    ("PATCH", ITEM, {"displayName": "renamed", "description": "ours"}, 200),
    ("POST", RUN, None, 202),
    ("GET", INSTANCES, None, 200),
    ("GET", INSTANCE, None, 200),
    ("POST", f"{INSTANCE}/cancel", None, 202),
    ("GET", "/capacities", None, 200),
    ("POST", FOLDERS, {"displayName": "more"}, 201),
    ("GET", FOLDERS, None, 200),
    ("PATCH", WORKSPACE, {"displayName": "renamed", "description": "ours"}, 200),
    ("DELETE", ITEM, None, 200),
    ("DELETE", WORKSPACE, None, 200),
    ("POST", WORKSPACES, {"displayName": ""}, 400),
    ("POST", ITEMS, {"displayName": "x", "type": "Lakeside"}, 400),
    ("PATCH", ITEM, {}, 400),
    ("PATCH", WORKSPACE, {}, 400),
    ("POST", FOLDERS, {"displayName": "a/b"}, 400),
    ("POST", RUN, {"executionData": []}, 400),
    ("POST", RUN, {"parameters": [{"name": "a", "type": "Text", "value": "x"}]}, 403),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), OPERATIONS)
async def test_an_answer_is_as_the_published_document_says(
    served: Served, place: Place, document: Document, method: str, path: str, body: Any, status: int
) -> None:
    job = await served.run(place)

    answer = await served.call(method, f"/v1{filled(path, place, job)}", body)

    assert answer.status == status
    assert document.faults(method, path, status, answer.json() if answer.body else None) == []
    if status < 300:
        sent = {name.lower() for name, _ in answer.headers}
        assert document.required_headers(method, path, status) <= sent


@pytest.mark.parametrize("refusal", [REFUSED, NO_ANSWER])
async def test_what_a_workload_refuses_is_told_as_the_published_document_says(
    served: Served, place: Place, document: Document, refusal: ItemRefused
) -> None:
    served.owner.refusal = refusal

    created = await served.call(
        "POST", f"/v1/workspaces/{place.workspace}/items", {"displayName": "more", "type": FORECAST}
    )
    updated = await served.call("PATCH", place.path, {"displayName": "more"})

    assert document.faults("POST", ITEMS, created.status, created.json()) == []
    assert document.faults("PATCH", ITEM, updated.status, updated.json()) == []


@pytest.mark.parametrize("path", [WORKSPACE, ITEM, INSTANCES, INSTANCE])
async def test_what_is_not_found_is_told_as_the_published_document_says(
    served: Served, document: Document, path: str
) -> None:
    answer = await served.call("GET", f"/v1{filled(path, Place(UNKNOWN, UNKNOWN), UNKNOWN)}")

    assert answer.status == 404
    assert document.faults("GET", path, 404, answer.json()) == []


@pytest.mark.parametrize("status", ["NotStarted", "InProgress", *OUTCOMES, "Failed with details"])
async def test_a_job_in_every_state_is_as_the_published_document_says(
    served: Served, place: Place, document: Document, status: str
) -> None:
    job = await served.run(place)
    if status == "InProgress":
        await served.started()
    elif status != "NotStarted":
        error = JobError("NoData", "no rows", details=(ErrorDetail("Table", "sales"),))
        await served.ended(OUTCOMES.get(status, Failed(error)))

    shown = (await served.call("GET", place.instance(job))).json()
    listed = (await served.call("GET", f"{place.jobs}/instances")).json()

    assert shown["status"] == status.split(maxsplit=1)[0]
    assert document.faults("GET", INSTANCE, 200, shown) == []
    assert document.faults("GET", INSTANCES, 200, listed) == []


def filled(path: str, place: Place, job: str) -> str:
    return path.format(
        workspaceId=place.workspace, itemId=place.item, jobType="calculateForecast", jobInstanceId=job
    )


def test_the_check_sees_what_it_is_for(document: Document) -> None:
    good = {
        "id": UNKNOWN,
        "itemId": UNKNOWN,
        "jobType": "x",
        "invokeType": "Manual",
        "status": "Failed",
        "failureReason": {"requestId": UNKNOWN, "errorCode": "x", "message": "y", "isRetriable": False},
        "rootActivityId": UNKNOWN,
        "startTimeUtc": "x",
        "endTimeUtc": None,
    }
    wrong = [
        {**good, "status": "Cancelling"},
        {**good, "id": "x"},
        {**good, "jobType": None},
        {**good, "jobType": 1},
        {**good, "failureReason": {"errorCode": "x"}},
        {**good, "failureReason": {"errorCode": "x", "message": "y", "isRetriable": 0}},
        [good],
    ]

    assert document.faults("GET", INSTANCE, 200, good) == []
    assert all(document.faults("GET", INSTANCE, 200, value) for value in wrong)
    assert document.faults("GET", INSTANCES, 200, {})
    assert document.faults("DELETE", ITEM, 200, {})
