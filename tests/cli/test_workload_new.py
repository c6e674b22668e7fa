"""`weft workload new`: the project that it makes works as it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from weft.cli.main import main
from weft.cli.workload_new import SUFFIX

NAMES = {
    "Org.Forecast": "forecast",
    "Contoso.WindForecast": "wind_forecast",
    "Contoso.Wind-Forecast": "wind_forecast",
    "Org.Json": "workload_json",
    "Org.1st": "workload_1st",
    "Org.Class": "workload_class",
    "Org.Weft": "workload_weft",
}


def made(folder: Path, name: str) -> Path:
    assert main(["workload", "new", name, "--directory", str(folder / "project")]) == 0
    return folder / "project"


def test_the_tests_of_a_new_project_pass(tmp_path: Path) -> None:
    project = made(tmp_path, "Org.Forecast")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error"],
        cwd=project,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


@pytest.mark.parametrize("name", ["Org.Forecast", "Org.Wind-Forecast-of-Contoso-123"])
def test_the_manifests_of_a_new_project_are_sound(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project = made(tmp_path, name)
    capsys.readouterr()

    code = main(["workload", "check", str(project / "manifest")])

    said = capsys.readouterr().out
    assert code == 0, said
    assert f"item type  {name}.Report: {name}.Report.Summarize" in said
    assert said.endswith("no errors, no warnings\n")


@pytest.mark.parametrize("name", NAMES)
def test_the_module_has_a_name_that_python_takes_and_that_hides_no_other(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project = made(tmp_path, name)

    assert (project / f"{NAMES[name]}.py").is_file()
    assert f"weft up --workload {NAMES[name]}:workload" in capsys.readouterr().out


def test_nothing_of_the_template_is_left_open(tmp_path: Path) -> None:
    files = [path for path in made(tmp_path, "Org.Forecast").rglob("*") if path.is_file()]

    assert len(files) == 9
    assert [path.name for path in files if path.name.endswith(SUFFIX) or "MODULE" in path.name] == []
    assert [path.name for path in files if re.search("@[a-z]+@", path.read_text())] == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Org",
        "Org.",
        ".Name",
        "Org.A.B",
        "Org.A B",
        "Org.Ä",
        "../x.y",
        "-a.b",
        "Org.A\n",
        "Org." + "x" * 29,
    ],
)
def test_a_name_that_no_manifest_takes_is_refused_and_nothing_is_made(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["workload", "new", "--directory", str(tmp_path / "project"), "--", name])

    assert code == 2
    assert "Org.Name" in capsys.readouterr().err
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize("kind", ["file", "full"])
def test_what_is_there_already_is_left_as_it_is(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "project"
    if kind == "file":
        project.write_text("mine")
    else:
        project.mkdir()
        (project / "mine").touch()

    code = main(["workload", "new", "Org.Forecast", "--directory", str(project)])

    assert code == 2
    assert "is there already" in capsys.readouterr().err
    assert project.is_file() or [path.name for path in project.iterdir()] == ["mine"]


def test_a_project_is_made_below_the_current_directory_under_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["workload", "new", "Contoso.WindForecast"]) == 0

    assert (tmp_path / "contoso-windforecast" / "wind_forecast.py").is_file()
