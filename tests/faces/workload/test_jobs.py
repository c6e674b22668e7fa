"""Create, get and cancel, as the contract and promises.md 3.2 and 3.3 tell them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.dump import dump
from tests.faces.workload.house import (
    FINANCE,
    ITEM,
    ITEM_TYPE,
    JOB,
    JOB_TYPE,
    OTHER,
    OTHER_ITEM_TYPE,
    OTHER_JOB_TYPE,
    WORKSPACE,
    House,
    body_of,
    path_of,
)
from weft.engine.errors import Overloaded, StoreUnavailable
from weft.engine.jobs import Job, JobKey, Room
from weft.engine.ports import Duplicate


def key_in(house: House, job: str = JOB) -> JobKey:
    return JobKey(f"workload/{house.tenant}/{WORKSPACE}/{ITEM_TYPE}/{ITEM}/{JOB_TYPE}", job)


def times(state: Any) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(state["startTimeUtc"]), datetime.fromisoformat(state["endTimeUtc"])


# ---- create


async def test_a_created_job_is_in_the_store_before_the_answer(idle: House) -> None:
    answer = await idle.create()

    rows = dump(idle.database)["jobs"]
    assert (answer.status, answer.body) == (202, b"")
    assert [JOB in row for row in rows] == [True]


async def test_a_job_knows_who_asked_for_what(idle: House) -> None:
    headers = [("Content-Type", "application/json"), ("ActivityId", "activity-1"), ("RequestId", "request-1")]
    path = path_of(workspace=WORKSPACE.upper(), item_type=ITEM_TYPE.lower(), job_type=JOB_TYPE.upper())

    answer = await idle.ask("POST", path, body_of("wait", "OnEvent", n=1.5), headers=headers)

    job = await idle.engine.get(key_in(idle))
    assert (job.queue, job.kind, job.payload) == ("workload", JOB_TYPE, b'{"do":"wait","n":1.5}')
    assert job.labels == {
        "tenant": idle.tenant,
        "workspace": WORKSPACE,
        "item_type": ITEM_TYPE,
        "item": ITEM,
        "invoke_type": "UnknownFutureValue",
        "user": idle.user,
        "activity_id": "activity-1",
        "request_id": "request-1",
    }
    assert job.submitted_by == idle.user
    assert (answer.header("ActivityId"), answer.header("RequestId")) == ("activity-1", "request-1")


async def test_ids_that_are_missing_or_not_sound_are_made_up_and_told(idle: House) -> None:
    headers = [("Content-Type", "application/json"), ("RequestId", "x" * 1_000_000)]

    answer = await idle.ask("POST", path_of(), body_of(), headers=headers)

    labels = (await idle.engine.get(key_in(idle))).labels
    assert answer.header("RequestId") == labels["request_id"]
    assert answer.header("ActivityId") == labels["activity_id"]
    assert len(labels["request_id"]) == len(labels["activity_id"]) == 36


async def test_the_same_create_again_has_no_effect(house: House) -> None:
    body = b'{"invokeType":"Manual","creationPayload":{"do":"return","n":1}}'
    same = b'{ "creationPayload": {"n": 1.0, "do": "return"}, "invokeType": "Manual" }'
    await house.ask("POST", path_of(), body)
    done = await house.until("Completed")

    again = await house.ask("POST", path_of(), same)

    assert (again.status, again.body) == (202, b"")
    assert (await house.get()).json() == done
    assert len(house.script.ran) == 1


@pytest.mark.parametrize(
    "other",
    [
        b'{"invokeType":"Scheduled","creationPayload":{"do":"wait"}}',
        b'{"invokeType":"Manual","creationPayload":{"do":"return"}}',
        b'{"invokeType":"Manual","creationPayload":{"do":"wait","n":null}}',
        b'{"invokeType":"Manual"}',
        b'{"invokeType":"manual","creationPayload":{"do":"wait"}}',
    ],
)
async def test_another_create_under_a_known_id_is_a_conflict_that_changes_nothing(
    other: bytes, idle: House
) -> None:
    await idle.create()
    before = dump(idle.database)

    answer = await idle.ask("POST", path_of(), other)

    assert answer.status == 409
    assert answer.json() == {
        "errorCode": "JobInstanceConflict",
        "message": f"The job instance '{JOB}' was created with another request body.",
        "messageParameters": [JOB],
        "source": "User",
        "isPermanent": True,
    }
    assert dump(idle.database) == before


async def test_one_id_is_another_job_at_another_place(idle: House) -> None:
    places = [{}, {"workspace": str(uuid4())}, {"item": str(uuid4())}]

    answers = [await idle.create(f"return {n}", **place) for n, place in enumerate(places)]

    assert [answer.status for answer in answers] == [202, 202, 202]
    assert len(dump(idle.database)["jobs"]) == 3


async def test_each_workload_has_its_own_jobs_and_its_own_tokens(idle: House) -> None:
    place = path_of(item_type=OTHER_ITEM_TYPE, job_type=OTHER_JOB_TYPE)
    credentials = [("Authorization", idle.tokens(OTHER)), ("x-ms-client-tenant-id", idle.tenant)]

    allowed = await idle.ask("POST", place, body_of(), credentials=credentials)
    refused = await idle.ask("POST", place, body_of())

    assert (allowed.status, refused.status) == (202, 401)


# ---- get


async def test_a_job_that_waits_has_no_times(idle: House) -> None:
    await idle.create()

    assert (await idle.get()).json() == {"status": "NotStarted"}


async def test_a_completed_job_has_both_times(house: House) -> None:
    await house.create("return")

    state = await house.until("Completed")

    assert list(state) == ["status", "startTimeUtc", "endTimeUtc"]
    started_at, ended_at = times(state)
    assert started_at <= ended_at


async def test_a_failed_job_is_a_success_that_tells_why_it_failed(house: House) -> None:
    await house.create("fail")

    state = await house.until("Failed")

    assert (await house.get()).status == 200
    assert state["errorDetails"] == {
        "errorCode": "ModelDiverged",
        "message": "The model diverged.",
        "messageParameters": ["7"],
        "source": "User",
        "isPermanent": True,
        "moreDetails": [
            {
                "errorCode": "Step",
                "message": "It was step 7.",
                "additionalParameters": [{"name": "loss", "value": "nan"}],
            }
        ],
    }


@pytest.mark.parametrize("other", [{"workspace": JOB}, {"item": JOB}, {"job": ITEM}])
async def test_a_job_of_another_place_is_as_unknown_as_one_that_never_was(
    other: dict[str, str], idle: House
) -> None:
    await idle.create()

    answer = await idle.get(**other)

    id = other.get("job", JOB)
    assert answer.status == 404
    assert answer.json() == {
        "errorCode": "JobInstanceNotFound",
        "message": f"There is no job instance '{id}' of this job type at this item.",
        "messageParameters": [id],
        "source": "User",
        "isPermanent": True,
    }


@pytest.mark.parametrize("other", [{"workspace": JOB}, {"item": JOB}])
async def test_a_job_cannot_be_cancelled_from_another_place(other: dict[str, str], idle: House) -> None:
    await idle.create()

    answer = await idle.cancel(**other)

    assert (answer.status, answer.json()["errorCode"]) == (404, "JobInstanceNotFound")
    assert (await idle.get()).json()["status"] == "NotStarted"
    assert (await idle.get(**other)).status == 404


async def test_a_job_of_another_tenant_is_unknown_to_its_bytes(idle: House) -> None:
    await idle.create()
    tokens = idle.identity.issuer.subject_and_app(FINANCE, "eve", tenant=ITEM)
    foreign = [("Authorization", tokens), ("x-ms-client-tenant-id", ITEM)]

    seen = await idle.ask("GET", path_of(), credentials=foreign)
    unknown = await idle.ask("GET", path_of(workspace=ITEM), credentials=foreign)

    assert (seen.status, seen.body) == (404, unknown.body)


async def test_head_is_a_get_whose_body_the_server_leaves_out(idle: House) -> None:
    await idle.create()

    assert (await idle.ask("HEAD", path_of())).status == 200


# ---- cancel


async def test_a_job_that_has_not_begun_is_cancelled_at_once_and_starts_when_it_ends(idle: House) -> None:
    await idle.create()

    state = (await idle.cancel()).json()

    assert state["status"] == "Cancelled"
    assert state["startTimeUtc"] == state["endTimeUtc"]
    assert (await idle.get()).json() == state


async def test_a_job_that_stops_quickly_answers_cancelled_with_both_times(house: House) -> None:
    await house.create("wait")
    running = await house.until("InProgress")

    answer = await house.cancel()

    state = answer.json()
    assert (answer.status, state["status"]) == (200, "Cancelled")
    assert state["startTimeUtc"] == running["startTimeUtc"]
    assert times(state)[0] <= times(state)[1]


async def test_a_job_that_will_not_stop_stays_in_progress_until_it_has_stopped(house: House) -> None:
    await house.create("refuse to stop")
    running = await house.until("InProgress")
    loop = asyncio.get_running_loop()

    began = loop.time()
    answer = await house.cancel()
    waited = loop.time() - began
    between = (await house.get()).json()
    house.script.let_go.set()
    after = await house.until("Cancelled")

    assert (answer.status, answer.json(), between) == (200, running, running)
    assert 0.19 <= waited < 5
    assert after["startTimeUtc"] == running["startTimeUtc"]


@pytest.mark.parametrize(("do", "status"), [("return", "Completed"), ("fail", "Failed")])
async def test_a_cancel_of_an_ended_job_tells_how_it_ended(do: str, status: str, house: House) -> None:
    await house.create(do)
    state = await house.until(status)
    before = dump(house.database)

    answer = await house.cancel()

    assert (answer.status, answer.json()) == (200, state)
    assert dump(house.database) == before


async def test_a_cancel_may_be_repeated(house: House) -> None:
    await house.create("refuse to stop")
    await house.until("InProgress")
    first = await house.cancel()
    intent = (await house.engine.get(key_in(house))).cancel_requested_at

    again = await house.cancel()
    house.script.let_go.set()
    ended = await house.until("Cancelled")
    last = await house.cancel()

    assert first.json() == again.json()
    assert (last.status, last.json()) == (200, ended)
    assert (await house.engine.get(key_in(house))).cancel_requested_at == intent


async def test_a_cancel_has_no_body_and_ignores_one(idle: House) -> None:
    await idle.create()

    answer = await idle.ask("POST", path_of() + "/cancel", b"\xff{", headers=[("Content-Type", "x/y")])

    assert (answer.status, answer.json()["status"]) == (200, "Cancelled")


async def test_an_unknown_job_is_cancelled_for_good(house: House) -> None:
    answer = await house.cancel()

    state = answer.json()
    assert (answer.status, state["status"]) == (200, "Cancelled")
    assert state["startTimeUtc"] == state["endTimeUtc"]
    for body in (body_of("return"), body_of("fail"), body_of("return", "Scheduled")):
        assert (await house.ask("POST", path_of(), body)).status == 202
    assert (await house.get()).json() == (await house.cancel()).json() == state
    assert house.script.ran == []


async def test_a_cancel_at_another_item_leaves_the_job_alone(house: House) -> None:
    await house.create("wait")
    running = await house.until("InProgress")

    await house.cancel(item=str(uuid4()))

    assert (await house.get()).json() == running


# ---- what is not the caller's fault


async def test_a_deleted_item_takes_no_more_jobs(idle: House) -> None:
    await idle.create()
    await idle.engine.close(f"workload/{idle.tenant}/{WORKSPACE}/{ITEM_TYPE}/{ITEM}", seconds=1)
    before = dump(idle.database)
    unknown = str(uuid4())

    created = await idle.create(job=unknown)
    cancelled = await idle.cancel(job=unknown)

    for answer in (created, cancelled):
        assert (answer.status, answer.json()["errorCode"]) == (404, "ItemNotFound")
    assert (await idle.get()).json()["status"] == "Cancelled"
    assert dump(idle.database) == before


@pytest.mark.parametrize(
    ("error", "status", "retry_after", "code", "message"),
    [
        (
            StoreUnavailable("database or disk is full: /var/lib/weft"),
            503,
            "1",
            "ServiceUnavailable",
            "The store is not available, nothing was changed; try again later.",
        ),
        (
            Overloaded(7),
            429,
            "7",
            "TooManyRequests",
            "Too many requests wait already; try again later.",
        ),
    ],
)
async def test_a_store_that_cannot_keep_a_job_says_when_to_come_back(
    error: Exception,
    status: int,
    retry_after: str,
    code: str,
    message: str,
    idle: House,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def insert(job: Job, room: Room | None = None, duplicate: Duplicate | None = None) -> Job | None:
        raise error

    monkeypatch.setattr(idle.store, "insert", insert)

    answers = [await idle.create(), await idle.cancel()]

    for answer in answers:
        assert (answer.status, answer.header("Retry-After")) == (status, retry_after)
        assert answer.json() == {
            "errorCode": code,
            "message": message,
            "source": "System",
            "isPermanent": False,
        }
