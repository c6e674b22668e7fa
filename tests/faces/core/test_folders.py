"""Folders of a workspace through Core: made, listed, renamed, moved, deleted, with items in them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faces.core.serving import FORECAST, HOST, NOWHERE, Place, Served
from tests.faces.core.test_isolation import bytes_but_ids, refused
from weft.catalog.folders import DEEPEST
from weft.catalog.model import Role


def folders_of(place: Place) -> str:
    return f"/v1/workspaces/{place.workspace}/folders"


async def made(served: Served, place: Place, name: str, parent: str | None = None, **how: Any) -> str:
    body = {"displayName": name, "parentFolderId": parent}
    return await served.made(folders_of(place), body, **how)


async def names(served: Served, target: str) -> list[str]:
    listed = (await served.call("GET", target)).json()
    return [entry["displayName"] for entry in listed["value"]]


async def test_a_folder_is_made_and_shown_where_the_answer_says(served: Served, place: Place) -> None:
    top = await made(served, place, "Ventes françaises (2)")

    answer = await served.call("POST", folders_of(place), {"displayName": "Q1", "parentFolderId": top})

    below = answer.json()
    location = str(answer.header("Location"))
    assert answer.status == 201
    assert list(below.items()) == [
        ("id", below["id"]),
        ("displayName", "Q1"),
        ("parentFolderId", top),
        ("workspaceId", place.workspace),
    ]
    assert location == f"http://{HOST}{folders_of(place)}/{below['id']}"
    assert (await served.call("GET", location.removeprefix(f"http://{HOST}"))).json() == below


async def test_folders_are_listed_deep_unless_asked_otherwise(served: Served, place: Place) -> None:
    one = await made(served, place, "one")
    two = await made(served, place, "two", one)
    await made(served, place, "three", two)
    await made(served, place, "four")
    target = folders_of(place)

    assert await names(served, target) == ["one", "two", "three", "four"]
    assert await names(served, f"{target}?recursive=True") == ["one", "two", "three", "four"]
    assert await names(served, f"{target}?recursive=false") == ["one", "four"]
    assert await names(served, f"{target}?rootFolderId={one.upper()}") == ["two", "three"]
    assert await names(served, f"{target}?rootFolderId={one}&recursive=False") == ["two"]


@pytest.mark.parametrize("chosen", ["", "recursive=true", "rootFolderId={root}", "recursive=False"])
async def test_folders_and_items_are_given_page_by_page(small_pages: Served, chosen: str) -> None:
    place = await small_pages.place()
    root = await made(small_pages, place, "root")
    inside = {"parentFolderId": root} if "root" in chosen else {}
    for number in range(5):
        await small_pages.made(folders_of(place), {"displayName": f"folder {number}", **inside})
        folder = {"folderId": root} if inside else {}
        body = {"displayName": f"item {number}", "type": FORECAST, **folder}
        await small_pages.made(f"/v1/workspaces/{place.workspace}/items", body)

    for kind in ("folder", "item"):
        target = f"/v1/workspaces/{place.workspace}/{kind}s?{chosen.format(root=root)}"
        found = await names(small_pages, target)
        page = (await small_pages.call("GET", target)).json()
        assert len(found) == 2
        while "continuationUri" in page:
            page = (
                await small_pages.call("GET", page["continuationUri"].removeprefix(f"http://{HOST}"))
            ).json()
            found += [entry["displayName"] for entry in page["value"]]
        assert [name for name in found if name.startswith(kind)] == [f"{kind} {n}" for n in range(5)]


async def test_a_token_of_one_place_is_not_good_for_another(small_pages: Served) -> None:
    place = await small_pages.place()
    for number in range(3):
        await made(small_pages, place, f"folder {number}")
    target = folders_of(place)
    token = (await small_pages.call("GET", target)).json()["continuationToken"]

    answer = await small_pages.call("GET", f"{target}?recursive=false&continuationToken={token}")

    assert refused(answer, 400, "InvalidInput")


async def test_a_folder_takes_another_name(served: Served, place: Place) -> None:
    folder = await made(served, place, "one")
    await made(served, place, "two")

    renamed = await served.call("PATCH", f"{folders_of(place)}/{folder}", {"displayName": "three"})
    taken = await served.call("PATCH", f"{folders_of(place)}/{folder}", {"displayName": "two"})

    assert (renamed.status, renamed.json()["displayName"]) == (200, "three")
    assert refused(taken, 409, "FolderDisplayNameAlreadyInUse")
    assert await names(served, folders_of(place)) == ["three", "two"]


async def test_a_folder_moves_with_what_lies_in_it(served: Served, place: Place) -> None:
    one, two = await made(served, place, "one"), await made(served, place, "two")
    await made(served, place, "three", two)

    moved = await served.call("POST", f"{folders_of(place)}/{two}/move", {"targetFolderId": one})
    inside = await names(served, f"{folders_of(place)}?rootFolderId={one}")
    loop = await served.call("POST", f"{folders_of(place)}/{one}/move", {"targetFolderId": two})
    back = await served.call("POST", f"{folders_of(place)}/{two}/move")

    assert (moved.status, moved.json()["parentFolderId"]) == (200, one)
    assert inside == ["two", "three"]
    assert refused(loop, 400, "InfiniteFolderHierarchyLoop")
    assert back.status == 200
    assert "parentFolderId" not in back.json()


async def test_folders_lie_ten_deep_and_no_deeper(served: Served, place: Place) -> None:
    parent = None
    for level in range(DEEPEST):
        parent = await made(served, place, f"level {level}", parent)

    answer = await served.call(
        "POST", folders_of(place), {"displayName": "one too many", "parentFolderId": parent}
    )

    assert DEEPEST == 10
    assert refused(answer, 400, "FolderDepthOutOfRange")


async def test_only_an_empty_folder_is_deleted(served: Served, place: Place) -> None:
    folder = await made(served, place, "one")
    target = f"{folders_of(place)}/{folder}"
    items = f"/v1/workspaces/{place.workspace}/items"
    item = await served.made(items, {"displayName": "x", "type": FORECAST, "folderId": folder})

    full = await served.call("DELETE", target)
    await served.call("DELETE", f"{items}/{item}")
    deleted = await served.call("DELETE", target)
    again = await served.call("DELETE", target)

    assert refused(full, 400, "FolderNotEmpty")
    assert full.json()["relatedResource"] == {"resourceId": folder, "resourceType": "Folder"}
    assert (deleted.status, deleted.body) == (200, b"")
    assert refused(again, 404, "FolderNotFound")


async def test_items_lie_in_folders_and_move_between_them(served: Served, place: Place) -> None:
    one = await made(served, place, "one")
    two = await made(served, place, "two", one)
    items = f"/v1/workspaces/{place.workspace}/items"
    body = {"displayName": "inside", "type": FORECAST, "folderId": two.upper()}

    item = (await served.call("POST", items, body)).json()
    listed = [
        await names(served, f"{items}?{query}")
        for query in (
            f"rootFolderId={one}",
            f"rootFolderId={one}&recursive=false",
            "recursive=False",
            f"type={FORECAST}",
        )
    ]
    moved = await served.call("POST", f"{items}/{item['id']}/move", {"targetFolderId": one})
    shown = (await served.call("GET", f"{items}/{item['id']}")).json()
    top = await served.call("POST", f"{items}/{item['id']}/move", {})

    assert list(item)[-1] == "folderId"
    assert item["folderId"] == two
    assert listed == [["inside"], [], ["sales"], ["sales", "inside"]]
    assert moved.json() == {"value": [shown]}
    assert shown["folderId"] == one
    assert "folderId" not in top.json()["value"][0]


async def test_an_empty_id_means_no_folder(served: Served, place: Place) -> None:
    items = f"/v1/workspaces/{place.workspace}/items"
    folder = await made(served, place, "one")

    item = await served.call(
        "POST", items, {"displayName": "inside", "type": FORECAST, "folderId": "", "creationPayload": {}}
    )
    await served.call("POST", f"{place.path}/move", {"targetFolderId": folder})
    moved = await served.call("POST", f"{place.path}/move", {"targetFolderId": ""})

    assert "folderId" not in item.json()
    assert "folderId" not in moved.json()["value"][0]


async def test_a_renamed_item_stays_in_its_folder(served: Served, place: Place) -> None:
    folder = await made(served, place, "one")
    await served.call("POST", f"{place.path}/move", {"targetFolderId": folder})

    renamed = await served.call("PATCH", place.path, {"displayName": "costs"})

    assert renamed.json()["folderId"] == folder


async def test_deleting_a_workspace_deletes_its_folders(served: Served, place: Place) -> None:
    folder = await made(served, place, "one")
    await made(served, place, "two", folder)
    await served.call("POST", f"{place.path}/move", {"targetFolderId": folder})

    answer = await served.call("DELETE", f"/v1/workspaces/{place.workspace}")

    assert answer.status == 200
    assert served.dump()["folders"] == []


# ---- who may what

CHANGES: list[tuple[str, str, Any]] = [
    ("POST", "", {"displayName": "new"}),
    ("PATCH", "/{f}", {"displayName": "new"}),
    ("POST", "/{f}/move", {}),
    ("DELETE", "/{f}", None),
]
CALLS = [*CHANGES, ("GET", "", None), ("GET", "/{f}", None)]


@pytest.mark.parametrize(("method", "target", "body"), CHANGES)
async def test_a_viewer_sees_folders_and_changes_none(
    served: Served, place: Place, method: str, target: str, body: Any
) -> None:
    folder = await made(served, place, "one")
    viewer = await served.grant(place, "viewer", Role.VIEWER)
    before = served.dump()

    answer = await served.call(method, folders_of(place) + target.format(f=folder), body, token=viewer)

    assert refused(answer, 403, "InsufficientPrivileges")
    assert (await served.call("GET", f"{folders_of(place)}/{folder}", token=viewer)).status == 200
    assert (await served.call("GET", folders_of(place), token=viewer)).status == 200
    assert served.dump() == before


@pytest.mark.parametrize(("method", "target", "body"), [*CHANGES, ("POST", "/../items/{i}/move", {})])
async def test_folders_are_changed_with_the_scope_of_workspaces(
    served: Served, place: Place, method: str, target: str, body: Any
) -> None:
    folder = await made(served, place, "one")
    reader = served.token("admin", "Workspace.Read.All", "Item.ReadWrite.All")
    path = (folders_of(place) + target.format(f=folder, i=place.item)).replace("/folders/..", "")

    answer = await served.call(method, path, body, token=reader)

    assert refused(answer, 403, "InsufficientScopes")
    assert (await served.call("GET", folders_of(place), token=reader)).status == 200


@pytest.mark.parametrize(("method", "target", "body"), [call for call in CALLS if "{f}" in call[1]])
async def test_a_folder_of_another_workspace_answers_exactly_as_an_unknown_one(
    served: Served, place: Place, method: str, target: str, body: Any
) -> None:
    other = await served.place("other")
    folder = await made(served, other, "one")
    before = served.dump()

    foreign = await served.call(method, folders_of(place) + target.format(f=folder), body)
    unknown = await served.call(method, folders_of(place) + target.format(f=NOWHERE), body)

    assert refused(foreign, 404, "FolderNotFound")
    assert bytes_but_ids(foreign) == bytes_but_ids(unknown)
    assert served.dump() == before


@pytest.mark.parametrize(
    ("method", "target", "field"),
    [
        ("POST", "folders", "parentFolderId"),
        ("POST", "folders/{f}/move", "targetFolderId"),
        ("POST", "items", "folderId"),
        ("POST", "items/{i}/move", "targetFolderId"),
        ("GET", "folders?rootFolderId={field}", ""),
        ("GET", "items?rootFolderId={field}", ""),
        ("GET", "notebooks?rootFolderId={field}", ""),
        ("POST", "notebooks", "folderId"),
    ],
)
async def test_a_target_in_another_workspace_answers_exactly_as_an_unknown_one(
    served: Served, place: Place, method: str, target: str, field: str
) -> None:
    other = await served.place("other")
    foreign_folder, own = await made(served, other, "one"), await made(served, place, "two")
    before = served.dump()

    async def answered(folder: str) -> Any:
        path = f"/v1/workspaces/{place.workspace}/{target}".format(f=own, i=place.item, field=folder)
        body = {"displayName": "x", "type": "Notebook", field: folder} if field else None
        return await served.call(method, path, body)

    foreign, unknown = await answered(foreign_folder), await answered(NOWHERE)

    assert refused(foreign, 404, "FolderNotFound")
    assert bytes_but_ids(foreign) == bytes_but_ids(unknown)
    assert served.dump() == before


@pytest.mark.parametrize(("method", "target", "body"), CALLS)
async def test_folders_of_a_foreign_workspace_answer_exactly_as_those_of_an_unknown_one(
    served: Served, place: Place, method: str, target: str, body: Any
) -> None:
    folder = await made(served, place, "one")
    stranger = served.token("stranger")
    nowhere = Place(NOWHERE, place.item)

    foreign = await served.call(method, folders_of(place) + target.format(f=folder), body, token=stranger)
    unknown = await served.call(method, folders_of(nowhere) + target.format(f=folder), body, token=stranger)

    assert refused(foreign, 404, "WorkspaceNotFound")
    assert bytes_but_ids(foreign) == bytes_but_ids(unknown)
