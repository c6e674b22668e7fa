"""Jobs and hooks in the test's own process, as the tests of a workload run them."""

from __future__ import annotations

import asyncio
import signal
import threading
import time

import pytest

from tests.kit.tested_workload import ITEM, after, workload
from weft.kit.errors import PayloadInvalid, WorkloadInvalid
from weft.kit.items import Item
from weft.kit.testing import End, run_hook, run_job


def test_a_job_gives_its_result_its_progress_and_its_lines() -> None:
    run = run_job(workload, ITEM.lower(), "COUNT", {"to": 2}, attempt=2, ids={"user": "me"})

    assert run.end is End.COMPLETED
    assert run.result == {"counted": 2, "attempt": 2, "user": "me", "item_type": ITEM}
    assert [(told.done, told.total, told.text) for told in run.progress] == [
        (1, 2, "counting"),
        (2, 2, "counting"),
    ]
    assert run.lines == [("debug", "step 0"), ("debug", "step 1"), ("warning", "done")]


def test_an_async_job_gets_a_loop_of_its_own() -> None:
    run = run_job(workload, ITEM, "countAsync")

    assert (run.end, run.result, len(run.progress)) == (End.COMPLETED, 3, 3)


def test_a_payload_that_a_server_would_refuse_is_refused_before_the_function_is_called() -> None:
    with pytest.raises(PayloadInvalid, match=r"creationPayload\.to: Expected `int`, got `str`"):
        run_job(workload, ITEM, "count", {"to": "three"})


@pytest.mark.parametrize("job_type", ["count", "countAsync"])
def test_a_job_cancelled_at_a_progress_is_cancelled_there(job_type: str) -> None:
    run = run_job(workload, ITEM, job_type, {"to": 1000}, cancel_at_progress=2)

    assert run.end is End.CANCELLED
    assert run.result is None
    assert job_type == "countAsync" or len(run.progress) == 2


@pytest.mark.parametrize("job_type", ["sleep", "sleepAsync"])
@pytest.mark.parametrize("seconds", [0, 0.05])
def test_a_job_that_sleeps_is_woken_by_its_cancel(job_type: str, seconds: float) -> None:
    began = time.monotonic()

    run = run_job(workload, ITEM, job_type, cancel_after=seconds)

    assert run.end is End.CANCELLED
    assert time.monotonic() - began < 30


def test_what_a_job_returns_after_its_cancel_does_not_count() -> None:
    after.clear()

    run = run_job(workload, ITEM, "stubborn", cancel_after=0.05)

    assert (run.end, run.result) == (End.CANCELLED, None)
    assert after == ["cleaned up"]


@pytest.mark.parametrize(
    ("job_type", "payload", "code"),
    [
        ("fail", {"code": "Wanted"}, "Wanted"),
        ("crash", None, "ZeroDivisionError"),
        ("unsaid", None, "ResultNotJson"),
    ],
)
def test_a_job_that_fails_says_why(job_type: str, payload: object, code: str) -> None:
    run = run_job(workload, ITEM, job_type, payload)

    assert run.end is End.FAILED
    assert run.error is not None
    assert run.error.code == code


def test_a_run_leaves_the_signals_and_threads_of_the_test_as_they_were() -> None:
    handler = signal.getsignal(signal.SIGTERM)
    threads = set(threading.enumerate())

    run_job(workload, ITEM, "sleep", cancel_after=0.02)

    assert signal.getsignal(signal.SIGTERM) is handler
    left = [thread.name for thread in threading.enumerate() if thread not in threads]
    assert [name for name in left if name != "weft interrupter"] == []  # it sees the end within milliseconds


def test_a_hook_is_given_the_item_and_gives_its_payload() -> None:
    made = run_hook(workload, ITEM, "create", Item(display_name="one"))
    refused = run_hook(workload, ITEM, "@create")

    assert (made.end, made.result) == (End.COMPLETED, {"made": "one"})
    assert refused.error is not None
    assert refused.error.code == "NameMissing"


def test_what_a_workload_does_not_have_is_named() -> None:
    with pytest.raises(WorkloadInvalid, match=r"no job type 'other' of item type 'Contoso\.Tested\.Thing'"):
        run_job(workload, ITEM, "other")
    with pytest.raises(WorkloadInvalid, match="no hook 'delete'"):
        run_hook(workload, ITEM, "delete")


def test_a_job_is_not_run_where_no_cancel_could_reach_it() -> None:
    async def inside() -> None:
        run_job(workload, ITEM, "count")

    with pytest.raises(RuntimeError, match="main thread"):
        asyncio.run(inside())


@pytest.mark.parametrize("job_type", ["reads", "readsAsync"])
def test_a_job_is_given_the_definition_that_the_test_wrote(job_type: str) -> None:
    run = run_job(workload, ITEM, job_type, definition={"main.py": "é", "data/a.bin": b"\xff"})
    none = run_job(workload, ITEM, job_type, definition={})
    unknown = run_job(workload, ITEM, job_type)

    assert run.result == {"main.py": "c3a9", "data/a.bin": "ff"}
    assert none.result == {}
    assert unknown.error is not None
    assert unknown.error.code == "DefinitionNotKnown"
