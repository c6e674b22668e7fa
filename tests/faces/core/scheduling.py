"""What tests of schedules share: configurations, and a short way to make a schedule."""

from __future__ import annotations

from typing import Any, Final

from tests.faces.core.serving import Place, Served

JOB_TYPE: Final = "calculateForecast"
OTHER_JOB_TYPE: Final = "ForecastAsync"
FRAME: Final[dict[str, Any]] = {
    "startDateTime": "2026-05-01T00:00:00",
    "endDateTime": "2027-05-01T00:00:00",
    "localTimeZoneId": "W. Europe Standard Time",
}
CRON: Final[dict[str, Any]] = {"type": "Cron", **FRAME, "interval": 10}
DAILY: Final[dict[str, Any]] = {"type": "Daily", **FRAME, "times": ["07:00", "19:00"]}
WEEKLY: Final[dict[str, Any]] = {"type": "Weekly", **FRAME, "times": ["07:00"], "weekdays": ["Monday"]}
MONTHLY: Final[dict[str, Any]] = {
    "type": "Monthly",
    **FRAME,
    "recurrence": 1,
    "occurrence": {"occurrenceType": "DayOfMonth", "dayOfMonth": 31},
    "times": ["07:00"],
}
ORDINAL: Final[dict[str, Any]] = {
    **MONTHLY,
    "occurrence": {"occurrenceType": "OrdinalWeekday", "weekIndex": "Fifth", "weekday": "Friday"},
}


def body(configuration: dict[str, Any] = DAILY, *, enabled: bool = True, **more: Any) -> dict[str, Any]:
    return {"enabled": enabled, "configuration": configuration, **more}


def schedules(place: Place, job_type: str = JOB_TYPE) -> str:
    return f"{place.jobs}/{job_type}/schedules"


async def scheduled(
    served: Served,
    place: Place,
    configuration: dict[str, Any] = DAILY,
    *,
    job_type: str = JOB_TYPE,
    **how: Any,
) -> str:
    """Create a schedule; return its address."""
    target = schedules(place, job_type)
    return f"{target}/{await served.made(target, body(configuration, **how))}"
