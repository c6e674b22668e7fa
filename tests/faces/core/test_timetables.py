"""A schedule's configuration as the engine's timetable."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import available_timezones

import pytest
from tzlocal.windows_tz import win_tz

from weft.engine.timetables import Daily as EngineDaily
from weft.engine.timetables import DayOfMonth, Every, Monthly, OrdinalWeekday, Pattern, Timetable, Weekly
from weft.faces.core.timetables import LEGACY_ZONES, as_shown, timetable_of

FRAME = {
    "startDateTime": "2024-04-28T00:00:00",
    "endDateTime": "2024-04-30T23:59:00",
    "localTimeZoneId": "Central Standard Time",
}


def read(type: str, **members: Any) -> Timetable:
    return timetable_of(json.dumps({"type": type, **FRAME, **members}).encode())


@pytest.mark.parametrize(
    ("type", "members", "pattern"),
    [
        ("Cron", {"interval": 1}, Every(1)),
        ("Cron", {"interval": 5_270_400}, Every(5_270_400)),
        ("Daily", {"times": ["00:00", "7:05", "23:59"]}, EngineDaily((time(0), time(7, 5), time(23, 59)))),
        ("Daily", {"times": ["19:00", "07:00", "7:00"]}, EngineDaily((time(7), time(19)))),
        (
            "Weekly",
            {"times": ["07:00"], "weekdays": ["Sunday", "Monday", "Sunday"]},
            Weekly((time(7),), frozenset({0, 6})),
        ),
        (
            "Monthly",
            {
                "times": ["07:00"],
                "recurrence": 12,
                "occurrence": {"occurrenceType": "DayOfMonth", "dayOfMonth": 31},
            },
            Monthly((time(7),), 12, DayOfMonth(31)),
        ),
        (
            "Monthly",
            {
                "times": ["07:00"],
                "recurrence": 1,
                "occurrence": {
                    "occurrenceType": "OrdinalWeekday",
                    "weekIndex": "Fifth",
                    "weekday": "Wednesday",
                },
            },
            Monthly((time(7),), 1, OrdinalWeekday(5, 2)),
        ),
    ],
)
def test_each_kind_becomes_its_pattern(type: str, members: dict[str, Any], pattern: Pattern) -> None:
    assert read(type, **members).pattern == pattern


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-01-23T00:00:00", datetime(2024, 1, 23, tzinfo=UTC)),
        ("2024-01-23T00:00:00Z", datetime(2024, 1, 23, tzinfo=UTC)),
        ("2024-01-23T00:00:00.5Z", datetime(2024, 1, 23, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2024-01-23T00:00:00.1234567", datetime(2024, 1, 23, 0, 0, 0, 123_456, tzinfo=UTC)),
        ("2024-02-29T23:59:59", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_start_is_utc_with_and_without_z(text: str, instant: datetime) -> None:
    assert read("Cron", interval=1, startDateTime=text).starts_at == instant


@pytest.mark.parametrize(
    ("id", "zone"),
    [
        ("Central Standard Time", "America/Chicago"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("UTC", "Etc/UTC"),
        ("UTC+12", "Etc/GMT-12"),
        ("Kamchatka Standard Time", "Asia/Kamchatka"),
        ("Mid-Atlantic Standard Time", "Etc/GMT+2"),
        ("Europe/Zurich", "Europe/Zurich"),
    ],
)
def test_a_zone_is_named_as_windows_does_or_as_iana_does(id: str, zone: str) -> None:
    assert read("Cron", interval=1, localTimeZoneId=id).zone == zone


def test_every_windows_id_leads_to_a_zone_that_is_there() -> None:
    assert set(win_tz.values()) | set(LEGACY_ZONES.values()) <= available_timezones()
    assert not LEGACY_ZONES.keys() & win_tz.keys()


@pytest.mark.parametrize("id", sorted(available_timezones() - {"Factory", "localtime"})[::20])
def test_iana_names_are_taken_as_they_are(id: str) -> None:
    assert read("Cron", interval=1, localTimeZoneId=id).zone == id


def test_a_configuration_is_shown_as_it_was_sent_but_with_its_type_first() -> None:
    sent = b'{"endDateTime":"x", "interval": 10,"type":"Cron","more" : {"b":1.0, "a":[ ]}}'

    assert as_shown(sent) == b'{"type":"Cron","endDateTime":"x","interval":10,"more":{"b":1.0, "a":[ ]}}'
