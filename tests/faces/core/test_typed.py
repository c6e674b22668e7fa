"""Items under the name of their type, and jobs below it: S100."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faces.core.serving import HOST, NOWHERE, Place, Served
from tests.faces.core.test_isolation import bytes_but_ids, refused
from weft.catalog.fabric_types import COLLECTIONS
from weft.catalog.model import Role

DEFINITION = {"parts": [{"path": "a.json", "payload": "e30=", "payloadType": "InlineBase64"}]}


@pytest.fixture
async def pipeline(served: Served) -> Place:
    return await served.place(item_type="DataPipeline")


def typed(place: Place, collection: str = "dataPipelines") -> str:
    return place.path.replace("/items/", f"/{collection}/")


@pytest.mark.parametrize(("item_type", "collection"), COLLECTIONS.items())
async def test_every_published_collection_holds_the_items_of_its_type(
    served: Served, item_type: str, collection: str
) -> None:
    place = await served.place(item_type="Notebook" if item_type != "Notebook" else "DataPipeline")
    target = f"/v1/workspaces/{place.workspace}/{collection}"

    made = await served.call("POST", target, {"displayName": "mine"})
    listed = await served.call("GET", target.replace(collection, collection.upper()))

    item = made.json()
    assert made.status == 201
    assert made.header("ETag") == '""'
    assert (item["type"], item["displayName"]) == (item_type, "mine")
    assert [entry["id"] for entry in listed.json()["value"]] == [item["id"]]
    assert (await served.call("DELETE", f"{target}/{item['id']}")).status == 200


async def test_an_item_is_the_same_under_both_names(served: Served, pipeline: Place) -> None:
    renamed = await served.call("PATCH", typed(pipeline), {"description": "ours"})
    under_type = await served.call("GET", typed(pipeline))
    under_items = await served.call("GET", pipeline.path)

    assert renamed.json() == under_type.json() == under_items.json()
    assert (renamed.header("ETag"), under_type.header("ETag")) == ('""', '""')


async def test_the_collection_of_a_type_is_given_page_by_page(small_pages: Served) -> None:
    place = await small_pages.place(item_type="DataPipeline")
    target = f"/v1/workspaces/{place.workspace}/dataPipelines"
    for number in range(4):
        await small_pages.made(target, {"displayName": f"pipeline {number}"})
        await small_pages.item(place.workspace, f"notebook {number}", item_type="Notebook")

    page = (await small_pages.call("GET", target)).json()
    found = [entry["displayName"] for entry in page["value"]]
    while "continuationUri" in page:
        page = (await small_pages.call("GET", page["continuationUri"].removeprefix(f"http://{HOST}"))).json()
        found += [entry["displayName"] for entry in page["value"]]

    assert found == ["sales", *(f"pipeline {number}" for number in range(4))]


async def test_a_definition_is_read_and_written_under_the_type(served: Served, pipeline: Place) -> None:
    written = await served.call("POST", f"{typed(pipeline)}/updateDefinition", {"definition": DEFINITION})
    read = await served.call("POST", f"{typed(pipeline)}/getDefinition")

    assert (written.status, read.status) == (200, 200)
    assert read.json() == {"definition": DEFINITION}


async def test_jobs_run_under_the_type_are_those_of_the_item(served: Served, pipeline: Place) -> None:
    answer = await served.call("POST", f"{typed(pipeline)}/jobs/Pipeline/instances")
    location = str(answer.header("Location"))
    listed = await served.call("GET", f"{typed(pipeline)}/jobs/instances")

    id = location.rpartition("/")[2]
    assert answer.status == 202
    assert location == f"http://{HOST}{pipeline.instance(id)}"
    assert [job["id"] for job in listed.json()["value"]] == [id]


# ---- the same checks as under /items

BELOW: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("PATCH", "", {"displayName": "new"}),
    ("DELETE", "", None),
    ("POST", "/getDefinition", None),
    ("POST", "/updateDefinition", {"definition": DEFINITION}),
    ("GET", "/jobs/instances", None),
    ("GET", "/jobs/instances/{j}", None),
    ("POST", "/jobs/instances/{j}/cancel", None),
    ("POST", "/jobs/Pipeline/instances", None),
    ("POST", "/jobs/instances?jobType=Pipeline", None),
    ("GET", "/jobs/Pipeline/schedules", None),
]


@pytest.mark.parametrize(("method", "below", "body"), BELOW)
@pytest.mark.parametrize("foreign", ["of another type", "of another workspace"])
async def test_another_item_answers_exactly_as_an_unknown_one(
    served: Served, pipeline: Place, method: str, below: str, body: Any, foreign: str
) -> None:
    job = await served.run(pipeline, "Pipeline")
    other = await served.place("other", item_type="Notebook")
    target = (
        typed(pipeline, "notebooks")
        if foreign == "of another type"
        else typed(Place(other.workspace, pipeline.item))
    ) + below.format(j=job)
    before = served.dump()

    answer = await served.call(method, target, body)
    unknown = await served.call(method, target.replace(pipeline.item, NOWHERE), body)

    assert refused(answer, 404, "ItemNotFound")
    assert bytes_but_ids(answer) == bytes_but_ids(unknown)
    assert served.dump() == before


@pytest.mark.parametrize(("method", "below", "body"), BELOW)
async def test_a_collection_that_is_not_published_is_no_address(
    served: Served, pipeline: Place, method: str, below: str, body: Any
) -> None:
    job = await served.run(pipeline, "Pipeline")
    before = served.dump()

    answers = [
        await served.call(method, typed(pipeline, collection) + below.format(j=job), body)
        for collection in ("things", "notebook", "dataPipelines2", "datapipeline%73x", "Notebook")
    ]

    assert all(refused(answer, 404, "EndpointNotFound") for answer in answers)
    assert served.dump() == before


@pytest.mark.parametrize(("method", "below", "body"), [row for row in BELOW if row[0] != "GET"])
async def test_a_viewer_changes_nothing_under_the_type_either(
    served: Served, pipeline: Place, method: str, below: str, body: Any
) -> None:
    job = await served.run(pipeline, "Pipeline")
    viewer = await served.grant(pipeline, "viewer", Role.VIEWER)
    before = served.dump()

    answer = await served.call(method, typed(pipeline) + below.format(j=job), body, token=viewer)

    assert refused(answer, 403, "InsufficientPrivileges")
    assert served.dump() == before


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "dataPipelines"),
        ("POST", "dataPipelines"),
        *((method, f"dataPipelines/{{i}}{below}") for method, below, _ in BELOW),
    ],
)
async def test_the_scopes_of_another_type_do_not_reach(
    served: Served, pipeline: Place, method: str, target: str
) -> None:
    job = await served.run(pipeline, "Pipeline")
    token = served.token("admin", "Notebook.ReadWrite.All", "Notebook.Execute.All")
    path = f"/v1/workspaces/{pipeline.workspace}/{target}".format(i=pipeline.item, j=job)

    answer = await served.call(method, path, {"displayName": "new"}, token=token)

    assert refused(answer, 403, "InsufficientScopes")


async def test_the_scopes_of_the_type_suffice_for_its_collection(served: Served, pipeline: Place) -> None:
    token = served.token("admin", "DataPipeline.ReadWrite.All")

    made = await served.call(
        "POST", f"/v1/workspaces/{pipeline.workspace}/dataPipelines", {"displayName": "new"}, token=token
    )
    listed = await served.call("GET", f"/v1/workspaces/{pipeline.workspace}/dataPipelines", token=token)

    assert made.status == 201
    assert len(listed.json()["value"]) == 2


@pytest.mark.parametrize(
    ("method", "target"), [("GET", "dataPipelines"), ("POST", "dataPipelines"), ("GET", "dataPipelines/{i}")]
)
async def test_a_collection_in_a_foreign_workspace_answers_as_one_in_an_unknown_one(
    served: Served, pipeline: Place, method: str, target: str
) -> None:
    stranger = served.token("stranger")

    foreign, unknown = [
        await served.call(
            method,
            f"/v1/workspaces/{w}/{target}".format(i=pipeline.item),
            {"displayName": "x"},
            token=stranger,
        )
        for w in (pipeline.workspace, NOWHERE)
    ]

    assert refused(foreign, 404, "WorkspaceNotFound")
    assert bytes_but_ids(foreign) == bytes_but_ids(unknown)


@pytest.mark.parametrize("reserved", ["items", "folders", "roleAssignments"])
async def test_no_collection_is_called_as_another_address_is(reserved: str) -> None:
    assert reserved.lower() not in {name.lower() for name in COLLECTIONS.values()}


async def test_a_method_that_a_collection_does_not_have_is_refused(served: Served, pipeline: Place) -> None:
    answer = await served.call("PUT", typed(pipeline))

    assert refused(answer, 405, "MethodNotAllowed")
    assert answer.header("Allow") == "DELETE, GET, PATCH"


@pytest.mark.parametrize(
    ("item_type", "properties"),
    [
        ("Lakehouse", ["oneLakeTablesPath", "oneLakeFilesPath", "sqlEndpointProperties"]),
        ("SparkJobDefinition", ["oneLakeRootPath"]),
    ],
)
async def test_properties_are_shown_under_the_type_and_nowhere_else(
    served: Served, item_type: str, properties: list[str]
) -> None:
    place = await served.place(item_type=item_type)
    collection = COLLECTIONS[item_type]

    one = (await served.call("GET", typed(place, collection))).json()
    [listed] = (await served.call("GET", f"/v1/workspaces/{place.workspace}/{collection}")).json()["value"]
    generic = (await served.call("GET", place.path)).json()

    assert list(one["properties"]) == properties
    assert place.workspace in str(one["properties"])
    assert listed == one
    assert "properties" not in generic
