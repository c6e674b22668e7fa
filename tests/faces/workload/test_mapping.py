"""The engine's words and the contract's words, both ways."""

import json
from datetime import UTC, datetime

import pytest

from weft.contracts.workload import InvokeType
from weft.engine.jobs import ErrorDetail, Job, JobError, JobKey, WhenLost
from weft.engine.lifecycle import State
from weft.faces.http import Refused
from weft.faces.workload.mapping import STATUS, fingerprint_of, read_request, state_of, time_of

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
LATER = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)


def job(state: State, **more: object) -> Job:
    known: dict[str, object] = {
        "key": JobKey("workload/t/w/T/i/j", "1"),
        "queue": "workload",
        "kind": "j",
        "payload": b"",
        "labels": {},
        "fingerprint": b"",
        "submitted_by": "",
        "when_lost": WhenLost.FAIL,
        "state": state,
        "submitted_at": AT,
        "available_at": AT,
    }
    return Job(**(known | more))  # type: ignore[arg-type]  # the members are written in this file


def test_every_state_has_a_published_word() -> None:
    assert set(STATUS) == set(State)


@pytest.mark.parametrize(
    ("job", "state"),
    [
        (job(State.ACCEPTED), {"status": "NotStarted"}),
        (
            job(State.RUNNING, started_at=AT),
            {"status": "InProgress", "startTimeUtc": "2026-01-02T03:04:05.678Z"},
        ),
        (
            job(State.RUNNING, started_at=AT, cancel_requested_at=LATER),
            {"status": "InProgress", "startTimeUtc": "2026-01-02T03:04:05.678Z"},
        ),
        (
            job(State.ACCEPTED, started_at=AT, attempt=1),
            {"status": "InProgress", "startTimeUtc": "2026-01-02T03:04:05.678Z"},
        ),
        (
            job(State.COMPLETED, started_at=AT, ended_at=LATER, result=b"{}"),
            {
                "status": "Completed",
                "startTimeUtc": "2026-01-02T03:04:05.678Z",
                "endTimeUtc": "2026-01-02T03:04:06.000Z",
            },
        ),
        (
            job(State.CANCELLED, ended_at=LATER),
            {
                "status": "Cancelled",
                "startTimeUtc": "2026-01-02T03:04:06.000Z",
                "endTimeUtc": "2026-01-02T03:04:06.000Z",
            },
        ),
    ],
    ids=["waits", "runs", "is to be cancelled", "was put back", "completed", "cancelled before it ran"],
)
def test_a_job_is_told_with_the_times_it_has(job: Job, state: object) -> None:
    assert json.loads(state_of(job)) == state


def test_a_failed_job_tells_its_whole_error() -> None:
    error = JobError(
        "ModelDiverged",
        "The model diverged at {0}.",
        source="User",
        is_permanent=True,
        parameters=("step 7",),
        details=(
            ErrorDetail("Step", "step {0}", parameters=("7",), extra=(("loss", "nan"), ("rate", "0.1"))),
            ErrorDetail("Hint", "lower the rate"),
        ),
    )

    told = json.loads(state_of(job(State.FAILED, started_at=AT, ended_at=LATER, error=error)))

    assert told["status"] == "Failed"
    assert told["errorDetails"] == {
        "errorCode": "ModelDiverged",
        "message": "The model diverged at {0}.",
        "messageParameters": ["step 7"],
        "source": "User",
        "isPermanent": True,
        "moreDetails": [
            {
                "errorCode": "Step",
                "message": "step {0}",
                "messageParameters": ["7"],
                "additionalParameters": [{"name": "loss", "value": "nan"}, {"name": "rate", "value": "0.1"}],
            },
            {"errorCode": "Hint", "message": "lower the rate"},
        ],
    }


def test_an_error_without_details_tells_only_what_the_contract_requires() -> None:
    told = json.loads(state_of(job(State.FAILED, ended_at=LATER, error=JobError("E", "m", source="Mars"))))

    assert told["errorDetails"] == {"errorCode": "E", "message": "m", "source": "System"}


def test_a_time_has_three_fraction_digits_even_when_they_are_zero() -> None:
    assert time_of(LATER) == "2026-01-02T03:04:06.000Z"


@pytest.mark.parametrize(
    ("body", "invoke_type", "payload"),
    [
        (b'{"invokeType":"Manual"}', InvokeType.MANUAL, b""),
        (b'{"invokeType":"Scheduled","creationPayload":null}', InvokeType.SCHEDULED, b""),
        (b'{"invokeType":"Manual","creationPayload":{}}', InvokeType.MANUAL, b"{}"),
        (b'{"creationPayload":{"b":[1,2.5,null],"a":"\xc3\xa4"},"invokeType":"Manual"}', InvokeType.MANUAL,
         b'{"b":[1,2.5,null],"a":"\xc3\xa4"}'),
        (b'{"invokeType":"manual"}', InvokeType.UNKNOWN_FUTURE_VALUE, b""),
        (b'{"invokeType":"OnEvent"}', InvokeType.UNKNOWN_FUTURE_VALUE, b""),
        (b'{"invokeType":""}', InvokeType.UNKNOWN_FUTURE_VALUE, b""),
        (b'{"invokeType":"Manual","newMember":[1],"status":"Completed"}', InvokeType.MANUAL, b""),
    ],
)  # fmt: skip
def test_a_request_is_read_as_published_and_as_it_may_grow(
    body: bytes, invoke_type: InvokeType, payload: bytes
) -> None:
    assert read_request(body) == (invoke_type, payload)


@pytest.mark.parametrize(
    "body", [b"{}", b'{"invokeType":null}', b'{"invokeType":"Manual","creationPayload":[]}']
)
def test_a_request_that_is_not_the_published_one_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        read_request(body)


def test_equal_json_values_have_one_fingerprint_whatever_the_order_of_their_keys() -> None:
    first = fingerprint_of(b'{"invokeType":"Manual","creationPayload":{"a":1,"b":[1,2]}}')

    assert (
        fingerprint_of(b'{ "creationPayload": {"b": [1, 2], "a": 1.0}, "invokeType": "Man\\u0075al" }')
        == first
    )
    assert fingerprint_of(b'{"invokeType":"Manual","creationPayload":{"a":1,"b":[2,1]}}') != first
    assert fingerprint_of(b'{"invokeType":"Manual","creationPayload":{"a":true,"b":[1,2]}}') != first
    assert fingerprint_of(b'{"invokeType":"Manual","creationPayload":{"a":"1","b":[1,2]}}') != first
