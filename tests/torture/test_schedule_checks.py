"""The checks of the torture find what is wrong with schedules, webhooks, keys and what else is kept."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.torture.kept import Kept, Thing
from tests.torture.ledger import Face, Ledger, Promised
from tests.torture.load import Site
from tests.torture.planned import Book, Outage, Plan
from tests.torture.receiver import Receiver
from tests.torture.server import Credentials

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def fired(at: int, job: str | None = None) -> dict[str, Any]:
    job = f"job {at}" if job is None else job
    due = f"{minute(at):%Y-%m-%dT%H:%M:%S}"
    return {"dueUtc": due, "state": "Fired", "jobInstanceId": job, "count": 1, "lastDueUtc": due}


def missed(first: int, last: int, count: int | None = None) -> dict[str, Any]:
    return {
        "dueUtc": f"{minute(first):%Y-%m-%dT%H:%M:%S}",
        "state": "Missed",
        "jobInstanceId": None,
        "count": last - first + 1 if count is None else count,
        "lastDueUtc": f"{minute(last):%Y-%m-%dT%H:%M:%S}",
    }


@pytest.fixture
def plan() -> Plan:
    return Plan("/v1/s", START, timedelta(minutes=1))


@pytest.fixture
def book(plan: Plan) -> Book:
    """The server was away from minute 2 to minute 20."""
    return Book(Ledger(), [plan], [Outage(minute(2), minute(20))])


def told(book: Book) -> list[str]:
    return [text.partition(":")[0] for text in book.ledger.broken]


GOOD = [fired(17), fired(16), fired(15), missed(2, 14), fired(1), fired(0)]


def test_what_was_fired_or_missed_while_nobody_served_is_in_order(book: Book, plan: Plan) -> None:
    book.read(plan, GOOD)
    book.check_all_known(plan, minute(17))
    book.check_jobs({"job 0"}, {f"job {number}" for number in (0, 1, 15, 16, 17)})

    assert told(book) == []


@pytest.mark.parametrize(
    ("occurrences", "said"),
    [
        (GOOD[1:], "an occurrence neither fired nor was missed"),
        ([fired(17, "job 0"), *GOOD[1:]], "an occurrence has no job of its own"),
        ([fired(17, ""), *GOOD[1:]], "an occurrence has no job of its own"),
        ([*GOOD[:4], missed(1, 1), fired(0)], "an occurrence was missed for no reason"),
        ([*GOOD[:3], missed(2, 14, 5), *GOOD[4:]], "an occurrence is counted wrongly"),
        ([*GOOD[:3], missed(2, 15), *GOOD[4:]], "an occurrence is counted wrongly"),
        ([*GOOD[:3], missed(10, 14), *map(fired, range(9, -1, -1))], "an occurrence was fired too late"),
    ],
    ids=["open", "shared", "none", "missed", "count", "twice", "burst"],
)
def test_what_is_wrong_with_an_occurrence_is_found(
    book: Book, plan: Plan, occurrences: list[dict[str, Any]], said: str
) -> None:
    book.read(plan, occurrences)
    book.check_all_known(plan, minute(17))

    assert said in told(book)


def test_what_is_forgotten_or_runs_without_an_occurrence_is_found(book: Book, plan: Plan) -> None:
    book.read(plan, GOOD)

    book.read(plan, [fired(17), fired(16, "other"), *GOOD[2:3], *GOOD[4:5]])
    book.check_jobs({"job 17"}, {"job 16", "job 1", "stranger"})

    assert sorted(told(book)) == [
        "a fired occurrence is lost",
        *["a missed occurrence is lost"] * 13,
        "an instance of no occurrence",
        "an occurrence has another job",
        "an occurrence has no instance",
    ]


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    now = datetime.now(UTC)
    signature = Webhook(secret).sign("m1", now, body.decode())
    return {
        "webhook-id": "m1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }


def test_a_delivery_counts_once_its_signature_is_good() -> None:
    receiver = Receiver(Ledger(), random.Random(1))
    receiver.secret = SECRET
    body = b'{"data": {"id": "i", "status": "Completed"}}'

    receiver.take(signed(body), body)
    receiver.take(signed(body), body)
    assert receiver.told == {"i": "Completed"}
    assert receiver.ledger.broken == []

    receiver.take(signed(body, "whsec_" + "A" * 32), body)
    other = body.replace(b"Completed", b"Cancelled")
    receiver.take(signed(other), other)
    assert [text.partition(":")[0] for text in receiver.ledger.broken] == [
        "a delivery is not signed",
        "two ends were told of a job",
    ]


def test_a_second_job_of_a_key_is_found(tmp_path: Path) -> None:
    ledger = Ledger()
    site = Site(ledger, Credentials({}, {}, "t"), tmp_path, random.Random(1))
    job = Promised(Face.CORE, "quick", "", tmp_path / "f", key="k")

    site.note_run(job, "/v1/a")
    site.note_run(job, "/v1/a")
    assert (job.path, job.accepted, ledger.broken) == ("/v1/a", True, [])

    site.note_run(job, "/v1/b")
    assert ledger.broken == ["a key has two jobs: k: /v1/a and /v1/b"]


@pytest.mark.parametrize(
    ("status", "name", "is_good"), [(200, "new", True), (200, "old", False), (404, "", False)]
)
async def test_a_change_that_is_not_kept_is_found(status: int, name: str, is_good: bool) -> None:
    async def call(method: str, path: str, body: object) -> tuple[int, Mapping[str, str], Any]:
        return status, {}, {"displayName": name}

    kept = Kept(Ledger(), random.Random(1), "/v1/workspaces/w", "/s", [])
    kept.things.append(Thing("/v1/workspaces/w/folders/f", "folder", {"new"}))

    await kept.check(call)

    assert (kept.ledger.broken == []) == is_good
