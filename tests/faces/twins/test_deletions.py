"""Deletion jobs: begun, polled and listed."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from tests.faces.twins.serving import DELETIONS, HOST, VERSION, Served
from weft.engine.jobs import Completed, Failed, JobError, JobKey, Stopped, WhenLost


async def test_a_deletion_is_accepted_and_says_where_to_look(served: Served) -> None:
    answer = await served.delete_all("delete job/1".replace("/", "#"))

    assert answer.status == 202
    assert answer.json() == {
        "id": "delete job#1",
        "createdDateTime": "2025-05-02T15:07:44.468896Z",
        "purgeDateTime": "2025-06-01T15:07:44.468896Z",
        "status": "notstarted",
    }
    assert answer.header("Operation-Id") == "delete job#1"
    location = answer.header("Operation-Location")
    assert location == f"http://{HOST}{DELETIONS}/delete%20job%231?{VERSION}"
    followed = await served.call("GET", location.removeprefix(f"http://{HOST}"), version="")
    assert followed.json() == answer.json()


async def test_a_deletion_without_an_id_is_given_one(served: Served) -> None:
    answer = await served.delete_all()

    id = answer.json()["id"]
    assert str(UUID(id)) == id == answer.header("Operation-Id")


@pytest.mark.parametrize(
    ("query", "minutes"), [("", 720), ("?timeoutInMinutes=15", 15), ("?timeoutInMinutes=1440", 1440)]
)
async def test_a_deletion_is_kept_for_the_worker_with_its_timeout(
    served: Served, query: str, minutes: int
) -> None:
    await served.delete_all("d", query=query)

    job = await served.engine.get(JobKey("twins/deletions", "d"))

    assert (job.queue, job.kind, job.when_lost) == ("twins", "deletion", WhenLost.ADOPT)
    assert json.loads(job.payload) == {"timeoutInMinutes": minutes}


@pytest.mark.parametrize(
    ("outcome", "ends"),
    [
        (Completed(), {"status": "succeeded"}),
        (
            Failed(JobError("Timeout", "15 minutes are over.")),
            {"status": "failed", "error": {"code": "Timeout", "message": "15 minutes are over."}},
        ),
    ],
)
async def test_a_deletion_is_polled_until_its_end(served: Served, outcome: Any, ends: dict[str, Any]) -> None:
    await served.delete_all("d")
    job = await served.started()
    running = await served.call("GET", f"{DELETIONS}/d")
    served.clock.advance(seconds=2)
    await served.end(job, outcome)

    ended = await served.call("GET", f"{DELETIONS}/d")

    assert (running.json()["status"], running.header("Retry-After")) == ("running", "1")
    assert ended.header("Retry-After") is None
    assert ended.json() == {
        "id": "d",
        "createdDateTime": "2025-05-02T15:07:44.468896Z",
        "finishedDateTime": "2025-05-02T15:07:46.468896Z",
        "purgeDateTime": "2025-06-01T15:07:44.468896Z",
        **ends,
    }


async def test_a_deletion_that_the_server_stopped_has_failed(served: Served) -> None:
    """The contract has no cancelled deletion."""
    await served.delete_all("d")
    await served.ended(Stopped())

    answer = await served.call("GET", f"{DELETIONS}/d")

    assert answer.json()["status"] == "failed"
    assert "finishedDateTime" in answer.json()


async def test_an_operation_id_is_used_once(served: Served) -> None:
    await served.delete_all("d")
    await served.ended(Completed())
    before = served.dump()

    answer = await served.delete_all("d")

    assert (answer.status, answer.json()["error"]["code"]) == (400, "ValidationFailed")
    assert "Operation-Id already exists" in answer.json()["error"]["message"]
    assert served.dump() == before


async def test_imports_and_deletions_have_ids_of_their_own(small_pages: Served) -> None:
    await small_pages.added("one")

    assert (await small_pages.call("GET", f"{DELETIONS}/one")).json()["error"]["code"] == "DeleteJobNotFound"
    assert (await small_pages.delete_all("one")).status == 202


async def test_deletions_are_listed_in_the_order_of_creation(small_pages: Served) -> None:
    for id in ("b", "a", "c"):
        await small_pages.delete_all(id)

    first = (await small_pages.call("GET", DELETIONS)).json()
    rest = first["nextLink"].removeprefix(f"http://{HOST}")
    second = (await small_pages.call("GET", rest, version="")).json()

    assert [job["id"] for job in first["value"] + second["value"]] == ["b", "a", "c"]
    assert second["nextLink"] is None


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_a_deletion_can_only_be_looked_at(served: Served, method: str) -> None:
    answer = await served.call(method, f"{DELETIONS}/d")

    assert (answer.status, answer.header("Allow")) == (405, "GET")
