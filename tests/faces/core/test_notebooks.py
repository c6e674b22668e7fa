"""Runs of notebooks at their own addresses, where the contract shows an exit value."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faces.core.serving import Place, Served
from tests.faces.core.test_jobs import KEYS
from weft.engine.jobs import Completed, Failed, JobError

EXECUTE = "jobs/execute/instances"


@pytest.fixture
async def notebook(served: Served) -> Place:
    return await served.place(item_type="Notebook")


def typed(place: Place, rest: str, collection: str = "notebooks") -> str:
    return f"/v1/workspaces/{place.workspace}/{collection}/{place.item}/{rest}"


async def executed(served: Served, notebook: Place, query: str = "") -> str:
    body = {"executionData": {"compute": "Spark", "computeConfiguration": {}}}
    answer = await served.call("POST", typed(notebook, EXECUTE + query), body)
    assert answer.status == 202, answer.body
    location = answer.header("Location")
    assert location is not None
    assert f"/items/{notebook.item}/jobs/instances/" in location, "as in all published examples"
    return location.rsplit("/", 1)[1]


@pytest.mark.parametrize("query", ["", "?beta=true", "?beta=false", "?jobType=RunNotebook"])
async def test_a_notebook_is_run_at_its_own_address(served: Served, notebook: Place, query: str) -> None:
    id = await executed(served, notebook, query)

    assert (await served.call("GET", notebook.instance(id))).json()["jobType"] == "Execute"


@pytest.mark.parametrize(
    ("outcome", "value"),
    [
        (Completed(b'{"exitValue":"42 rows"}'), "42 rows"),
        (Completed(b'{"exitValue":42}'), None),
        (Completed(), None),
        (Failed(JobError("ZeroDivisionError", "division by zero")), None),
    ],
)
async def test_its_exit_value_is_shown_when_it_has_ended_and_only_there(
    served: Served, notebook: Place, outcome: Completed | Failed, value: str | None
) -> None:
    id = await executed(served, notebook)
    waiting = (await served.call("GET", typed(notebook, f"{EXECUTE}/{id}?beta=true"))).json()
    await served.ended(outcome)

    answers = [
        (await served.call("GET", typed(notebook, f"{EXECUTE}/{id}{query}"))).json()
        for query in ("", "?beta=true")
    ]
    plain = (await served.call("GET", notebook.instance(id))).json()

    assert list(waiting) == [*KEYS, "properties"]
    assert waiting["properties"]["exitValue"] is None
    for shown in answers:
        properties: dict[str, Any] = shown.pop("properties")
        assert properties == {
            "exitValue": value,
            "compute": "Jupyter",
            "computeDetails": {"activityId": plain["rootActivityId"]},
        }
        assert list(shown) == KEYS
        assert shown["status"] == plain["status"]
    assert "properties" not in plain


async def test_a_preview_form_is_named_only_where_there_is_one(served: Served, notebook: Place) -> None:
    id = await executed(served, notebook)

    generic = await served.call("GET", f"{notebook.instance(id)}?beta=true")
    other = await served.call("POST", typed(notebook, "jobs/RunNotebook/instances?beta=true"))
    twice = await served.call("GET", typed(notebook, f"{EXECUTE}/{id}?beta=true&beta=true"))

    assert [answer.status for answer in (generic, other)] == [400, 400]
    assert twice.status == 200


async def test_any_job_is_shown_at_the_address_of_its_items_type(served: Served) -> None:
    pipeline = await served.place(item_type="DataPipeline")
    id = await served.run(pipeline, "Pipeline")
    rest = f"jobs/Pipeline/instances/{id}"

    shown = await served.call("GET", typed(pipeline, rest, "dataPipelines"))
    elsewhere = await served.call("GET", typed(pipeline, rest, "lakehouses"))
    as_notebook = await served.call("GET", typed(pipeline, f"{EXECUTE}/{id}"))

    assert list(shown.json()) == KEYS
    assert [elsewhere.status, as_notebook.status] == [404, 404]
    assert as_notebook.json()["errorCode"] == "ItemNotFound"
