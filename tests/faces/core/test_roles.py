"""Role assignments: the published rules of who may list, give, change and take them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.faces.core.serving import HOST, Place, Served
from tests.faces.core.test_isolation import refused
from weft.auth.issuer import user_id
from weft.catalog.model import Role

OTHER_TENANT = "7b3f1f0e-5a0f-4c56-8f2e-1d8a4a1c0b11"


def assignments(place: Place) -> str:
    return f"/v1/workspaces/{place.workspace}/roleAssignments"


def asked(id: str, role: str = "Viewer", type: str = "User") -> dict[str, Any]:
    return {"principal": {"id": id, "type": type}, "role": role}


async def roles(served: Served, place: Place) -> dict[str, str]:
    answer = await served.call("GET", assignments(place))
    return {one["id"]: one["role"] for one in answer.json()["value"]}


async def test_a_user_with_a_role_works_and_one_whose_role_was_taken_finds_nothing(
    served: Served, place: Place
) -> None:
    ann = served.users.create("ann")
    mine = f"{assignments(place)}/{ann.object_id}"

    given = await served.call("POST", assignments(place), asked(ann.object_id, "contributor"))
    ran = await served.run(place, token=served.token("ann"))
    taken = await served.call("DELETE", mine)
    after = await served.call("GET", place.instance(ran), token=served.token("ann"))
    again = await served.call("DELETE", mine)

    assert (given.status, given.header("Location")) == (201, f"http://{HOST}{mine}")
    assert (taken.status, taken.body) == (200, b"")
    assert refused(after, 404, "WorkspaceNotFound")
    assert refused(again, 404, "EntityNotFound")


async def test_an_app_with_a_role_runs_lists_and_cancels(served: Served, place: Place) -> None:
    robot, _ = served.apps.create("robot")
    token = served.token("robot", app=True)
    await served.call("POST", assignments(place), asked(robot.object_id, "Contributor", "ServicePrincipal"))

    ran = await served.run(place, token=token)
    listed = await served.call("GET", f"{place.jobs}/instances", token=token)
    cancelled = await served.call("POST", f"{place.instance(ran)}/cancel", token=token)

    assert [job["id"] for job in listed.json()["value"]] == [ran]
    assert cancelled.status == 202


async def test_one_assignment_is_shown_as_in_the_list(served: Served, place: Place) -> None:
    ann = served.users.create("Ann Müller", upn="ann@contoso.com")
    await served.call("POST", assignments(place), asked(ann.object_id))

    one = await served.call("GET", f"{assignments(place)}/{ann.object_id.upper()}")
    listed = await served.call("GET", assignments(place))

    assert one.json() == listed.json()["value"][1]
    assert one.json()["principal"]["userDetails"] == {"userPrincipalName": "ann@contoso.com"}


async def test_a_list_goes_on_where_it_stopped(small_pages: Served) -> None:
    place = await small_pages.place()
    users = [small_pages.users.create(name).object_id for name in ("ann", "bob", "eve")]
    for id in users:
        await small_pages.call("POST", assignments(place), asked(id))

    first = (await small_pages.call("GET", assignments(place))).json()
    await small_pages.call("DELETE", f"{assignments(place)}/{first['value'][-1]['id']}")
    second = (await small_pages.call("GET", first["continuationUri"].removeprefix(f"http://{HOST}"))).json()

    assert [one["id"] for one in first["value"]] == [small_pages.user_id("admin"), users[0]]
    assert [one["id"] for one in second["value"]] == users[1:]
    assert list(second) == ["value"]


# ---- who may


@pytest.mark.parametrize("held", list(Role))
@pytest.mark.parametrize("wanted", list(Role))
async def test_members_give_what_they_have_and_less_and_others_nothing(
    served: Served, place: Place, held: Role, wanted: Role
) -> None:
    token = await served.grant(place, "colleague", held)
    ann = served.users.create("ann").object_id

    answer = await served.call("POST", assignments(place), asked(ann, wanted.name), token=token)

    if held >= Role.MEMBER and held >= wanted:
        assert answer.status == 201
    else:
        assert refused(answer, 403, "InsufficientPrivileges")
        assert ann not in await roles(served, place)


@pytest.mark.parametrize("held", list(Role))
@pytest.mark.parametrize(
    ("method", "of_one", "needed"),
    [
        ("GET", False, Role.MEMBER),
        ("GET", True, Role.MEMBER),
        ("PATCH", True, Role.ADMIN),
        ("DELETE", True, Role.ADMIN),
    ],
)
async def test_a_role_allows_just_what_is_published(
    served: Served, place: Place, method: str, of_one: bool, needed: Role, held: Role
) -> None:
    token = await served.grant(place, "colleague", held)
    ann = served.known(await served.grant(place, "ann", Role.VIEWER)).id
    target = f"{assignments(place)}/{ann}" if of_one else assignments(place)

    answer = await served.call(method, target, {"role": "Member"}, token=token)

    if held >= needed:
        assert answer.status == 200
    else:
        assert refused(answer, 403, "InsufficientPrivileges")
        assert (await roles(served, place))[ann] == "Viewer"


@pytest.mark.parametrize(("method", "body"), [("DELETE", None), ("PATCH", {"role": "Member"})])
async def test_the_last_admin_keeps_the_role(served: Served, place: Place, method: str, body: Any) -> None:
    admin = served.user_id("admin")
    await served.grant(place, "member", Role.MEMBER)

    answer = await served.call(method, f"{assignments(place)}/{admin}", body)

    assert refused(answer, 409, "Conflict")
    assert (await roles(served, place))[admin] == "Admin"


async def test_an_admin_goes_where_another_stays(served: Served, place: Place) -> None:
    token = await served.grant(place, "second", Role.ADMIN)
    admin = served.user_id("admin")

    lowered = await served.call("PATCH", f"{assignments(place)}/{admin}", {"role": "viewer"})
    taken = await served.call("DELETE", f"{assignments(place)}/{admin}", token=token)

    assert (lowered.json()["role"], taken.status) == ("Viewer", 200)


# ---- who may have one


async def test_a_role_is_given_once(served: Served, place: Place) -> None:
    ann = served.users.create("ann").object_id
    await served.call("POST", assignments(place), asked(ann))

    again = await served.call("POST", assignments(place), asked(ann, "Member"))

    assert refused(again, 409, "PrincipalAlreadyHasWorkspaceRolePermissions")
    assert (await roles(served, place))[ann] == "Viewer"


async def test_who_was_deleted_keeps_the_role_and_gets_no_new_one(served: Served, place: Place) -> None:
    ann = served.users.create("ann").object_id
    await served.call("POST", assignments(place), asked(ann))
    other = await served.place("other")

    served.users.delete("ann")
    refusal = await served.call("POST", assignments(other), asked(ann))

    assert refused(refusal, 400, "PrincipalNotFound")
    assert await roles(served, place) == {served.user_id("admin"): "Admin", ann: "Viewer"}


async def test_nobody_of_another_tenant_is_known(served: Served) -> None:
    token = served.token("stranger", tenant=OTHER_TENANT)
    place = await served.place(token=token)
    ann = served.users.create("ann").object_id

    for id in (ann, user_id(OTHER_TENANT, "ann")):
        answer = await served.call("POST", assignments(place), asked(id), token=token)
        assert refused(answer, 400, "PrincipalNotFound")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "principal"),
        ({"principal": {"id": str(uuid4()), "type": "User"}}, "role"),
        ({"principal": {"type": "User"}, "role": "Viewer"}, "principal.id"),
        ({"principal": {"id": str(uuid4())}, "role": "Viewer"}, "principal.type"),
        (asked("7"), "principal.id"),
        (asked("{63f77191-432d-4ee6-9c5f-31a1a6987072}"), "principal.id"),
        (asked(str(uuid4()), type="Robot"), "principal.type"),
        (asked(str(uuid4()), type="EntireTenant"), "principal.type"),
        (asked(str(uuid4()), type="user"), "principal.type"),
        (asked(str(uuid4()), "Owner"), "role"),
        (asked(str(uuid4()), ""), "role"),
        ({"principal": "ann", "role": "Viewer"}, "principal"),
    ],
)
async def test_what_cannot_be_a_role_names_the_field(
    served: Served, place: Place, body: dict[str, Any], field: str
) -> None:
    before = served.dump()

    answer = await served.call("POST", assignments(place), body)

    assert refused(answer, 400, "InvalidInput")
    assert answer.json()["moreDetails"][0]["relatedResource"]["resourceId"] == field
    assert served.dump() == before


@pytest.mark.parametrize(
    ("type", "code"),
    [
        ("Group", "PrincipalNotFound"),
        ("ServicePrincipalProfile", "WorkspaceRoleNotAllowedForServicePrincipalProfile"),
    ],
)
async def test_neither_a_group_nor_a_profile_has_roles_whosever_the_id_is(
    served: Served, place: Place, type: str, code: str
) -> None:
    ann = served.users.create("ann").object_id
    viewer = await served.grant(place, "viewer", Role.VIEWER)

    answer = await served.call("POST", assignments(place), asked(ann, type=type))
    too_low = await served.call("POST", assignments(place), asked(ann, type=type), token=viewer)

    assert refused(answer, 400, code)
    assert refused(too_low, 403, "InsufficientPrivileges")
    assert ann not in await roles(served, place)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_who_has_no_role_is_not_found(served: Served, place: Place, method: str) -> None:
    ann = served.users.create("ann").object_id

    answer = await served.call(method, f"{assignments(place)}/{ann}", {"role": "Viewer"})

    assert refused(answer, 404, "EntityNotFound")


async def test_a_role_of_an_earlier_version_is_shown_with_what_is_known_now(
    served: Served, place: Place
) -> None:
    robot, _ = served.apps.create("robot")
    gone = str(uuid4())
    with served.writing() as database:
        database.execute("UPDATE roles SET kind = NULL, name = NULL, upn = NULL, app_id = NULL")
        for id in (robot.object_id, gone):
            database.execute(
                "INSERT INTO roles (workspace, principal, role) VALUES (?, ?, 2)", (place.workspace, id)
            )

    answer = await served.call("GET", assignments(place))

    admin, app, unknown = (one["principal"] for one in answer.json()["value"])
    assert (admin["displayName"], app["displayName"]) == ("admin", "robot")
    assert app["servicePrincipalDetails"] == {"aadAppId": robot.client_id}
    assert unknown == {"id": gone, "type": "User"}
