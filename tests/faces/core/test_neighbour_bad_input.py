"""Bad input to what lies around jobs: folders, capacities, collections of types, operations, exports.

Each case: the right status and code in the envelope, no 5xx, and every table is as it was.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faces.core.serving import Place, Served
from tests.faces.core.test_bad_input import FOLDER_IDS, NAMES, NO_STRICT_JSON, PART, TOKENS, UUIDS, Case
from tests.transcripts.clients import InProcess
from tests.transcripts.player import Request

WORKSPACES = "/v1/workspaces"
WORKSPACE = f"{WORKSPACES}/{{w}}"
ASSIGN = f"{WORKSPACE}/assignToCapacity"
FOLDERS = f"{WORKSPACE}/folders"
FOLDER = f"{FOLDERS}/{{f}}"
MOVE_FOLDER = f"{FOLDER}/move"
ITEMS = f"{WORKSPACE}/items"
MOVE_ITEM = f"{ITEMS}/{{i}}/move"
EXPORT = f"{ITEMS}/bulkExportDefinitions"
NOTEBOOKS = f"{WORKSPACE}/notebooks"
NOTEBOOK = f"{NOTEBOOKS}/{{i}}"
OPERATION = "/v1/operations/{id}"
CAPACITY = "/v1/capacities/{id}"
NAME = "InvalidFolderDisplayName"

GOOD: dict[str, tuple[str, dict[str, Any]]] = {
    WORKSPACE: ("PATCH", {"displayName": "x"}),
    ASSIGN: ("POST", {}),
    FOLDERS: ("POST", {"displayName": "x"}),
    FOLDER: ("PATCH", {"displayName": "x"}),
    MOVE_FOLDER: ("POST", {}),
    MOVE_ITEM: ("POST", {}),
    EXPORT: ("POST", {"mode": "All"}),
    NOTEBOOKS: ("POST", {"displayName": "x"}),
    NOTEBOOK: ("PATCH", {"displayName": "x"}),
}


def short(target: str) -> str:
    return target.removeprefix(f"{WORKSPACE}/") or "workspace"


def of(target: str, field: str, code: str = "InvalidInput", **values: Any) -> list[Case]:
    """One case a value of *field* in an otherwise good body."""
    method, good = GOOD[target]
    return [
        Case(
            f"{short(target)} {field}: {name}",
            method,
            target,
            json.dumps({**good, field: value}).encode(),
            code=code,
            field=field if code == "InvalidInput" else "",
        )
        for name, value in values.items()
    ]


# All bodies are read by one function, so each operation but the first is asked only whether it uses it.
BROKEN = [
    Case(f"{short(target)}: {name}", method, target, body)
    for target, (method, _) in GOOD.items()
    for name, body in NO_STRICT_JSON.items()
    if target == FOLDERS or name in ("a member twice", "UTF-16", "an array")
]
NO_BODY = {"no body": b"", "null": b"null", "a string of an object": b'"{}"'}
NEEDS_BODY = [
    Case(f"{short(target)}: {name}", GOOD[target][0], target, body)
    for target in (WORKSPACE, ASSIGN, FOLDERS, FOLDER, EXPORT, NOTEBOOKS, NOTEBOOK)
    for name, body in NO_BODY.items()
]

NO_TEXT = {name: NAMES[name] for name in ("null", "number", "boolean", "object", "array")}
TEXT = {name: value for name, value in NAMES.items() if name not in NO_TEXT and "257" not in name}
FOLDER_NAMES: dict[str, Any] = {
    **TEXT,
    "of_256_characters": "x" * 256,
    "leading_space": " x",
    "trailing_space": "x ",
    "trailing_no_break_space": "x\u00a0",
    "dots": "..",
    "slash": "a/b",
    "backslash": "a\\b",
    "reserved": "$Recycle.Bin",
    "reserved_recycler": "RECYCLER",
    **{f"character_{ord(character)}": f"a{character}b" for character in '~"#.%&*:<>?{|}'},
}
FOLDERS_CASES = [
    *of(FOLDERS, "displayName", **NO_TEXT),
    *of(FOLDERS, "displayName", NAME, **FOLDER_NAMES),
    *of(FOLDERS, "parentFolderId", **FOLDER_IDS),
    *of(FOLDER, "displayName", **NO_TEXT),
    *of(FOLDER, "displayName", NAME, **FOLDER_NAMES),
    *of(MOVE_FOLDER, "targetFolderId", **FOLDER_IDS),
    *of(MOVE_ITEM, "targetFolderId", **FOLDER_IDS),
    Case("folder: no displayName", "POST", FOLDERS, b"{}", field="displayName"),
    Case("folder: displayname", "POST", FOLDERS, b'{"displayname": "x"}', field="displayName"),
    Case("rename: no displayName", "PATCH", FOLDER, b"{}", field="displayName"),
    Case(
        "folder: a name that is taken",
        "POST",
        FOLDERS,
        b'{"displayName": "taken"}',
        409,
        "FolderDisplayNameAlreadyInUse",
    ),
    Case("delete: not empty", "DELETE", FOLDER, b"", 400, "FolderNotEmpty"),
    Case(
        "move: into itself",
        "POST",
        MOVE_FOLDER,
        b'{"targetFolderId": "{f}"}',
        400,
        "InfiniteFolderHierarchyLoop",
    ),
]
WORKSPACE_CASES = [
    *of(WORKSPACE, "displayName", **{name: value for name, value in NAMES.items() if name != "null"}),
    *of(WORKSPACE, "description", number=5, array=[], of_4001_characters="x" * 4001),
    *of(ASSIGN, "capacityId", null=None, **UUIDS),
    Case("workspace: nothing", "PATCH", WORKSPACE, b"{}", field="displayName"),
    Case("workspace: only null", "PATCH", WORKSPACE, b'{"displayName": null}', field="displayName"),
    Case("assign: no capacityId", "POST", ASSIGN, b"{}", field="capacityId"),
]
TYPED_CASES = [
    *of(NOTEBOOKS, "displayName", **NAMES),
    *of(NOTEBOOKS, "description", number=5, array=[], of_257_characters="x" * 257),
    *of(NOTEBOOKS, "folderId", **FOLDER_IDS),
    *of(NOTEBOOKS, "type", number=5, empty="", another="DataPipeline", look_alike="N\u043etebook"),
    *of(NOTEBOOKS, "creationPayload", number=5, text="{}", array=[]),
    *of(NOTEBOOKS, "definition", number=5, text="{}", array=[]),
    *of(NOTEBOOK, "displayName", **{name: value for name, value in NAMES.items() if name != "null"}),
    Case("notebook: nothing", "PATCH", NOTEBOOK, b"{}", field="displayName"),
    Case(
        "notebook: a path that leads out",
        "POST",
        NOTEBOOKS,
        json.dumps({"displayName": "x", "definition": {"parts": [{**PART, "path": "../x"}]}}).encode(),
        field="definition.parts[0].path",
    ),
]
EXPORT_CASES = [
    *of(EXPORT, "mode", null=None, number=1, empty="", unknown="Some", other_case="all"),
    *of(EXPORT, "items", number=1, object={}, text="x", too_many=[{"id": "x"}] * 1001),
    Case("export: no mode", "POST", EXPORT, b'{"items": []}', field="mode"),
    Case("export: selects nothing", "POST", EXPORT, b'{"mode": "Selective", "items": []}', field="items"),
    Case("export: no items", "POST", EXPORT, b'{"mode": "Selective"}', field="items"),
    *(
        Case(
            f"export: id {name}",
            "POST",
            EXPORT,
            json.dumps({"mode": "Selective", "items": [{"id": value}]}).encode(),
            field="items[0].id",
        )
        for name, value in UUIDS.items()
    ),
]

IDS = {
    "no uuid": "x",
    "braces": "%7B63f77191-432d-4ee6-9c5f-31a1a6987072%7D",
    "no hyphens": "63f77191432d4ee69c5f31a1a6987072",
    "full width": "%EF%BC%96f77191-432d-4ee6-9c5f-31a1a698707",
    "NUL": "63f77191-432d-4ee6-9c5f-31a1a698707%00",
    "a line break": "63f77191-432d-4ee6-9c5f-31a1a6987072%0A",
    "SQL": "%27%3B--",
}
PATHS = [
    Case(f"{method} {target}: {name}", method, target.replace("{id}", id), field=field)
    for method, target, field in (
        ("GET", OPERATION, "operationId"),
        ("GET", f"{OPERATION}/result", "operationId"),
        ("GET", CAPACITY, "capacityId"),
        ("GET", f"{FOLDERS}/{{id}}", "folderId"),
        ("DELETE", f"{FOLDERS}/{{id}}", "folderId"),
        ("POST", f"{FOLDERS}/{{id}}/move", "folderId"),
        ("GET", f"{NOTEBOOKS}/{{id}}", "itemId"),
        ("POST", f"{NOTEBOOKS}/{{id}}/getDefinition", "itemId"),
        ("GET", f"{NOTEBOOKS}/{{id}}/jobs/instances", "itemId"),
        ("POST", f"{WORKSPACES}/{{id}}/unassignFromCapacity", "workspaceId"),
        ("GET", f"{WORKSPACES}/{{id}}/folders", "workspaceId"),
        ("GET", f"{WORKSPACES}/{{id}}/notebooks", "workspaceId"),
    )
    for name, id in IDS.items()
]
BAD_RECURSIVE = {"empty": "", "1": "1", "yes": "yes", "a look-alike": "%D0%A2rue", "space": "true%20"}
LISTS = [
    *(
        Case(f"{short(target)} recursive: {name}", "GET", f"{target}?recursive={value}", field="recursive")
        for target in (FOLDERS, ITEMS, NOTEBOOKS)
        for name, value in BAD_RECURSIVE.items()
    ),
    *(
        Case(
            f"{short(target)} rootFolderId: {name}",
            "GET",
            f"{target}?rootFolderId={id}",
            field="rootFolderId",
        )
        for target in (FOLDERS, ITEMS, NOTEBOOKS)
        for name, id in {"empty": "", **IDS}.items()
    ),
    *(
        Case(
            f"{short(target)} token: {name}",
            "GET",
            f"{target}?continuationToken={token}",
            field="continuationToken",
        )
        for target in (FOLDERS, NOTEBOOKS)
        for name, token in TOKENS.items()
    ),
    Case("recursive twice", "GET", f"{FOLDERS}?recursive=true&recursive=true", field="recursive"),
    *(
        Case(f"roles: {name}", "GET", f"{WORKSPACES}?roles={roles}", code="InvalidParameter")
        for name, roles in {
            "empty": "",
            "unknown": "Owner",
            "one of two": "Admin,Owner",
            "a comma behind": "Admin,",
            "a number": "4",
            "a look-alike": "%D0%90dmin",
            "NUL": "Admin%00",
            "long": "x" * 5000,
        }.items()
    ),
    Case("roles twice", "GET", f"{WORKSPACES}?roles=Admin&roles=Admin", field="roles"),
]

CASES = [
    *BROKEN,
    *NEEDS_BODY,
    *FOLDERS_CASES,
    *WORKSPACE_CASES,
    *TYPED_CASES,
    *EXPORT_CASES,
    *PATHS,
    *LISTS,
]


def test_there_are_at_least_eighty_cases_and_each_is_its_own() -> None:
    assert len(CASES) >= 80
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.fixture
async def notebook(served: Served) -> Place:
    return await served.place(item_type="Notebook")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_bad_input_is_refused_in_the_envelope_and_changes_nothing(
    served: Served, notebook: Place, case: Case
) -> None:
    folders = FOLDERS.replace("{w}", notebook.workspace)
    folder = await served.made(folders, {"displayName": "taken"})
    await served.made(folders, {"displayName": "inside", "parentFolderId": folder})
    ids = {"{w}": notebook.workspace, "{i}": notebook.item, "{f}": folder}
    target, body = case.target, case.body
    for name, id in ids.items():
        target, body = target.replace(name, id), body.replace(name.encode(), id.encode())
    headers = {"Authorization": f"Bearer {served.token()}", "Content-Type": "application/json"}
    served.owner.heard.clear()
    before = kept(served)

    answer = await InProcess(served.app).send(Request(case.method, target, tuple(headers.items()), body))

    error = answer.json()
    assert (answer.status, error["errorCode"]) == (case.status, case.code), answer.body
    assert answer.header("x-ms-public-api-error-code") == case.code
    assert error["requestId"] == answer.header("RequestId")
    assert error["message"].isprintable()
    assert len(answer.body) < 2000
    if case.field:
        assert error["moreDetails"][0]["relatedResource"]["resourceId"] == case.field
        assert case.field in error["message"]
    assert kept(served) == before
    assert served.owner.heard == []


def kept(served: Served) -> dict[str, list[Any]]:
    """Return every row of every table but the one in which SQLite counts, also what it then refuses."""
    return {name: rows for name, rows in served.dump().items() if name != "sqlite_sequence"}


@pytest.mark.parametrize(
    "name",
    ["Ventes françaises", "90 - Torture Chamber", "a_b", "a+b", "a (2)", "x" * 255, "🚀" * 255, "a;b'c"],
)
async def test_a_folder_name_that_only_looks_bad_is_kept_as_it_is(
    served: Served, notebook: Place, name: str
) -> None:
    answer = await served.call("POST", FOLDERS.replace("{w}", notebook.workspace), {"displayName": name})

    assert (answer.status, answer.json()["displayName"]) == (201, name)
