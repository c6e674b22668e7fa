"""Long-running operations through Core: what begins one, its state, its result, and whose it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.faces.core.serving import FORECAST, HOST, NOWHERE, Place, Served
from tests.faces.core.test_isolation import OTHER_TENANT, bytes_but_ids, refused
from tests.transcripts.player import Answer
from weft.catalog import exports, operations
from weft.catalog.catalog import Catalog
from weft.catalog.model import Role

PART = {"path": "notebook-content.py", "payload": "eA==", "payloadType": "InlineBase64"}
DEFINITION = {"parts": [PART]}
OTHER = {"parts": [{**PART, "payload": "eQ=="}]}


@pytest.fixture
async def notebook(served: Served) -> Place:
    return await served.place(item_type="Notebook")


def begun(answer: Answer) -> str:
    """Return the address of an operation, as an answer of the service tells it."""
    id = answer.header("x-ms-operation-id")
    assert answer.status == 202, answer.body
    assert answer.body == b"null"
    assert answer.header("Content-Type") == "application/json; charset=utf-8"
    assert answer.header("Location") == f"http://{HOST}/v1/operations/{id}"
    assert answer.header("Retry-After") == "20"
    return f"/v1/operations/{id}"


async def creates(served: Served, place: Place, name: str = "new", **more: Any) -> str:
    body = {"displayName": name, "type": "Notebook", "definition": DEFINITION, **more}
    return begun(await served.call("POST", f"/v1/workspaces/{place.workspace}/items", body))


async def test_a_notebook_with_a_definition_is_there_when_its_operation_is_told(
    served: Served, place: Place
) -> None:
    operation = await creates(served, place)

    state = await served.call("GET", operation)
    result = await served.call("GET", f"{operation}/result")
    item = result.json()
    assert list(state.json().items()) == [
        ("status", "Succeeded"),
        ("createdTimeUtc", "2026-04-27T07:11:35.247"),
        ("lastUpdatedTimeUtc", "2026-04-27T07:11:35.247"),
        ("percentComplete", 100),
        ("error", None),
    ]
    assert state.header("Location") == f"http://{HOST}{operation}/result"
    assert state.header("Retry-After") is None
    assert result.header("Content-Type") == "application/json"
    shown = await served.call("GET", f"/v1/workspaces/{place.workspace}/items/{item['id']}")
    assert item == shown.json()


@pytest.mark.parametrize(
    ("item_type", "definition", "status"),
    [
        ("Notebook", None, 201),
        ("Notebook", DEFINITION, 202),
        ("DataPipeline", DEFINITION, 201),
        ("SparkJobDefinition", DEFINITION, 201),
        (FORECAST, DEFINITION, 201),
    ],
)
async def test_only_notebooks_with_a_definition_are_made_by_an_operation(
    served: Served, place: Place, item_type: str, definition: Any, status: int
) -> None:
    body = {"displayName": "new", "type": item_type, "definition": definition}

    answer = await served.call("POST", f"/v1/workspaces/{place.workspace}/items", body)

    assert answer.status == status


async def test_what_cannot_be_made_begins_no_operation(served: Served, notebook: Place) -> None:
    body = {"displayName": "sales", "type": "Notebook", "definition": DEFINITION}

    taken = await served.call("POST", f"/v1/workspaces/{notebook.workspace}/items", body)

    assert refused(taken, 400, "ItemDisplayNameAlreadyInUse")
    assert served.dump()["operations"] == []


async def test_the_definition_of_a_notebook_is_the_result_of_an_operation(
    served: Served, notebook: Place
) -> None:
    changed = begun(
        await served.call("POST", f"{notebook.path}/updateDefinition", {"definition": DEFINITION})
    )
    read = begun(await served.call("POST", f"{notebook.path}/getDefinition"))

    assert (await served.call("GET", f"{read}/result")).json() == {"definition": DEFINITION}
    assert refused(await served.call("GET", f"{changed}/result"), 400, "OperationHasNoResult")
    states = [await served.call("GET", operation) for operation in (changed, read)]
    assert [one.json()["status"] for one in states] == ["Succeeded", "Succeeded"]
    # fabric-cicd fetches whatever a finished operation names.
    assert [one.header("Location") for one in states] == [None, f"http://{HOST}{read}/result"]


async def test_a_result_is_as_old_as_its_answer(served: Served, notebook: Place) -> None:
    read = begun(await served.call("POST", f"{notebook.path}/getDefinition"))

    await served.call("POST", f"{notebook.path}/updateDefinition", {"definition": OTHER})
    changed = await served.call("GET", f"{read}/result")
    await served.call("DELETE", notebook.path)
    gone = await served.call("GET", f"{read}/result")

    assert changed.json() == {"definition": OTHER}
    assert refused(gone, 404, "ItemNotFound")


async def test_who_has_lost_the_role_gets_no_result(served: Served, notebook: Place) -> None:
    contributor = await served.grant(notebook, "contributor", Role.CONTRIBUTOR)
    read = begun(await served.call("POST", f"{notebook.path}/getDefinition", token=contributor))
    exported = begun(
        await served.call(
            "POST",
            f"/v1/workspaces/{notebook.workspace}/items/bulkExportDefinitions",
            {"mode": "All"},
            token=contributor,
        )
    )
    await served.store.change_role(notebook.workspace, served.known(contributor).id, Role.VIEWER)

    answers = [
        await served.call("GET", f"{operation}/result", token=contributor) for operation in (read, exported)
    ]

    assert all(refused(answer, 403, "InsufficientPrivileges") for answer in answers)


async def test_a_result_needs_the_scopes_of_what_was_asked_for(served: Served, notebook: Place) -> None:
    read = begun(await served.call("POST", f"{notebook.path}/getDefinition"))
    reader = served.token("admin", "Item.Read.All")

    answer = await served.call("GET", f"{read}/result", token=reader)

    assert refused(answer, 403, "InsufficientScopes")
    assert (await served.call("GET", read, token=reader)).status == 200


@pytest.mark.parametrize("of", ["", "/result"])
@pytest.mark.parametrize("stranger", ["another user", "an app", "one of another tenant"])
async def test_an_operation_of_somebody_else_answers_exactly_as_an_unknown_one(
    served: Served, place: Place, of: str, stranger: str
) -> None:
    operation = await creates(served, place)
    await served.grant(place, "member", Role.MEMBER)
    token = {
        "another user": served.token("member"),
        "an app": served.token("admin", app=True),
        "one of another tenant": served.token("admin", tenant=OTHER_TENANT),
    }[stranger]
    before = served.dump()

    foreign = await served.call("GET", f"{operation}{of}", token=token)
    unknown = await served.call("GET", f"/v1/operations/{NOWHERE}{of}", token=token)

    assert refused(foreign, 404, "OperationNotFound")
    assert bytes_but_ids(foreign) == bytes_but_ids(unknown)
    assert served.dump() == before


async def test_an_operation_is_forgotten_after_a_day(served: Served, place: Place) -> None:
    operation = await creates(served, place)
    served.clock.time += timedelta(days=1)
    known = await served.call("GET", operation)

    served.clock.time += timedelta(seconds=1)
    late = await served.call("GET", operation)
    kept = len(served.dump()["operations"])
    await Catalog(served.store, served.engine, served.clock, stop_seconds=0).sweep()

    assert known.status == 200
    assert refused(late, 404, "OperationNotFound")
    assert (kept, len(served.dump()["operations"])) == (1, 0)


async def test_all_old_operations_are_forgotten_however_many_there_are(
    served: Served, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await creates(served, place, f"new {number}")
    served.clock.time += timedelta(days=2)
    await creates(served, place, "late")
    monkeypatch.setattr(operations, "FORGOTTEN_AT_ONCE", 1)

    await Catalog(served.store, served.engine, served.clock, stop_seconds=0).sweep()

    assert len(served.dump()["operations"]) == 1


# ---- definitions of many items


def export(place: Place) -> str:
    return f"/v1/workspaces/{place.workspace}/items/bulkExportDefinitions"


async def test_definitions_are_exported_with_the_folders_that_items_lie_in(
    served: Served, place: Place
) -> None:
    folders = f"/v1/workspaces/{place.workspace}/folders"
    top = await served.made(folders, {"displayName": "Folder1"})
    below = await served.made(folders, {"displayName": "Folder2", "parentFolderId": top})
    await creates(served, place, "../up", folderId=below)
    await creates(served, place, "plain")
    ids = {
        entry["displayName"]: entry["id"]
        for entry in (await served.call("GET", f"{folders[:-7]}notebooks")).json()["value"]
    }

    whole = begun(await served.call("POST", f"{export(place)}?beta=true", {"mode": "All", "items": []}))
    one = begun(
        await served.call("POST", export(place), {"mode": "Selective", "items": [{"id": ids["plain"]}]})
    )

    plain = {**PART, "path": "/plain.Notebook/notebook-content.py"}
    assert (await served.call("GET", f"{whole}/result")).json() == {
        "itemDefinitionsIndex": [
            {"id": ids["../up"], "rootPath": "/Folder1/Folder2/.._up.Notebook"},
            {"id": ids["plain"], "rootPath": "/plain.Notebook"},
        ],
        "definitionParts": [{**PART, "path": "/Folder1/Folder2/.._up.Notebook/notebook-content.py"}, plain],
    }
    assert (await served.call("GET", f"{one}/result")).json() == {
        "itemDefinitionsIndex": [{"id": ids["plain"], "rootPath": "/plain.Notebook"}],
        "definitionParts": [plain],
    }


async def test_what_is_too_much_to_export_at_once_is_refused(
    served: Served, notebook: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = begun(await served.call("POST", export(notebook), {"mode": "All"}))
    await served.call("POST", f"{notebook.path}/updateDefinition", {"definition": DEFINITION})
    monkeypatch.setattr(exports, "MOST_BYTES", 10)

    asked = await served.call("POST", export(notebook), {"mode": "All"})
    grown = await served.call("GET", f"{whole}/result")

    assert refused(asked, 400, "ExportTooLarge")
    assert refused(grown, 400, "ExportTooLarge")


async def test_an_item_of_another_workspace_is_exported_as_an_unknown_one(
    served: Served, notebook: Place
) -> None:
    other = await served.place("other")
    before = served.dump()

    foreign, unknown = [
        await served.call("POST", export(other), {"mode": "Selective", "items": [{"id": id}]})
        for id in (notebook.item, NOWHERE)
    ]

    assert refused(foreign, 404, "ItemNotFound")
    assert bytes_but_ids(foreign) == bytes_but_ids(unknown)
    assert served.dump() == before


async def test_definitions_are_exported_by_contributors_with_the_generic_scope_only(
    served: Served, notebook: Place
) -> None:
    viewer = await served.grant(notebook, "viewer", Role.VIEWER)
    typed = served.token("admin", "Notebook.ReadWrite.All")

    assert refused(
        await served.call("POST", export(notebook), {"mode": "All"}, token=viewer),
        403,
        "InsufficientPrivileges",
    )
    assert refused(
        await served.call("POST", export(notebook), {"mode": "All"}, token=typed), 403, "InsufficientScopes"
    )


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/items"), ("GET", "/notebooks"), ("POST", "/items/{i}/getDefinition"), ("GET", "/folders")],
)
async def test_no_other_address_has_a_preview_form(
    served: Served, notebook: Place, method: str, target: str
) -> None:
    path = f"/v1/workspaces/{notebook.workspace}{target}".format(i=notebook.item)

    answer = await served.call(method, f"{path}?beta=true")

    assert refused(answer, 400, "InvalidInput")
