"""Who is let in, and what each may do."""

from __future__ import annotations

import pytest

from tests.faces.twins.serving import DELETIONS, ELSEWHERE, IMPORTS, VERSION, Served
from tests.transcripts.player import Request

READS = [("GET", IMPORTS), ("GET", f"{IMPORTS}/job1"), ("GET", DELETIONS), ("GET", f"{DELETIONS}/d")]
WRITES = [
    ("PUT", f"{IMPORTS}/job2"),
    ("DELETE", f"{IMPORTS}/job1"),
    ("POST", f"{IMPORTS}/job1/cancel"),
    ("POST", DELETIONS),
]
EVERYTHING = [
    *READS,
    *WRITES,
    ("GET", "/jobs"),
    ("GET", "/jobs/nothing/here"),
    ("PATCH", IMPORTS),
    ("HEAD", IMPORTS),
]


@pytest.mark.parametrize(("method", "target"), EVERYTHING)
async def test_without_a_token_nothing_is_learnt(served: Served, method: str, target: str) -> None:
    await served.added()

    answer = await served.send(Request(method, f"{target}?{VERSION}"))

    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == "Bearer"
    assert answer.body == b'{"statusCode":401,"message":"Unauthorized"}'
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("x-ms-error-code") is None


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer x", "Basic eDp5", ""])
async def test_what_is_no_token_of_ours_is_refused_alike(served: Served, authorization: str) -> None:
    request = Request("GET", f"{IMPORTS}?{VERSION}", (("Authorization", authorization),))

    answer = await served.send(request)

    assert (answer.status, answer.json()) == (401, {"statusCode": 401, "message": "Unauthorized"})


async def test_a_token_for_another_service_is_refused(served: Served) -> None:
    answer = await served.call("GET", IMPORTS, token=served.issuer.core_token("admin"))

    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("app", [False, True])
@pytest.mark.parametrize(("method", "target"), EVERYTHING)
async def test_nobody_of_another_tenant_finds_anything(
    served: Served, method: str, target: str, app: bool
) -> None:
    await served.added()
    before = served.dump()

    answer = await served.call(method, target, served.uris, token=served.token(tenant=ELSEWHERE, app=app))

    assert answer.status == 404
    assert answer.json() == {"statusCode": 404, "message": "Sub-Domain not found"}
    assert served.dump() == before


@pytest.mark.parametrize(("method", "target"), READS)
async def test_a_reader_may_look(served: Served, method: str, target: str) -> None:
    await served.added("job1")
    await served.cancel("job1")
    await served.delete_all("d")

    assert (await served.call(method, target, token=served.token("anna", "Read"))).status == 200


@pytest.mark.parametrize(("method", "target"), WRITES)
async def test_a_reader_may_change_nothing(served: Served, method: str, target: str) -> None:
    await served.added("job1")
    before = served.dump()

    answer = await served.call(method, target, served.uris, token=served.token("anna", "Read"))

    assert (answer.status, answer.json()["error"]["code"]) == (403, "Forbidden")
    assert "Azure Digital Twins Data Owner" in answer.json()["error"]["message"]
    assert served.dump() == before


@pytest.mark.parametrize("scopes", [("read.write",), ("user_impersonation",), ("Read.Write.All", "Reader")])
@pytest.mark.parametrize(("method", "target"), [*READS, *WRITES])
async def test_other_scopes_give_no_role(
    served: Served, method: str, target: str, scopes: tuple[str, ...]
) -> None:
    answer = await served.call(method, target, served.uris, token=served.token("anna", *scopes))

    assert (answer.status, answer.json()["error"]["code"]) == (403, "Forbidden")


async def test_an_app_and_an_owner_may_do_all(served: Served) -> None:
    await served.added("job1")

    assert (await served.cancel("job1", token=served.token("robot", app=True))).status == 200
    assert (await served.delete_all(token=served.token("anna", "Read", "Read.Write"))).status == 202


async def test_what_a_caller_may_not_do_is_said_before_what_is_wrong_with_the_request(served: Served) -> None:
    answer = await served.call(
        "PUT", f"{IMPORTS}/job1", raw=b"{", token=served.token("anna", "Read"), version=""
    )

    assert answer.status == 403
