"""Import jobs: added, watched, listed, cancelled and deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.faces.twins.serving import HOST, IMPORTS, VERSION, Served
from tests.transcripts.player import Answer
from weft.engine.jobs import Completed, ErrorDetail, Failed, JobError, JobKey, Stopped, WhenLost

CREATED = [
    "id",
    "inputBlobUri",
    "outputBlobUri",
    "createdDateTime",
    "lastActionDateTime",
    "purgeDateTime",
    "status",
]


def failed(code: str = "ImportFinishedWithErrors", message: str = "Two of them.") -> Failed:
    return Failed(JobError(code, message, details=(ErrorDetail("inside", "is not shown"),)))


async def test_a_new_job_is_shown_whole_with_its_members_as_recorded(served: Served) -> None:
    answer = await served.add("job1")

    assert answer.status == 201
    assert list(answer.json()) == CREATED
    assert answer.json() == {
        "id": "job1",
        **served.uris,
        "createdDateTime": "2025-05-02T15:07:44.468896Z",
        "lastActionDateTime": "2025-05-02T15:07:44.468896Z",
        "purgeDateTime": "2025-06-01T15:07:44.468896Z",
        "status": "notstarted",
    }
    assert answer.header("Location") is None


async def test_a_job_is_kept_for_the_worker_of_imports(served: Served) -> None:
    await served.added()

    job = await served.engine.get(JobKey("twins/imports", "job1"))

    assert (job.queue, job.kind, job.when_lost) == ("twins", "import", WhenLost.ADOPT)
    assert job.submitted_by == served.user_id("admin")
    assert job.labels == {"input": served.uris["inputBlobUri"], "output": served.uris["outputBlobUri"]}


async def test_read_only_and_unknown_members_of_the_body_are_ignored(served: Served) -> None:
    forged = {
        "id": "other",
        "status": "succeeded",
        "createdDateTime": "2001-01-01T00:00:00Z",
        "purgeDateTime": "2999-01-01T00:00:00Z",
        "error": {"code": "x"},
        "unknown": [1],
    }

    answer = await served.call("PUT", f"{IMPORTS}/job1", {**served.uris, **forged})

    assert answer.status == 201
    assert answer.json() == await served.get("job1")
    assert list(answer.json()) == CREATED
    assert (answer.json()["id"], answer.json()["status"]) == ("job1", "notstarted")


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("A", "A"),
        ("import-job-0123456789abcdef0123456789abcdef", "import-job-0123456789abcdef0123456789abcdef"),
        ("%C3%A9%F0%9F%9A%80", "é🚀"),
        ("a%20b%3Fc%23d%25", "a b?c#d%"),
        ("x" * 128, "x" * 128),
        ("...", "..."),
    ],
)
async def test_an_id_is_taken_decoded_and_found_again(served: Served, text: str, id: str) -> None:
    answer = await served.add(text)

    assert (answer.status, answer.json()["id"]) == (201, id)
    assert (await served.get(text))["id"] == id


async def test_ids_differ_by_case(small_pages: Served) -> None:
    await small_pages.added("job")

    assert (await small_pages.add("JOB")).status == 201
    assert (await small_pages.call("GET", f"{IMPORTS}/Job")).status == 404


async def test_literals_of_the_path_match_in_any_case(served: Served) -> None:
    await served.added()

    assert (await served.call("GET", "/Jobs/IMPORTS/job1")).status == 200


# ---- the life of a job


async def test_a_job_shows_its_start_and_its_good_end(served: Served) -> None:
    await served.added()
    served.clock.advance(seconds=1.5)
    job = await served.started()
    running = await served.get()
    served.clock.advance(minutes=1)
    await served.end(job, Completed())

    succeeded = await served.get()

    assert (running["status"], running["lastActionDateTime"]) == ("running", "2025-05-02T15:07:45.968896Z")
    assert "finishedDateTime" not in running
    assert succeeded["status"] == "succeeded"
    assert succeeded["finishedDateTime"] == succeeded["lastActionDateTime"] == "2025-05-02T15:08:45.968896Z"
    assert succeeded["purgeDateTime"] == "2025-06-01T15:07:44.468896Z"
    assert list(succeeded) == [*CREATED[:5], "finishedDateTime", "purgeDateTime", "status"]


async def test_a_failed_job_says_why_and_no_more_than_was_recorded(served: Served) -> None:
    await served.added()
    await served.ended(failed("UnableToWriteToOutputBlob", "No room."))

    job = await served.get()

    assert job["status"] == "failed"
    assert job["error"] == {"code": "UnableToWriteToOutputBlob", "message": "No room."}
    assert job["finishedDateTime"] == job["lastActionDateTime"]
    assert list(job)[-1] == "error"


async def test_a_job_that_has_not_begun_is_cancelled_at_once(served: Served) -> None:
    await served.added()
    served.clock.advance(seconds=3)

    answer = await served.cancel()

    assert (answer.status, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["lastActionDateTime"] == "2025-05-02T15:07:47.468896Z"
    assert "finishedDateTime" not in answer.json()


async def test_a_running_job_is_cancelling_until_it_has_stopped(served: Served) -> None:
    await served.added()
    job = await served.started()
    served.clock.advance(seconds=10)

    answer = await served.cancel()
    again = await served.cancel()
    served.clock.advance(seconds=1)
    await served.end(job, Stopped())
    last = await served.get()

    assert (answer.status, answer.json()["status"]) == (200, "cancelling")
    assert list(answer.json()) == CREATED
    assert answer.json()["lastActionDateTime"] == "2025-05-02T15:07:54.468896Z"
    assert (again.status, again.json()) == (200, answer.json())
    assert (last["status"], last["lastActionDateTime"]) == ("cancelled", "2025-05-02T15:07:55.468896Z")
    assert "finishedDateTime" not in last


async def test_a_cancel_that_comes_too_late_for_the_work_leaves_its_end(served: Served) -> None:
    await served.added()
    job = await served.started()
    await served.cancel()

    await served.end(job, Completed())

    assert (await served.get())["status"] == "succeeded"


@pytest.mark.parametrize("outcome", [Completed(), failed(), Stopped()])
async def test_a_job_that_has_ended_cannot_be_cancelled(served: Served, outcome: Any) -> None:
    await served.added()
    await served.ended(outcome)
    before = served.dump()

    answer = await served.cancel()

    assert refused(answer) == (400, "ValidationFailed")
    assert served.dump() == before


@pytest.mark.parametrize("body", [b"{}", b'"{}"', b"not json", b"\xff\xfe", b"null"])
async def test_the_body_of_a_cancel_is_ignored(served: Served, body: bytes) -> None:
    await served.added()

    assert (await served.cancel(raw=body, headers={"Content-Type": "text/plain"})).status == 200


async def test_a_job_that_lives_cannot_be_deleted_and_one_that_ended_only_once(served: Served) -> None:
    await served.added()
    before = served.dump()
    waiting = await served.call("DELETE", f"{IMPORTS}/job1")
    assert served.dump() == before
    job = await served.started()
    running = await served.call("DELETE", f"{IMPORTS}/job1")
    await served.end(job, Stopped())

    first = await served.call("DELETE", f"{IMPORTS}/job1")
    second = await served.call("DELETE", f"{IMPORTS}/job1")

    assert refused(waiting) == refused(running) == (400, "ValidationFailed")
    assert (first.status, first.body, first.header("Content-Type")) == (204, b"", None)
    assert refused(second) == (404, "JobNotFound")
    assert (await served.call("GET", f"{IMPORTS}/job1")).status == 404


async def test_deleting_a_job_frees_its_id_and_what_the_graph_kept(served: Served) -> None:
    await served.added()
    job = await served.ended(Completed())

    await served.call("DELETE", f"{IMPORTS}/job1")

    assert (await served.add("job1")).status == 201
    assert served.graph.forgotten == [f"{served.store.store_id}/{job.number}"]


# ---- one at a time, and each id once


async def test_while_a_job_lives_no_other_begins_whatever_its_id(served: Served) -> None:
    await served.added("job1")
    before = served.dump()

    same, other = await served.add("job1"), await served.add("job2")
    deletion = await served.delete_all()

    assert [refused(answer) for answer in (same, other, deletion)] == [(429, "TooManyRequests")] * 3
    assert same.header("Retry-After") is None
    assert served.dump() == before


async def test_a_deletion_keeps_imports_waiting_too(served: Served) -> None:
    await served.delete_all()

    assert refused(await served.add()) == (429, "TooManyRequests")


async def test_an_id_is_taken_until_its_job_is_deleted(served: Served) -> None:
    await served.added("job1")
    await served.ended(Completed())
    before = served.dump()

    answer = await served.add("job1")

    assert refused(answer) == (409, "JobIdAlreadyExists")
    assert served.dump() == before


async def test_more_jobs_live_at_once_where_the_setting_says_so(small_pages: Served) -> None:
    answers = [await small_pages.add(f"job{number}") for number in range(3)]

    assert [answer.status for answer in answers] == [201] * 3


async def test_the_uris_are_judged_before_whether_a_job_runs(served: Served) -> None:
    await served.added("job1")

    answer = await served.call("PUT", f"{IMPORTS}/job1", {**served.uris, "inputBlobUri": "in.ndjson"})

    assert refused(answer) == (400, "InvalidArgument")


async def test_both_missing_uris_are_told(served: Served) -> None:
    answer = await served.call("PUT", f"{IMPORTS}/job1", {"outputBlobUri": 5})

    assert answer.json() == {
        "error": {
            "code": "InvalidArgument",
            "message": "inputBlobUri is missing. outputBlobUri must be a string, not 5.",
            "details": [
                {
                    "code": "InvalidArgument",
                    "message": "inputBlobUri is missing.",
                    "innererror": {"code": "MissingMember"},
                },
                {
                    "code": "InvalidArgument",
                    "message": "outputBlobUri must be a string, not 5.",
                    "innererror": {"code": "InvalidMember"},
                },
            ],
            "innererror": {"code": "MissingMember"},
        }
    }


async def test_one_missing_uri_is_told_without_details(served: Served) -> None:
    answer = await served.call("PUT", f"{IMPORTS}/job1", {"inputBlobUri": "x"})

    assert answer.json() == {"error": {"code": "InvalidArgument", "message": "outputBlobUri is missing."}}


# ---- lists


async def test_the_list_is_in_the_order_of_creation_and_ends_with_null(small_pages: Served) -> None:
    for id in ("b", "a", "c"):
        await small_pages.added(id)

    first = (await small_pages.call("GET", IMPORTS)).json()
    second = (await small_pages.call("GET", target_of(first["nextLink"]), version="")).json()

    assert list(first) == ["value", "nextLink"]
    assert [job["id"] for job in first["value"]] == ["b", "a"]
    assert first["nextLink"].startswith(f"http://{HOST}{IMPORTS}?{VERSION}&continuationToken=")
    assert second == {"value": [await small_pages.get("c")], "nextLink": None}


async def test_an_empty_list_is_a_list(served: Served) -> None:
    assert (await served.call("GET", IMPORTS)).json() == {"value": [], "nextLink": None}


async def test_a_page_has_no_more_entries_than_are_wanted(small_pages: Served) -> None:
    for id in ("a", "b", "c"):
        await small_pages.added(id)

    async def page(size: str) -> list[str]:
        answer = await small_pages.call("GET", IMPORTS, headers={"max-items-per-page": size})
        return [job["id"] for job in answer.json()["value"]]

    assert await page("1") == ["a"]
    assert await page("2") == await page("2147483647") == ["a", "b"]


async def test_a_list_goes_on_where_it_was_though_jobs_come_and_go(small_pages: Served) -> None:
    for id in ("a", "b", "c"):
        await small_pages.added(id)
    first = (await small_pages.call("GET", IMPORTS)).json()
    await small_pages.cancel("b")
    await small_pages.call("DELETE", f"{IMPORTS}/b")
    await small_pages.added("d")

    second = (await small_pages.call("GET", target_of(first["nextLink"]), version="")).json()

    assert [job["id"] for job in second["value"]] == ["c", "d"]


async def test_a_link_is_good_for_its_list_and_its_caller_only(small_pages: Served) -> None:
    for number in range(3):
        await small_pages.added(f"{number}")
    link = target_of((await small_pages.call("GET", IMPORTS)).json()["nextLink"])

    other_list = await small_pages.call("GET", link.replace("imports", "deletions"), version="")
    other_caller = await small_pages.call("GET", link, version="", token=small_pages.token("eve"))

    assert refused(other_list) == refused(other_caller) == (400, "InvalidArgument")


async def test_created_times_of_whole_seconds_have_no_fraction(served: Served) -> None:
    served.clock.time = served.clock.time.replace(microsecond=0)

    job = await served.added()

    assert job["createdDateTime"] == "2025-05-02T15:07:44Z"
    assert job["purgeDateTime"] == "2025-06-01T15:07:44Z"


async def test_trailing_zeros_of_a_time_are_left_out(served: Served) -> None:
    served.clock.time = served.clock.time.replace(microsecond=470)

    job = await served.added()

    assert job["createdDateTime"] == "2025-05-02T15:07:44.00047Z"


async def test_jobs_are_kept_as_long_as_the_setting_says(served: Served) -> None:
    assert (await served.added())["purgeDateTime"].startswith(
        f"{served.clock.time + timedelta(days=30):%Y-%m-%dT%H:%M:%S}"
    )


def target_of(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["code"]
