"""Measure weft and the FastAPI app beside it, in turn. Usage: `make bench`.

Writes bench/results/DATE.json and prints a table of medians; takes about fifteen minutes with five runs.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench import machine, scenarios
from bench.load import POLL_SECONDS

RESULTS = Path(__file__).parent / "results"
CREATES = "creates, pool held by sleeping jobs"
CREATES_ALONG = "creates, no-op jobs run along"
READS = "state GETs"
BUSY_READS = "state GETs while two CPU-bound jobs run"
JOBS = "no-op jobs, host create to Completed"
FASTAPI_CREATES = "creates, FastAPI app"
SAMPLE_CREATES = "creates, sample backend"
SAMPLE_READS = "state GETs, sample backend"
READY = "weft ready, seconds"

Runs = list[dict[str, dict[str, Any]]]


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="weft-bench-", dir=options.directory) as scratch:
        runs = [_run(Path(scratch) / str(number), options.seconds) for number in range(options.runs)]
        facts = machine.facts(Path(scratch))
    medians = _medians(runs)
    aims = _aims(medians)
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "-m", "bench", *arguments]),
        "load": "bench/load.py (raw asyncio, uvloop) on the same machine, 64 keep-alive connections, closed "
        f"loop, tokens on every request; jobs are polled every {1000 * POLL_SECONDS:.0f} ms",
        "machine": facts,
        "medians": medians,
        "aims": aims,
        "runs": runs,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    _print(document)
    print(f"\nwritten to {path}")
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="of each scenario; the medians are reported")
    parser.add_argument("--seconds", type=float, default=5.0, help="measured time of each load")
    parser.add_argument("--directory", default=None, help="where data is kept meanwhile (a disk, not memory)")
    return parser.parse_args(arguments)


def _run(folder: Path, seconds: float) -> dict[str, dict[str, Any]]:
    folder.mkdir()
    figures: dict[str, Any] = {"fsync of 4 KiB": machine.syncs(folder)}
    for scenario in scenarios.ALL if folder.name != "0" else (*scenarios.ALL, *scenarios.ONCE):
        name = scenario.__name__.replace("_", " ")
        print(f"run {folder.name}: {name}", file=sys.stderr, flush=True)
        measured = scenario(folder / scenario.__name__, seconds)
        figures.update({key: msgspec.to_builtins(value) for key, value in measured.items()})
    return figures


def _medians(runs: Runs) -> dict[str, dict[str, Any]]:
    """Return the median of every number over the runs; what was unexpected is summed up."""
    return {
        name: {
            member: _together([run[name][member] for run in runs if name in run]) for member in runs[0][name]
        }
        for name in runs[0]
    }


def _together(values: list[Any]) -> Any:
    if all(isinstance(value, int | float) for value in values):
        return round(median(values), 3)
    texts: dict[str, int] = {}
    for value in values:
        for text, count in value.items():
            texts[text] = texts.get(text, 0) + count
    return texts


def _aims(medians: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    creates = medians[CREATES]["per_second"]
    ratio = _times(creates, medians[FASTAPI_CREATES])
    rows = [
        ("durable creates/s at the host", creates, ">=", 3000),
        ("times the FastAPI app's creates/s", ratio, ">=", 5),
        ("times the sample backend's creates/s", _times(creates, medians[SAMPLE_CREATES]), ">=", 10),
        (
            "times the sample backend's state GETs/s",
            _times(medians[READS]["per_second"], medians[SAMPLE_READS]),
            ">=",
            10,
        ),
        ("state GETs/s", medians[READS]["per_second"], ">=", 6000),
        ("no-op jobs/s", medians[JOBS]["per_second"], ">=", 500),
        ("p99 of GET while two CPU-bound jobs run, ms", medians[BUSY_READS]["p99"], "<=", 50),
        ("weft ready from the second start on, s", medians[READY]["second"], "<=", 1.0),
    ]
    return [
        {"what": what, "measured": value, "aim": f"{sign} {aim}", "met": _met(value, sign, aim)}
        for what, value, sign, aim in rows
    ]


def _times(ours: float, theirs: Mapping[str, Any]) -> float:
    return round(ours / max(1.0, float(theirs["per_second"])), 1)


def _met(value: float, sign: str, aim: float) -> bool:
    return value >= aim if sign == ">=" else value <= aim


def _print(document: Mapping[str, Any]) -> None:
    for name, value in document["machine"].items():
        print(f"{name:40} {value}")
    print(f"\n{'median of the runs':44} {'per s':>10} {'p50 ms':>9} {'p99 ms':>9} {'most ms':>9}")
    for name, figures in document["medians"].items():
        if "per_second" in figures:
            cells = (figures.get(member, "") for member in ("per_second", "p50", "p99", "most"))
            print(f"{name:44} {' '.join(f'{_cell(cell):>9}' for cell in cells)}")
            for text, count in figures.get("unexpected", {}).items():
                print(f"    unexpected, {count} times: {text}")
        else:
            print(f"{name:44} {', '.join(f'{key} {_cell(value)}' for key, value in figures.items())}")
    print()
    for aim in document["aims"]:
        met = "met" if aim["met"] else "NOT MET"
        print(f"{aim['what']:48} {_cell(aim['measured']):>9}   aim {aim['aim']:8} {met}")


def _cell(value: object) -> str:
    return f"{value:,.1f}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
