"""The Fabric CLI, unmodified, runs items: what it prints, how it exits, and what weft has recorded."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.clients.fab import Fab, the_id
from tests.clients.house import House
from tests.clients.items import Item, new_item
from tests.e2e.weft_process import eventually


@pytest.fixture
def notebook(house: House) -> Item:
    return new_item(house, "Notebook")


def test_run_waits_until_a_notebook_has_completed_with_its_parameters(fab: Fab, notebook: Item) -> None:
    said = fab("job", "run", notebook.path, "-P", "name:string=Ada,count:int=3,exact:bool=true")

    job = notebook.job(the_id(said.out))
    assert (said.code, f"* Job instance '{job['id']}' completed" in said.out) == (0, True)
    assert f"Job instance '{job['id']}' created" in said.err
    assert (job["status"], job["jobType"], job["invokeType"]) == ("Completed", "RunNotebook", "Manual")
    assert job["result"]["sent"] == {
        "parameters": {
            "name": {"type": "string", "value": "Ada"},
            "count": {"type": "int", "value": 3},
            "exact": {"type": "bool", "value": True},
        }
    }


@pytest.mark.parametrize(
    ("type", "job_type", "sent"),
    [
        ("DataPipeline", "Pipeline", {"parameters": {"name": "Ada"}}),
        ("SparkJobDefinition", "sparkjob", {}),
        ("Lakehouse", "TableMaintenance", {}),
    ],
)
def test_run_knows_a_job_type_of_each_of_its_item_types(
    fab: Fab, house: House, type: str, job_type: str, sent: object
) -> None:
    item = new_item(house, type)
    parameters = ("-P", "name:string=Ada") if sent else ()

    said = fab("job", "run", item.path, *parameters)

    job = item.job(the_id(said.out))
    assert (said.code, job["status"], job["jobType"]) == (0, "Completed", job_type)
    assert job["result"]["sent"] == sent


def test_run_fails_with_a_job_that_fails(fab: Fab, notebook: Item) -> None:
    said = fab("job", "run", notebook.path, "-P", "how:string=fails")

    (job,) = notebook.runs()
    assert (said.code, job["status"]) == (1, "Failed")
    assert f"[JobFailed] Job instance '{job['id']}' Failed" in said.out
    (shown,) = fab.data("job", "run-status", notebook.path, "--id", job["id"])
    assert shown["failureReason"]["message"] == "there is no ink left"
    assert shown["failureReason"]["errorCode"] == "JobInstanceStatusFailed"


def test_run_ends_with_a_job_that_somebody_cancels(fab: Fab, notebook: Item) -> None:
    with ThreadPoolExecutor(1) as aside:
        running = aside.submit(fab, "job", "run", notebook.path, "-P", "how:string=endless")
        (job,) = eventually(notebook.runs, 30, "the job is there")
        notebook.house.cancel(notebook.workspace, notebook.id, job["id"])
        said = running.result()

    assert (said.code, notebook.job(job["id"])["status"]) == (0, "Cancelled")
    assert f"Job instance {job['id']} finished with status: Cancelled" in said.err


def test_run_cancels_a_job_that_takes_longer_than_it_is_given(fab: Fab, notebook: Item) -> None:
    said = fab("job", "run", notebook.path, "-P", "how:string=endless", "--timeout", "1")

    job = notebook.job(the_id(said.out))
    assert (said.code, job["status"]) == (0, "Cancelled")
    assert f"Job instance '{job['id']}' timed out after 1 seconds" in said.err
    assert f"* Job instance '{job['id']}' cancelled (async)" in said.out


def test_a_started_job_is_looked_at_listed_and_cancelled(fab: Fab, notebook: Item) -> None:
    first = the_id(fab.ok("job", "start", notebook.path))
    second = the_id(fab.ok("job", "start", notebook.path, "-P", "how:string=endless"))

    eventually(lambda: notebook.runs()[0]["status"] == "InProgress", 30, "it runs")
    (shown,) = fab.data("job", "run-status", notebook.path, "--id", second)
    listed = fab.data("job", "run-list", notebook.path)
    cancelled = fab("job", "run-cancel", notebook.path, "--id", second, "--wait")
    again = fab("job", "run-cancel", notebook.path, "--id", second)

    assert (shown["id"], shown["itemId"], shown["status"]) == (second, notebook.id, "InProgress")
    assert [(one["id"], one["status"]) for one in listed] == [(second, "InProgress"), (first, "Completed")]
    assert listed[1] == notebook.runs()[1]
    assert (cancelled.code, notebook.job(second)["status"]) == (0, "Cancelled")
    assert f"Job instance {second} finished with status: Cancelled" in cancelled.err
    assert (again.code, "[JobAlreadyCompleted]" in again.out) == (1, True)


def test_a_job_that_is_not_there_is_not_found(fab: Fab, notebook: Item) -> None:
    said = fab("job", "run-status", notebook.path, "--id", str(uuid4()))

    assert (said.code, "[NotFound]" in said.out) == (1, True)


def test_any_address_can_be_called(fab: Fab, notebook: Item) -> None:
    address = f"workspaces/{notebook.workspace}/items/{notebook.id}/jobs/execute/instances"
    body = json.dumps({"executionData": {"anything": [1, 2]}})

    answer = json.loads(fab.ok("api", address, "-X", "post", "-i", body, "--show_headers"))

    (job,) = notebook.runs()
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    assert answer["status_code"] == 202
    assert headers["x-ms-job-id"] == job["id"]
    assert headers["location"] == (
        f"https://api.fabric.microsoft.com/v1/workspaces/{notebook.workspace}/items/{notebook.id}"
        f"/jobs/instances/{job['id']}"
    )
    assert notebook.job(job["id"])["result"]["sent"] == {"anything": [1, 2]}
