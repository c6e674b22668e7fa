"""What becomes of a schedule that is due: a job as its owner's, or the reason why there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.faces.core.scheduling import DAILY, JOB_TYPE, scheduled
from tests.faces.core.serving import FORECAST, KnownTypes, Place, Served
from weft.catalog.item_types import Dedup
from weft.catalog.model import Role
from weft.contracts.core import InvokeType
from weft.engine.jobs import JobKey
from weft.engine.schedules import Firing, Schedule
from weft.faces.core.scheduled import ScheduledRuns

DUE = datetime(2026, 5, 1, 5, tzinfo=UTC)


async def known(served: Served, place: Place) -> Schedule:
    [schedule] = await served.store.schedules(f"core/{place.workspace}/{place.item}", None, after=0, limit=9)
    return schedule


async def fire(served: Served, schedule: Schedule, types: KnownTypes | None = None) -> Firing | None:
    ids = iter(["request", "instance"])
    maker = ScheduledRuns(served.store, types or served.types, new_id=lambda: next(ids))
    return await maker.firing(schedule, DUE)


async def fired(served: Served, schedule: Schedule) -> Firing:
    firing = await fire(served, schedule)
    assert firing is not None
    return firing


async def test_a_job_runs_as_the_owner_with_what_the_schedule_holds(served: Served, place: Place) -> None:
    await scheduled(served, place, DAILY, executionData={"folds": 2})
    schedule = await known(served, place)

    firing = await fired(served, schedule)

    new = firing.new
    assert firing.error is None
    assert new.key == JobKey(f"core/{place.workspace}/{place.item}", "instance")
    assert (new.kind, new.payload) == (JOB_TYPE, b'{"folds": 2}')
    assert new.submitted_by == served.user_id("admin")
    assert dict(new.labels) == {
        "workspace": place.workspace,
        "item": place.item,
        "item_type": FORECAST,
        "item_name": "sales",
        "tenant": served.home.tenant,
        "invoke_type": "Scheduled",
        "request_id": "request",
        "user": served.user_id("admin"),
        "user_name": "admin",
        "schedule": schedule.id,
        "due": "2026-05-01T05:00:00",
    }


async def test_an_item_that_is_gone_has_no_job(served: Served, place: Place) -> None:
    await scheduled(served, place)
    schedule = await known(served, place)
    await served.call("DELETE", place.path)

    assert await fire(served, schedule) is None


@pytest.mark.parametrize("role", [None, Role.VIEWER])
async def test_an_owner_who_may_not_run_jobs_any_more_gets_a_failed_one(
    served: Served, place: Place, role: Role | None
) -> None:
    token = await served.grant(place, "colleague", Role.CONTRIBUTOR)
    await scheduled(served, place)
    address = await scheduled(served, place)
    await served.call("PATCH", address, {"enabled": True, "configuration": DAILY}, token=token)
    colleague = served.user_id("colleague")
    if role is None:
        await served.store.take_role(place.workspace, colleague)
    else:
        await served.store.change_role(place.workspace, colleague, role)
    scope = f"core/{place.workspace}/{place.item}"
    admins, colleagues = await served.store.schedules(scope, None, after=0, limit=9)

    allowed, refused = await fired(served, admins), await fired(served, colleagues)

    assert allowed.error is None
    assert refused.error is not None
    assert refused.error.code == "JobInstanceStatusOwnerUserMissing"
    assert "colleague" in refused.error.message
    assert refused.error.is_permanent


async def test_an_owner_gets_the_role_back_and_jobs_run_again(served: Served, place: Place) -> None:
    token = await served.grant(place, "colleague", Role.CONTRIBUTOR)
    target = f"{place.jobs}/{JOB_TYPE}/schedules"
    await served.made(target, {"enabled": True, "configuration": DAILY}, token=token)
    schedule = await known(served, place)
    await served.store.take_role(place.workspace, served.user_id("colleague"))
    without = await fired(served, schedule)

    await served.grant(place, "colleague", Role.CONTRIBUTOR)

    assert without.error is not None
    assert (await fired(served, schedule)).error is None


async def test_a_job_type_that_nobody_has_any_more_gets_a_failed_job(served: Served, place: Place) -> None:
    await scheduled(served, place)
    schedule = replace(await known(served, place), kind="forgotten")

    firing = await fired(served, schedule)

    assert firing.error is not None
    assert (firing.error.code, firing.new.kind) == ("InvalidJobType", "forgotten")
    assert "forgotten" in firing.error.message


class ScheduledDedup(KnownTypes):
    def dedup(self, item_type: str, invoke_type: InvokeType) -> Dedup:
        return Dedup.PER_ITEM if invoke_type is InvokeType.SCHEDULED else Dedup.NONE


async def test_scheduled_jobs_are_de_duplicated_as_their_type_says_for_scheduled_ones(
    served: Served, place: Place
) -> None:
    await scheduled(served, place)
    schedule = await known(served, place)

    firing = await fire(served, schedule, ScheduledDedup(served.home.tenant))

    assert firing is not None
    assert firing.new.unique == f"core/{place.workspace}/{place.item}//{JOB_TYPE.lower()}"
    assert (await fired(served, schedule)).new.unique == ""
