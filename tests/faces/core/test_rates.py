"""How many requests one identity may make in a minute: counted by kind, told as the service tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.faces.core.golden import Pair, differences
from tests.faces.core.serving import Identity, Place, Served, SettableClock, serve
from tests.faces.core.test_golden import named, recorded
from tests.faces.core.test_isolation import refused
from weft.catalog.model import Principal, Role
from weft.faces.core.rates import Kind, Meter, RequestBlocked, kind_of, meter_of, told
from weft.faces.core.routes import ALL
from weft.settings import RATES, Profile, Rates

Limited = Callable[[Rates], Served]

BLOCKED = recorded("core-neighbours.jsonl", lambda pair: pair.status == 429)
ANN = Principal(id="ann", tenant="t1", name="Ann", is_app=False, scopes=frozenset())
EVERY_HEADER = {"cache-control", "pragma", "x-content-type-options", "x-frame-options"}


@pytest.fixture
async def limited(tmp_path: Path, identity: Identity) -> Limited:
    return lambda rates: serve(tmp_path, identity, rates=rates)


def outcomes(meter: Meter, kind: Kind, caller: Principal, times: int) -> Iterator[int]:
    """Yield for each request in how many seconds to try again, 0 where it was let in."""
    for _ in range(times):
        try:
            meter.count(caller, kind)
            yield 0
        except RequestBlocked as blocked:
            yield blocked.retry_after_seconds


# ---- the windows


def test_a_window_is_full_again_at_once_when_its_minute_is_over() -> None:
    clock = SettableClock()
    meter = Meter(Rates(jobs=2), clock)

    first = list(outcomes(meter, Kind.JOBS, ANN, 3))
    clock.time += timedelta(seconds=59.5)
    late = list(outcomes(meter, Kind.JOBS, ANN, 1))
    clock.time += timedelta(seconds=0.5)
    second = list(outcomes(meter, Kind.JOBS, ANN, 3))

    assert first == [0, 0, 60]
    assert late == [1]
    assert second == [0, 0, 60]


def test_each_identity_and_each_kind_has_a_window_of_its_own() -> None:
    meter = Meter(Rates(requests=1, jobs=1, operations=1, runs=1), SettableClock())
    others = [replace(ANN, id="bob"), replace(ANN, tenant="t2")]

    used = [list(outcomes(meter, kind, ANN, 2)) for kind in Kind]

    assert used == [[0, 60]] * 4
    assert [list(outcomes(meter, Kind.JOBS, other, 1)) for other in others] == [[0], [0]]


def test_a_kind_without_a_limit_is_not_counted() -> None:
    meter = Meter(Rates(jobs=1), SettableClock())

    assert list(outcomes(meter, Kind.RUNS, ANN, 1000)) == [0] * 1000
    assert len(meter) == 0


def test_identities_are_forgotten_when_their_window_is_over() -> None:
    clock = SettableClock()
    meter = Meter(Rates(jobs=1), clock)
    for number in range(1000):
        meter.count(replace(ANN, id=f"user {number}"), Kind.JOBS)
        clock.time += timedelta(seconds=1)

    assert len(meter) == 60


def test_a_clock_that_is_set_back_blocks_nobody_for_longer_than_a_minute() -> None:
    clock = SettableClock()
    meter = Meter(Rates(jobs=1), clock)
    meter.count(ANN, Kind.JOBS)
    clock.time -= timedelta(hours=1)

    assert list(outcomes(meter, Kind.JOBS, ANN, 2)) == [0, 60]


def test_nothing_is_counted_where_nothing_is_limited() -> None:
    assert meter_of(RATES[Profile.LOCAL], SettableClock()) is None
    assert meter_of(RATES[Profile.SERVICE], SettableClock()) is not None


@pytest.mark.parametrize(
    ("until", "text"),
    [
        (datetime(2025, 9, 2, 17, 21, 55, tzinfo=UTC), "9/2/2025 5:21:55 PM (UTC)"),
        (datetime(2026, 12, 31, 0, 1, 5, 900000, tzinfo=UTC), "12/31/2026 12:01:05 AM (UTC)"),
        (datetime(2026, 2, 6, 12, 0, 0, tzinfo=UTC), "2/6/2026 12:00:00 PM (UTC)"),
        (datetime(2026, 2, 6, 8, 1, 25, tzinfo=UTC), "2/6/2026 8:01:25 AM (UTC)"),
    ],
)
def test_an_instant_is_told_as_the_service_does(until: datetime, text: str) -> None:
    assert told(until) == text


def test_every_address_is_counted_as_what_it_is() -> None:
    kinds = {path: kind_of(path) for path in ALL}

    jobs = {path for path, kind in kinds.items() if kind is Kind.JOBS}
    operations = {path for path, kind in kinds.items() if kind is Kind.OPERATIONS}
    assert {"schedules", "instances"} <= {path.split("/")[-1] for path in jobs}
    assert all("jobs" in path.split("/") for path in jobs)
    assert not any("jobs" in path.split("/") for path in kinds.keys() - jobs)
    assert operations == {path for path in kinds if path.startswith("/operations")}
    assert len(operations) >= 2


def test_what_starts_a_job_is_counted_as_a_run() -> None:
    known = {
        (method, path): operation.starts_job
        for path, operations in ALL.items()
        for method, operation in operations.items()
    }

    ends = {path.rpartition("/")[2] for (_, path), runs in known.items() if runs}
    assert ends == {"instances", "rerun"}
    assert all(
        runs == (method == "POST")
        for (method, path), runs in known.items()
        if path.rpartition("/")[2] in ends
    )


# ---- the answers


async def test_who_asks_too_often_is_blocked_until_the_window_is_over(limited: Limited) -> None:
    served = limited(Rates(requests=3))
    await served.place()

    third = await served.call("GET", "/v1/workspaces")
    blocked = await served.call("GET", "/v1/workspaces")
    other = await served.call("GET", "/v1/workspaces", token=served.token("other"))
    served.clock.time += timedelta(minutes=1)
    after = await served.call("GET", "/v1/workspaces")
    await served.store.close()

    assert (third.status, other.status, after.status) == (200, 200, 200)
    assert refused(blocked, 429, "RequestBlocked")
    assert blocked.header("Retry-After") == "60"
    assert blocked.json()["isRetriable"] is True
    assert blocked.json()["message"] == (
        "Request is blocked by the upstream service until: 4/27/2026 7:12:35 AM (UTC)"
    )


@pytest.mark.shared
@pytest.mark.parametrize("pair", BLOCKED, ids=named)
async def test_a_blocked_request_is_answered_as_recorded(limited: Limited, pair: Pair) -> None:
    served = limited(Rates(requests=1))
    workspace = await served.made("/v1/workspaces", {"displayName": "plans"})
    served.clock.time += timedelta(seconds=60 - int(pair.headers["retry-after"]))

    ours = await served.call("GET", f"/v1/workspaces/{workspace}/folders?recursive=True")
    await served.store.close()

    told_by_us = ours.json()["message"].partition(": ")
    assert told_by_us[0] == pair.answer["message"].partition(": ")[0]
    newer = {**pair.answer, "isRetriable": True}  # the older two recordings have no such key
    as_newest = replace(pair, answer=newer)
    free = EVERY_HEADER | {"access-control-expose-headers", "body.message"}
    assert differences(as_newest, ours, free=frozenset(free)) == []


async def test_1000_runs_of_one_user_are_too_many_and_another_runs_on(limited: Limited) -> None:
    """S68."""
    served = limited(Rates(runs=50))
    place = await served.place()
    colleague = served.token("colleague")
    await served.store.give_role(place.workspace, served.known(colleague), Role.CONTRIBUTOR)

    answers = [await served.call("POST", f"{place.jobs}/calculateForecast/instances") for _ in range(60)]
    by_query = await served.call("POST", f"{place.jobs}/instances?jobType=calculateForecast")
    others = await served.run(place, token=colleague)
    looked = await served.call("GET", f"{place.jobs}/instances")
    await served.store.close()

    assert [answer.status for answer in answers] == [202] * 50 + [429] * 10
    for answer in (*answers[50:], by_query):
        assert refused(answer, 429, "TooManyRequestsForJobs")
        assert 1 <= int(str(answer.header("Retry-After"))) <= 60
        assert answer.json()["isRetriable"] is True
    assert others
    assert looked.status == 200


async def test_a_request_is_counted_before_anything_is_looked_at(limited: Limited) -> None:
    served = limited(Rates(jobs=2))
    place = Place(str(uuid4()), str(uuid4()))
    reader = served.token("admin", "Item.Read.All")

    unknown = await served.call("GET", f"{place.jobs}/instances")
    scopes = await served.call("POST", f"{place.jobs}/x/instances", token=reader)
    blocked = await served.call("POST", f"{place.jobs}/x/instances", token=reader)
    nobody = await served.send("GET", f"{place.jobs}/instances", None)
    await served.store.close()

    assert refused(unknown, 404, "WorkspaceNotFound")
    assert refused(scopes, 403, "InsufficientScopes")
    assert refused(blocked, 429, "RequestBlocked")
    assert refused(nobody, 401, "TokenIsMissing")


async def test_jobs_workspaces_and_operations_are_counted_apart(limited: Limited) -> None:
    served = limited(Rates(requests=2, jobs=1, operations=1))
    place = await served.place()

    first = [
        await served.call("GET", target)
        for target in (f"{place.jobs}/instances", f"/v1/operations/{uuid4()}", "/v1/workspaces")
    ]
    second = [
        await served.call("GET", target)
        for target in (f"{place.jobs}/instances", f"/v1/operations/{uuid4()}")
    ]
    await served.store.close()

    assert [answer.status for answer in first] == [200, 404, 429]
    assert [answer.status for answer in second] == [429, 429]
