"""Fuzz what reads bytes of strangers, guided by coverage. Usage: `make fuzz`, or
`python -m tests.fuzz.parsers --seconds 30`.

The targets are the modules of tests/fuzz/targets. Each runs in a process of its own, from its seeds in
tests/fuzz/seeds, as many at once as there are processors; the seconds are shared by all. Exits 1 where one
crashed, hung for 5 s or took more than 512 MiB, and prints the input.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conftest import ROOT

TARGETS = (
    "ndjson", "dtdl", "manifest", "archive", "tokens", "jwks", "answers", "resolution", "settings", "forms",
    "paging", "blob_uris", "onelake_paths", "schedules", "notebooks",
    "searches", "wishes", "webhook_urls",
)  # fmt: skip
SEEDS = Path(__file__).parent / "seeds"
HUNG_SECONDS = 5
MOST_MEBIBYTES = 512
LONGEST_INPUT = 65536


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.parsers", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for all targets together")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one; may be repeated")
    options = parser.parse_args(arguments)
    targets: tuple[str, ...] = tuple(options.target or TARGETS)
    at_once = min(len(targets), os.cpu_count() or 1)
    each = max(1, options.seconds * at_once // len(targets))
    with (
        tempfile.TemporaryDirectory(prefix="weft-fuzz-") as scratch,
        ThreadPoolExecutor(at_once) as several,
    ):
        folders = [Path(scratch) / name for name in targets]
        results = list(several.map(_run, targets, folders, [each] * len(targets)))
    return max(results)


def _run(name: str, folder: Path, seconds: int) -> int:
    """Run a target; what it finds lies in *folder*. Return 1 where it found something."""
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
    with (folder / "log").open("w") as log:
        code = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    return _tell(name, code, folder)


def _tell(name: str, code: int, folder: Path) -> int:
    log = (folder / "log").read_text(errors="replace")
    executed = re.search(r"number_of_executed_units: (\d+)", log)
    found = sorted(folder.glob("found-*"))
    if code == 0 and executed is not None and int(executed[1]) > 0 and not found:
        _say(f"{name}: {int(executed[1]):,} inputs, 0 crashes")
        return 0
    inputs = "".join(f"\n{path.name}: {path.read_bytes()!r}" for path in found)
    _say(f"{name}: exit code {code}\n{log[-4000:]}{inputs}")
    return 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
