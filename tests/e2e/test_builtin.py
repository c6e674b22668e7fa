"""What a server runs by itself, and a type that has the jobs of another: over HTTP, in real processes."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.builtin.support import notebook
from tests.e2e.weft_process import Answer, WeftProcess, eventually
from tests.runners.support import alive

MAPPED = '[mapped]\nDataPipeline = "Contoso.FinanceAnalytics.Forecast/calculateForecast"\n'
LOOP = "import os\nprint(os.getpid(), flush=True)\nwhile True:\n    pass"


@pytest.fixture
def weft(tmp_path: Path) -> Iterator[WeftProcess]:
    """The server as it starts without options, but for one mapped item type."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "weft.toml").write_text(MAPPED)
    server = WeftProcess(data, options=()).start()
    yield server
    server.close()


def definition(parts: dict[str, Any]) -> dict[str, Any]:
    made = [
        {
            "path": path,
            "payload": base64.b64encode(content.encode()).decode(),
            "payloadType": "InlineBase64",
        }
        for path, content in parts.items()
    ]
    return {"parts": made}


def item(weft: WeftProcess, type: str, parts: dict[str, Any] | None = None) -> str:
    """Create an item in a workspace of its own; return its path."""
    workspace = weft.core("POST", "/workspaces", {"displayName": f"w {uuid4()}"}).json["id"]
    body: dict[str, Any] = {"displayName": "i", "type": type}
    if parts:
        body["definition"] = definition(parts)
    made = weft.core("POST", f"/workspaces/{workspace}/items", body)
    if made.status == 202:
        made = result_of(weft, made)
    assert made.status in (200, 201), made
    return f"/workspaces/{workspace}/items/{made.json['id']}"


def result_of(weft: WeftProcess, accepted: Answer) -> Answer:
    """Wait for the end of a long-running operation."""
    operation = f"/operations/{accepted.headers['x-ms-operation-id']}"
    eventually(lambda: weft.core("GET", operation).json["status"] == "Succeeded", 20, operation)
    return weft.core("GET", f"{operation}/result")


def printed(weft: WeftProcess, instance: str) -> list[str]:
    return [line["text"] for line in weft.details(f"{instance}/logs").json["value"]]


def test_a_notebook_is_uploaded_run_with_parameters_shown_with_its_exit_value_and_cancelled(
    weft: WeftProcess,
) -> None:
    place = item(weft, "Notebook", notebook("rows = 0", "notebookutils.notebook.exit(f'{rows} rows')"))
    typed = place.replace("/items/", "/notebooks/")

    body = {"parameters": [{"name": "rows", "type": "Integer", "value": 42}]}
    accepted = weft.core("POST", f"{typed}/jobs/execute/instances", body)
    assert accepted.status == 202, accepted
    id = accepted.headers["x-ms-job-id"]
    instance = f"{place}/jobs/instances/{id}"
    weft.wait_for(instance, "Completed")

    assert weft.details(instance).json["exitValue"] == "42 rows"
    shown = weft.core("GET", f"{typed}/jobs/execute/instances/{id}?beta=true").json
    assert shown["properties"]["exitValue"] == "42 rows"

    updated = weft.core(
        "POST", f"{place}/updateDefinition", {"definition": definition(notebook("x = 1", LOOP))}
    )
    assert updated.status in (200, 202), updated
    if updated.status == 202:
        eventually(
            lambda: (
                weft.core("GET", f"/operations/{updated.headers['x-ms-operation-id']}").json["status"]
                == "Succeeded"
            ),
            20,
            "the new definition",
        )
    looping = weft.run(place, "RunNotebook")
    kernel = int(eventually(lambda: printed(weft, looping), 30, "the kernel prints its id")[0])
    began = time.monotonic()
    assert weft.core("POST", f"{looping}/cancel").status == 202
    weft.wait_for(looping, "Cancelled")

    assert time.monotonic() - began < 2
    assert not alive(kernel)


def test_a_python_file_runs_and_one_that_fails_says_why(weft: WeftProcess) -> None:
    place = item(weft, "PythonScript", {"main.py": "result = {'exitValue': parameters['name']}"})
    empty = item(weft, "PythonScript")

    done, failed = weft.run(place, "DefaultJob", parameters={"name": "done"}), weft.run(empty, "Execute")

    weft.wait_for(done, "Completed")
    assert weft.details(done).json["exitValue"] == "done"
    weft.wait_for(failed, "Failed")
    assert (
        weft.core("GET", failed).json["failureReason"]["moreDetails"][0]["errorCode"] == "ItemHasNoDefinition"
    )


def test_a_pipeline_has_the_jobs_of_the_workload_that_it_is_mapped_to(weft: WeftProcess) -> None:
    place = item(weft, "DataPipeline")

    instance = weft.run(place, "Pipeline", noop=True)
    weft.wait_for(instance, "Completed")
    shown, details = weft.core("GET", instance).json, weft.details(instance).json
    lakehouse = weft.core("POST", f"{item(weft, 'lakehouse')}/jobs/TableMaintenance/instances")

    assert (shown["jobType"], details["result"]) == ("Pipeline", {"noop": True})
    assert weft.core("GET", place).json["type"] == "DataPipeline"
    assert (lakehouse.status, lakehouse.json["errorCode"]) == (400, "InvalidJobType")
