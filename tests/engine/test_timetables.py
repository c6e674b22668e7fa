"""When a schedule is due, by hand-made examples; test_schedule_oracle.py asks another library."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from tests.engine.scheduling import timetable, utc
from weft.engine.timetables import (
    Daily,
    DayOfMonth,
    Every,
    Monthly,
    OrdinalWeekday,
    Pattern,
    Timetable,
    Weekly,
    count_between,
    latest_between,
    next_after,
    upcoming,
)

BERLIN = "Europe/Berlin"
MORNING = (time(9),)


def dues(table: Timetable, after: str, limit: int = 3) -> list[str]:
    """Return the next occurrences as UTC."""
    return [f"{due:%Y-%m-%d %H:%M}" for due in upcoming(table, utc(after), limit)]


# ---- intervals


def test_an_interval_is_due_at_the_start_and_after_each_length_of_it() -> None:
    table = timetable(Every(90), utc("2026-01-01T00:10"), utc("2026-01-01T04:40"))

    assert dues(table, "2025-01-01", 10) == [
        "2026-01-01 00:10",
        "2026-01-01 01:40",
        "2026-01-01 03:10",
        "2026-01-01 04:40",
    ]
    assert dues(table, "2026-01-01T01:40", 1) == ["2026-01-01 03:10"]


def test_an_interval_takes_no_notice_of_clocks_on_walls() -> None:
    table = timetable(Every(60), utc("2026-03-29T00:00"), zone=BERLIN)

    assert dues(table, "2026-03-29T00:00") == ["2026-03-29 01:00", "2026-03-29 02:00", "2026-03-29 03:00"]


def test_an_interval_longer_than_the_schedule_is_due_once() -> None:
    table = timetable(Every(5_270_400), utc("9995-01-01"), utc("9999-12-31"))

    assert dues(table, "2026-01-01") == ["9995-01-01 00:00"]


# ---- days, weeks, months


def test_days_are_due_at_their_times_in_the_zone() -> None:
    table = timetable(Daily((time(0, 30), time(23, 30))), utc("2026-01-10"), zone="Asia/Kolkata")

    assert dues(table, "2026-01-10") == ["2026-01-10 18:00", "2026-01-10 19:00", "2026-01-11 18:00"]


def test_weeks_are_due_on_their_days_in_the_zone() -> None:
    table = timetable(Weekly((time(8),), frozenset({0, 2})), utc("2026-01-01"), zone="Australia/Sydney")

    assert dues(table, "2026-01-01") == ["2026-01-04 21:00", "2026-01-06 21:00", "2026-01-11 21:00"]


def test_a_month_without_the_day_is_passed_over() -> None:
    table = timetable(Monthly(MORNING, 1, DayOfMonth(31)), utc("2026-01-15"))

    assert dues(table, "2026-01-15", 4) == [
        "2026-01-31 09:00",
        "2026-03-31 09:00",
        "2026-05-31 09:00",
        "2026-07-31 09:00",
    ]


def test_a_month_without_a_fifth_weekday_is_passed_over() -> None:
    table = timetable(Monthly(MORNING, 1, OrdinalWeekday(5, 4)), utc("2026-01-01"))

    assert dues(table, "2026-01-01") == ["2026-01-30 09:00", "2026-05-29 09:00", "2026-07-31 09:00"]


def test_the_29th_of_february_is_due_in_leap_years() -> None:
    table = timetable(Monthly(MORNING, 12, DayOfMonth(29)), utc("2096-02-01"), utc("2200-01-01"))

    assert dues(table, "2096-01-01") == ["2096-02-29 09:00", "2104-02-29 09:00", "2108-02-29 09:00"]


def test_months_are_counted_from_the_month_of_the_start_in_the_zone() -> None:
    table = timetable(Monthly(MORNING, 3, DayOfMonth(2)), utc("2026-01-31T23:30"), zone=BERLIN)

    assert dues(table, "2026-01-01") == ["2026-02-02 08:00", "2026-05-02 07:00", "2026-08-02 07:00"]


def test_a_day_before_the_start_in_the_first_month_is_not_due() -> None:
    table = timetable(Monthly(MORNING, 2, DayOfMonth(10)), utc("2026-01-10T09:01"))

    assert dues(table, "2026-01-01", 1) == ["2026-03-10 09:00"]


@pytest.mark.parametrize(
    ("every", "on"),
    [(12, DayOfMonth(30)), (12, DayOfMonth(31)), (12, DayOfMonth(29))],
    ids=["30 February", "31 February", "29 February of one year"],
)
def test_a_day_that_never_comes_is_found_to_be_none(every: int, on: DayOfMonth) -> None:
    table = timetable(Monthly(MORNING, every, on), utc("2026-02-01"), utc("2027-01-01"))

    assert next_after(table, utc("2026-01-01")) is None
    assert count_between(table, utc("2026-01-01"), utc("2030-01-01")) == 0
    assert latest_between(table, utc("2026-01-01"), utc("2030-01-01"), 3) == []


def test_a_day_that_never_comes_is_given_up_in_good_time_however_late_the_end() -> None:
    table = timetable(Monthly(MORNING, 12, DayOfMonth(31)), utc("2026-02-01"), utc("9999-12-31T23:59:59"))

    assert next_after(table, utc("2026-01-01")) is None


# ---- clocks that jump


def test_a_wall_time_that_the_clock_skips_is_passed_over() -> None:
    table = timetable(Daily((time(2, 30), time(3))), utc("2026-03-28"), zone=BERLIN)

    assert dues(table, "2026-03-28T03:00") == ["2026-03-29 01:00", "2026-03-30 00:30", "2026-03-30 01:00"]


def test_a_wall_time_that_the_clock_shows_twice_is_due_the_first_time_only() -> None:
    table = timetable(Daily((time(2, 30),)), utc("2026-10-24"), zone=BERLIN)

    assert dues(table, "2026-10-25T00:00", 2) == ["2026-10-25 00:30", "2026-10-26 01:30"]
    assert dues(table, "2026-10-25T01:15", 1) == ["2026-10-26 01:30"]


def test_half_an_hour_is_skipped_and_repeated_on_lord_howe() -> None:
    table = timetable(Daily((time(1, 45), time(2, 15))), utc("2026-04-01"), zone="Australia/Lord_Howe")

    assert dues(table, "2026-04-04T12:00", 2) == ["2026-04-04 14:45", "2026-04-04 15:45"]
    assert dues(table, "2026-10-03T12:00", 2) == ["2026-10-03 15:15", "2026-10-04 14:45"]


def test_midnight_may_be_skipped() -> None:
    table = timetable(Daily((time(0), time(1))), utc("2026-09-01"), zone="America/Santiago")

    assert dues(table, "2026-09-05T12:00", 2) == ["2026-09-06 04:00", "2026-09-07 03:00"]


def test_a_yearly_time_that_is_always_skipped_is_never_due() -> None:
    on = OrdinalWeekday(2, 6)
    table = timetable(
        Monthly((time(2, 30),), 12, on), utc("2026-03-02"), utc("2090-01-01"), "America/New_York"
    )

    assert next_after(table, utc("2026-01-01")) is None


# ---- the ends


@pytest.mark.parametrize("pattern", [Every(1440), Daily(MORNING)])
def test_start_and_end_are_included_and_nothing_beyond(pattern: Pattern) -> None:
    table = timetable(pattern, utc("2026-01-01T09:00"), utc("2026-01-02T09:00"))

    assert dues(table, "2000-01-01", 9) == ["2026-01-01 09:00", "2026-01-02 09:00"]
    assert next_after(table, utc("2026-01-02T09:00")) is None


def test_an_occurrence_is_strictly_later_than_the_instant() -> None:
    table = timetable(Daily(MORNING), utc("2026-01-01"))
    due = utc("2026-01-05T09:00")

    assert next_after(table, due - timedelta.resolution) == due
    assert next_after(table, due) == due + timedelta(days=1)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("pattern", [Daily(MORNING), Monthly(MORNING, 1, DayOfMonth(31))])
def test_the_first_and_the_last_year_that_there_is_are_no_trouble(zone: str, pattern: Pattern) -> None:
    table = timetable(
        pattern, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, tzinfo=UTC), zone
    )

    assert next_after(table, datetime(1, 1, 1, tzinfo=UTC)) is not None
    assert latest_between(table, utc("9999-11-01"), utc("9999-12-31T23:59"), 1)
    assert next_after(table, utc("9999-12-31T23:58")) is None


# ---- counting

PATTERNS = {
    "interval": Every(97),
    "days": Daily((time(0), time(2, 15), time(2, 45), time(23, 59))),
    "weeks": Weekly((time(2, 30), time(14)), frozenset({5, 6})),
    "months": Monthly((time(2, 30), time(3)), 2, DayOfMonth(29)),
    "weekdays of months": Monthly((time(0), time(2, 30)), 1, OrdinalWeekday(5, 6)),
}


@pytest.mark.parametrize("zone", [BERLIN, "America/Santiago", "Australia/Lord_Howe"])
@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_counting_and_looking_back_find_what_walking_finds(pattern: Pattern, zone: str) -> None:
    table = timetable(pattern, utc("2026-01-10T05:00"), utc("2027-06-01"), zone)
    walked = upcoming(table, utc("2025-01-01"), 100_000)
    at = walked[len(walked) // 3], walked[2 * len(walked) // 3]
    ends = [utc("2025-01-01"), at[0] - timedelta.resolution, at[0], at[1], at[1] + timedelta.resolution]

    for after in ends:
        for before in [*ends, utc("2030-01-01")]:
            between = [due for due in walked if after < due < before]
            assert count_between(table, after, before) == len(between)
            assert latest_between(table, after, before, 3) == between[-3:]
