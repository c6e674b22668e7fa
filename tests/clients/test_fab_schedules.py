"""The Fabric CLI, unmodified, keeps schedules: makes them, lists, shows, changes and removes them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.fab import Fab, the_id
from tests.clients.house import House
from tests.clients.items import Item, new_item
from tests.e2e.weft_process import eventually

YEAR = ("--start", "2030-01-01T08:00:00", "--end", "2030-12-31T23:00:00")
DAILY = {
    "type": "Daily",
    "times": ["10:00", "16:00"],
    "startDateTime": "2030-01-01T08:00:00",
    "endDateTime": "2030-12-31T23:00:00",
    "localTimeZoneId": "UTC",
}


@pytest.fixture
def notebook(house: House) -> Item:
    return new_item(house, "Notebook")


def schedules(item: Item) -> list[Any]:
    path = f"/v1/workspaces/{item.workspace}/items/{item.id}/jobs/RunNotebook/schedules"
    return list(item.house.get(path)["value"])


def test_a_schedule_lives_from_run_sch_to_run_rm(fab: Fab, house: House, notebook: Item) -> None:
    said = fab.ok(
        "job", "run-sch", notebook.path, "--type", "daily", "--interval", "10:00,16:00", *YEAR, "--enable"
    )
    id = the_id(said)
    (listed,) = fab.data("job", "run-list", notebook.path, "--schedule")
    (shown,) = fab.data("job", "run-status", notebook.path, "--schedule", "--id", id)

    assert f"* Job schedule '{id}' created" in said
    assert [listed] == [shown] == schedules(notebook)
    assert (listed["id"], listed["enabled"], listed["configuration"]) == (id, True, DAILY)
    assert listed["owner"] == {"id": house.app.object_id, "type": "ServicePrincipal"}

    weekly = ("--type", "weekly", "--interval", "09:30", "--days", "Monday,Friday", *YEAR)
    updated = fab.ok("job", "run-update", notebook.path, "--id", id, *weekly)
    (changed,) = schedules(notebook)

    assert f"* Job schedule {id} updated" in updated
    assert changed["configuration"]["type"] == "Weekly"
    assert (changed["configuration"]["weekdays"], changed["configuration"]["times"]) == (
        ["Monday", "Friday"],
        ["09:30"],
    )
    assert (changed["createdDateTime"], changed["enabled"]) == (listed["createdDateTime"], True)

    fab.ok("job", "run-update", notebook.path, "--id", id, "--disable")
    (disabled,) = schedules(notebook)

    assert disabled == {**changed, "enabled": False}

    removed = fab.ok("job", "run-rm", notebook.path, "--id", id, "-f")

    assert f"* Job schedule '{id}' removed" in removed
    assert schedules(notebook) == []
    assert "No schedules found" in fab.ok("job", "run-list", notebook.path, "--schedule")


def test_what_is_scheduled_runs_when_its_time_has_come(fab: Fab, notebook: Item) -> None:
    begun = ("--start", "2026-01-01T00:00:00", "--end", "2126-01-01T00:00:00")

    fab.ok("job", "run-sch", notebook.path, "--type", "cron", "--interval", "600", *begun, "--enable")
    eventually(notebook.runs, 30, "the schedule has fired")
    job = notebook.job(notebook.runs()[0]["id"])
    (listed,) = fab.data("job", "run-list", notebook.path)

    assert (listed["id"], listed["invokeType"]) == (job["id"], "Scheduled")
    assert (job["status"], job["jobType"]) == ("Completed", "RunNotebook")


def test_an_interval_of_no_minutes_is_refused(fab: Fab, notebook: Item) -> None:
    said = fab("job", "run-sch", notebook.path, "--type", "cron", "--interval", "0", *YEAR)

    assert (said.code, "[InvalidInput]" in said.out) == (1, True)
    assert schedules(notebook) == []
