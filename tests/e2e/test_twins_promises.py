"""What weft promises of imports, each shown on the real server: design/promises.md names the numbers."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.weft_process import WeftProcess
from tests.torture import building, processes

ENDS = ("succeeded", "failed", "cancelled")
THING = "dtmi:torture:Thing;1"
HEADER = building.START


@pytest.fixture
def weft(tmp_path: Path) -> Iterator[WeftProcess]:
    server = WeftProcess(tmp_path / "data", options=("--blob-root", str(tmp_path))).start()
    yield server
    server.close()


@pytest.fixture
def large(tmp_path: Path) -> tuple[Path, building.Expected]:
    """A file whose import takes some seconds, and what must come of it."""
    path = tmp_path / "large.ndjson"
    return path, building.write(path, random.Random(7))


def add(weft: WeftProcess, file: Path, id: str = "importjob1") -> Path:
    """Start an import and return where its log goes."""
    log = file.with_name(f"{id}.log")
    answer = weft.twins("PUT", f"/jobs/imports/{id}", {"inputBlobUri": str(file), "outputBlobUri": str(log)})
    assert answer.status == 201, answer
    return log


def look(weft: WeftProcess, id: str = "importjob1") -> dict[str, Any]:
    answer = weft.twins("GET", f"/jobs/imports/{id}")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json
    return found


def wait_for(
    weft: WeftProcess, *statuses: str, id: str = "importjob1", seconds: float = 60
) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while (found := look(weft, id))["status"] not in statuses:
        assert time.monotonic() < until, found
        time.sleep(0.02)
    return found


def wait_until_it_writes(weft: WeftProcess) -> None:
    until = time.monotonic() + 60
    while count(weft, "digitaltwins") == 0:
        assert time.monotonic() < until, look(weft)
        time.sleep(0.02)


def count(weft: WeftProcess, collection: str) -> int:
    answer = weft.twins("POST", "/query", {"query": f"SELECT COUNT() FROM {collection}"})
    assert answer.status == 200, answer
    return int(answer.json["value"][0]["COUNT"])


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def twin(id: str, **properties: object) -> dict[str, object]:
    return {"$dtId": id, "$metadata": {"$model": THING}, **properties}


def details(log: Path) -> list[dict[str, Any]]:
    return [line["details"] for line in building.read_log(log)]


def test_an_import_that_has_no_fault_succeeds_and_is_read_back(weft: WeftProcess, tmp_path: Path) -> None:
    file = write(
        tmp_path / "small.ndjson",
        *HEADER,
        {"Section": "Twins"},
        twin("a", n=1),
        twin("b", n=2),
        {"Section": "Relationships"},
        {"$dtId": "a", "$relationshipId": "r", "$targetId": "b", "$relationshipName": "next", "weight": 0.5},
    )

    log = add(weft, file)
    body = wait_for(weft, *ENDS)

    assert body["status"] == "succeeded", body
    assert body["finishedDateTime"] == body["lastActionDateTime"]
    read = weft.twins("GET", "/digitaltwins/a").json
    assert (read["$dtId"], read["n"], read["$metadata"]["$model"]) == ("a", 1, THING)
    (relationship,) = weft.twins("GET", "/digitaltwins/a/relationships").json["value"]
    assert (relationship["$targetId"], relationship["weight"]) == ("b", 0.5)
    (incoming,) = weft.twins("GET", "/digitaltwins/b/incomingrelationships").json["value"]
    assert incoming["$sourceId"] == "a"
    found = weft.twins("POST", "/query", {"query": "SELECT * FROM digitaltwins T WHERE T.n = 2"}).json
    assert [one["$dtId"] for one in found["value"]] == ["b"]
    assert details(log) == [
        {"status": "Started"},
        {"section": "Models", "status": "Started"},
        {"section": "Models", "status": "Succeeded"},
        {"section": "Twins", "status": "Started"},
        {"section": "Twins", "status": "Succeeded"},
        {"section": "Relationships", "status": "Started"},
        {"section": "Relationships", "status": "Succeeded"},
        {"status": "Succeeded"},
    ]


def test_p1_an_acknowledged_import_survives_kill_9_of_every_process(
    weft: WeftProcess, large: tuple[Path, building.Expected]
) -> None:
    add(weft, large[0])
    weft.kill()
    weft.start()

    body = wait_for(weft, *ENDS)

    assert body["error"]["code"] == "ImportFinishedWithErrors"


def test_p4_p5_p6_a_cancelled_import_has_stopped_and_p14_leaves_a_beginning(
    weft: WeftProcess, large: tuple[Path, building.Expected]
) -> None:
    file, expected = large
    log = add(weft, file)
    wait_until_it_writes(weft)

    answer = weft.twins("POST", "/jobs/imports/importjob1/cancel")
    began = time.monotonic()
    body = wait_for(weft, *ENDS)

    assert answer.status == 200
    assert answer.json["status"] == "cancelling"
    assert body["status"] == "cancelled"
    assert time.monotonic() - began <= 2
    assert "finishedDateTime" not in body
    found = building.read(weft.data / "graph.db")
    assert 0 < len(found.twins) < building.TWINS or found.relationships
    assert list(expected.faults_of_beginning(found, building.read_log(log))) == []
    assert [p for p in weft.processes() if "importing" in processes.describe(p)] == []
    time.sleep(1.0)
    assert building.read(weft.data / "graph.db") == found


def test_p5_a_cancel_that_was_acknowledged_is_carried_out_by_the_next_server(
    weft: WeftProcess, large: tuple[Path, building.Expected]
) -> None:
    file, expected = large
    log = add(weft, file)
    wait_until_it_writes(weft)

    assert weft.twins("POST", "/jobs/imports/importjob1/cancel").status == 200
    weft.kill()
    weft.start()

    assert wait_for(weft, *ENDS)["status"] == "cancelled"
    found = building.read(weft.data / "graph.db")
    assert list(expected.faults_of_beginning(found, building.read_log(log))) == []


def test_p12_p13_p15_an_import_killed_again_and_again_is_resumed_without_gap_or_double(
    weft: WeftProcess, large: tuple[Path, building.Expected]
) -> None:
    file, expected = large
    log = add(weft, file)
    for _ in range(3):
        wait_until_it_writes(weft)
        time.sleep(0.3)
        weft.kill()
        weft.start()

    body = wait_for(weft, *ENDS)

    assert body["error"]["code"] == "ImportFinishedWithErrors"
    assert str(len(expected.rejected)) in body["error"]["message"].replace(",", "")
    assert expected.differences(building.read(weft.data / "graph.db")) == {}
    assert list(expected.faults_of_log(building.read_log(log))) == []


def test_p12_an_import_goes_on_when_the_process_that_reads_the_file_is_killed(
    weft: WeftProcess, large: tuple[Path, building.Expected]
) -> None:
    file, expected = large
    log = add(weft, file)
    wait_until_it_writes(weft)

    for process in weft.processes():
        if "weft.importing" in processes.describe(process):
            processes.kill(process)

    assert wait_for(weft, *ENDS)["error"]["code"] == "ImportFinishedWithErrors"
    assert expected.differences(building.read(weft.data / "graph.db")) == {}
    assert list(expected.faults_of_log(building.read_log(log))) == []


def test_p18_an_import_is_deleted_only_when_it_has_ended(
    weft: WeftProcess, large: tuple[Path, building.Expected]
) -> None:
    add(weft, large[0])

    early = weft.twins("DELETE", "/jobs/imports/importjob1")
    weft.twins("POST", "/jobs/imports/importjob1/cancel")
    wait_for(weft, *ENDS)
    late = weft.twins("DELETE", "/jobs/imports/importjob1")

    assert (early.status, early.json["error"]["code"]) == (400, "ValidationFailed")
    assert late.status == 204
    assert weft.twins("GET", "/jobs/imports/importjob1").status == 404
    small = write(large[0].with_name("small.ndjson"), *HEADER)
    add(weft, small)
    assert wait_for(weft, *ENDS)["status"] == "succeeded"


def test_p19_sigterm_ends_with_0_at_once_and_the_next_server_goes_on(
    weft: WeftProcess, large: tuple[Path, building.Expected]
) -> None:
    file, expected = large
    log = add(weft, file)
    wait_until_it_writes(weft)

    began = time.monotonic()
    assert weft.terminate() == 0
    assert time.monotonic() - began < 10
    weft.start()

    assert wait_for(weft, *ENDS)["error"]["code"] == "ImportFinishedWithErrors"
    assert expected.differences(building.read(weft.data / "graph.db")) == {}
    assert list(expected.faults_of_log(building.read_log(log))) == []


def test_a_format_fault_leaves_the_graph_as_it_was_and_names_its_line(
    weft: WeftProcess, tmp_path: Path
) -> None:
    file = write(tmp_path / "faulty.ndjson", *HEADER, {"Section": "Twins"}, twin("a", n=1))
    with file.open("a") as opened:
        opened.write('{"$dtId": "b", oops}\n')

    log = add(weft, file)
    body = wait_for(weft, *ENDS)

    assert (body["status"], body["error"]["code"]) == ("failed", "UnsupportedFileFormat")
    assert building.read(weft.data / "graph.db").twins == {}
    assert weft.twins("GET", "/models").json["value"] == []
    errors = [line for line in details(log) if "exceptionType" in line]
    assert [(error["line"], error["exceptionType"]) for error in errors] == [(7, "UnsupportedFileFormat")]


def test_a_deletion_leaves_an_empty_graph(weft: WeftProcess, tmp_path: Path) -> None:
    file = write(
        tmp_path / "small.ndjson",
        *HEADER,
        {"Section": "Twins"},
        twin("a"),
        twin("b"),
        {"Section": "Relationships"},
        {"$dtId": "a", "$relationshipId": "r", "$targetId": "b", "$relationshipName": "next"},
    )
    add(weft, file)
    assert wait_for(weft, *ENDS)["status"] == "succeeded"

    answer = weft.twins("POST", "/jobs/deletions")
    assert answer.status == 202
    until = time.monotonic() + 30
    path = f"/jobs/deletions/{answer.json['id']}"
    while (status := weft.twins("GET", path).json["status"]) not in ENDS:
        assert time.monotonic() < until
        time.sleep(0.02)

    assert status == "succeeded"
    assert (count(weft, "digitaltwins"), count(weft, "relationships")) == (0, 0)
    assert weft.twins("GET", "/models").json["value"] == []


@pytest.mark.shared
def test_the_whole_of_a_real_ontology_is_imported(weft: WeftProcess, tmp_path: Path, shared: Path) -> None:
    source = shared / "data" / "realestatecore" / "models.ndjson"
    file = tmp_path / "models.ndjson"
    file.write_bytes(source.read_bytes())

    add(weft, file)
    body = wait_for(weft, *ENDS)

    assert body["status"] == "succeeded", body
    stats = weft.twins("GET", "/weft/v1/twins/stats").json
    assert stats == {"models": 1364, "twins": 0, "relationships": 0}
