"""`weft workload check`: says what is wrong with a manifest package, and only then exits with 1."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import Done
from tests.manifests.packages import FRONTEND, ITEM, REMOTE, WDK, nupkg
from weft.cli.main import main

Check = Callable[..., Done]


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    """Check a package of these files; no server is needed."""

    def run(files: Mapping[str, str], *options: str) -> Done:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return call(capsys, str(tmp_path), *options)

    return run


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> Done:
    capsys.readouterr()
    code = main(["workload", "check", *arguments])
    said = capsys.readouterr()
    return Done(code, said.out, said.err)


def test_a_sound_package_is_summed_up(check: Check) -> None:
    done = check(WDK)

    assert done.code == 0
    assert done.out.splitlines() == [
        "workload   Org.Sample 1.0.0 (schema 1.101.0, contract WDK)",
        "item type  Org.Sample.Thing: Org.Sample.Thing.Calculate, Org.Sample.Thing.Scheduled",
        "endpoint   Workload https://be.example.com/workload",
        "endpoint   Frontend https://fe.example.com",
        "no errors, no warnings",
    ]


def test_an_archive_is_checked_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "package.nupkg"
    path.write_bytes(nupkg(REMOTE))

    done = call(capsys, str(path))

    assert done.code == 0
    assert "contract Remote" in done.out
    assert "Workload http://localhost:60006/workload/ (resolves it)" in done.out


def test_what_is_wrong_is_told_by_line(check: Check) -> None:
    text = WDK[ITEM].replace("PerItem", "PerDay").replace('"Data"', '"\x85"')

    done = check({**WDK, ITEM: text})

    assert done.code == 1
    assert done.out.splitlines() == [
        "BE/Thing.xml:3: ItemManifestConfiguration/Item@Category: must be Code, Data or Unknown, not '\\x85'",
        "BE/Thing.xml:6: JobScheduler/OnDemandJobDeduplicateOptions: "
        "must be None, PerItem or PerUser, not 'PerDay'",
        "2 errors, no warnings",
    ]


def test_a_warning_is_no_error(check: Check) -> None:
    done = check(FRONTEND)

    assert done.code == 0
    assert "has no backend, so no job can run on its items (warning)" in done.out
    assert done.out.endswith("no errors, 1 warning\n")


def test_programs_get_json(check: Check) -> None:
    done = check(WDK, "--json")

    said = json.loads(done.out)

    assert (done.code, said["workload"], said["contract"], said["errors"]) == (0, "Org.Sample", "WDK", [])
    assert said["itemTypes"] == [
        {
            "name": "Org.Sample.Thing",
            "jobTypes": ["Org.Sample.Thing.Calculate", "Org.Sample.Thing.Scheduled"],
        }
    ]


def test_programs_get_errors_as_json(check: Check) -> None:
    done = check({**WDK, ITEM: WDK[ITEM].replace("PerItem", "PerDay")}, "--json")

    assert done.code == 1
    assert json.loads(done.out)["errors"] == [
        {
            "file": "BE/Thing.xml",
            "line": 6,
            "element": "JobScheduler/OnDemandJobDeduplicateOptions",
            "message": "must be None, PerItem or PerUser, not 'PerDay'",
        }
    ]


def test_a_package_that_is_not_there_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = call(capsys, str(tmp_path / "nowhere"))

    assert (done.code, done.out) == (2, "")
    assert "No such file" in done.err
