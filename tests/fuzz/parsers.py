"""Fuzz the readers of NDJSON and DTDL, guided by coverage. Usage: `make fuzz`, or
`python -m tests.fuzz.parsers --seconds 30`.

Each target runs for so many seconds in a process of its own, from the seeds in tests/fuzz/seeds. Exits 1
where one crashed, hung for 5 s or took more than 512 MiB, and prints the input.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT

TARGETS = ("ndjson", "dtdl")
SEEDS = Path(__file__).parent / "seeds"
HUNG_SECONDS = 5
MOST_MEBIBYTES = 512
LONGEST_INPUT = 65536


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.parsers", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="weft-fuzz-") as scratch:
        runs = [_start(name, Path(scratch) / name, options.seconds) for name in TARGETS]
        results = [_result(name, run, Path(scratch) / name) for name, run in zip(TARGETS, runs, strict=True)]
    return max(results)


def _start(name: str, folder: Path, seconds: int) -> subprocess.Popen[str]:
    """Start a target; what it finds lies in *folder*."""
    (folder / "corpus").mkdir(parents=True)
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={HUNG_SECONDS}",
        f"-rss_limit_mb={MOST_MEBIBYTES}",
        f"-max_len={LONGEST_INPUT}",
        f"-artifact_prefix={folder}/found-",
        "-print_final_stats=1",
    ]
    command = [sys.executable, "-m", "tests.fuzz.parser_target", name, *options]
    command += [str(folder / "corpus"), str(SEEDS / name)]
    log = (folder / "log").open("w")
    return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, text=True)


def _result(name: str, run: subprocess.Popen[str], folder: Path) -> int:
    """Wait for the end of a target and tell how it went; return 1 where it found something."""
    code = run.wait()
    log = (folder / "log").read_text(errors="replace")
    executed = re.search(r"number_of_executed_units: (\d+)", log)
    found = sorted(folder.glob("found-*"))
    if code == 0 and executed is not None and int(executed[1]) > 0 and not found:
        _say(f"{name}: {int(executed[1]):,} inputs, 0 crashes")
        return 0
    _say(f"{name}: exit code {code}\n{log[-4000:]}")
    for path in found:
        _say(f"{path.name}: {path.read_bytes()!r}")
    return 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
