"""Measure lists over a long history, pollers, and runs beside Prefect. Usage: `make bench-lists`.

Writes bench/results/lists-DATE.json. Takes about six minutes, two of which make a million instances; with
`--keep FOLDER` these, and Prefect's environment, are made once.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from bench import machine, prefect_server, servers, tokens, workload
from bench.history import DAYS, RARE_TEXT, History, history
from bench.load import Measured, Plan
from bench.servers import Server

RESULTS = Path(__file__).parent / "results"
SIZES = {"10 k": 10_000, "1 M": 1_000_000}
FIND = "/v1/jobs/instances"
LISTERS = 4
LIST_REST_SECONDS = 0.1
DEEP_PAGES = 20
POLLERS = 1000
RUNS_POLLED = 1000
CREATORS = 16
CONNECTIONS = (1, 16, 64)
PREFECT_RUNS = 100
ALL_IN_TURN = "all lists in turn"

Figures = dict[str, Any]


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="weft-bench-", dir=options.directory) as scratch:
        folder = Path(scratch)
        kept = Path(options.keep) if options.keep else folder
        kept.mkdir(parents=True, exist_ok=True)
        figures: dict[str, Figures] = {}
        facts = machine.facts(folder)
        if not options.without_prefect:  # first: whether it can be installed and served is not ours to say
            environment = prefect_server.environment(kept / "prefect")
            facts |= prefect_server.versions(environment)
            figures |= _prefect_runs(environment, folder / "prefect-data", options.seconds)
            figures |= _weft_runs(folder / "weft", options.seconds)
        figures |= _pollers(folder / "pollers", options.seconds)
        for size in options.sizes.split(","):
            _tell(f"making {size} instances")
            made = history(kept / f"history-{SIZES[size]}", SIZES[size])
            figures |= _named(size, _lists(made, options.seconds))
    aims = _aims(figures)
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "-m", "bench.lists", *arguments]),
        "load": "bench/load.py (raw asyncio, uvloop) on the same machine, tokens on every request of weft's. "
        f"Lists: {LISTERS} connections that rest {1000 * LIST_REST_SECONDS:.0f} ms after an answer. Pollers: "
        f"{POLLERS} connections that ask once a second, beside 20 creates and 10 lists a second. Creates and "
        "reads of runs: closed loops. Instances were written into the store directly, see bench/history.py.",
        "machine": facts,
        "medians": figures,
        "aims": aims,
    }
    path = RESULTS / f"lists-{datetime.now(UTC):%Y-%m-%d}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    _print(figures, aims)
    print(f"\nwritten to {path}")
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.lists", description=__doc__)
    parser.add_argument("--sizes", default=",".join(SIZES), help="of the histories: 10 k, 1 M or both")
    parser.add_argument("--seconds", type=float, default=5.0, help="measured time of each load")
    parser.add_argument("--directory", default=None, help="where data is kept meanwhile (a disk, not memory)")
    parser.add_argument("--keep", default=None, help="keep histories and Prefect's environment here")
    parser.add_argument("--without-prefect", action="store_true")
    return parser.parse_args(arguments)


# ---- lists


def _lists(made: History, seconds: float) -> dict[str, Measured]:
    with servers.weft(made.data) as server:
        headers = tokens.core_headers(made.data)
        cases = _cases(server, headers, made)
        measured = {}
        cases[ALL_IN_TURN] = [paths[0] for paths in cases.values()]
        for name, paths in cases.items():
            _tell(f"{made.count:,} instances: {name}")
            measured[name] = server.load(_plan(server, headers, paths, seconds))
        return measured


def _cases(server: Server, headers: Mapping[str, str], made: History) -> dict[str, list[str]]:
    """Return what is asked, by what it is called."""
    middle = datetime.now(UTC) - timedelta(days=DAYS / 2)
    day = {"startedAfter": f"{middle:%Y-%m-%dT00:00:00Z}", "startedBefore": f"{middle:%Y-%m-%dT12:00:00Z}"}
    typed = {"status": "Failed", "itemType": workload.ITEM_TYPE}
    busy_workspace, busy = made.items[0]
    _, quiet = made.items[-1]
    return {
        "first page": [_find()],
        "deep page": _deep(server, headers),
        "page of 1,000": [_find(maxResults="1000")],
        "by status": [_find(status="Failed")],
        "by a status that none has": [_find(status="InProgress")],
        "by status, item type and time": [_find(**typed, **day)],
        "text that is rare": [_find(text=RARE_TEXT)],
        "text that is nowhere": [_find(text="zanzibar")],
        "by end": [_find(sort="-endTimeUtc")],
        "oldest first": [_find(sort="startTimeUtc")],
        "two items, failed": [_find(itemId=f"{busy},{quiet}", status="Failed")],
        "the list of one item": [f"/v1/workspaces/{busy_workspace}/items/{busy}/jobs/instances"],
    }


def _find(**filters: str) -> str:
    return f"{FIND}?{urlencode(filters)}" if filters else FIND


def _deep(server: Server, headers: Mapping[str, str]) -> list[str]:
    """Return addresses of pages behind up to DEEP_PAGES thousands of instances, the shallow half left out."""
    found: list[str] = []
    token = ""
    for _ in range(DEEP_PAGES):
        page = _ok(
            server, headers, _find(maxResults="1000", **({"continuationToken": token} if token else {}))
        )
        token = page.get("continuationToken", "")
        if not token:
            break
        found.append(_find(continuationToken=token))
    return found[len(found) // 2 :]


def _ok(server: Server, headers: Mapping[str, str], path: str) -> Any:
    status, _, content = server.call("GET", path, headers)
    if status != 200:
        raise RuntimeError(f"{path} answered {status} {content}")
    return content


def _plan(server: Server, headers: Mapping[str, str], paths: Sequence[str], seconds: float) -> Plan:
    return Plan(
        kind="requests",
        port=server.port,
        method="GET",
        paths=list(paths),
        headers=dict(headers),
        expect=200,
        connections=LISTERS,
        rest_seconds=LIST_REST_SECONDS,
        seconds=seconds,
    )


# ---- pollers


def _pollers(data: Path, seconds: float) -> Figures:
    """Poll a thousand runs that have not ended, once a second each, while others are made and listed."""
    with servers.weft(data) as server:
        headers = tokens.core_headers(data)
        item = _item(server, headers, workload.ITEM_TYPE)
        runs = _runs(server, headers, item)
        polls = _plan(server, headers, runs, 2 * seconds)
        polls.connections, polls.rest_seconds, polls.warm_seconds = POLLERS, 1.0, 3.0
        lists = _plan(
            server, headers, [_find(), _find(status="NotStarted"), f"{item}/jobs/instances"], 2 * seconds
        )
        lists.connections, lists.rest_seconds, lists.warm_seconds = 5, 0.5, 3.0
        creates = msgspec.structs.replace(lists, method="POST", paths=[], path=_run_path(item), expect=202)
        creates.connections = 10
        _tell(f"{POLLERS} pollers")
        with ThreadPoolExecutor() as together:
            names = "state GETs of 1,000 pollers", "lists beside the pollers", "creates beside the pollers"
            return dict(
                zip(names, map(_told, together.map(server.load, (polls, lists, creates))), strict=True)
            )


def _runs(server: Server, headers: Mapping[str, str], item: str) -> list[str]:
    """Begin runs; return where they are read."""
    with ThreadPoolExecutor(CREATORS) as together:
        return list(together.map(lambda _: _run(server, headers, item), range(RUNS_POLLED)))


def _run(server: Server, headers: Mapping[str, str], item: str) -> str:
    status, answered, content = server.call("POST", _run_path(item), headers)
    if status != 202:
        raise RuntimeError(f"the run answered {status} {content}")
    return f"{item}/jobs/instances/{answered['x-ms-job-id']}"


def _run_path(item: str) -> str:
    return f"{item}/jobs/sleep/instances"


def _item(server: Server, headers: Mapping[str, str], item_type: str) -> str:
    _, _, workspace = server.call("POST", "/v1/workspaces", headers, {"displayName": "bench"})
    items = f"/v1/workspaces/{workspace['id']}/items"
    status, _, item = server.call("POST", items, headers, {"displayName": "bench", "type": item_type})
    if status != 201:
        raise RuntimeError(f"no item: {status} {item}")
    return f"{items}/{item['id']}"


# ---- beside Prefect


@dataclass(frozen=True, slots=True)
class Runs:
    """How runs are made at a server: a POST to *path* is answered with *created*."""

    who: str
    headers: Mapping[str, str]
    path: str
    body: str
    created: int


def _weft_runs(data: Path, seconds: float) -> Figures:
    """Make runs that wait, as Prefect's do: all processes of the pool are held by jobs that sleep."""
    with servers.weft(data) as server:
        headers = tokens.core_headers(data)
        item = _item(server, headers, workload.ITEM_TYPE)
        made = _runs(server, headers, item)
        runs = Runs("weft (Core)", headers, _run_path(item), "", 202)
        return _created_and_read(server, runs, made, seconds)


def _prefect_runs(environment: Path, data: Path, seconds: float) -> Figures:
    _tell("starting Prefect's server")
    with prefect_server.prefect(environment, data) as server:
        _, _, flow = server.call("POST", "/api/flows/", {}, {"name": "bench"})
        run = {"flow_id": flow["id"], "parameters": {"days": 7}}
        made = [_flow_run(server, run) for _ in range(PREFECT_RUNS)]
        runs = Runs("Prefect", {}, "/api/flow_runs/", json.dumps(run), 201)
        return _created_and_read(server, runs, made, seconds)


def _flow_run(server: Server, run: Mapping[str, Any]) -> str:
    """Make a flow run; return where it is read. Where SQLite is busy it says 503, and its clients repeat."""
    for _ in range(100):
        status, _, content = server.call("POST", "/api/flow_runs/", {}, run)
        if status == 201:
            return f"/api/flow_runs/{content['id']}"
    raise RuntimeError(f"no flow run: {status} {content}")


def _created_and_read(server: Server, runs: Runs, made: Sequence[str], seconds: float) -> Figures:
    """Read the runs that were *made*, then make others."""
    figures: Figures = {}
    for connections in CONNECTIONS:
        _tell(f"{runs.who}, {connections} connections")
        reads = _plan(server, runs.headers, made, seconds)
        reads.connections, reads.rest_seconds = connections, 0.0
        creates = msgspec.structs.replace(
            reads, method="POST", paths=[], path=runs.path, body=runs.body, expect=runs.created
        )
        figures[f"reads, {runs.who}, {connections} connections"] = _told(server.load(reads))
        figures[f"creates, {runs.who}, {connections} connections"] = _told(server.load(creates))
    memory = {name: round(value, 1) for name, value in server.most_memory.items()}
    return {**figures, f"memory of {runs.who}, MiB": memory}


# ---- what came of it


def _named(size: str, measured: Mapping[str, Measured]) -> dict[str, Figures]:
    return {f"{size}: {name}": _told(one) for name, one in measured.items()}


def _told(measured: Measured) -> Figures:
    told = msgspec.to_builtins(measured)
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in told.items()}


def _aims(figures: Mapping[str, Figures]) -> list[dict[str, Any]]:
    rows: list[tuple[str, float, str, float]] = []
    large = {name: one for name, one in figures.items() if name.startswith("1 M: ")}
    rows += [(f"p99 of {name}, ms", one["p99"], "<=", 100) for name, one in large.items()]
    if large and f"10 k: {ALL_IN_TURN}" in figures:
        times = figures[f"1 M: {ALL_IN_TURN}"]["p99"] / figures[f"10 k: {ALL_IN_TURN}"]["p99"]
        rows.append((f"{ALL_IN_TURN}: p99 at 1 M, times that at 10 k", round(times, 2), "<=", 1.5))
    name = "state GETs of 1,000 pollers"
    rows.append((f"p99 of {name}, ms", figures[name]["p99"], "<=", 100))
    theirs, ours = (_best(figures, f"creates, {who}, ") for who in ("Prefect", "weft (Core)"))
    if theirs:
        rows.append(("times Prefect's creates/s, the best of each", round(ours / theirs, 1), ">=", 20))
    return [
        {"what": what, "measured": value, "aim": f"{sign} {aim}", "met": _met(value, sign, aim)}
        for what, value, sign, aim in rows
    ]


def _best(figures: Mapping[str, Figures], which: str) -> float:
    """Return the most per second that any number of connections came to."""
    return max(
        (float(one["per_second"]) for name, one in figures.items() if name.startswith(which)), default=0.0
    )


def _met(value: float, sign: str, aim: float) -> bool:
    return value >= aim if sign == ">=" else value <= aim


def _print(figures: Mapping[str, Figures], aims: Sequence[Mapping[str, Any]]) -> None:
    print(f"{'':44} {'per s':>9} {'p50 ms':>9} {'p99 ms':>9} {'most ms':>9}")
    for name, one in figures.items():
        if "per_second" in one:
            cells = (f"{one[member]:>9,.1f}" for member in ("per_second", "p50", "p99", "most"))
            print(f"{name:44} {' '.join(cells)}")
            for text, count in one["unexpected"].items():
                print(f"    unexpected, {count} times: {text}")
        else:
            print(f"{name:44} {', '.join(f'{key} {value:,.1f}' for key, value in one.items())}")
    print()
    for aim in aims:
        met = "met" if aim["met"] else "NOT MET"
        print(f"{aim['what']:66} {aim['measured']:>9,.1f}   aim {aim['aim']:8} {met}")


def _tell(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
