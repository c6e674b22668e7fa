"""Measure imports of twin graphs, beside a bare parse-and-insert loop. Usage: `make bench-twins`.

Writes bench/results/twins-DATE.json. All sizes and both orders of ids take about half an hour.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine, servers, tokens
from bench.servers import Server
from weft.examples.building import generate

RESULTS = Path(__file__).parent / "results"
API = "api-version=2023-10-31"
SIZES = {"1M+1M": (1_000_000, 1_000_000), "4M+8M": (4_000_000, 8_000_000)}
POLL_SECONDS = 0.02
PROBE_SECONDS = 0.05
LONGEST_SECONDS = 1800.0
MILLION = 1_000_000

Figures = dict[str, Any]


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    figures: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="weft-bench-", dir=options.directory) as scratch:
        folder = Path(scratch)
        for size in options.sizes.split(","):
            for ids in options.ids.split(","):
                name = f"{size}, ids {'in order' if ids == 'ordered' else 'random GUIDs'}"
                figures[name] = _measure(folder, *SIZES[size], ids)
                _tell(f"{name}: {json.dumps(figures[name])}")
        facts = machine.facts(folder)
    aims = _aims(figures)
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "-m", "bench.twins", *arguments]),
        "machine": facts,
        "imports": figures,
        "aims": aims,
    }
    path = RESULTS / f"twins-{datetime.now(UTC):%Y-%m-%d}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    for aim in aims:
        print(f"{aim['what']:75} {aim['measured']:>9,.1f}   aim {aim['aim']:8} {aim['met']}")
    print(f"\nwritten to {path}")
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.twins", description=__doc__)
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--ids", default="ordered,guid")
    parser.add_argument("--directory", default=None, help="where data is kept meanwhile (a disk, not memory)")
    return parser.parse_args(arguments)


def _measure(folder: Path, twins: int, relationships: int, ids: generate.Ids) -> Figures:
    file = folder / "graph.ndjson"
    _tell(f"writing {twins:,} twins and {relationships:,} relationships, ids {ids}")
    generate.write(file, twins=twins, relationships=relationships, ids=ids, seed=1)
    figures: Figures = {"file_mb": round(file.stat().st_size / 1e6, 1)}
    _tell("weft imports")
    figures |= _import(folder / "whole", file, twins + relationships)
    _tell("the bare loop")
    figures |= _bare(folder / "bare.db", file, twins + relationships)
    figures["of_the_bare_loop"] = round(figures["bare_seconds"] / figures["seconds"], 2)
    _tell("weft imports, and is cancelled")
    figures["cancel_seconds"] = _cancelled_in(folder / "cancelled", file, after=figures["seconds"] / 2)
    for made in folder.iterdir():
        shutil.rmtree(made) if made.is_dir() else made.unlink()
    return figures


def _import(data: Path, file: Path, entities: int) -> Figures:
    with _importing(data, file) as watch:
        body = watch.until("succeeded")
        server = watch.server
        seconds = watch.seconds
    return {
        "status": body["status"],
        "seconds": round(seconds, 1),
        "entities_per_second": round(entities / seconds),
        "peak_tree_rss_mib": round(server.most_memory["tree_rss"], 1),
        "peak_tree_pss_mib": round(server.most_memory["tree_pss"], 1),
        "peak_server_rss_mib": round(server.most_memory["server_rss"], 1),
        "database_mb": round(sum(path.stat().st_size for path in data.glob("graph.db*")) / 1e6, 1),
        "api_calls_meanwhile": len(watch.latencies),
        "api_p50_ms": round(_share(watch.latencies, 0.5), 2),
        "api_p99_ms": round(_share(watch.latencies, 0.99), 2),
        "api_most_ms": round(max(watch.latencies), 2),
    }


def _cancelled_in(data: Path, file: Path, *, after: float) -> float:
    with _importing(data, file) as watch:
        time.sleep(after)
        began = time.monotonic()
        status, _, body = watch.call("POST", "/jobs/imports/bench/cancel")
        if status != 200:
            raise RuntimeError(f"the cancel answered {status}: {body}")
        watch.until("cancelled")
        return round(time.monotonic() - began, 3)


@dataclass
class Watch:
    """One import, looked at while it runs; *latencies* are milliseconds of the calls made meanwhile."""

    server: Server
    headers: Mapping[str, str]
    latencies: list[float] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Mapping[str, str], Any]:
        mark = "&" if "?" in path else "?"
        return self.server.call(method, f"{path}{mark}{API}", self.headers, body)

    def until(self, status: str) -> Any:
        while True:
            _, _, body = self.call("GET", "/jobs/imports/bench")
            if body["status"] == status:
                self.seconds = time.monotonic() - self.began
                return body
            if body["status"] in ("failed", "succeeded", "cancelled"):
                raise RuntimeError(f"the import did not come to be {status}: {body}")
            if time.monotonic() - self.began > LONGEST_SECONDS:
                raise RuntimeError(f"not {status} after {LONGEST_SECONDS:.0f} s: {body}")
            time.sleep(POLL_SECONDS)

    def probe(self) -> None:
        """Make the calls that people make meanwhile, in turn."""
        count = "SELECT COUNT() FROM digitaltwins"
        calls: tuple[Callable[[], object], ...] = (
            lambda: self.call("GET", "/jobs/imports"),
            lambda: self.call("GET", "/digitaltwins/no-such-twin"),
            lambda: self.call("POST", "/query", {"query": count}),
            lambda: self.call("GET", "/jobs/imports/bench"),
        )
        for call in calls:
            began = time.monotonic()
            call()
            self.latencies.append(1000 * (time.monotonic() - began))


@contextmanager
def _importing(data: Path, file: Path) -> Iterator[Watch]:
    with servers.weft(data, "--blob-root", str(file.parent)) as server:
        watch = Watch(server, tokens.twins_headers(data))
        done = threading.Event()
        followers = [
            threading.Thread(target=server.watch_memory, args=(done, 0.5)),
            threading.Thread(target=_probe, args=(watch, done)),
        ]
        blobs = {"inputBlobUri": str(file), "outputBlobUri": str(file.with_suffix(".log"))}
        status, _, body = watch.call("PUT", "/jobs/imports/bench", blobs)
        if status != 201:
            raise RuntimeError(f"the import was answered with {status}: {body}")
        watch.began = time.monotonic()
        for follower in followers:
            follower.start()
        try:
            yield watch
        finally:
            done.set()
            for follower in followers:
                follower.join()


def _probe(watch: Watch, done: threading.Event) -> None:
    while not done.wait(PROBE_SECONDS):
        watch.probe()


def _bare(database: Path, file: Path, entities: int) -> Figures:
    """Run the bare loop in a process of its own: what is left without all that makes an import safe."""
    command = [sys.executable, "-m", "bench.bare_import", str(file), str(database)]
    run = subprocess.run(command, cwd=servers.ROOT, stdout=subprocess.PIPE, check=True)
    seconds = float(run.stdout)
    return {
        "bare_seconds": round(seconds, 1),
        "bare_entities_per_second": round(entities / seconds),
        "bare_database_mb": round(database.stat().st_size / 1e6, 1),
    }


def _aims(figures: Mapping[str, Figures]) -> list[dict[str, Any]]:
    rows: list[tuple[str, float, str, float]] = []
    for name, run in figures.items():
        if name.startswith("4M"):
            rows.append((f"{name}: seconds", run["seconds"], "<=", 300 if "order" in name else 480))
        rows += [
            (f"{name}: peak RSS of all processes, MiB", run["peak_tree_rss_mib"], "<=", 350),
            (f"{name}: share of the bare loop's speed, %", 100 * run["of_the_bare_loop"], ">=", 60),
            (f"{name}: cancel to cancelled, s", run["cancel_seconds"], "<=", 2),
            (f"{name}: p99 of the API meanwhile, ms", run["api_p99_ms"], "<=", 100),
        ]
    return [
        {"what": what, "measured": value, "aim": f"{sign} {aim}", "met": _met(value, sign, aim)}
        for what, value, sign, aim in rows
    ]


def _met(value: float, sign: str, aim: float) -> bool:
    return value >= aim if sign == ">=" else value <= aim


def _share(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _tell(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
