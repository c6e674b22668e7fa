"""Making, listing, showing and deleting workspaces and items through Core."""

from __future__ import annotations

import pytest

from tests.faces.core.serving import FORECAST, HOST, NOWHERE, Served


async def test_a_workspace_is_made_and_shown_where_the_answer_says(served: Served) -> None:
    answer = await served.call(
        "POST", "/v1/workspaces", {"displayName": "plans", "description": "ours", "capacityId": None}
    )

    made = answer.json()
    location = str(answer.header("Location"))
    shown = await served.call("GET", location.removeprefix(f"http://{HOST}"))
    assert answer.status == 201
    assert list(made.items()) == [
        ("id", made["id"]),
        ("displayName", "plans"),
        ("description", "ours"),
        ("type", "Workspace"),
    ]
    assert location == f"http://{HOST}/v1/workspaces/{made['id']}"
    assert answer.header("Access-Control-Expose-Headers") == "RequestId,Location"
    assert shown.json() == made


async def test_a_description_that_was_not_given_is_not_shown(served: Served) -> None:
    answer = await served.call("POST", "/v1/workspaces", {"displayName": "plans"})

    assert list(answer.json()) == ["id", "displayName", "type"]


async def test_an_item_is_made_with_the_registered_spelling_of_its_type(served: Served) -> None:
    workspace = await served.made("/v1/workspaces", {"displayName": "plans"})

    answer = await served.call(
        "POST",
        f"/v1/workspaces/{workspace}/items",
        {"displayName": "Verkäufe 🚀", "type": FORECAST.upper(), "folderId": None, "unknown": [1]},
    )

    made = answer.json()
    assert answer.status == 201
    assert list(made.items()) == [
        ("id", made["id"]),
        ("type", FORECAST),
        ("displayName", "Verkäufe 🚀"),
        ("workspaceId", workspace),
    ]
    assert (await served.call("GET", f"/v1/workspaces/{workspace}/items/{made['id']}")).json() == made


async def test_lists_are_given_page_by_page_oldest_first(small_pages: Served) -> None:
    workspaces = [
        await small_pages.made("/v1/workspaces", {"displayName": f"plan {number}"}) for number in range(5)
    ]

    seen, pages = await listed(small_pages, "/v1/workspaces")

    assert (seen, pages) == (workspaces, 3)


async def test_a_list_of_one_type_holds_no_other(small_pages: Served) -> None:
    workspace = await small_pages.made("/v1/workspaces", {"displayName": "plans"})
    made = {
        f"{item_type} {number}": await small_pages.item(workspace, f"{number}", item_type=item_type)
        for number in range(3)
        for item_type in ("Notebook", FORECAST)
    }

    seen, _ = await listed(small_pages, f"/v1/workspaces/{workspace}/items?type=NOTEBOOK")

    assert seen == [id for name, id in made.items() if name.startswith("Notebook")]


async def test_a_list_of_a_type_without_items_is_empty(served: Served) -> None:
    place = await served.place()

    answer = await served.call("GET", f"/v1/workspaces/{place.workspace}/items?type=Lakehouse")

    assert answer.json() == {"value": []}


async def listed(served: Served, target: str) -> tuple[list[str], int]:
    """Follow a list to its end; return its ids and the number of pages."""
    seen: list[str] = []
    pages = 0
    while target:
        page = (await served.call("GET", target)).json()
        seen += [entry["id"] for entry in page["value"]]
        target = page.get("continuationUri", "").removeprefix(f"http://{HOST}")
        pages += 1
    assert "continuationToken" not in page
    return seen, pages


async def test_a_deleted_item_is_gone(served: Served) -> None:
    place = await served.place()

    deleted = await served.call("DELETE", place.path)

    answers = [await served.call("GET", place.path), await served.call("DELETE", place.path)]
    assert (deleted.status, deleted.body) == (200, b"")
    assert [(answer.status, answer.json()["errorCode"]) for answer in answers] == [(404, "ItemNotFound")] * 2


async def test_a_deleted_workspace_is_gone_with_its_items(served: Served) -> None:
    place = await served.place()
    job = await served.run(place)

    deleted = await served.call("DELETE", f"/v1/workspaces/{place.workspace}")

    answer = await served.call("GET", place.path)
    assert deleted.status == 200
    assert (answer.status, answer.json()["errorCode"]) == (404, "WorkspaceNotFound")
    assert (await served.engine.get(place.key(job))).is_final
    assert (await served.call("GET", "/v1/workspaces")).json() == {"value": []}


async def test_a_name_is_taken_once_in_a_tenant_and_once_for_a_type(served: Served) -> None:
    place = await served.place("plans")
    items = f"/v1/workspaces/{place.workspace}/items"

    workspace = await served.call("POST", "/v1/workspaces", {"displayName": "plans"})
    item = await served.call("POST", items, {"displayName": "sales", "type": FORECAST})
    other_type = await served.call("POST", items, {"displayName": "sales", "type": "Notebook"})

    assert (workspace.status, workspace.json()["errorCode"]) == (409, "WorkspaceNameAlreadyExists")
    assert (item.status, item.json()["errorCode"]) == (400, "ItemDisplayNameAlreadyInUse")
    assert other_type.status == 201


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"displayName": "x", "type": "Lakeside"}, 400, "InvalidItemType"),
        ({"displayName": "x", "type": "__class__"}, 400, "InvalidItemType"),
        ({"displayName": "x", "type": "Notebook", "folderId": NOWHERE}, 404, "FolderNotFound"),
    ],
)
async def test_an_item_that_could_never_run_or_lie_where_it_should_is_not_made(
    served: Served, body: dict[str, str], status: int, code: str
) -> None:
    workspace = await served.made("/v1/workspaces", {"displayName": "plans"})

    answer = await served.call("POST", f"/v1/workspaces/{workspace}/items", body)

    assert (answer.status, answer.json()["errorCode"]) == (status, code)
    assert (await served.call("GET", f"/v1/workspaces/{workspace}/items")).json() == {"value": []}
