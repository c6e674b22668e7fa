"""The schedules of an item's jobs: list, create, get, update, delete; below the address of an item."""

from __future__ import annotations

from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import UNSET, Raw, UnsetType
from starlette.responses import Response

from weft.catalog import scopes
from weft.catalog.errors import ItemNotFound
from weft.catalog.model import Item, Role
from weft.contracts import core as wire
from weft.engine.errors import ScopeClosed
from weft.engine.schedules import Fate, NewSchedule, Occurrence, Schedule
from weft.faces import paging
from weft.faces.core import access, answers, items, mapping
from weft.faces.core.calls import Call, Operation
from weft.faces.core.own_errors import InvalidJobType
from weft.faces.core.run_requests import schedule_request
from weft.faces.core.scheduled import labels_of, owner_type
from weft.faces.core.timetables import timetable_of

UPCOMING: Final = 10
MOST_UPCOMING: Final = 100


class DueShown(wire.Wire):
    """*due_local* is the same instant in the schedule's time zone, with its offset."""

    due_utc: str
    due_local: str


class Upcoming(wire.Wire):
    value: list[DueShown]


class OccurrenceShown(wire.Wire):
    """*state* is Fired or Missed; *count* occurrences in a row, up to *last_due_utc*, were missed."""

    due_utc: str
    state: str
    job_instance_id: str | None
    count: int
    last_due_utc: str


class Occurrences(wire.Wire):
    value: list[OccurrenceShown]
    continuation_token: str | UnsetType = UNSET


async def list_all(call: Call) -> Response:
    item = await items.find(call)
    kind = _known_job_type(call, item)
    found, *onward = await call.page(
        _path(item, kind),
        {},
        lambda after, limit: call.core.schedules.list(_scope(item), kind, after=after or 0, limit=limit),
    )
    return answers.with_body(200, wire.ItemSchedules([_shown(schedule) for schedule in found], *onward))


async def create(call: Call) -> Response:
    # The body comes first: it may be slow, and what the caller may do is to be decided after it.
    raw = await call.body()
    item = await items.find(call, needs=Role.CONTRIBUTOR)
    kind = _known_job_type(call, item)
    new = _new(call, item, _Named(_scope(item), kind, call.core.new_id()), raw)
    try:
        made = await call.core.schedules.add(new)
    except ScopeClosed:
        raise ItemNotFound(item.workspace, item.id) from None  # it is being deleted
    location = {"Location": call.url(f"{_path(item, kind)}/{made.id}")}
    return answers.with_body(201, _shown(made), location)


async def get(call: Call) -> Response:
    named = _named(call, await items.find(call))
    return answers.with_body(200, _shown(await call.core.schedules.get(*named)))


async def update(call: Call) -> Response:
    """Replace all but the id and the date of creation; whoever does so owns the schedule from then on."""
    raw = await call.body()
    item = await items.find(call, needs=Role.CONTRIBUTOR)
    named = _named(call, item)
    await call.core.schedules.get(*named)  # that there is none is told first, whatever the body is
    changed = await call.core.schedules.replace(_new(call, item, named, raw))
    return answers.with_body(200, _shown(changed))


async def delete(call: Call) -> Response:
    item = await items.find(call, needs=Role.CONTRIBUTOR)
    await call.core.schedules.delete(*_named(call, item))
    return answers.without_body(200)


async def upcoming(call: Call) -> Response:
    """Tell when a schedule is due next; nothing where it is disabled or over."""
    limit = call.number("limit", UPCOMING, least=1, most=MOST_UPCOMING)
    named = _named(call, await items.find(call))
    schedule = await call.core.schedules.get(*named)
    dues = await call.core.schedules.upcoming(*named, limit=limit)
    zone = ZoneInfo(timetable_of(schedule.configuration).zone)
    told = [DueShown(mapping.utc(due), due.astimezone(zone).isoformat()) for due in dues]
    return answers.with_body(200, Upcoming(told))


async def occurrences(call: Call) -> Response:
    """Tell what became of a schedule's occurrences, the latest first."""
    item = await items.find(call)
    named, size = _named(call, item), call.core.page_size
    path = f"{_path(item, named.kind)}/{named.id}/occurrences"
    before = call.position(path)
    found = await call.core.schedules.occurrences(
        *named, before=None if before is None else paging.instant_of(before), limit=size + 1
    )
    page = Occurrences([_occurrence_shown(occurrence) for occurrence in found[:size]])
    if len(found) > size:
        page.continuation_token, _ = call.onward(path, paging.number_of(found[size - 1].due), path)
    return answers.with_body(200, page)


SCHEDULES: Final = "/jobs/{jobType}/schedules"
SCHEDULE: Final = f"{SCHEDULES}/{{scheduleId}}"

ADDRESSES: dict[str, dict[str, Operation]] = {
    SCHEDULES: {
        "GET": Operation(list_all, access.READ_ITEMS),
        "POST": Operation(create, access.SCHEDULE_JOBS),
    },
    SCHEDULE: {
        "GET": Operation(get, access.READ_ITEMS),
        "PATCH": Operation(update, access.SCHEDULE_JOBS),
        "DELETE": Operation(delete, access.WRITE_ITEMS),
    },
}

# What the published API has no address for.
ADDITIONS: dict[str, dict[str, Operation]] = {
    f"{SCHEDULE}/occurrences": {"GET": Operation(occurrences, access.READ_ITEMS)},
    f"{SCHEDULE}/upcoming": {"GET": Operation(upcoming, access.READ_ITEMS)},
}


class _Named(NamedTuple):
    """Where a schedule is: one of another job type, or of another item, is none."""

    scope: str
    kind: str
    id: str


def _named(call: Call, item: Item) -> _Named:
    return _Named(_scope(item), call.request.path_params["jobType"], call.path_id("scheduleId"))


def _new(call: Call, item: Item, named: _Named, raw: bytes) -> NewSchedule:
    """Raises Refused."""
    wanted = schedule_request(raw)
    return NewSchedule(
        scope=named.scope,
        kind=named.kind,
        id=named.id,
        enabled=wanted.enabled,
        configuration=wanted.configuration,
        payload=wanted.payload,
        owner=call.caller.id,
        labels=labels_of(call.caller, item),
    )


def _known_job_type(call: Call, item: Item) -> str:
    """Raises InvalidJobType. Schedules of a type that no workload has any more are still found by id."""
    wanted = call.request.path_params["jobType"]
    known = call.core.directory.job_type(item.type, wanted)
    if known is None:
        raise InvalidJobType(item.type, wanted)
    return known


def _scope(item: Item) -> str:
    return scopes.of_item(item.workspace, item.id)


def _path(item: Item, kind: str) -> str:
    return f"/workspaces/{item.workspace}/items/{item.id}/jobs/{kind}/schedules"


def _shown(schedule: Schedule) -> wire.ItemSchedule:
    return wire.ItemSchedule(
        id=schedule.id,
        enabled=schedule.enabled,
        created_date_time=mapping.utc(schedule.created_at),
        configuration=Raw(schedule.configuration),
        owner=wire.ScheduleOwner(schedule.owner, owner_type(schedule)),
        execution_data=Raw(schedule.payload) if schedule.payload else UNSET,
    )


def _occurrence_shown(occurrence: Occurrence) -> OccurrenceShown:
    return OccurrenceShown(
        due_utc=mapping.utc(occurrence.due),
        state="Fired" if occurrence.fate is Fate.FIRED else "Missed",
        job_instance_id=occurrence.job or None,
        count=occurrence.count,
        last_due_utc=mapping.utc(occurrence.last or occurrence.due),
    )
