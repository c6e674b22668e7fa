"""A workload whose jobs say what kind of payload they take."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.runners.jobs import TYPE
from weft import JobContext, Workload

workload = Workload("Tests.Typed")


@dataclass
class Forecast:
    series: str
    folds: int = 4
    tags: list[str] = field(default_factory=list)


@workload.job(TYPE, "forecast")
def forecast(ctx: JobContext, payload: Forecast) -> list[object]:
    return [type(payload).__name__, payload.series, payload.folds, payload.tags]


@workload.job(TYPE, "asyncForecast")
async def async_forecast(ctx: JobContext, payload: Forecast) -> str:
    return payload.series
