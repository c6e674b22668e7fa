"""Bad input to schedules: each member of a configuration by the classes of promises.md 4.4.

Each case, in a create and in an update: status, code and field in the envelope, and every table as it was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faces.core.scheduling import CRON, DAILY, MONTHLY, ORDINAL, WEEKLY, body, scheduled, schedules
from tests.faces.core.serving import NOWHERE, Place, Served
from tests.faces.core.test_bad_input import BAD_IDS, NO_STRICT_JSON, TOKENS
from weft.catalog.model import Role

GONE = object()


@dataclass(frozen=True)
class Case:
    """*raw* is the body; *field* the one that the error must name, "" where it is the body itself."""

    name: str
    raw: bytes
    field: str


def member(configuration: dict[str, Any], name: str, label: str, value: Any, field: str = "") -> Case:
    """One member of a configuration replaced, or taken away, in an otherwise good request."""
    members = {**configuration, name: value}
    if value is GONE:
        del members[name]
    kind = configuration["type"]
    path = f"configuration.{field or name}"
    return Case(f"{kind} {field or name}: {label}", json.dumps(body(members)).encode(), path)


INTERVALS: dict[str, Any] = {
    "missing": GONE,
    "null": None,
    "0": 0,
    "negative": -1,
    "5270401": 5_270_401,
    "1.5": 1.5,
    "1.0": 1.0,
    "text": "5",
    "true": True,
    "array": [5],
    "object": {},
    "2 to the 31": 2**31,
    "2 to the 63": 2**63,
}
DATES: dict[str, Any] = {
    "missing": GONE,
    "null": None,
    "number": 1777000000,
    "true": True,
    "empty": "",
    "text": "tomorrow",
    "a week date": "2024-W01-1",
    "basic form": "20240101T000000Z",
    "date only": "2026-05-01",
    "no seconds": "2026-05-01T00:00",
    "24:00": "2026-05-01T24:00:00",
    "60 minutes": "2026-05-01T23:60:00",
    "a leap second": "2026-12-31T23:59:60Z",
    "30 February": "2026-02-30T00:00:00",
    "29 February of no leap year": "2026-02-29T00:00:00",
    "month 13": "2026-13-01T00:00:00",
    "day 0": "2026-05-00T00:00:00",
    "year 0": "0000-05-01T00:00:00",
    "year 1": "0001-01-01T00:00:00",
    "year 9999": "9999-12-31T23:59:59Z",
    "year 9999 and an offset": "9999-12-31T23:59:59-01:00",
    "five digits of year": "12026-05-01T00:00:00",
    "two digits of year": "26-05-01T00:00:00",
    "an offset": "2026-05-01T00:00:00+02:00",
    "an offset of zero": "2026-05-01T00:00:00+00:00",
    "eight digits of fraction": "2026-05-01T00:00:00.12345678Z",
    "no digit of fraction": "2026-05-01T00:00:00.Z",
    "a comma": "2026-05-01T00:00:00,5Z",
    "a space": "2026-05-01 00:00:00",
    "small letters": "2026-05-01t00:00:00z",
    "white space around": " 2026-05-01T00:00:00",
    "a line break behind": "2026-05-01T00:00:00Z\n",
    "full width digits": "\uff12026-05-01T00:00:00",
    "arabic digits": "\u0662\u0660\u0662\u0666-05-01T00:00:00",
    "10000 characters": "2026-05-01T00:00:00" + "0" * 10_000,
}
ZONES: dict[str, Any] = {
    "missing": GONE,
    "null": None,
    "number": 5,
    "empty": "",
    "unknown": "Central Time",
    "wrong case": "central standard time",
    "white space": "Central Standard Time ",
    "an offset": "+02:00",
    "a path": "../../etc/passwd",
    "an absolute path": "/usr/share/zoneinfo/UTC",
    "no place": "localtime",
    "no place at all": "Factory",
    "an emoji": "🚀",
    "escape": "\x1b[31m",
    "10000 characters": "a" * 10_000,
}
TIMES: dict[str, Any] = {
    "missing": GONE,
    "null": None,
    "text": "07:00",
    "object": {},
    "none": [],
    "101": ["07:00"] * 101,
}
ONE_TIME: dict[str, Any] = {
    "null": None,
    "number": 7,
    "real": 7.5,
    "array": ["07:00"],
    "empty": "",
    "24:00": "24:00",
    "7:5": "7:5",
    "minute 60": "07:60",
    "seconds": "07:00:00",
    "no colon": "0700",
    "negative": "-7:00",
    "white space": " 07:00",
    "a line break behind": "07:00\n",
    "three digits": "007:00",
    "am": "7:00 AM",
    "full width": "\uff107:00",
}
WEEKDAYS: dict[str, Any] = {
    "missing": GONE,
    "null": None,
    "text": "Monday",
    "none": [],
    "8": ["Monday"] * 8,
}
ONE_WEEKDAY: dict[str, Any] = {
    "null": None,
    "number": 1,
    "empty": "",
    "small": "monday",
    "short": "Mon",
    "unknown": "Someday",
    "array": [["Monday"]],
}
RECURRENCES: dict[str, Any] = {
    "missing": GONE,
    "null": None,
    "0": 0,
    "13": 13,
    "negative": -1,
    "1.5": 1.5,
    "text": "1",
    "true": True,
}
OCCURRENCES: dict[str, tuple[Any, str]] = {
    "missing": (GONE, ""),
    "null": (None, ""),
    "text": ("DayOfMonth", ""),
    "array": ([], ""),
    "no type": ({"dayOfMonth": 1}, ".occurrenceType"),
    "another type": ({"occurrenceType": "LastDay"}, ".occurrenceType"),
    "type in another case": ({"occurrenceType": "dayOfMonth", "dayOfMonth": 1}, ".occurrenceType"),
    "a number as type": ({"occurrenceType": 1}, ".occurrenceType"),
    "no day": ({"occurrenceType": "DayOfMonth"}, ".dayOfMonth"),
    **{
        f"day {day!r}": ({"occurrenceType": "DayOfMonth", "dayOfMonth": day}, ".dayOfMonth")
        for day in (0, 32, -1, 1.5, "1", True, None)
    },
    "no week": ({"occurrenceType": "OrdinalWeekday", "weekday": "Monday"}, ".weekIndex"),
    "no weekday": ({"occurrenceType": "OrdinalWeekday", "weekIndex": "First"}, ".weekday"),
    **{
        f"week {week!r}": (
            {"occurrenceType": "OrdinalWeekday", "weekIndex": week, "weekday": "Monday"},
            ".weekIndex",
        )
        for week in ("Sixth", "Last", "first", "", 1, None)
    },
    **{
        f"weekday {day!r}": (
            {"occurrenceType": "OrdinalWeekday", "weekIndex": "First", "weekday": day},
            ".weekday",
        )
        for day in ("monday", "Day", "", 1, None)
    },
}
KINDS: dict[str, Any] = {
    "missing": GONE,
    "null": None,
    "number": 1,
    "empty": "",
    "small": "cron",
    "of the future": "Yearly",
    "a look-alike": "\u0421ron",
}
ENDS = {
    "same": ("2026-05-01T00:00:00", "2026-05-01T00:00:00Z"),
    "before": ("2026-05-01T00:00:01", "2026-05-01T00:00:00"),
    "a digit that is not kept": ("2026-05-01T00:00:00.1234561", "2026-05-01T00:00:00.1234569"),
}
MEMBERS = [
    *(member(CRON, "interval", label, value) for label, value in INTERVALS.items()),
    *(member(CRON, "startDateTime", label, value) for label, value in DATES.items()),
    *(member(DAILY, "endDateTime", label, value) for label, value in DATES.items()),
    *(member(WEEKLY, "localTimeZoneId", label, value) for label, value in ZONES.items()),
    *(
        member(configuration, "times", label, value)
        for configuration in (DAILY, WEEKLY, MONTHLY)
        for label, value in TIMES.items()
    ),
    *(member(DAILY, "times", label, ["00:00", value], "times[1]") for label, value in ONE_TIME.items()),
    *(member(WEEKLY, "weekdays", label, value) for label, value in WEEKDAYS.items()),
    *(
        member(WEEKLY, "weekdays", label, ["Monday", value], "weekdays[1]")
        for label, value in ONE_WEEKDAY.items()
    ),
    *(member(ORDINAL, "recurrence", label, value) for label, value in RECURRENCES.items()),
    *(
        member(MONTHLY, "occurrence", label, value, f"occurrence{below}")
        for label, (value, below) in OCCURRENCES.items()
    ),
    *(member(CRON, "type", label, value) for label, value in KINDS.items()),
    *(
        Case(
            f"endDateTime: {label}",
            json.dumps(body({**CRON, "startDateTime": start, "endDateTime": end})).encode(),
            "configuration.endDateTime",
        )
        for label, (start, end) in ENDS.items()
    ),
]
REQUESTS = [
    *(
        Case(f"enabled: {label}", json.dumps({**body(), "enabled": value}).encode(), "enabled")
        for label, value in {"null": None, "number": 1, "text": "true", "array": [True]}.items()
    ),
    Case("no enabled", json.dumps({"configuration": CRON}).encode(), "enabled"),
    Case("Enabled", json.dumps({"Enabled": True, "configuration": CRON}).encode(), "enabled"),
    *(
        Case(f"configuration: {label}", json.dumps({"enabled": True, "configuration": value}).encode(), at)
        for label, value, at in (
            ("null", None, "configuration"),
            ("text", "Cron", "configuration"),
            ("array", [CRON], "configuration"),
            ("empty", {}, "configuration.type"),
        )
    ),
    Case("no configuration", b'{"enabled": true}', "configuration"),
    *(
        Case(f"executionData: {label}", json.dumps(body(executionData=value)).encode(), "executionData")
        for label, value in {"number": 5, "text": "{}", "false": False, "array": [], "real": 1.5}.items()
    ),
    *(Case(f"body: {label}", raw, "") for label, raw in NO_STRICT_JSON.items()),
    *(
        Case(f"body: {label}", raw, "")
        for label, raw in {"none": b"", "null": b"null", '"{}"': b'"{}"'}.items()
    ),
]
CASES = [*MEMBERS, *REQUESTS]


def test_there_are_at_least_120_cases_and_each_is_its_own() -> None:
    assert len(CASES) >= 120
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_bad_input_is_refused_in_the_envelope_and_changes_nothing(
    served: Served, place: Place, case: Case
) -> None:
    address = await scheduled(served, place)
    before = served.dump()

    for method, target in (("POST", schedules(place)), ("PATCH", address)):
        answer = await served.call(method, target, raw=case.raw)

        error = answer.json()
        assert (answer.status, error["errorCode"]) == (400, "InvalidInput"), answer.body
        assert answer.header("x-ms-public-api-error-code") == "InvalidInput"
        assert error["message"].isprintable()
        assert len(answer.body) < 2000
        if case.field:
            assert error["moreDetails"][0]["relatedResource"]["resourceId"] == case.field
            assert case.field in error["message"]
    assert served.dump() == before


@pytest.mark.parametrize(
    ("method", "of"),
    [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/upcoming"), ("GET", "/occurrences")],
)
@pytest.mark.parametrize("id", BAD_IDS.values(), ids=BAD_IDS)
async def test_an_id_that_is_none_is_refused(
    served: Served, place: Place, id: str, method: str, of: str
) -> None:
    sent = body() if method == "PATCH" else None
    target = f"{schedules(place)}/{id}"

    answer = await served.call(method, f"/weft{target}{of}" if of else target, sent)

    assert (answer.status, answer.json()["errorCode"]) == (400, "InvalidInput")
    assert answer.json()["moreDetails"][0]["relatedResource"]["resourceId"] == "scheduleId"


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
async def test_a_continuation_token_that_is_none_is_refused(served: Served, place: Place, token: str) -> None:
    address = await scheduled(served, place)

    for target in (schedules(place), f"/weft{address}/occurrences"):
        answer = await served.call("GET", f"{target}?continuationToken={token}")

        assert (answer.status, answer.json()["errorCode"]) == (400, "InvalidInput")


async def test_who_may_not_change_schedules_does_not_learn_what_is_wrong_with_one(
    served: Served, place: Place
) -> None:
    address = await scheduled(served, place)
    viewer = await served.grant(place, "colleague", Role.VIEWER)

    refused = await served.call("PATCH", address, {"enabled": 1}, token=viewer)
    unknown = await served.call("PATCH", f"{schedules(place)}/{NOWHERE}", {"enabled": 1})

    assert (refused.status, unknown.status) == (403, 404)


async def test_what_is_unusual_but_right_is_taken(served: Served, place: Place) -> None:
    unusual = [
        {**CRON, "interval": 5_270_400, "localTimeZoneId": "UTC"},
        {**DAILY, "times": ["7:05", "07:05", "23:59"] + ["00:00"] * 97},
        {**WEEKLY, "weekdays": ["Sunday"] * 7, "localTimeZoneId": "Asia/Kathmandu"},
        {**ORDINAL, "startDateTime": "2026-05-01T00:00:00.1234567Z"},
        {**MONTHLY, "later": {"x": 1}},
    ]

    answers = [await served.call("POST", schedules(place), body(one)) for one in unusual]

    assert [answer.status for answer in answers] == [201] * len(unusual)
    assert [answer.json()["configuration"] for answer in answers] == unusual
