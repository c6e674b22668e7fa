"""Who may do what with schedules: every operation by role, by scope, and for strangers."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.faces.core.scheduling import body, scheduled, schedules
from tests.faces.core.serving import FORECAST, Place, Served
from tests.faces.core.test_isolation import OTHER_TENANT, bytes_but_ids, refused
from tests.transcripts.player import Answer
from weft.catalog.model import Role

READS = ("list", "get", "upcoming", "occurrences")
CHANGES = ("create", "update", "delete")
DONE = {**dict.fromkeys(READS, 200), "create": 201, "update": 200, "delete": 200}

READ = ("Item.Read.All", "Item.ReadWrite.All", f"{FORECAST}.Read.All", f"{FORECAST}.ReadWrite.All")
WRITE = ("Item.ReadWrite.All", f"{FORECAST}.ReadWrite.All")
EXECUTE = ("Item.Execute.All", f"{FORECAST}.Execute.All")


async def attempt(served: Served, operation: str, address: str, token: str) -> Answer:
    """Do *operation* with the schedule at *address*, or with the list that it is of."""
    listed = address.rpartition("/")[0]
    match operation:
        case "list":
            return await served.call("GET", listed, token=token)
        case "create":
            return await served.call("POST", listed, body(), token=token)
        case "get":
            return await served.call("GET", address, token=token)
        case "update":
            return await served.call("PATCH", address, body(enabled=False), token=token)
        case "delete":
            return await served.call("DELETE", address, token=token)
        case _:
            return await served.call("GET", f"/weft{address}/{operation}", token=token)


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.name.lower())
@pytest.mark.parametrize("operation", DONE)
async def test_viewers_see_schedules_and_contributors_change_them(
    served: Served, place: Place, operation: str, role: Role
) -> None:
    address = await scheduled(served, place)
    token = await served.grant(place, "colleague", role)
    before = served.dump()

    answer = await attempt(served, operation, address, token)

    if operation in CHANGES and role is Role.VIEWER:
        assert refused(answer, 403, "InsufficientPrivileges")
        assert served.dump() == before
    else:
        assert answer.status == DONE[operation]


@pytest.mark.parametrize("role", [None, Role.VIEWER, Role.CONTRIBUTOR], ids=str)
@pytest.mark.parametrize("operation", DONE)
async def test_of_an_app_the_role_alone_decides(
    served: Served, place: Place, operation: str, role: Role | None
) -> None:
    address = await scheduled(served, place)
    token = served.token("robot", app=True)
    if role is not None:
        await served.store.give_role(place.workspace, served.known(token), role)

    answer = await attempt(served, operation, address, token)

    if role is None:
        assert refused(answer, 404, "WorkspaceNotFound")
    elif operation in CHANGES and role is Role.VIEWER:
        assert refused(answer, 403, "InsufficientPrivileges")
    else:
        assert answer.status == DONE[operation]


SUFFICIENT = [
    *((operation, (scope,)) for operation in READS for scope in READ),
    *(("delete", (scope,)) for scope in WRITE),
    *((operation, (w, e)) for operation in ("create", "update") for w in WRITE for e in EXECUTE),
]
NEITHER = ("Workspace.ReadWrite.All", "Item.Reshare.All")
OF_ANOTHER_TYPE = ("Notebook.ReadWrite.All", "Notebook.Execute.All")
INSUFFICIENT = [
    *((operation, NEITHER) for operation in DONE),
    *((operation, OF_ANOTHER_TYPE) for operation in DONE),
    *((operation, (scope,)) for operation in READS for scope in EXECUTE),
    *(("delete", (scope,)) for scope in (*EXECUTE, READ[0], READ[2])),
    *((operation, (scope,)) for operation in ("create", "update") for scope in (*READ, *EXECUTE)),
    *((operation, ("Item.Execute.All", OF_ANOTHER_TYPE[0])) for operation in ("create", "update")),
    *((operation, ("Item.ReadWrite.All", OF_ANOTHER_TYPE[1])) for operation in ("create", "update")),
]


@pytest.mark.parametrize(("operation", "scopes"), SUFFICIENT)
async def test_scopes_that_suffice(
    served: Served, place: Place, operation: str, scopes: tuple[str, ...]
) -> None:
    address = await scheduled(served, place)

    answer = await attempt(served, operation, address, served.token("admin", *scopes))

    assert answer.status == DONE[operation]


@pytest.mark.parametrize(("operation", "scopes"), INSUFFICIENT)
async def test_scopes_that_do_not_suffice(
    served: Served, place: Place, operation: str, scopes: tuple[str, ...]
) -> None:
    address = await scheduled(served, place)
    before = served.dump()

    answer = await attempt(served, operation, address, served.token("admin", *scopes))

    assert refused(answer, 403, "InsufficientScopes")
    assert served.dump() == before


@pytest.mark.parametrize("operation", DONE)
@pytest.mark.parametrize("stranger", ["user", "user of another tenant", "app of another tenant"])
async def test_a_foreign_workspace_answers_exactly_as_an_unknown_one(
    served: Served, place: Place, operation: str, stranger: str
) -> None:
    address = await scheduled(served, place)
    token = served.token(
        "stranger",
        app=stranger.startswith("app"),
        tenant=OTHER_TENANT if "another" in stranger else None,
    )
    before = served.dump()

    foreign = await attempt(served, operation, address, token)
    unknown = await attempt(served, operation, address.replace(place.workspace, str(uuid4())), token)

    assert refused(foreign, 404, "WorkspaceNotFound")
    assert bytes_but_ids(foreign) == bytes_but_ids(unknown)
    assert served.dump() == before


@pytest.mark.parametrize("operation", [name for name in DONE if name not in ("upcoming", "occurrences")])
async def test_s100_the_address_of_a_collection_checks_the_same(served: Served, operation: str) -> None:
    place = await served.place(item_type="Notebook")
    address = (await scheduled(served, place, job_type="RunNotebook")).replace("/items/", "/notebooks/")
    viewer = await served.grant(place, "colleague", Role.VIEWER)

    stranger = await attempt(served, operation, address, served.token("stranger"))
    unscoped = await attempt(served, operation, address, served.token("admin", *NEITHER))
    seen = await attempt(served, operation, address, viewer)

    assert refused(stranger, 404, "WorkspaceNotFound")
    assert refused(unscoped, 403, "InsufficientScopes")
    assert seen.status == (403 if operation in CHANGES else 200)


async def test_without_a_token_nothing_is_told(served: Served, place: Place) -> None:
    address = await scheduled(served, place)

    answers = [
        await served.send(method, target, None)
        for target in (schedules(place), address, f"/weft{address}/upcoming")
        for method in ("GET", "POST", "PATCH", "DELETE")
    ]

    assert {answer.status for answer in answers} == {401}
