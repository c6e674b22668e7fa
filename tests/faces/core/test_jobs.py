"""Running, watching, listing and cancelling jobs through Core."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.faces.core.serving import FORECAST, HOST, NOWHERE, OUTCOMES, Place, Served
from weft.engine.jobs import ErrorDetail, Failed, JobError, WhenLost

KEYS = [
    "id",
    "itemId",
    "jobType",
    "invokeType",
    "status",
    "failureReason",
    "rootActivityId",
    "startTimeUtc",
    "endTimeUtc",
]


async def test_a_run_is_accepted_with_an_empty_answer_that_says_where_to_look(
    served: Served, place: Place
) -> None:
    answer = await served.call("POST", f"{place.jobs}/calculateForecast/instances")

    id = answer.header("x-ms-job-id")
    assert (answer.status, answer.body) == (202, b"")
    assert answer.header("Location") == f"http://{HOST}{place.instance(str(id))}"
    assert answer.header("Retry-After") == "60"
    assert answer.header("Content-Type") == "application/octet-stream"
    assert answer.header("Content-Length") == "0"
    assert answer.header("Access-Control-Expose-Headers") == "RequestId,Location,Retry-After"


async def test_a_job_is_found_at_once_and_shows_all_nine_keys(served: Served, place: Place) -> None:
    run = await served.call("POST", f"{place.jobs}/calculateForecast/instances")
    id = str(run.header("x-ms-job-id"))

    answer = await served.call("GET", place.instance(id))

    assert answer.status == 200
    assert list(answer.json()) == KEYS
    assert answer.json() == {
        "id": id,
        "itemId": place.item,
        "jobType": "calculateForecast",
        "invokeType": "Manual",
        "status": "NotStarted",
        "failureReason": None,
        "rootActivityId": run.header("RequestId"),
        "startTimeUtc": "2026-04-27T07:11:35.247",
        "endTimeUtc": None,
    }
    assert answer.header("Retry-After") == "60"


async def test_the_older_address_runs_the_job_type_of_the_query(served: Served, place: Place) -> None:
    answer = await served.call("POST", f"{place.jobs}/instances?jobType=calculateForecast")

    shown = await served.call("GET", place.instance(str(answer.header("x-ms-job-id"))))
    assert answer.status == 202
    assert shown.json()["jobType"] == "calculateForecast"


@pytest.mark.parametrize("spelling", ["calculateforecast", "CALCULATEFORECAST"])
async def test_a_job_type_is_found_in_any_case_and_kept_as_registered(
    served: Served, place: Place, spelling: str
) -> None:
    id = await served.run(place, spelling)

    assert (await served.call("GET", place.instance(id))).json()["jobType"] == "calculateForecast"


async def test_literals_and_ids_of_a_path_match_in_any_case(served: Served, place: Place) -> None:
    id = await served.run(place)
    target = f"/v1/WorkSpaces/{place.workspace.upper()}/ITEMS/{place.item}/Jobs/Instances/{id.upper()}"

    answer = await served.call("GET", target)

    assert answer.json()["id"] == id


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (b"", b""),
        (b"{}", b""),
        (b" null ", b""),
        (b'"{}"', b""),
        (b'{"executionData":null}', b""),
        (b'{"executionData":{}, "parameters": []}', b"{}"),
        (b'{"parameters":null,"executionData": {"b": 1.50, "a": [1]} }', b'{"b": 1.50, "a": [1]}'),
        (b'{"unknown":1}', b""),
    ],
)
async def test_bodies_that_clients_send_are_accepted_and_execution_data_kept_as_sent(
    served: Served, place: Place, body: bytes, payload: bytes
) -> None:
    id = await served.run(place, raw=body)

    assert (await served.engine.get(place.key(id))).payload == payload


async def test_a_job_is_kept_with_what_its_caller_and_its_item_are(served: Served, place: Place) -> None:
    run = await served.call("POST", f"{place.jobs}/calculateForecast/instances")

    job = await served.engine.get(place.key(str(run.header("x-ms-job-id"))))

    assert (job.queue, job.kind, job.when_lost) == ("core", "calculateForecast", WhenLost.ADOPT)
    assert job.submitted_by == served.user_id("admin")
    assert job.labels == {
        "workspace": place.workspace,
        "item": place.item,
        "item_type": FORECAST,
        "item_name": "sales",
        "tenant": served.home.tenant,
        "invoke_type": "Manual",
        "request_id": run.header("RequestId"),
        "user": served.user_id("admin"),
        "user_name": "admin",
    }


async def test_what_only_the_server_may_say_of_a_job_is_not_taken_from_the_body(
    served: Served, place: Place
) -> None:
    forged = {
        "id": NOWHERE,
        "status": "Completed",
        "owner": NOWHERE,
        "workspaceId": NOWHERE,
        "invokeType": "Scheduled",
    }

    id = await served.run(place, body=forged)

    shown = (await served.call("GET", place.instance(id))).json()
    assert id != NOWHERE
    assert (shown["status"], shown["invokeType"], shown["itemId"]) == ("NotStarted", "Manual", place.item)


async def test_a_running_job_is_in_progress_and_starts_when_its_work_did(
    served: Served, place: Place
) -> None:
    id = await served.run(place)
    served.clock.time += timedelta(seconds=2, microseconds=1)
    await served.started()

    answer = await served.call("GET", place.instance(id))

    assert answer.json()["status"] == "InProgress"
    assert answer.json()["startTimeUtc"] == "2026-04-27T07:11:37.247001"
    assert answer.header("Retry-After") == "60"
    assert answer.header("Access-Control-Expose-Headers") == "RequestId,Retry-After"


@pytest.mark.parametrize("status", ["Completed", "Failed", "Cancelled"])
async def test_an_ended_job_tells_its_end_and_no_time_to_look_again(
    served: Served, place: Place, status: str
) -> None:
    id = await served.run(place)
    served.clock.time = served.clock.time.replace(second=36, microsecond=0)
    await served.ended(OUTCOMES[status])

    answer = await served.call("GET", place.instance(id))

    assert answer.json()["status"] == status
    assert answer.json()["endTimeUtc"] == "2026-04-27T07:11:36"
    assert answer.header("Retry-After") is None
    assert answer.header("Access-Control-Expose-Headers") == "RequestId"


FAILURES: list[tuple[JobError, dict[str, Any]]] = [
    (
        JobError("JobInstanceStatusFailed", ""),
        {
            "errorCode": "JobInstanceStatusFailed",
            "message": "Job instance failed without detail error",
            "isRetriable": False,
        },
    ),
    (
        JobError("NoData", "no rows", is_permanent=False, details=(ErrorDetail("Table", "sales"),)),
        {
            "errorCode": "JobInstanceStatusFailed",
            "moreDetails": [
                {"errorCode": "NoData", "message": "no rows"},
                {"errorCode": "Table", "message": "sales"},
            ],
            "message": "no rows",
            "isRetriable": True,
        },
    ),
    (
        JobError("JobInstanceStatusDeadLettered", "never started"),
        {
            "errorCode": "JobInstanceStatusDeadLettered",
            "message": "never started",
            "isRetriable": False,
        },
    ),
]


@pytest.mark.parametrize(("error", "expected"), FAILURES)
async def test_a_failed_job_gives_the_platforms_code_and_the_workloads_words(
    served: Served, place: Place, error: JobError, expected: dict[str, Any]
) -> None:
    id = await served.run(place)
    await served.ended(Failed(error))

    answer = await served.call("GET", place.instance(id))

    reason = answer.json()["failureReason"]
    assert reason == {"requestId": answer.header("RequestId"), **expected}
    assert list(reason) == ["requestId", *expected]


async def test_a_list_shows_jobs_newest_first_page_by_page(small_pages: Served) -> None:
    place = await small_pages.place()
    ids = [await small_pages.run(place) for _ in range(5)]
    seen: list[str] = []
    target, pages = f"{place.jobs}/instances", 0

    while target:
        answer = await small_pages.call("GET", target)
        page, pages = answer.json(), pages + 1
        seen += [job["id"] for job in page["value"]]
        assert all(list(job) == KEYS for job in page["value"])
        target = page.get("continuationUri", "").removeprefix(f"http://{HOST}")
        if target:
            assert list(page) == ["value", "continuationToken", "continuationUri"]
            assert page["continuationUri"].endswith(f"?continuationToken={page['continuationToken']}")

    assert (seen, pages) == (ids[::-1], 3)
    assert list(page) == ["value"]


async def test_a_list_goes_on_rightly_behind_what_was_added_or_removed_meanwhile(
    small_pages: Served,
) -> None:
    place = await small_pages.place()
    ids = [await small_pages.run(place) for _ in range(3)]
    first = (await small_pages.call("GET", f"{place.jobs}/instances")).json()
    await small_pages.run(place)
    await small_pages.engine.cancel(place.key(ids[1]))
    await small_pages.store.prune(small_pages.clock.now() + timedelta(days=1), 10)

    second = (await small_pages.call("GET", first["continuationUri"].removeprefix(f"http://{HOST}"))).json()

    assert [job["id"] for job in second["value"]] == ids[:1]


async def test_an_item_without_jobs_lists_none(served: Served, place: Place) -> None:
    assert (await served.call("GET", f"{place.jobs}/instances")).json() == {"value": []}


async def test_a_job_that_was_not_dispatched_is_cancelled_by_the_answer(served: Served, place: Place) -> None:
    id = await served.run(place)

    answer = await served.call("POST", f"{place.instance(id)}/cancel")

    shown = (await served.call("GET", place.instance(id))).json()
    assert (answer.status, answer.body) == (202, b"")
    assert answer.header("Location") == f"http://{HOST}{place.instance(id)}"
    assert answer.header("Retry-After") == "60"
    assert answer.header("x-ms-job-id") is None
    assert shown["status"] == "Cancelled"
    assert shown["startTimeUtc"] == shown["endTimeUtc"] == "2026-04-27T07:11:35.247"


async def test_cancelling_a_running_job_twice_is_one_intent_and_the_job_goes_on_until_it_stops(
    served: Served, place: Place
) -> None:
    id = await served.run(place)
    await served.started()

    first = await served.call("POST", f"{place.instance(id)}/cancel")
    asked_at = (await served.engine.get(place.key(id))).cancel_requested_at
    served.clock.time += timedelta(seconds=1)
    second = await served.call("POST", f"{place.instance(id)}/cancel")

    job = await served.engine.get(place.key(id))
    assert (first.status, second.status) == (202, 202)
    assert first.header("Location") == second.header("Location")
    assert job.cancel_requested_at == asked_at
    assert job.cancel_requested_by == served.user_id("admin")
    assert (await served.call("GET", place.instance(id))).json()["status"] == "InProgress"


@pytest.mark.parametrize("status", ["Completed", "Failed", "Cancelled"])
async def test_an_ended_job_cannot_be_cancelled(served: Served, place: Place, status: str) -> None:
    id = await served.run(place)
    await served.ended(OUTCOMES[status])

    answer = await served.call("POST", f"{place.instance(id)}/cancel")

    assert (answer.status, answer.json()["errorCode"]) == (400, "JobAlreadyCompleted")
    assert answer.header("x-ms-public-api-error-code") == "JobAlreadyCompleted"


async def test_deleting_an_item_stops_its_jobs_first(served: Served, place: Place) -> None:
    id = await served.run(place)

    answer = await served.call("DELETE", place.path)

    gone = await served.call("GET", place.instance(id))
    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("Content-Type") == "application/octet-stream"
    assert (gone.status, gone.json()["errorCode"]) == (404, "ItemNotFound")
    assert (await served.engine.get(place.key(id))).is_final


@pytest.mark.parametrize("what", ["item", "workspace"])
async def test_a_delete_is_refused_while_a_job_has_not_stopped_and_can_be_repeated(
    served: Served, place: Place, what: str
) -> None:
    target = place.path if what == "item" else f"/v1/workspaces/{place.workspace}"
    await served.run(place)
    job = await served.started()

    busy = await served.call("DELETE", target)
    refused = await served.call("POST", f"{place.jobs}/calculateForecast/instances")
    await served.engine.finish(job, OUTCOMES["Cancelled"], cancel_wins=False)
    done = await served.call("DELETE", target)
    again = await served.call("DELETE", target)

    assert (busy.status, busy.json()["errorCode"]) == (409, "JobsNotStopped")
    assert (refused.status, refused.json()["errorCode"]) == (404, "ItemNotFound")
    assert (done.status, again.status) == (200, 404)


async def test_runs_that_race_with_a_delete_are_accepted_and_stopped_or_not_found(
    served: Served, place: Place
) -> None:
    runs = [served.call("POST", f"{place.jobs}/calculateForecast/instances") for _ in range(10)]

    *answers, deleted = await asyncio.gather(*runs, served.call("DELETE", place.path))

    accepted = [answer for answer in answers if answer.status == 202]
    refused = [answer for answer in answers if answer.status != 202]
    assert deleted.status == 200
    assert {answer.json()["errorCode"] for answer in refused} <= {"ItemNotFound"}
    for answer in accepted:
        assert (await served.engine.get(place.key(str(answer.header("x-ms-job-id"))))).is_final
