"""The example workload: a job that forecasts a real public time series and says how well it does it.

Importing this module is light and needs nothing but weft. The job imports statsmodels in its own process.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from weft import JobCancelled, JobContext, JobFailed, Workload

ITEM_TYPE = "Contoso.FinanceAnalytics.Forecast"
JOB_TYPE = "calculateForecast"
SERIES = ("co2", "elnino", "macrodata", "nile", "sunspots")
MOST_STEPS = 1_000
MOST_FOLDS = 1_000_000

workload = Workload("Contoso.FinanceAnalytics")


@workload.job(ITEM_TYPE, JOB_TYPE)
def calculate_forecast(ctx: JobContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Forecast a series with the exponential smoothing that fits it best, and back-test it over folds."""
    request = Request.read(payload)
    if request.noop:
        return {"noop": True}
    ctx.log.info("forecasting %s in process %d", request.series, os.getpid())
    return _calculate(ctx, request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a creationPayload asks for. *horizon* counts steps of the series, *folds* back-tests."""

    series: str
    horizon: int
    folds: int
    noop: bool

    @classmethod
    def read(cls, payload: object) -> Request:
        """Raises JobFailed `InvalidPayload` that names member and value; other members are ignored."""
        given = {} if payload is None else payload
        if not isinstance(given, Mapping):
            raise _invalid("creationPayload", given, "an object")
        return cls(
            series=_series(given.get("series", "co2")),
            horizon=_count("horizon", given.get("horizon", 12), most=MOST_STEPS),
            folds=_count("folds", given.get("folds", 4), most=MOST_FOLDS),
            noop=_flag("noop", given.get("noop", False)),
        )


def _series(value: object) -> str:
    if not isinstance(value, str) or value not in SERIES:
        raise _invalid("series", value, f"one of {', '.join(SERIES)}")
    return value


def _count(member: str, value: object, *, most: int) -> int:
    # bool is a subclass of int, and true is no count.
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise _invalid(member, value, f"a whole number from 1 to {most}")
    return value


def _flag(member: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _invalid(member, value, "true or false")
    return value


def _invalid(member: str, value: object, wanted: str) -> JobFailed:
    shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "..."
    return JobFailed(
        "InvalidPayload",
        f"{member} must be {wanted}, not {shown}",
        source="User",
        is_permanent=True,
        parameters=[member, shown],
    )


def _calculate(ctx: JobContext, request: Request) -> dict[str, Any]:
    def tell(done: float, total: float, text: str) -> None:
        ctx.progress(done, total, text)
        # The library may have swallowed the exception of the cancel: some of its code catches everything.
        if ctx.cancelled:
            raise JobCancelled

    smoothing = _load_smoothing()
    try:
        result: dict[str, Any] = smoothing.forecast(
            request.series, horizon=request.horizon, folds=request.folds, progress=tell
        )
    except smoothing.HorizonTooLong as too_long:
        wanted = f"at most {too_long.most} for {request.series}"
        raise _invalid("horizon", request.horizon, wanted) from too_long
    return result


def _load_smoothing() -> ModuleType:
    """Import what does the work: seconds of imports, which only a process that forecasts pays for."""
    # One job takes one core. OpenBLAS reads this when it is loaded, and takes every core without it.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.putenv(name, "1")
    try:
        return importlib.import_module("weft.examples.smoothing")
    except ModuleNotFoundError as missing:
        raise JobFailed(
            "LibraryMissing",
            f"the forecast needs {missing.name}, which is not installed: pip install 'weft[forecast]'",
            source="System",
            is_permanent=True,
            parameters=[str(missing.name)],
        ) from missing
