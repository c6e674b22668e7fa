"""What `/weft/v1` tells beyond the published API: progress, result, error, log lines."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.faces.core.serving import LEASE, OUTCOMES, WORKER, Place, Served
from tests.faces.core.test_jobs import KEYS
from weft.engine.jobs import (
    Completed,
    ErrorDetail,
    Failed,
    Job,
    JobError,
    JobKey,
    LogLine,
    NewJob,
    Progress,
)
from weft.engine.lifecycle import Event

MORE = ["progress", "result", "exitValue", "error", "attempt", "cancelRequestedUtc", "rerunOf"]


async def hosted(served: Served, id: str) -> Job:
    """Let this server host the work of the Core job *id*: submit and start it there."""
    key = JobKey("workload/tenant/workspace/type/item/job", id)
    await served.engine.submit(NewJob(key=key, queue="workload", kind="calculateForecast"))
    served.hosted[id] = key
    [job] = await served.engine.claim("workload", Event.START, worker=WORKER, limit=1, lease=LEASE)
    return job


async def test_a_job_is_shown_with_what_is_known_beyond_the_contract(served: Served, place: Place) -> None:
    id = await served.run(place)
    plain = (await served.call("GET", place.instance(id))).json()

    answer = await served.call("GET", f"/weft{place.instance(id)}")

    shown = answer.json()
    assert list(shown) == [*KEYS, *MORE]
    assert {key: shown[key] for key in KEYS} == plain
    assert {key: shown[key] for key in MORE} == {
        "progress": None,
        "result": None,
        "exitValue": None,
        "error": None,
        "attempt": 0,
        "cancelRequestedUtc": None,
        "rerunOf": None,
    }
    assert answer.header("Retry-After") == "60"


async def test_progress_and_result_are_those_of_the_hosted_job(served: Served, place: Place) -> None:
    id = await served.run(place)
    work = await hosted(served, id)
    await served.engine.note_progress(work, Progress(3, 8, "fold 3"))
    core = await served.started()
    await served.engine.finish(work, Completed(b'{"mape": [4.5, null]}'), cancel_wins=True)
    running = (await served.call("GET", f"/weft{place.instance(id)}")).json()
    await served.engine.finish(core, Completed(), cancel_wins=False)

    ended = (await served.call("GET", f"/weft{place.instance(id)}")).json()

    assert (running["status"], running["result"]) == ("InProgress", None)
    assert running["progress"] == ended["progress"] == {"done": 3, "total": 8, "text": "fold 3"}
    assert (ended["status"], ended["result"]) == ("Completed", {"mape": [4.5, None]})


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (b'{"exitValue": "42", "more": [1]}', "42"),
        (b'{"exitValue": 42}', None),
        (b'{"exitValue": null}', None),
        (b'{"more": 1}', None),
        (b'["exitValue"]', None),
        (b'"exitValue"', None),
    ],
)
async def test_the_exit_value_is_a_string_that_the_job_returned_under_that_name(
    served: Served, place: Place, result: bytes, shown: str | None
) -> None:
    id = await served.run(place)
    core = await served.started()
    await served.engine.finish(core, Completed(result), cancel_wins=False)

    ended = (await served.call("GET", f"/weft{place.instance(id)}")).json()

    assert ended["exitValue"] == shown


async def test_a_result_is_shown_however_deep_it_is(served: Served, place: Place) -> None:
    result = b'{"exitValue": "42", "deep": %s%s}' % (b"[" * 2000, b"]" * 2000)
    id = await served.run(place)
    core = await served.started()
    await served.engine.finish(core, Completed(result), cancel_wins=False)

    answer = await served.call("GET", f"/weft{place.instance(id)}")

    assert answer.status == 200
    assert result in answer.body


async def test_an_error_is_shown_whole(served: Served, place: Place) -> None:
    id = await served.run(place)
    work = await hosted(served, id)
    error = JobError(
        "NoData",
        "no rows in {0}",
        source="User",
        is_permanent=True,
        parameters=("sales",),
        details=(ErrorDetail("Table", "{0}", ("x",), (("size", "0"),)), ErrorDetail("Bare", "b")),
    )
    core = await served.started()
    await served.engine.finish(work, Failed(error), cancel_wins=True)
    await served.engine.finish(core, Failed(JobError("NoData", "no rows")), cancel_wins=False)

    shown = (await served.call("GET", f"/weft{place.instance(id)}")).json()

    assert list(shown["error"].items()) == [
        ("errorCode", "NoData"),
        ("message", "no rows in {0}"),
        ("source", "User"),
        ("isPermanent", True),
        ("messageParameters", ["sales"]),
        (
            "moreDetails",
            [
                {
                    "errorCode": "Table",
                    "message": "{0}",
                    "messageParameters": ["x"],
                    "additionalParameters": [{"name": "size", "value": "0"}],
                },
                {"errorCode": "Bare", "message": "b"},
            ],
        ),
    ]
    assert shown["result"] is None


async def test_the_error_of_a_job_that_never_reached_its_host_is_the_platforms(
    served: Served, place: Place
) -> None:
    id = await served.run(place)
    served.hosted[id] = JobKey("workload/never/there", id)
    await served.ended(OUTCOMES["Failed"])

    shown = (await served.call("GET", f"/weft{place.instance(id)}")).json()

    assert shown["error"]["errorCode"] == "JobInstanceStatusFailed"


async def test_an_accepted_cancel_and_the_attempts_are_shown(served: Served, place: Place) -> None:
    id = await served.run(place)
    job = await served.dispatched()
    await served.engine.send(job, until=served.clock.now())
    await served.call("POST", f"{place.instance(id)}/cancel")

    shown = (await served.call("GET", f"/weft{place.instance(id)}")).json()

    assert (shown["attempt"], shown["cancelRequestedUtc"]) == (1, "2026-04-27T07:11:35.247")
    assert shown["status"] == "NotStarted"


async def test_log_lines_go_on_where_the_caller_left_off(served: Served, place: Place) -> None:
    id = await served.run(place)
    work = await hosted(served, id)
    at = datetime(2026, 4, 27, 7, 12, 0, 500000, tzinfo=UTC)
    lines = [LogLine(number, at, "info", f"fold {number} \x1b[31m") for number in (1, 2, 3)]
    await served.engine.add_lines(work, lines)

    first = (await served.call("GET", f"/weft{place.instance(id)}/logs")).json()
    later = (await served.call("GET", f"/weft{place.instance(id)}/logs?after=2")).json()
    none = (await served.call("GET", f"/weft{place.instance(id)}/logs?after=3")).json()

    assert [line["number"] for line in first["value"]] == [1, 2, 3]
    assert later == {
        "value": [{"number": 3, "at": "2026-04-27T07:12:00.5Z", "level": "info", "text": "fold 3 \x1b[31m"}],
        "next": 3,
    }
    assert none == {"value": [], "next": 3}
