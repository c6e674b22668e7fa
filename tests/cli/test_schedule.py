"""`weft schedule` against a real server: create in every way, list, show, update, delete, next, history."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.cli.conftest import Weft, weft_at
from tests.client.scripted import Say, scripted
from weft.catalog.ids import is_canonical
from weft.cli.scheduling import When, new_configuration

Place = tuple[str, str]

START, END = "2090-03-01T00:00:00Z", "2091-03-01T00:00:00Z"
FRAME = ("--start", START, "--end", END)
NOW = datetime(2026, 4, 27, 7, 11, 35, tzinfo=UTC)
NOWHERE = str(uuid4())


def created(weft: Weft, place: Place, *options: str, job_type: str = "answer") -> str:
    done = weft("schedule", "create", *place, job_type, *FRAME, *options)
    assert (done.code, done.err) == (0, "")
    id = done.out.strip()
    assert is_canonical(id)
    return id


def shown(weft: Weft, place: Place, id: str) -> dict[str, Any]:
    done = weft("schedule", "show", *place, "answer", id, "--json")
    assert done.code == 0
    found: dict[str, Any] = json.loads(done.out)
    return found


@pytest.mark.parametrize(
    ("options", "members", "words"),
    [
        (["--cron", "1"], {"type": "Cron", "interval": 1}, "every minute"),
        (["--cron", "15"], {"type": "Cron", "interval": 15}, "every 15 minutes"),
        (
            ["--daily", "07:00, 19:00"],
            {"type": "Daily", "times": ["07:00", "19:00"]},
            "daily at 07:00, 19:00",
        ),
        (
            ["--weekly", "mon,Friday", "--at", "07:00"],
            {"type": "Weekly", "times": ["07:00"], "weekdays": ["Monday", "Friday"]},
            "Monday, Friday at 07:00",
        ),
        (
            ["--monthly", "31", "--at", "07:00", "--every", "3"],
            {
                "type": "Monthly",
                "recurrence": 3,
                "occurrence": {"occurrenceType": "DayOfMonth", "dayOfMonth": 31},
                "times": ["07:00"],
            },
            "day 31 of every 3 months at 07:00",
        ),
        (
            ["--monthly", "second-fri", "--at", "7:00"],
            {
                "type": "Monthly",
                "recurrence": 1,
                "occurrence": {
                    "occurrenceType": "OrdinalWeekday",
                    "weekIndex": "Second",
                    "weekday": "Friday",
                },
                "times": ["7:00"],
            },
            "second Friday of each month at 7:00",
        ),
    ],
)
def test_a_schedule_of_each_kind_is_created_and_told(
    weft: Weft, place: Place, options: list[str], members: dict[str, Any], words: str
) -> None:
    id = created(weft, place, *options, "--zone", "Europe/Zurich")

    found = shown(weft, place, id)

    assert found["enabled"]
    assert found["configuration"] == {
        **members,
        "startDateTime": START,
        "endDateTime": END,
        "localTimeZoneId": "Europe/Zurich",
    }
    listed = weft("schedule", "list", *place, "answer")
    assert words in listed.out
    told = weft("schedule", "show", *place, "answer", id)
    assert f"when     {words}\n" in told.out
    assert "zone     Europe/Zurich\n" in told.out


@pytest.mark.parametrize("in_a_file", [False, True])
def test_a_configuration_is_taken_as_it_is(weft: Weft, place: Place, tmp_path: Any, in_a_file: bool) -> None:
    configuration = {
        "type": "Cron",
        "startDateTime": START,
        "endDateTime": END,
        "localTimeZoneId": "Central Standard Time",
        "interval": 10,
        "later": 1.50,
    }
    text = json.dumps(configuration)
    (tmp_path / "c.json").write_text(text)

    done = weft(
        *("schedule", "create", *place, "answer", "--config"),
        f"@{tmp_path}/c.json" if in_a_file else text,
        *("--disabled", "--payload", '{"n": 1}', "--json"),
    )

    found = json.loads(done.out)
    assert list(found["configuration"].items()) == list(configuration.items())
    assert (found["enabled"], found["executionData"]) == (False, {"n": 1})


def test_what_is_not_said_of_a_new_schedule_begins_soon_and_lasts_long() -> None:
    configuration = new_configuration(When(daily="07:00"), NOW)

    assert configuration == {
        "type": "Daily",
        "startDateTime": "2026-04-27T07:12:00",
        "endDateTime": "2036-04-24T07:12:00",
        "localTimeZoneId": "UTC",
        "times": ["07:00"],
    }


@pytest.mark.parametrize(("second", "begins_at"), [(54, "07:12:00"), (55, "07:13:00"), (59, "07:13:00")])
def test_a_new_schedule_does_not_begin_before_the_server_hears_of_it(second: int, begins_at: str) -> None:
    configuration = new_configuration(When(cron=5), NOW.replace(second=second))

    assert isinstance(configuration, dict)
    assert configuration["startDateTime"] == f"2026-04-27T{begins_at}"


MOVED = {"nowUtc": "2027-05-04T05:10:30.5", "movedBySeconds": 259200.0}
NOT_MOVABLE = {"errorCode": "FeatureNotAvailable", "message": "The clock of this server cannot be moved"}
MADE = {
    "id": NOWHERE,
    "enabled": True,
    "createdDateTime": "2027-05-04T05:10:30.6",
    "configuration": {},
    "owner": {"id": NOWHERE, "type": "User"},
}


async def created_where(clock: Say, *options: str) -> dict[str, Any]:
    """Return the configuration that is sent to a server which answers *clock* about its time."""
    named = (str(uuid4()), str(uuid4()), "answer")
    async with scripted(clock, Say(201, MADE)) as server:
        code, out, err = await weft_at(server.url, "schedule", "create", *named, "--cron", "5", *options)

    assert (code, out, err) == (0, f"{NOWHERE}\n", "")
    configuration: dict[str, Any] = json.loads(server.heard[-1].body)["configuration"]
    return configuration


async def test_a_new_schedule_begins_at_the_next_minute_of_a_clock_that_was_moved_on() -> None:
    configuration = await created_where(Say(200, MOVED))

    assert (configuration["startDateTime"], configuration["endDateTime"]) == (
        "2027-05-04T05:11:00",
        "2037-05-01T05:11:00",
    )


async def test_a_new_schedule_begins_soon_where_the_server_does_not_tell_of_its_clock() -> None:
    before = datetime.now(UTC).replace(tzinfo=None)

    configuration = await created_where(Say(403, NOT_MOVABLE))

    begins_at = datetime.fromisoformat(configuration["startDateTime"])
    assert timedelta(0) < begins_at - before < timedelta(minutes=2)


def test_an_update_changes_what_is_said_and_nothing_else(weft: Weft, place: Place) -> None:
    id = created(weft, place, "--daily", "07:00", "--zone", "Europe/Zurich", "--payload", '{"n": 1}')
    before = shown(weft, place, id)

    def updated(*options: str) -> dict[str, Any]:
        done = weft("schedule", "update", *place, "answer", id, *options, "--json")
        assert done.code == 0, done.err
        found: dict[str, Any] = json.loads(done.out)
        return found

    assert updated("--disabled") == {**before, "enabled": False}
    assert updated("--enabled") == before
    assert updated("--payload", '{"n": 2}') == {**before, "executionData": {"n": 2}}
    frame = {name: before["configuration"][name] for name in ("startDateTime", "endDateTime")}
    assert updated("--zone", "UTC")["configuration"] == {**before["configuration"], "localTimeZoneId": "UTC"}
    assert updated("--cron", "5")["configuration"] == {
        "type": "Cron",
        **frame,
        "localTimeZoneId": "UTC",
        "interval": 5,
    }
    assert shown(weft, place, id)["executionData"] == {"n": 2}


def test_a_deleted_schedule_is_gone(weft: Weft, place: Place) -> None:
    id = created(weft, place, "--cron", "5")

    done = weft("schedule", "delete", *place, "answer", id)

    assert (done.code, done.out) == (0, "")
    again = weft("schedule", "show", *place, "answer", id)
    assert (again.code, again.err) == (
        1,
        "weft: ScheduleNotFound: The requested item schedule not found\n",
    )
    assert weft("schedule", "list", *place, "answer").out == ""
    assert json.loads(weft("schedule", "list", *place, "answer", "--json").out) == []


def test_the_next_occurrences_are_listed_as_people_and_as_servers_see_them(weft: Weft, place: Place) -> None:
    id = created(weft, place, "--daily", "07:00", "--zone", "Europe/Zurich")

    told = weft("schedule", "next", *place, "answer", id, "--limit", "2")

    assert told.out.splitlines() == [
        "UTC                  LOCAL",
        "2090-03-01T06:00:00  2090-03-01T07:00:00+01:00",
        "2090-03-02T06:00:00  2090-03-02T07:00:00+01:00",
    ]
    as_json = json.loads(weft("schedule", "next", *place, "answer", id, "--json").out)
    assert len(as_json) == 10
    assert as_json[0] == {"dueUtc": "2090-03-01T06:00:00", "dueLocal": "2090-03-01T07:00:00+01:00"}


def test_the_history_tells_what_fired_and_what_was_missed(weft: Weft, place: Place) -> None:
    begun = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S")
    done = weft("schedule", "create", *place, "answer", "--cron", "600", "--start", begun, "--json")
    id = json.loads(done.out)["id"]

    told: list[dict[str, Any]] = []
    while not told:  # a start in the past fires at once: as soon as the server has come to it
        told = json.loads(weft("schedule", "history", *place, "answer", id, "--json").out)

    assert [one["state"] for one in told] == ["Fired"]
    instance = told[0]["jobInstanceId"]
    assert instance in weft("schedule", "history", *place, "answer", id, "--limit", "1").out
    assert weft("job", "wait", *place, instance).code == 0
    weft("schedule", "delete", *place, "answer", id)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "one of --cron, --daily"),
        (["--cron", "5", "--daily", "07:00"], "--cron and --daily exclude"),
        (["--cron", "1.5"], "1.5"),
        (["--weekly", "mon"], "--weekly needs --at"),
        (["--monthly", "31"], "--monthly needs --at"),
        (["--daily", "07:00", "--at", "08:00"], "--at goes with"),
        (["--daily", "07:00", "--every", "2"], "--every goes with"),
        (["--weekly", "xyz", "--at", "07:00"], "'xyz' is no day"),
        (["--weekly", "m", "--at", "07:00"], "'m' is no day"),
        (["--monthly", "sixth-monday", "--at", "07:00"], "'sixth-monday' is neither"),
        (["--monthly", "second", "--at", "07:00"], "'second' is neither"),
        (["--monthly", "second-", "--at", "07:00"], "'second-' is neither"),
        (["--monthly", "first-xyz", "--at", "07:00"], "'xyz' is no day"),
        (["--config", "{", "--zone", "UTC"], "--zone does not go with it"),
        (["--config", "{"], "--config is not JSON"),
        (["--config", "[]"], "--config must be a JSON object"),
        (["--config", "@/no/such/file"], "--config: cannot read"),
        (["--cron", "5", "--payload", "5"], "--payload must be a JSON object"),
    ],
)
def test_what_makes_no_sense_is_a_wrong_use_and_nothing_is_created(
    weft: Weft, place: Place, options: list[str], said: str
) -> None:
    done = weft("schedule", "create", *place, "answer", *options)

    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert weft("schedule", "list", *place, "answer").out == ""


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["show", "PLACE", "answer", "daily"], 2, "by its id"),
        (["delete", "PLACE", "answer", "daily"], 2, "by its id"),
        (["update", "PLACE", "answer", NOWHERE], 2, "nothing to change"),
        (["update", "PLACE", "answer", NOWHERE, "--enabled", "--disabled"], 2, "exclude one another"),
        (["next", "PLACE", "answer", NOWHERE, "--limit", "0"], 2, "--limit must be from 1 to 100"),
        (["next", "PLACE", "answer", NOWHERE, "--limit", "101"], 2, "--limit must be from 1 to 100"),
        (["history", "PLACE", "answer", NOWHERE, "--limit", "0"], 2, "--limit must be at least 1"),
        (["history", "PLACE", "answer", NOWHERE], 1, "ScheduleNotFound"),
        (["next", "PLACE", "answer", NOWHERE], 1, "ScheduleNotFound"),
        (["update", "PLACE", "answer", NOWHERE, "--disabled"], 1, "ScheduleNotFound"),
        (["list", "PLACE", "explode"], 1, "InvalidJobType"),
        (["create", "PLACE", "answer", "--cron", "0"], 1, "configuration.interval"),
        (["create", "PLACE", "answer", "--daily", "7:5"], 1, "configuration.times[0]"),
        (["create", "PLACE", "answer", "--daily", "07:00", "--zone", "Bern"], 1, "localTimeZoneId"),
        (["create", "PLACE", "answer", "--daily", "07:00", "--start", "soon"], 1, "startDateTime"),
        (["create", "PLACE", "answer", "--cron", "5", "--start", "9999-01-01T00:00:00Z"], 1, "startDateTime"),
    ],
)
def test_what_cannot_be_done_is_said(
    weft: Weft, place: Place, options: list[str], code: int, said: str
) -> None:
    at = options.index("PLACE")

    done = weft("schedule", *options[:at], *place, *options[at + 1 :])

    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1
