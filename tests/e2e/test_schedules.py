"""Schedules of a real server whose clock is moved on: what fires, what goes on, and what a restart keeps."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.weft_process import WEFT, WeftProcess
from tests.e2e.workload import ITEM_TYPE

FORECAST = "Contoso.FinanceAnalytics.Forecast"
JOB_TYPE = "calculateForecast"
TIMES = ("06:30", "18:45")
NOWHERE = "00000000-0000-0000-0000-00000000dead"


class Commands:
    """The commands of a person at a server's data directory."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def __call__(self, *arguments: str) -> str:
        done = self.try_to(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def try_to(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "WEFT_DATA": str(self._data)}
        for name in ("WEFT_URL", "WEFT_TOKEN"):
            environment.pop(name, None)
        return subprocess.run(
            [WEFT, *arguments], capture_output=True, text=True, env=environment, timeout=120, check=False
        )

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WeftProcess]:
    """A server that hosts the example workload."""
    server = WeftProcess(tmp_path / "data", options=()).start()
    yield server
    server.close()


@pytest.fixture
def commands(server: WeftProcess) -> Commands:
    commands = Commands(server.data)
    commands("workspace", "create", "plans")
    commands("item", "create", "plans", "sales", "--type", FORECAST)
    return commands


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_daily_schedule_fires_on_each_day_that_the_clock_is_moved_on(commands: Commands) -> None:
    began_at = instant(commands.json("clock", "show")["nowUtc"])
    schedule = commands(
        *("schedule", "create", "plans", "sales", JOB_TYPE, "--daily", ",".join(TIMES)),
        *("--zone", "UTC", "--payload", '{"noop": true}'),
    ).strip()
    due = [one["dueUtc"] for one in commands.json("schedule", "next", "plans", "sales", JOB_TYPE, schedule)]

    moved = commands.json("clock", "advance", "3d")

    fired = [one for one in due if instant(one) <= began_at + timedelta(days=3, seconds=30)]
    assert len(fired) == len(TIMES) * 3
    assert moved["fired"] == len(fired)
    assert timedelta(days=3) <= instant(moved["nowUtc"]) - began_at < timedelta(days=3, minutes=2)
    jobs = commands.json("job", "list", "plans", "sales")
    assert [(job["invokeType"], job["status"], job["jobType"]) for job in jobs] == [
        ("Scheduled", "Completed", JOB_TYPE)
    ] * len(fired)
    for one, job in zip(fired, reversed(jobs), strict=True):
        assert timedelta(0) <= instant(job["startTimeUtc"]) - instant(one) < timedelta(seconds=3)
    told = commands.json("schedule", "history", "plans", "sales", JOB_TYPE, schedule)
    assert [(one["dueUtc"], one["state"], one["jobInstanceId"]) for one in told] == [
        (one, "Fired", job["id"]) for one, job in zip(reversed(fired), jobs, strict=True)
    ]


def test_a_job_that_runs_while_the_clock_is_moved_on_goes_on(server: WeftProcess, commands: Commands) -> None:
    long = '{"series": "co2", "horizon": 12, "folds": 100000}'
    job = commands("job", "run", "plans", "sales", JOB_TYPE, "--payload", long).strip()
    [instance] = (one for one in commands.json("job", "list", "plans", "sales") if one["id"] == job)
    place = _place(server, "plans", "sales")
    path = f"{place}/jobs/instances/{instance['id']}"
    server.wait_for(path, "InProgress")
    before = commands.json("job", "show", "plans", "sales", job)

    commands("clock", "advance", "3d")

    # A round of the loop that rescues and prunes, and some looks of the workers.
    _let_seconds_pass(server, path, 6)
    after = commands.json("job", "show", "plans", "sales", job)
    assert (after["status"], after["attempt"]) == ("InProgress", before["attempt"])
    commands("job", "cancel", "plans", "sales", job)
    assert server.wait_for(path) == "Cancelled"
    ended = server.core("GET", path).json
    assert instant(ended["endTimeUtc"]) - instant(ended["startTimeUtc"]) > timedelta(days=3)


def _let_seconds_pass(server: WeftProcess, path: str, seconds: float) -> None:
    """Ask again and again meanwhile, as a client does that waits."""
    with pytest.raises(AssertionError, match="not within"):
        server.wait_for(path, seconds=seconds)


def _place(server: WeftProcess, workspace: str, item: str) -> str:
    workspaces = server.core("GET", "/workspaces").json["value"]
    home = next(one["id"] for one in workspaces if one["displayName"] == workspace)
    items = server.core("GET", f"/workspaces/{home}/items").json["value"]
    return f"/workspaces/{home}/items/{next(one['id'] for one in items if one['displayName'] == item)}"


def test_time_goes_on_from_where_it_was_moved_to_after_a_kill(
    server: WeftProcess, commands: Commands
) -> None:
    moved = commands.json("clock", "advance", "25h")
    server.kill()
    server.start()

    shown = commands.json("clock", "show")

    assert instant(shown["nowUtc"]) >= instant(moved["nowUtc"])
    assert shown["movedBySeconds"] == moved["movedBySeconds"]
    created = commands("schedule", "create", "plans", "sales", JOB_TYPE, "--cron", "15", "--disabled").strip()
    schedule = commands.json("schedule", "show", "plans", "sales", JOB_TYPE, created)
    assert instant(schedule["createdDateTime"]) >= instant(moved["nowUtc"])


def test_every_face_takes_tokens_of_the_real_time_when_the_clock_was_moved(weft: WeftProcess) -> None:
    Commands(weft.data)("clock", "advance", "30d")

    core, twins = weft.core("GET", "/workspaces"), weft.twins("GET", "/models")
    place = f"/workspaces/{NOWHERE}/items/{ITEM_TYPE}/{NOWHERE}"
    host = weft.host("GET", f"{place}/jobTypes/quick/instances/{NOWHERE}")

    assert (core.status, twins.status) == (200, 200)
    assert (host.status, host.json["errorCode"]) == (404, "JobInstanceNotFound")


def test_a_clock_that_was_moved_is_not_served_in_the_service_profile(
    server: WeftProcess, commands: Commands
) -> None:
    commands("clock", "advance", "1s")
    server.terminate()

    refused = WeftProcess(server.data, options=("--profile", "service")).try_start()

    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "clock" in refused.stderr
    assert "--profile local" in refused.stderr


def test_the_service_profile_has_no_clock_to_move(tmp_path: Path) -> None:
    server = WeftProcess(tmp_path / "data", options=("--profile", "service")).start()
    try:
        refused = Commands(server.data).try_to("clock", "advance", "3d")
    finally:
        server.close()

    assert refused.returncode == 1
    assert "FeatureNotAvailable" in refused.stderr
    assert "local profile" in refused.stderr


def test_a_schedule_fires_by_itself_and_its_start_in_the_past_at_once(
    server: WeftProcess, commands: Commands
) -> None:
    path = f"{_place(server, 'plans', 'sales')}/jobs/instances"
    commands(
        *("schedule", "create", "plans", "sales", JOB_TYPE, "--cron", "60", "--payload", '{"noop": true}'),
        *("--start", "2020-01-01T00:00:00Z", "--end", "2099-01-01T00:00:00Z"),
    )

    jobs = server.wait_for_list(path, 1)

    assert [job["invokeType"] for job in jobs] == ["Scheduled"]
    assert server.wait_for(f"{path}/{jobs[0]['id']}") == "Completed"
