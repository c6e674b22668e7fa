"""`weft schedule`: when the jobs of an item run by themselves, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from cyclopts import Parameter
from msgspec import UNSET, Raw, UnsetType, json

from weft.catalog.ids import is_uuid
from weft.cli.clock import time_of_server
from weft.cli.connect import connect
from weft.cli.errors import Misused
from weft.cli.names import find_item
from weft.cli.options import AsJson, Data, ItemNamed, WorkspaceNamed, group, whole
from weft.cli.output import print_json, print_pairs, print_table
from weft.cli.payload import read_payload
from weft.cli.scheduling import When, changed_configuration, described, new_configuration
from weft.client.schedules import Due, Occurrence
from weft.contracts.core import ItemSchedule

T = TypeVar("T")

MOST_NEXT = 100

JobTypeNamed = Annotated[str, Parameter(help="Job type, such as calculateForecast.")]
ScheduleNamed = Annotated[str, Parameter(help="Id of the schedule.")]
Payload = Annotated[
    str | None,
    Parameter(name="--payload", help="What each job is given: a JSON object, or @FILE that holds one."),
]

app = group("schedule", "Let the jobs of an item run by themselves, again and again.")


@app.command
def create(  # noqa: PLR0913 - each is an option of the command
    workspace: WorkspaceNamed,
    item: ItemNamed,
    jobtype: JobTypeNamed,
    /,
    *,
    when: When = When(),  # noqa: B008 - frozen
    disabled: Annotated[bool, Parameter(name="--disabled", help="Let it rest until it is enabled.")] = False,
    payload: Payload = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Create a schedule and print its id; its jobs run as you.

    Say when with one of --cron, --daily, --weekly, --monthly and --config.
    """
    said = new_configuration(when, datetime.now(UTC))
    execution_data = UNSET if payload is None else read_payload(payload)

    async def call() -> ItemSchedule:
        async with connect(data) as client:
            place = await find_item(client, workspace, item)
            begins_soon = when.config is None and when.start is None
            configuration = new_configuration(when, await time_of_server(data)) if begins_soon else said
            return await client.schedules.create(
                *place, jobtype, configuration, enabled=not disabled, execution_data=execution_data
            )

    created = asyncio.run(call())
    if as_json:
        print_json(created)
    else:
        print(created.id)


@app.command(name="list")
def list_all(
    workspace: WorkspaceNamed,
    item: ItemNamed,
    jobtype: JobTypeNamed,
    /,
    *,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """List the schedules of a job type of an item."""

    async def call() -> list[ItemSchedule]:
        async with connect(data) as client:
            place = await find_item(client, workspace, item)
            return [known async for known in client.schedules.all(*place, jobtype)]

    found = asyncio.run(call())
    if as_json:
        print_json(found)
    else:
        print_table(("ID", "STATE", "WHEN", "ZONE", "FROM", "TO"), map(_row, found))


@app.command
def show(
    workspace: WorkspaceNamed,
    item: ItemNamed,
    jobtype: JobTypeNamed,
    schedule: ScheduleNamed,
    /,
    *,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Show a schedule."""

    async def call() -> ItemSchedule:
        async with connect(data) as client:
            place = await find_item(client, workspace, item)
            return await client.schedules.get(*place, jobtype, _id(schedule))

    _print(asyncio.run(call()), as_json=as_json)


@app.command
def update(  # noqa: PLR0913 - each is an option of the command
    workspace: WorkspaceNamed,
    item: ItemNamed,
    jobtype: JobTypeNamed,
    schedule: ScheduleNamed,
    /,
    *,
    when: When = When(),  # noqa: B008 - frozen
    enabled: Annotated[bool, Parameter(name="--enabled", help="Let it fire again.")] = False,
    disabled: Annotated[bool, Parameter(name="--disabled", help="Let it rest.")] = False,
    payload: Payload = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Change what is said of a schedule; the rest stays. Its jobs run as you from then on."""
    if enabled and disabled:
        raise Misused("--enabled and --disabled exclude one another")
    if not (when.is_said or enabled or disabled or payload is not None):
        raise Misused("nothing to change is said")
    execution_data = None if payload is None else read_payload(payload)

    async def call() -> ItemSchedule:
        async with connect(data) as client:
            named = (*await find_item(client, workspace, item), jobtype, _id(schedule))
            known = await client.schedules.get(*named)
            return await client.schedules.replace(
                *named,
                changed_configuration(when, known.configuration),
                enabled=(known.enabled or enabled) and not disabled,
                execution_data=known.execution_data if execution_data is None else execution_data,
            )

    _print(asyncio.run(call()), as_json=as_json)


@app.command
def delete(
    workspace: WorkspaceNamed,
    item: ItemNamed,
    jobtype: JobTypeNamed,
    schedule: ScheduleNamed,
    /,
    *,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Delete a schedule; jobs that it has started go on."""
    id = _id(schedule)

    async def call() -> None:
        async with connect(data) as client:
            place = await find_item(client, workspace, item)
            await client.schedules.delete(*place, jobtype, id)

    asyncio.run(call())
    if as_json:
        print_json({"id": id})


@app.command(name="next")
def next_(
    workspace: WorkspaceNamed,
    item: ItemNamed,
    jobtype: JobTypeNamed,
    schedule: ScheduleNamed,
    /,
    *,
    limit: Annotated[
        int, Parameter(name="--limit", converter=whole, help=f"How many, up to {MOST_NEXT}.")
    ] = 10,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """List when a schedule is due next; nothing where it is disabled or over."""
    if not 1 <= limit <= MOST_NEXT:
        raise Misused(f"--limit must be from 1 to {MOST_NEXT}, not {limit}")

    async def call() -> list[Due]:
        async with connect(data) as client:
            place = await find_item(client, workspace, item)
            return list(await client.schedules.upcoming(*place, jobtype, _id(schedule), limit=limit))

    found = asyncio.run(call())
    if as_json:
        print_json(found)
    else:
        print_table(("UTC", "LOCAL"), [(due.due_utc, due.due_local) for due in found])


@app.command
def history(
    workspace: WorkspaceNamed,
    item: ItemNamed,
    jobtype: JobTypeNamed,
    schedule: ScheduleNamed,
    /,
    *,
    limit: Annotated[int, Parameter(name="--limit", converter=whole, help="Only the latest so many.")] = 100,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """List what became of a schedule's occurrences, the latest first."""
    if limit < 1:
        raise Misused(f"--limit must be at least 1, not {limit}")

    async def call() -> list[Occurrence]:
        async with connect(data) as client:
            place = await find_item(client, workspace, item)
            found = client.schedules.occurrences(*place, jobtype, _id(schedule))
            return await _first(found, limit)

    found = asyncio.run(call())
    if as_json:
        print_json(found)
    else:
        print_table(("DUE (UTC)", "WHAT", "INSTANCE"), map(_fate, found))


# ---- helpers


async def _first(found: AsyncIterator[T], limit: int) -> list[T]:
    taken: list[T] = []
    async for one in found:
        taken.append(one)
        if len(taken) >= limit:
            break
    return taken


def _id(given: str) -> str:
    """A schedule has no name. Raises Misused."""
    if not is_uuid(given):
        raise Misused(f"a schedule is named by its id, a UUID, not {given!r}")
    return given.lower()


def _row(schedule: ItemSchedule) -> tuple[str, ...]:
    frame = _frame(schedule)
    return (
        schedule.id,
        "enabled" if schedule.enabled else "disabled",
        described(schedule.configuration),
        frame["localTimeZoneId"],
        frame["startDateTime"],
        frame["endDateTime"],
    )


def _frame(schedule: ItemSchedule) -> dict[str, Any]:
    frame: dict[str, Any] = json.decode(schedule.configuration)
    return frame


def _fate(occurrence: Occurrence) -> tuple[str, ...]:
    what = occurrence.state.lower()
    if occurrence.count > 1:
        what = f"{occurrence.count} {what}, the last one due {occurrence.last_due_utc}"
    return (occurrence.due_utc, what, occurrence.job_instance_id or "")


def _print(schedule: ItemSchedule, *, as_json: bool) -> None:
    if as_json:
        print_json(schedule)
        return
    id, state, when, zone, start, end = _row(schedule)
    print_pairs(
        [
            ("id", id),
            ("state", state),
            ("when", when),
            ("zone", zone),
            ("from", start),
            ("to", end),
            ("owner", f"{schedule.owner.type} {schedule.owner.id}"),
            ("created", schedule.created_date_time),
            ("payload", _text(schedule.execution_data)),
        ]
    )


def _text(payload: Raw | UnsetType) -> str | None:
    return bytes(payload).decode() if isinstance(payload, Raw) else None
