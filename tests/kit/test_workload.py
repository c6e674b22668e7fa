"""Declaring and loading workloads."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from weft import JobContext, Workload
from weft.engine.jobs import RunPolicy
from weft.kit.errors import WorkloadInvalid, WorkloadNotLoaded
from weft.kit.workload import load_workload


def plain(ctx: JobContext, payload: dict[str, Any]) -> dict[str, int]:
    return {"points": len(payload)}


async def in_async(ctx: JobContext, payload: dict[str, Any]) -> None:
    return None


def test_a_decorated_function_is_a_job_and_stays_what_it_was() -> None:
    workload = Workload("Contoso.FinanceAnalytics")

    decorated = workload.job("Contoso.FinanceAnalytics.Forecast", "calculateForecast")(plain)
    workload.job("Contoso.FinanceAnalytics.Forecast", "other")(in_async)
    workload.job("Contoso.Second", "calculateForecast")(plain)

    assert decorated is plain
    assert workload.jobs["Contoso.FinanceAnalytics.Forecast", "calculateForecast"] is plain
    assert workload.item_types == ("Contoso.FinanceAnalytics.Forecast", "Contoso.Second")


def test_names_are_found_in_any_case_and_given_in_the_registered_one() -> None:
    workload = Workload("W")
    workload.job("Contoso.Forecast", "calculateForecast")(plain)

    assert workload.find("CONTOSO.forecast", "CalculateFORECAST") == ("Contoso.Forecast", "calculateForecast")
    assert workload.find("Contoso.Forecast", "other") is None
    # The Kelvin sign folds to an ASCII k in Unicode.
    workload.job("Contoso.Forecast", "k")(plain)
    assert workload.find("Contoso.Forecast", "\u212a") is None


@pytest.mark.parametrize("again", [("T", "j"), ("t", "J"), ("T", "J")])
def test_a_name_is_registered_once_in_any_case(again: tuple[str, str]) -> None:
    workload = Workload("W")
    workload.job("T", "j")(plain)

    with pytest.raises(WorkloadInvalid, match="registered already, as T/j"):
        workload.job(*again)(plain)


def test_an_item_type_has_one_spelling() -> None:
    workload = Workload("W")
    workload.job("Type", "one")(plain)

    with pytest.raises(WorkloadInvalid, match="'type' is registered already, as 'Type'"):
        workload.job("type", "two")(plain)


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "ä", "a\n", "x" * 257, ".a", "__class__", "a:b"])
def test_a_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(WorkloadInvalid):
        Workload(name)
    with pytest.raises(WorkloadInvalid):
        Workload("W").job(name, "j")
    with pytest.raises(WorkloadInvalid):
        Workload("W").job("T", name)


def test_a_function_that_takes_no_payload_is_refused_at_once() -> None:
    def alone(ctx: JobContext) -> None:
        return None

    with pytest.raises(WorkloadInvalid, match="called with a context and a payload"):
        Workload("W").job("T", "j")(alone)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"timeout": 0}, "timeout is a number of seconds above 0"),
        ({"timeout": -1}, "timeout is"),
        ({"timeout": float("nan")}, "timeout is"),
        ({"timeout": 1e300}, "timeout is"),
        ({"timeout": True}, "timeout is"),
        ({"timeout": "10"}, "not '10'"),
        ({"retries": -1}, "retries is a whole number from 0 to 1000, not -1"),
        ({"retries": 1.0}, "retries is"),
        ({"retries": 1001}, "retries is"),
        ({"backoff": -0.1}, "backoff is a number of seconds from 0"),
        ({"backoff": None}, "backoff is"),
        ({"longest_backoff": 0.5}, "longest_backoff is at least backoff, 1, not 0.5"),
        ({"backoff": 90}, "longest_backoff is at least backoff, 90, not 60.0"),
        ({"longest_backoff": 1e6}, "longest_backoff is"),
        ({"resumable": 1}, "resumable is True or False, not 1"),
        ({"concurrency": 0}, "concurrency is a whole number from 1"),
        ({"concurrency": 2.5}, "concurrency is"),
        ({"own_process": "yes"}, "own_process is True or False, not 'yes'"),
    ],
)
def test_a_setting_of_a_job_type_that_is_out_of_its_range_is_refused(
    settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(WorkloadInvalid) as caught:
        Workload("W").job("T", "j", **settings)

    assert str(caught.value).startswith("job T/j: ")
    assert words in str(caught.value)


def test_the_settings_of_a_job_type_are_how_its_jobs_are_run() -> None:
    workload = Workload("W")
    workload.job(
        "T", "j", timeout=1.5, retries=3, backoff=0, longest_backoff=0, resumable=True, concurrency=2
    )(plain)
    workload.job("T", "other")(plain)

    assert workload.policy("T", "other") == RunPolicy()
    assert workload.policy("T", "j") == RunPolicy(
        timeout=timedelta(seconds=1.5),
        retries=3,
        backoff_first=timedelta(0),
        backoff_most=timedelta(0),
        resumable=True,
        concurrency=2,
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("nonsense", "module:attribute"),
        (":workload", "module:attribute"),
        ("a:", "module:attribute"),
        ("not_a_module_at_all:workload", "no module 'not_a_module_at_all'"),
        ("weft.nothing:workload", "no module 'weft.nothing'"),
        ("weft.kit.workload:nothing", "no attribute 'nothing'"),
        ("weft.kit.workload:Workload", "is a type, not a Workload"),
        ("raising_workload:workload", "importing 'raising_workload' failed: ZeroDivisionError"),
        ("needy_workload:workload", "failed: ModuleNotFoundError: No module named 'not_there'"),
        ("exiting_workload:workload", "failed: SystemExit: 3"),
    ],
)
def test_a_workload_that_cannot_be_loaded_says_why(
    spec: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raising_workload.py").write_text("1 / 0")
    (tmp_path / "needy_workload.py").write_text("import not_there")
    (tmp_path / "exiting_workload.py").write_text("import sys; sys.exit(3)")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(WorkloadNotLoaded) as caught:
        load_workload(spec)

    assert words in str(caught.value)
    assert caught.value.spec == spec


def test_a_workload_is_loaded_by_its_name() -> None:
    assert load_workload("tests.runners.jobs:workload").name == "Tests.Jobs"


def test_importing_weft_loads_no_web_framework_and_no_database() -> None:
    heavy = {"starlette", "aiohttp", "apsw", "uvicorn", "asyncio"}
    code = f"import sys, weft; sys.exit(bool({heavy} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
