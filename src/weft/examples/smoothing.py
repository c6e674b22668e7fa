"""Forecasts by exponential smoothing: choose the model that fits best, and measure it by back-testing.

At each fold the models of the family that suit the series are fitted to what was known then, the one with
the best corrected Akaike criterion forecasts the steps that followed, and is held against what really came
and against the seasonal naive forecast (the last cycle again). This is the usual rolling-origin evaluation.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from statsmodels.tsa.exponential_smoothing.ets import (  # type: ignore[import-untyped]  # it has no types
    ETSModel,
)

from weft.examples.series import Numbers, Series, load

FEWEST_OBSERVATIONS = 30
FEWEST_CYCLES = 3

Tell = Callable[[float, float, str], None]


class HorizonTooLong(Exception):
    """The series is too short to be back-tested that far ahead; *most* steps are possible."""

    def __init__(self, most: int) -> None:
        super().__init__(f"at most {most} steps")
        self.most = most


def forecast(name: str, *, horizon: int, folds: int, progress: Tell) -> dict[str, Any]:
    """Return the forecast of *horizon* steps and its accuracy over *folds* back-tests, as JSON data."""
    progress(0, folds + 1, f"loading {name}")
    series = load(name)
    tests = _back_test(series, horizon=horizon, folds=folds, progress=progress)
    best = choose(series.values, series.season)
    progress(folds + 1, folds + 1, f"forecast of {horizon} steps by {best.name}")
    ahead = best.ahead(horizon)
    count = len(series.values)
    return {
        "series": name,
        "title": series.title,
        "unit": series.unit,
        "observations": count,
        "from": series.date_of(0).isoformat(),
        "to": series.date_of(count - 1).isoformat(),
        "model": best.name,
        "horizon": horizon,
        "folds": folds,
        "forecast": [
            {"date": series.date_of(count + step).isoformat(), "value": round(float(value), 3)}
            for step, value in enumerate(ahead)
        ],
        "accuracy": _accuracy(tests),
    }


# ---- back-testing


@dataclass(frozen=True, slots=True)
class Window:
    """What one fold knows: the observations from *start* to before *origin*."""

    start: int
    origin: int


@dataclass(frozen=True, slots=True)
class BackTest:
    actual: Numbers
    model: Numbers
    naive: Numbers


def windows(series: Series, *, horizon: int, folds: int) -> Iterator[Window]:
    """Yield *folds* windows, from the newest origin backwards.

    Origins are a horizon apart where the series is long enough for that, else closer. Where all have been
    used, they come again with a window that has forgotten one more step of the past.
    Raises HorizonTooLong.
    """
    fewest = max(FEWEST_OBSERVATIONS, FEWEST_CYCLES * series.season)
    newest = len(series.values) - horizon
    origins = newest - fewest + 1
    if origins < 1:
        raise HorizonTooLong(len(series.values) - fewest)
    stride = min(horizon, max(1, origins // folds))
    steps = range(0, origins, stride)
    for fold in range(folds):
        back = steps[fold % len(steps)]
        forgotten = fold // len(steps) % origins
        yield Window(min(forgotten, newest - back - fewest), newest - back)


def _back_test(series: Series, *, horizon: int, folds: int, progress: Tell) -> list[BackTest]:
    tests = []
    for number, window in enumerate(windows(series, horizon=horizon, folds=folds), start=1):
        known = series.values[window.start : window.origin]
        best = choose(known, series.season)
        test = BackTest(
            actual=series.values[window.origin : window.origin + horizon],
            model=best.ahead(horizon),
            naive=seasonal_naive(known, season=series.season, horizon=horizon),
        )
        tests.append(test)
        progress(number, folds + 1, _told(series, window, best, test, f"fold {number} of {folds}"))
    return tests


def _told(series: Series, window: Window, best: Fitted, test: BackTest, fold: str) -> str:
    known_to = series.date_of(window.origin - 1).isoformat()[:7]
    error = f"{mean_absolute_error(test.actual, test.model):.3g}"
    naive = f"{mean_absolute_error(test.actual, test.naive):.3g}"
    return f"{fold}: known to {known_to}, {best.name}, error {error} {series.unit} (naive {naive})"


def seasonal_naive(known: Numbers, *, season: int, horizon: int) -> Numbers:
    """Return the last cycle over and over."""
    return np.resize(known[-season:], horizon)


def mean_absolute_error(actual: Numbers, guess: Numbers) -> float:
    return float(np.mean(np.abs(actual - guess)))


def mean_absolute_percentage_error(actual: Numbers, guess: Numbers) -> float | None:
    """Return it in percent, or None where it is not defined: an observation is zero."""
    if not np.all(actual):
        return None
    return float(np.mean(np.abs((actual - guess) / actual)) * 100)


def _accuracy(tests: list[BackTest]) -> dict[str, Any]:
    actual = np.concatenate([test.actual for test in tests])
    return {
        "model": _errors(actual, np.concatenate([test.model for test in tests])),
        "seasonalNaive": _errors(actual, np.concatenate([test.naive for test in tests])),
    }


def _errors(actual: Numbers, guess: Numbers) -> dict[str, float | None]:
    percentage = mean_absolute_percentage_error(actual, guess)
    return {
        "mae": round(mean_absolute_error(actual, guess), 4),
        "mape": None if percentage is None else round(percentage, 3),
    }


# ---- models


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model fitted to observations. *name* as in the literature, e.g. ETS(A,Ad,M)."""

    name: str
    criterion: float
    result: Any

    def ahead(self, steps: int) -> Numbers:
        return np.asarray(self.result.forecast(steps), dtype=np.float64)


def choose(known: Numbers, season: int) -> Fitted:
    """Fit every model of the family that suits *known*; return the one of the best criterion (AICc)."""
    return min((_fit(known, season, form) for form in _forms(known, season)), key=lambda fit: fit.criterion)


@dataclass(frozen=True, slots=True)
class _Form:
    """Additive (`add`) or multiplicative (`mul`) parts of a model; None: the part is missing."""

    error: str
    trend: str | None
    damped: bool
    seasonal: str | None

    @property
    def name(self) -> str:
        letters = {"add": "A", "mul": "M", None: "N"}
        trend = letters[self.trend] + ("d" if self.damped else "")
        return f"ETS({letters[self.error]},{trend},{letters[self.seasonal]})"


def _forms(known: Numbers, season: int) -> Iterator[_Form]:
    """Multiplicative parts need positive numbers, and an additive error with a multiplicative season is
    numerically unstable: the choice of Hyndman's and Athanasopoulos' "Forecasting", chapter 8."""
    positive = bool(np.all(known > 0))
    for error in ("add", "mul") if positive else ("add",):
        seasons: tuple[str | None, ...] = (None,)
        if season > 1:
            seasons = ("add", "mul") if error == "mul" else ("add",)
        for seasonal in seasons:
            yield _Form(error, None, False, seasonal)
            yield _Form(error, "add", False, seasonal)
            yield _Form(error, "add", True, seasonal)


def _fit(known: Numbers, season: int, form: _Form) -> Fitted:
    with warnings.catch_warnings():
        # A candidate that converges badly has a bad criterion and is not chosen: no news for anybody.
        warnings.simplefilter("ignore")
        result = ETSModel(
            known,
            error=form.error,
            trend=form.trend,
            damped_trend=form.damped,
            seasonal=form.seasonal,
            seasonal_periods=season if form.seasonal else None,
        ).fit(disp=False)
    return Fitted(form.name, float(result.aicc), result)
