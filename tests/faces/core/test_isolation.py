"""Who may see and do what, address by address; test_security.py has the list of all cases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.faces.core.serving import HOST, NOWHERE, Place, Served
from tests.transcripts.clients import InProcess
from tests.transcripts.player import Answer, Request
from weft.catalog.model import Role

OTHER_TENANT = "7b3f1f0e-5a0f-4c56-8f2e-1d8a4a1c0b11"
VARYING = re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def refused(answer: Answer, status: int, code: str) -> bool:
    body = answer.json()
    assert list(body)[:2] == ["requestId", "errorCode"]
    assert body["requestId"] == answer.header("RequestId")
    assert answer.header("x-ms-public-api-error-code") == body["errorCode"]
    assert (answer.status, body["errorCode"]) == (status, code), answer.body
    return True


def bytes_but_ids(answer: Answer) -> tuple[int, bytes, list[tuple[str, bytes]]]:
    """Return an answer whose ids have been blotted out."""
    headers = [(name, VARYING.sub(b"id", value.encode())) for name, value in answer.headers]
    return answer.status, VARYING.sub(b"id", answer.body), sorted(headers)


REQUESTS = [
    ("GET", "/v1/workspaces/{w}"),
    ("DELETE", "/v1/workspaces/{w}"),
    ("GET", "/v1/workspaces/{w}/items"),
    ("POST", "/v1/workspaces/{w}/items"),
    ("GET", "/v1/workspaces/{w}/items/{i}"),
    ("PATCH", "/v1/workspaces/{w}/items/{i}"),
    ("DELETE", "/v1/workspaces/{w}/items/{i}"),
    ("POST", "/v1/workspaces/{w}/items/{i}/getDefinition"),
    ("POST", "/v1/workspaces/{w}/items/{i}/updateDefinition"),
    ("GET", "/v1/workspaces/{w}/items/{i}/jobs/instances"),
    ("POST", "/v1/workspaces/{w}/items/{i}/jobs/instances?jobType=calculateForecast"),
    ("POST", "/v1/workspaces/{w}/items/{i}/jobs/calculateForecast/instances"),
    ("GET", "/v1/workspaces/{w}/items/{i}/jobs/instances/{j}"),
    ("POST", "/v1/workspaces/{w}/items/{i}/jobs/instances/{j}/cancel"),
    ("GET", "/weft/v1/workspaces/{w}/items/{i}/jobs/instances/{j}"),
    ("GET", "/weft/v1/workspaces/{w}/items/{i}/jobs/instances/{j}/logs"),
]


async def test_a_role_does_not_reach_into_a_workspace_of_another_tenant(served: Served, place: Place) -> None:
    token = served.token("admin", app=True, tenant=OTHER_TENANT)
    await served.store.give_role(place.workspace, served.known(token), Role.ADMIN)

    answer = await served.call("GET", place.path, token=token)

    assert refused(answer, 404, "WorkspaceNotFound")


async def test_a_list_of_workspaces_holds_only_the_callers(served: Served, place: Place) -> None:
    answer = await served.call("GET", "/v1/workspaces", token=served.token("stranger"))

    assert answer.json() == {"value": []}


# ---- continuation tokens


async def test_a_continuation_token_is_good_for_its_list_and_its_caller_only(small_pages: Served) -> None:
    place = await small_pages.place()
    other = Place(place.workspace, await small_pages.item(place.workspace, "other"))
    for _ in range(3):
        await small_pages.run(place)
        await small_pages.run(other)
    token = (await small_pages.call("GET", f"{place.jobs}/instances")).json()["continuationToken"]
    viewer = await small_pages.grant(place, "viewer", Role.VIEWER)
    lists = [f"{other.jobs}/instances", "/v1/workspaces", f"/v1/workspaces/{place.workspace}/items"]

    answers = [await small_pages.call("GET", f"{target}?continuationToken={token}") for target in lists]
    answers.append(
        await small_pages.call("GET", f"{place.jobs}/instances?continuationToken={token}", token=viewer)
    )

    assert all(refused(answer, 400, "InvalidInput") for answer in answers)
    assert (await small_pages.call("GET", f"{place.jobs}/instances?continuationToken={token}")).status == 200


async def test_a_continuation_token_with_one_other_character_is_refused(small_pages: Served) -> None:
    place = await small_pages.place()
    for _ in range(3):
        await small_pages.run(place)
    token = (await small_pages.call("GET", f"{place.jobs}/instances")).json()["continuationToken"]
    forged = [f"{token[:at]}{'B' if token[at] == 'A' else 'A'}{token[at + 1 :]}" for at in range(len(token))]

    answers = [
        await small_pages.call("GET", f"{place.jobs}/instances?continuationToken={text}") for text in forged
    ]

    assert len(answers) == 32
    assert all(refused(answer, 400, "InvalidInput") for answer in answers)


async def test_a_token_of_a_list_of_one_type_is_not_good_for_the_list_of_all(small_pages: Served) -> None:
    workspace = await small_pages.made("/v1/workspaces", {"displayName": "plans"})
    for number in range(3):
        await small_pages.item(workspace, f"item {number}", item_type="Notebook")
    items = f"/v1/workspaces/{workspace}/items"
    first = (await small_pages.call("GET", f"{items}?type=notebook")).json()

    wrong = await small_pages.call("GET", f"{items}?continuationToken={first['continuationToken']}")
    right = await small_pages.call("GET", first["continuationUri"].removeprefix(f"http://{HOST}"))

    assert refused(wrong, 400, "InvalidInput")
    assert [item["displayName"] for item in right.json()["value"]] == ["item 2"]


# ---- roles


@pytest.mark.parametrize(("method", "target"), [request for request in REQUESTS if request[0] == "GET"])
async def test_a_viewer_reads_everything(served: Served, place: Place, method: str, target: str) -> None:
    job = await served.run(place)
    token = await served.grant(place, "viewer", Role.VIEWER)

    answer = await served.call(method, target.format(w=place.workspace, i=place.item, j=job), token=token)

    assert answer.status == 200


@pytest.mark.parametrize("role", [Role.CONTRIBUTOR, Role.MEMBER, Role.ADMIN])
async def test_a_contributor_cancels_a_job_of_another_user(served: Served, place: Place, role: Role) -> None:
    job = await served.run(place)
    token = await served.grant(place, "colleague", role)

    answer = await served.call("POST", f"{place.instance(job)}/cancel", token=token)

    assert answer.status == 202
    assert (await served.engine.get(place.key(job))).cancel_requested_by == served.user_id("colleague")


@pytest.mark.parametrize("role", [Role.CONTRIBUTOR, Role.MEMBER])
async def test_only_an_admin_deletes_a_workspace(served: Served, place: Place, role: Role) -> None:
    token = await served.grant(place, "colleague", role)

    answer = await served.call("DELETE", f"/v1/workspaces/{place.workspace}", token=token)

    assert refused(answer, 403, "InsufficientPrivileges")
    assert (await served.call("GET", place.path)).status == 200


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "{jobs}/calculateForecast/instances"),
        ("POST", "/v1/workspaces/{w}/items"),
        ("PATCH", "{item}"),
        ("POST", "{item}/updateDefinition"),
    ],
)
async def test_a_member_who_is_removed_while_the_body_arrives_does_nothing_more(
    served: Served, place: Place, method: str, target: str
) -> None:
    token = await served.grant(place, "colleague", Role.CONTRIBUTOR)
    removed: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def slowly() -> Message:
            with served.writing() as database:
                database.execute("DELETE FROM roles WHERE principal = ?", (served.user_id("colleague"),))
            removed.append("colleague")
            return await receive()

        await served.app(scope, slowly, send)

    answer = await InProcess(app, host=HOST).send(
        Request(
            method,
            target.format(jobs=place.jobs, item=place.path, w=place.workspace),
            (("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")),
            b'{"displayName": "late", "type": "Notebook"}',
        )
    )

    assert removed
    assert refused(answer, 404, "WorkspaceNotFound")
    assert served.dump()["jobs"] == []


async def test_an_app_needs_a_role_but_no_scopes(served: Served, place: Place) -> None:
    token = served.token("robot", app=True)
    await served.store.give_role(place.workspace, served.known(token), Role.CONTRIBUTOR)

    assert await served.run(place, token=token)


# ---- scopes

RUN = ("POST", "{jobs}/calculateForecast/instances")
RUN_BY_QUERY = ("POST", "{jobs}/instances?jobType=calculateForecast")
CANCEL = ("POST", "{jobs}/instances/{j}/cancel")
READ = ("GET", "{jobs}/instances/{j}")
LIST = ("GET", "{jobs}/instances")
GET_ITEM = ("GET", "{item}")
UPDATE_ITEM = ("PATCH", "{item}")
DELETE_ITEM = ("DELETE", "{item}")
GET_DEFINITION = ("POST", "{item}/getDefinition")
UPDATE_DEFINITION = ("POST", "{item}/updateDefinition")
LIST_ITEMS = ("GET", "/v1/workspaces/{w}/items")
CREATE_ITEM = ("POST", "/v1/workspaces/{w}/items")
LIST_WORKSPACES = ("GET", "/v1/workspaces")
CREATE_WORKSPACE = ("POST", "/v1/workspaces")
TYPED = "Contoso.FinanceAnalytics.Forecast"

TOO_LITTLE = [
    (RUN, ("Item.Read.All",)),
    (RUN_BY_QUERY, ("Item.Read.All",)),
    (RUN, ("Item.ReadWrite.All", "Workspace.ReadWrite.All")),
    (RUN, ("Notebook.Execute.All",)),
    (RUN_BY_QUERY, ("Notebook.Execute.All",)),
    (RUN, ("Forecast.Execute.All",)),
    (RUN, (f"{TYPED}.ReadWrite.All",)),
    (RUN, ("Execute.All",)),
    (CANCEL, ("Item.Read.All",)),
    (CANCEL, ("Notebook.Execute.All",)),
    (READ, ("Item.Execute.All",)),
    (READ, ("Notebook.Read.All",)),
    (LIST, ("Workspace.ReadWrite.All",)),
    (GET_ITEM, ("Workspace.ReadWrite.All",)),
    (UPDATE_ITEM, ("Item.Read.All",)),
    (UPDATE_ITEM, ("Item.Execute.All",)),
    (UPDATE_ITEM, ("Notebook.ReadWrite.All",)),
    (GET_DEFINITION, ("Item.Read.All",)),
    (GET_DEFINITION, ("Notebook.ReadWrite.All",)),
    (UPDATE_DEFINITION, ("Item.Read.All",)),
    (UPDATE_DEFINITION, ("Notebook.ReadWrite.All",)),
    (DELETE_ITEM, ("Item.Read.All",)),
    (DELETE_ITEM, ("Notebook.ReadWrite.All",)),
    (LIST_ITEMS, ("Item.Execute.All",)),
    (CREATE_ITEM, ("Item.Read.All",)),
    (CREATE_ITEM, ("Notebook.ReadWrite.All",)),
    (LIST_WORKSPACES, ("Item.ReadWrite.All",)),
    (CREATE_WORKSPACE, ("Workspace.Read.All",)),
]
ENOUGH = [
    (RUN, ("Item.Execute.All",)),
    (RUN, (f"{TYPED}.Execute.All",)),
    (CANCEL, (f"{TYPED}.Execute.All",)),
    (READ, ("Item.Read.All",)),
    (READ, (f"{TYPED}.Read.All",)),
    (LIST, ("Item.ReadWrite.All",)),
    (GET_ITEM, (f"{TYPED}.ReadWrite.All",)),
    (UPDATE_ITEM, ("Item.ReadWrite.All",)),
    (UPDATE_ITEM, (f"{TYPED}.ReadWrite.All",)),
    (GET_DEFINITION, (f"{TYPED}.ReadWrite.All",)),
    (UPDATE_DEFINITION, (f"{TYPED}.ReadWrite.All",)),
    (LIST_ITEMS, ("Workspace.Read.All",)),
    (LIST_ITEMS, ("Item.Read.All",)),
    (CREATE_ITEM, (f"{TYPED}.ReadWrite.All",)),
    (LIST_WORKSPACES, ("Workspace.Read.All",)),
]

A_PART = {"path": "a.json", "payload": "e30=", "payloadType": "InlineBase64"}
BODIES = {
    CREATE_ITEM: {"displayName": "new", "type": TYPED},
    CREATE_WORKSPACE: {"displayName": "new"},
    UPDATE_ITEM: {"displayName": "new"},
    UPDATE_DEFINITION: {"definition": {"parts": [A_PART]}},
}


async def ask(served: Served, place: Place, operation: tuple[str, str], scopes: Sequence[str]) -> Answer:
    job = await served.run(place)
    method, target = operation
    return await served.call(
        method,
        target.format(jobs=place.jobs, item=place.path, w=place.workspace, j=job),
        BODIES.get(operation),
        token=served.token("admin", *scopes),
    )


@pytest.mark.parametrize(("operation", "scopes"), TOO_LITTLE)
async def test_a_token_whose_scopes_do_not_suffice_is_refused(
    served: Served, place: Place, operation: tuple[str, str], scopes: Sequence[str]
) -> None:
    answer = await ask(served, place, operation, scopes)

    assert refused(answer, 403, "InsufficientScopes")


@pytest.mark.parametrize(("operation", "scopes"), ENOUGH)
async def test_a_token_whose_scopes_suffice_is_served(
    served: Served, place: Place, operation: tuple[str, str], scopes: Sequence[str]
) -> None:
    answer = await ask(served, place, operation, scopes)

    assert answer.status in (200, 201, 202), answer.body


# ---- tokens and paths


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "TokenIsMissing"),
        ("", "InvalidToken"),
        ("Bearer", "InvalidToken"),
        ("Bearer ", "InvalidToken"),
        ("Basic YTpi", "InvalidToken"),
        ("Bearer a.b.c", "InvalidToken"),
    ],
)
@pytest.mark.parametrize(
    ("method", "target"),
    [
        *REQUESTS,
        ("GET", "/v1/workspaces"),
        ("POST", "/v1/workspaces"),
        ("PATCH", "/v1/workspaces"),
        ("GET", "/v1/nothing"),
        ("GET", "/v1/"),
        ("GET", "/v1/workspaces/x/health"),
        ("OPTIONS", "/v1/workspaces"),
        ("TRACE", "/v1/workspaces"),
        ("GET", "/weft/v1/nothing"),
    ],
)
async def test_without_a_token_nothing_is_served(
    served: Served, method: str, target: str, authorization: str | None, code: str
) -> None:
    target = target.format(w=NOWHERE, i=NOWHERE, j=NOWHERE)

    answer = await served.send(method, target, authorization)

    assert refused(answer, 401, code)
    assert str(answer.header("WWW-Authenticate")).startswith("Bearer")


async def test_a_token_that_has_expired_is_told_so(served: Served) -> None:
    token = served.token()
    served.clock.time += timedelta(hours=2)

    answer = await served.call("GET", "/v1/workspaces", token=token)

    assert refused(answer, 401, "TokenExpired")


@pytest.mark.parametrize(
    "target",
    [
        "/v1/nothing",
        "/v1/",
        "/v1/workspaces/",
        "/v1//workspaces",
        "/v1/workspaces;x",
        "/v1/workspaces/%2e%2e/workspaces",
        "/v1/workspaces%0a",
        f"/v1/workspaces/{NOWHERE}/health",
        f"/v1/workspaces/{NOWHERE}/items/{NOWHERE}/ready",
        f"/v1/workspaces/{NOWHERE}/items/{NOWHERE}/jobs",
        f"/v1/workspaces/{NOWHERE}/items/{NOWHERE}/jobs/instances/{NOWHERE}/cancel/",
        "/weft/v1/workspaces",
    ],
)
async def test_an_unknown_path_is_not_found(served: Served, target: str) -> None:
    answer = await served.call("GET", target)

    assert refused(answer, 404, "EndpointNotFound")


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("HEAD", "/v1/workspaces", "GET, POST"),
        ("OPTIONS", "/v1/workspaces", "GET, POST"),
        ("TRACE", "/v1/workspaces", "GET, POST"),
        ("PUT", "/v1/workspaces", "GET, POST"),
        ("POST", "/v1/workspaces/{w}", "DELETE, GET, PATCH"),
        ("DELETE", "/v1/workspaces/{w}/items", "GET, POST"),
        ("PUT", "/v1/workspaces/{w}/items/{i}", "DELETE, GET, PATCH"),
        ("GET", "/v1/workspaces/{w}/items/{i}/getDefinition", "POST"),
        ("PATCH", "/v1/workspaces/{w}/items/{i}/updateDefinition", "POST"),
        ("GET", "/v1/workspaces/{w}/items/{i}/jobs/calculateForecast/instances", "POST"),
        ("POST", "/v1/workspaces/{w}/items/{i}/jobs/instances/{j}", "GET"),
        ("GET", "/v1/workspaces/{w}/items/{i}/jobs/instances/{j}/cancel", "POST"),
        ("POST", "/v1/workspaces/{w}/items/{i}/jobs/instances/instances", "GET"),
    ],
)
async def test_a_method_that_is_not_published_is_refused(
    served: Served, place: Place, method: str, target: str, allowed: str
) -> None:
    target = target.format(w=place.workspace, i=place.item, j=NOWHERE)

    answer = await served.call(method, target, headers={"X-HTTP-Method-Override": "GET"})

    assert refused(answer, 405, "MethodNotAllowed")
    assert answer.header("Allow") == allowed


async def test_forwarding_headers_do_not_change_the_location(served: Served, place: Place) -> None:
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil"}

    answer = await served.call("POST", f"{place.jobs}/calculateForecast/instances", headers=forged)

    assert str(answer.header("Location")).startswith(f"http://{HOST}{place.jobs}")
    assert answer.header("Strict-Transport-Security") is None


async def test_a_preview_form_that_does_not_exist_is_not_taken_for_the_released_one(
    served: Served, place: Place
) -> None:
    before = served.dump()

    preview = await served.call("POST", f"{place.jobs}/calculateForecast/instances?beta=true")
    released = await served.call("POST", f"{place.jobs}/calculateForecast/instances?beta=False")

    assert refused(preview, 400, "InvalidInput")
    assert (before["jobs"], released.status) == ([], 202)
