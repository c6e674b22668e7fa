"""The body of a request for a schedule: what is accepted has a calendar, and reads back as it was sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from weft.engine.timetables import count_between, next_after, upcoming
from weft.faces.core.run_requests import ScheduleRequest, schedule_request
from weft.faces.core.timetables import timetable_of
from weft.faces.http import Refused, check_json

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)
AT_ONCE = 5


def accepted(data: bytes) -> ScheduleRequest | None:
    try:
        if data:
            check_json(data)
        return schedule_request(data)
    except Refused:
        return None


def run(data: bytes) -> None:
    wanted = accepted(data)
    if wanted is None:
        return
    sent, kept = json.loads(data)["configuration"], json.loads(wanted.configuration)
    assert kept == sent
    assert next(iter(kept)) == "type"
    timetable = timetable_of(wanted.configuration)
    first = next_after(timetable, NOW)
    dues = upcoming(timetable, NOW, AT_ONCE)
    assert list(dues[:1]) == ([] if first is None else [first])
    assert list(dues) == sorted(set(dues))
    assert all(
        max(NOW, timetable.starts_at - timedelta.resolution) < due <= timetable.ends_at for due in dues
    )
    if dues:
        assert count_between(timetable, NOW, dues[-1]) == len(dues) - 1
