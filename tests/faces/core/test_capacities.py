"""The capacity of this server, which workspaces run on it, and workspaces that change."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faces.core.serving import NOWHERE, Place, Served
from tests.faces.core.test_isolation import OTHER_TENANT, bytes_but_ids, refused
from weft.catalog.capacities import capacity_of
from weft.catalog.model import Role


@pytest.fixture
def capacity(served: Served) -> str:
    return capacity_of(served.home.tenant).id


@pytest.mark.parametrize("caller", ["admin", "anybody", "an app"])
async def test_this_server_is_the_only_capacity_of_everybody_at_home(
    served: Served, capacity: str, caller: str
) -> None:
    token = served.token(caller, app=caller == "an app")

    listed = await served.call("GET", "/v1/capacities", token=token)
    shown = await served.call("GET", f"/v1/capacities/{capacity.upper()}", token=token)

    assert listed.json() == {"value": [shown.json()]}
    assert list(shown.json().items()) == [
        ("id", capacity),
        ("displayName", "Local"),
        ("sku", "F2"),
        ("region", "Local"),
        ("state", "Active"),
    ]


async def test_a_capacity_of_another_tenant_answers_exactly_as_an_unknown_one(served: Served) -> None:
    foreign, unknown = [
        await served.call("GET", f"/v1/capacities/{id}") for id in (capacity_of(OTHER_TENANT).id, NOWHERE)
    ]

    assert refused(foreign, 403, "InsufficientPermissionsOverCapacity")
    assert bytes_but_ids(foreign) == bytes_but_ids(unknown)


async def test_capacities_are_read_with_their_own_scope(served: Served) -> None:
    answer = await served.call("GET", "/v1/capacities", token=served.token("admin", "Workspace.Read.All"))
    reader = served.token("admin", "Capacity.Read.All")

    assert refused(answer, 403, "InsufficientScopes")
    assert (await served.call("GET", "/v1/capacities", token=reader)).status == 200


async def test_a_workspace_on_a_capacity_says_so(served: Served, capacity: str) -> None:
    body = {"displayName": "plans", "capacityId": capacity.upper()}

    made = (await served.call("POST", "/v1/workspaces", body)).json()
    shown = (await served.call("GET", f"/v1/workspaces/{made['id']}")).json()

    assert made["capacityId"] == capacity
    assert list(shown) == [*made, "capacityRegion", "oneLakeEndpoints", "capacityAssignmentProgress"]
    assert (await served.call("GET", "/v1/workspaces")).json() == {"value": [made]}


async def test_a_workspace_is_assigned_and_unassigned(served: Served, place: Place, capacity: str) -> None:
    path = f"/v1/workspaces/{place.workspace}"

    assigned = await served.call("POST", f"{path}/assignToCapacity", {"capacityId": capacity})
    on = (await served.call("GET", path)).json()
    unassigned = await served.call("POST", f"{path}/unassignFromCapacity")
    off = (await served.call("GET", path)).json()

    assert [(answer.status, answer.body) for answer in (assigned, unassigned)] == [(202, b""), (202, b"")]
    assert on["capacityId"] == capacity
    assert list(off) == ["id", "displayName", "type"]


@pytest.mark.parametrize("target", ["", "/{w}/assignToCapacity"])
async def test_a_capacity_that_the_caller_has_not_changes_nothing(
    served: Served, place: Place, target: str
) -> None:
    path = "/v1/workspaces" + target.format(w=place.workspace)
    before = served.dump()

    foreign, unknown = [
        await served.call("POST", path, {"displayName": "more", "capacityId": id})
        for id in (capacity_of(OTHER_TENANT).id, NOWHERE)
    ]

    assert refused(foreign, 403, "InsufficientPermissionsOverCapacity")
    assert bytes_but_ids(foreign) == bytes_but_ids(unknown)
    assert served.dump() == before


CHANGES: list[tuple[str, str, Any]] = [
    ("PATCH", "", {"displayName": "new"}),
    ("POST", "/assignToCapacity", {"capacityId": "{c}"}),
    ("POST", "/unassignFromCapacity", None),
]


@pytest.mark.parametrize(("method", "target", "body"), CHANGES)
async def test_only_an_admin_changes_a_workspace(
    served: Served, place: Place, capacity: str, method: str, target: str, body: Any
) -> None:
    member = await served.grant(place, "member", Role.MEMBER)
    given = body and {name: value.format(c=capacity) for name, value in body.items()}
    path = f"/v1/workspaces/{place.workspace}{target}"
    before = served.dump()

    as_member = await served.call(method, path, given, token=member)
    foreign = await served.call(method, path, given, token=served.token("stranger"))
    unknown = await served.call(
        method, path.replace(place.workspace, NOWHERE), given, token=served.token("stranger")
    )

    assert refused(as_member, 403, "InsufficientPrivileges")
    assert refused(foreign, 404, "WorkspaceNotFound")
    assert bytes_but_ids(foreign) == bytes_but_ids(unknown)
    assert served.dump() == before


@pytest.mark.parametrize("scope", ["Capacity.ReadWrite.All", "Workspace.ReadWrite.All"])
async def test_assigning_needs_both_scopes(served: Served, place: Place, scope: str) -> None:
    path = f"/v1/workspaces/{place.workspace}/unassignFromCapacity"

    answer = await served.call("POST", path, token=served.token("admin", scope))

    assert refused(answer, 403, "InsufficientScopes")


async def test_a_workspace_takes_another_name_and_description(served: Served, place: Place) -> None:
    path = f"/v1/workspaces/{place.workspace}"
    await served.made("/v1/workspaces", {"displayName": "taken"})

    described = await served.call("PATCH", path, {"description": "x" * 4000, "displayName": None})
    renamed = await served.call("PATCH", path, {"displayName": "new"})
    emptied = await served.call("PATCH", path, {"description": ""})
    taken = await served.call("PATCH", path, {"displayName": "taken"})

    assert described.json()["displayName"] == "plans"
    assert renamed.json()["description"] == "x" * 4000
    assert list(emptied.json().items())[1:3] == [("displayName", "new"), ("description", "")]
    assert refused(taken, 409, "WorkspaceNameAlreadyExists")
    assert (await served.call("GET", path)).json()["displayName"] == "new"


async def test_workspaces_are_listed_by_the_callers_role(small_pages: Served) -> None:
    member = small_pages.token("ann")
    for number in range(6):
        place = await small_pages.place(f"plans {number}")
        role = Role.MEMBER if number % 2 else Role.VIEWER
        await small_pages.store.give_role(place.workspace, small_pages.known(member), role)

    async def names(query: str) -> list[str]:
        found: list[str] = []
        target: str | None = f"/v1/workspaces{query}"
        while target is not None:
            page = (await small_pages.call("GET", target, token=member)).json()
            found += [entry["displayName"] for entry in page["value"]]
            onward = page.get("continuationUri")
            target = onward and "/v1/" + onward.partition("/v1/")[2]
        return found

    assert await names("?roles=Member") == ["plans 1", "plans 3", "plans 5"]
    assert await names("?roles=viewer,Admin") == ["plans 0", "plans 2", "plans 4"]
    assert await names("?roles=Admin,Contributor") == []
    assert len(await names("")) == 6
