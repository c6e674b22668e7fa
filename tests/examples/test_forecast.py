"""The forecast job: what it makes of a payload, and that it costs nothing until it is run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import pytest

from weft import JobCancelled, JobContext, JobFailed
from weft.examples import forecast, smoothing
from weft.examples.series import NAMES


class Desk:
    """A stand-in for the process that runs a job: remembers progress, and cancels after some of it."""

    def __init__(self, *, cancels_after: int | None = None) -> None:
        self.told: list[tuple[float, float, str]] = []
        self._cancels_after = cancels_after

    @property
    def cancelled(self) -> bool:
        return self._cancels_after is not None and len(self.told) >= self._cancels_after

    def wait_cancelled(self, seconds: float | None) -> bool:
        return self.cancelled

    def uninterrupted(self) -> nullcontext[None]:
        return nullcontext()

    def progress(self, done: float, total: float, text: str) -> None:
        self.told.append((done, total, text))


def calculate(payload: Any, desk: Desk | None = None) -> dict[str, Any]:
    labels: Mapping[str, str] = {}
    context = JobContext(
        job_id="j", job_type="calculateForecast", attempt=1, labels=labels, supervision=desk or Desk()
    )
    return forecast.calculate_forecast(context, payload)


def test_the_job_is_registered_under_its_published_names() -> None:
    assert forecast.workload.name == "Contoso.FinanceAnalytics"
    assert list(forecast.workload.jobs) == [("Contoso.FinanceAnalytics.Forecast", "calculateForecast")]


def test_every_series_that_is_offered_can_be_loaded() -> None:
    assert forecast.SERIES == NAMES


def test_a_small_request_is_calculated_and_told_of() -> None:
    desk = Desk()

    result = calculate({"series": "nile", "horizon": 3, "folds": 2, "priority": "low"}, desk)

    assert (result["series"], result["horizon"], result["folds"]) == ("nile", 3, 2)
    assert len(result["forecast"]) == 3
    assert desk.told[-1][:2] == (3, 3)


def test_other_members_are_ignored_and_the_rest_has_defaults() -> None:
    request = forecast.Request.read({"priority": "low", "noop": True, "x": [1]})

    assert (request.series, request.horizon, request.folds) == ("co2", 12, 4)


@pytest.mark.parametrize("payload", [None, {}])
def test_no_payload_is_the_default_request(payload: dict[str, Any] | None) -> None:
    assert forecast.Request.read(payload) == forecast.Request(series="co2", horizon=12, folds=4, noop=False)


def test_a_noop_returns_at_once() -> None:
    assert calculate({"noop": True}) == {"noop": True}


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("series", "unknown"),
        ("series", "CO2"),
        ("series", 7),
        ("series", None),
        ("series", ["co2"]),
        ("horizon", 0),
        ("horizon", -1),
        ("horizon", 1001),
        ("horizon", 1.5),
        ("horizon", "12"),
        ("horizon", True),
        ("horizon", None),
        ("folds", 0),
        ("folds", 1_000_001),
        ("folds", 2.0),
        ("folds", "many"),
        ("folds", False),
        ("folds", {}),
        ("noop", 1),
        ("noop", "true"),
        ("noop", None),
    ],
)
def test_a_member_of_a_wrong_kind_fails_the_job_and_is_named_with_its_value(member: str, value: Any) -> None:
    with pytest.raises(JobFailed) as failed:
        calculate({member: value})

    assert failed.value.code == "InvalidPayload"
    assert member in failed.value.message
    assert repr(value) in failed.value.message
    assert (failed.value.source, failed.value.is_permanent) == ("User", True)
    assert failed.value.parameters == (member, repr(value))


@pytest.mark.parametrize("payload", [[], "co2", 7, True])
def test_a_payload_that_is_no_object_fails_the_job(payload: Any) -> None:
    with pytest.raises(JobFailed, match="InvalidPayload"):
        calculate(payload)


def test_a_horizon_that_only_this_series_is_too_short_for_says_how_far_it_goes() -> None:
    with pytest.raises(JobFailed, match="horizon must be at most 70 for nile, not 71"):
        calculate({"series": "nile", "horizon": 71})


def test_a_long_value_is_shown_in_part() -> None:
    with pytest.raises(JobFailed) as failed:
        calculate({"series": "x" * 10_000})

    assert len(failed.value.message) < 250


def test_a_cancel_that_the_library_swallowed_ends_the_job_at_the_next_fold() -> None:
    desk = Desk(cancels_after=2)

    with pytest.raises(JobCancelled):
        calculate({"series": "nile", "folds": 50}, desk)

    assert len(desk.told) == 2


def test_a_missing_library_is_named_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.tsa.exponential_smoothing.ets", None)
    monkeypatch.delitem(sys.modules, smoothing.__name__)

    with pytest.raises(JobFailed) as failed:
        calculate({"series": "nile"})

    assert failed.value.code == "LibraryMissing"
    assert "statsmodels" in failed.value.message
    assert "pip install 'weft[forecast]'" in failed.value.message


@pytest.mark.parametrize("run", ["", "forecast.Request.read({'noop': True})"])
def test_the_module_imports_no_library_until_a_forecast_is_calculated(run: str) -> None:
    program = f"import sys\nfrom weft.examples import forecast\n{run}\nprint(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"numpy", "scipy", "pandas", "statsmodels", "aiohttp", "starlette"}
