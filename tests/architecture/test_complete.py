"""The plugin that CI runs with: a test that was left out fails the run."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

LEFT_OUT = {
    "skipped": "import pytest\ndef test_a() -> None:\n    pytest.skip('later')\n",
    "skipped module": "import pytest\npytest.skip('later', allow_module_level=True)\n",
    "expected to fail": "import pytest\n@pytest.mark.xfail\ndef test_a() -> None:\n    assert False\n",
    "deselected": "def test_a() -> None: ...\ndef test_left_out() -> None: ...\n",
}


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_a_run_in_which_a_test_was_left_out_fails(tmp_path: Path, kind: str) -> None:
    run = _pytest(tmp_path, LEFT_OUT[kind])

    assert run.returncode != pytest.ExitCode.OK, run.stdout
    assert "left out, which this run does not allow" in run.stdout


def test_a_run_of_all_tests_passes(tmp_path: Path) -> None:
    run = _pytest(tmp_path, "def test_a() -> None: ...\n")

    assert run.returncode == pytest.ExitCode.OK, run.stdout


def _pytest(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    path = folder / "test_sample.py"
    path.write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "tests.complete", "-p", "no:cacheprovider"]
    command += ["--rootdir", str(folder), "-c", "/dev/null", "--deselect", "test_sample.py::test_left_out"]
    return subprocess.run(
        [*command, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
