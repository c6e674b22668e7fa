"""The forecasts of the example workload: what they return, and that they are worth something."""

import math
import signal
import time
from datetime import date
from itertools import pairwise
from types import FrameType

import numpy as np
import pytest

from weft.examples import smoothing
from weft.examples.series import NAMES, load


def silent(done: float, total: float, text: str) -> None:
    """Nobody listens."""


@pytest.mark.parametrize("name", NAMES)
def test_every_named_series_loads_without_gaps(name: str) -> None:
    series = load(name)

    assert len(series.values) >= 100
    assert np.isfinite(series.values).all()


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("co2", date(2001, 12, 1)),
        ("elnino", date(2010, 12, 1)),
        ("macrodata", date(2009, 7, 1)),
        ("nile", date(1970, 1, 1)),
        ("sunspots", date(2008, 1, 1)),
    ],
)
def test_the_last_observation_has_its_published_date(name: str, last: date) -> None:
    series = load(name)

    assert series.date_of(len(series.values) - 1) == last


def test_a_forecast_goes_on_where_the_observations_end() -> None:
    result = smoothing.forecast("macrodata", horizon=3, folds=2, progress=silent)

    assert [step["date"] for step in result["forecast"]] == ["2009-10-01", "2010-01-01", "2010-04-01"]
    assert all(12_000 < step["value"] < 14_000 for step in result["forecast"])


def test_the_model_beats_the_naive_forecast_of_a_growing_economy() -> None:
    result = smoothing.forecast("macrodata", horizon=8, folds=5, progress=silent)

    assert result["accuracy"]["model"]["mae"] < result["accuracy"]["seasonalNaive"]["mae"]


def test_the_same_request_has_the_same_result() -> None:
    first = smoothing.forecast("nile", horizon=5, folds=3, progress=silent)
    second = smoothing.forecast("nile", horizon=5, folds=3, progress=silent)

    assert first == second


def test_progress_is_told_before_the_first_fold_and_after_each() -> None:
    told: list[tuple[float, float]] = []

    smoothing.forecast("nile", horizon=5, folds=3, progress=lambda done, total, _: told.append((done, total)))

    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_fold_never_sees_what_it_is_measured_by() -> None:
    series = load("nile")

    for window in smoothing.windows(series, horizon=7, folds=500):
        assert 0 <= window.start < window.origin
        assert window.origin - window.start >= smoothing.FEWEST_OBSERVATIONS
        assert window.origin + 7 <= len(series.values)


def test_many_folds_are_as_many_different_back_tests_as_the_series_allows() -> None:
    windows = list(smoothing.windows(load("nile"), horizon=5, folds=1000))

    assert len(windows) == 1000
    assert len(set(windows)) > 500


def test_few_folds_are_a_horizon_apart() -> None:
    windows = list(smoothing.windows(load("co2"), horizon=12, folds=4))

    assert [window.origin for window in windows] == [514, 502, 490, 478]


def test_a_horizon_beyond_the_series_is_refused_with_the_longest_possible() -> None:
    with pytest.raises(smoothing.HorizonTooLong) as refused:
        smoothing.forecast("nile", horizon=71, folds=1, progress=silent)

    assert refused.value.most == 70


def test_the_longest_possible_horizon_is_accepted() -> None:
    result = smoothing.forecast("nile", horizon=70, folds=1, progress=silent)

    assert len(result["forecast"]) == 70
    assert all(math.isfinite(step["value"]) for step in result["forecast"])


def test_the_seasonal_naive_forecast_repeats_the_last_cycle() -> None:
    known = np.array([1.0, 2.0, 3.0, 4.0])

    assert smoothing.seasonal_naive(known, season=3, horizon=5).tolist() == [2.0, 3.0, 4.0, 2.0, 3.0]


def test_a_percentage_of_zero_is_not_made_up() -> None:
    assert smoothing.mean_absolute_percentage_error(np.array([0.0, 1.0]), np.array([1.0, 1.0])) is None


def test_only_additive_models_are_tried_where_a_number_is_zero() -> None:
    best = smoothing.choose(load("sunspots").values[:60], 1)

    assert best.name.startswith("ETS(A,")


def test_a_signal_is_heard_within_50_ms_of_work_at_any_moment() -> None:
    """Time of work, not of the clock: how busy the machine is does not count. The longest series is taken."""
    longest = load("elnino")
    heard = [time.process_time()]

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(time.process_time())

    before = signal.signal(signal.SIGPROF, hear)
    signal.setitimer(signal.ITIMER_PROF, 0.002, 0.002)
    try:
        smoothing.choose(longest.values, longest.season)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    heard.append(time.process_time())

    assert max(later - earlier for earlier, later in pairwise(heard)) < 0.05
