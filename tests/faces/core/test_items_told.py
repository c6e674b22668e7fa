"""Items whose workloads are told: what a request passes on, and what its answer says of a refusal."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.catalog.owner import NO_ANSWER, REFUSED
from tests.faces.core.serving import FORECAST, Place, Served
from tests.transcripts.player import Answer
from weft.catalog.errors import ItemRefused
from weft.catalog.model import Role
from weft.engine.jobs import ErrorDetail, JobError

PART = {"path": "model/a.json", "payload": "eyJhIjoxfQ==", "payloadType": "InlineBase64"}
DEFINITION: dict[str, Any] = {"format": "V2", "parts": [PART, {**PART, "path": ".platform"}]}
CODE = "FabricExternalWorkloadError"


@pytest.fixture
async def items(served: Served) -> str:
    workspace = await served.made("/v1/workspaces", {"displayName": "plans"})
    return f"/v1/workspaces/{workspace}/items"


def new_item(**more: Any) -> dict[str, Any]:
    return {"displayName": "sales", "type": FORECAST, **more}


def portal_form(answer: Answer) -> Any:
    """Return the workload's own error, read as the sample's frontend reads it."""
    message = answer.json()["error"]["message"]
    assert message["code"] == CODE
    return json.loads(message["pbi.error"]["parameters"]["ErrorResponse"])


# ---- create


async def test_the_creation_payload_goes_to_the_workload_as_it_was_sent_and_is_not_kept(
    served: Served, items: str
) -> None:
    raw = b'{"displayName":"sales","type":"%s","creationPayload": {"b": 1e2,  "a": [] } }' % FORECAST.encode()

    answer = await served.call("POST", items, raw=raw)

    assert answer.status == 201
    assert served.owner.heard == [("created", "sales", b'{"b": 1e2,  "a": [] }', b"")]
    assert "1e2,  " not in repr(served.dump())  # an id may hold the three letters alone


@pytest.mark.parametrize("more", [{}, {"creationPayload": None, "definition": None}])
async def test_an_item_may_be_made_of_nothing(served: Served, items: str, more: dict[str, Any]) -> None:
    answer = await served.call("POST", items, new_item(**more))

    assert answer.status == 201
    assert served.owner.heard == [("created", "sales", b"", b"")]


async def test_a_definition_is_told_kept_and_given_back(served: Served, items: str) -> None:
    made = (await served.call("POST", items, new_item(definition=DEFINITION))).json()

    answer = await served.call("POST", f"{items}/{made['id']}/getDefinition")

    [(_, _, payload, told)] = served.owner.heard
    assert (payload, json.loads(told)) == (b"", DEFINITION)
    assert (answer.status, answer.json()) == (200, {"definition": DEFINITION})
    assert "definition" not in made


async def test_a_refused_create_is_told_in_words_and_leaves_no_item(served: Served, items: str) -> None:
    served.owner.refusal = REFUSED

    refused = await served.call("POST", items, new_item())
    listed = await served.call("GET", items)
    served.owner.refusal = None
    again = await served.call("POST", items, new_item())

    assert refused.status == 400
    assert refused.header("x-ms-public-api-error-code") == CODE
    body = refused.json()
    assert list(body) == ["requestId", "errorCode", "moreDetails", "message", "isRetriable", "error"]
    assert body["requestId"] == refused.header("RequestId")
    assert (body["errorCode"], body["message"], body["isRetriable"]) == (CODE, "no such colour", False)
    assert body["moreDetails"] == [{"errorCode": "BadColour", "message": "no such colour"}]
    assert portal_form(refused) == {"errorCode": "BadColour"}
    assert listed.json() == {"value": []}
    assert again.status == 201


async def test_a_workload_that_gives_no_answer_is_503_and_may_be_asked_again(
    served: Served, items: str
) -> None:
    served.owner.refusal = NO_ANSWER

    refused = await served.call("POST", items, new_item())
    served.owner.refusal = None
    again = await served.call("POST", items, new_item())

    body = refused.json()
    assert (refused.status, body["errorCode"], body["isRetriable"]) == (503, CODE, True)
    assert refused.header("Retry-After") is None, "who waits at once waits as long again"
    assert again.status == 201


async def test_an_item_that_is_being_made_is_nowhere_but_its_name_is_taken(
    served: Served, items: str
) -> None:
    seen: list[Any] = []

    async def look(item: Any) -> None:
        served.owner.meanwhile = None
        one = f"{items}/{item.id}"
        for method, target in (
            ("GET", one),
            ("PATCH", one),
            ("DELETE", one),
            ("POST", f"{one}/getDefinition"),
            ("POST", f"{one}/jobs/calculateForecast/instances"),
            ("GET", f"{one}/jobs/instances"),
        ):
            seen.append((await served.call(method, target)).json()["errorCode"])
        seen.append((await served.call("GET", items)).json())
        seen.append((await served.call("POST", items, new_item())).json()["errorCode"])

    served.owner.meanwhile = look
    answer = await served.call("POST", items, new_item())

    assert answer.status == 201
    assert seen == ["ItemNotFound"] * 6 + [{"value": []}, "ItemDisplayNameAlreadyInUse"]


# ---- what is told of a refusal


@pytest.mark.parametrize(
    ("status", "is_permanent", "retriable"),
    [
        (400, None, False),
        (400, False, True),
        (400, True, False),
        (404, None, False),
        (409, None, False),
        (429, None, True),
        (500, None, True),
        (503, True, False),
    ],
)
async def test_what_a_workload_answered_is_400_and_says_whether_to_try_again(
    served: Served, items: str, status: int, is_permanent: bool | None, retriable: bool
) -> None:
    served.owner.refusal = ItemRefused(JobError("E", "no", is_permanent=is_permanent), status=status)

    answer = await served.call("POST", items, new_item())

    assert (answer.status, answer.json()["isRetriable"]) == (400, retriable)


async def test_the_details_of_a_workload_follow_its_own_error(served: Served, items: str) -> None:
    error = JobError("AuthUIRequired", "AADSTS65001", details=(ErrorDetail("invalid_grant", "Interaction"),))
    raw = {"ErrorCode": "AuthUIRequired", "MoreDetails": [{"AdditionalParameters": [{"Name": "x"}]}]}
    served.owner.refusal = ItemRefused(error, status=401, body=json.dumps(raw).encode())

    answer = await served.call("POST", items, new_item())

    assert answer.json()["moreDetails"] == [
        {"errorCode": "AuthUIRequired", "message": "AADSTS65001"},
        {"errorCode": "invalid_grant", "message": "Interaction"},
    ]
    assert portal_form(answer) == raw, "in the workload's own spelling"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"\xff", b'{"errorCode": ', b"[" * 10_000])
async def test_a_body_that_is_no_object_is_put_into_the_contracts_words_for_the_portal(
    served: Served, items: str, body: bytes
) -> None:
    served.owner.refusal = ItemRefused(JobError("", "", source="Nobody"), status=400, body=body)

    answer = await served.call("POST", items, new_item())

    assert answer.json()["message"] == "The workload of the item's type refused it with status 400"
    assert portal_form(answer) == {"errorCode": CODE, "message": "", "source": "System"}


@pytest.mark.parametrize(
    "error",
    [
        JobError("E" * 20_000, "m" * 20_000),
        JobError("E", '"' * 16_000),
        JobError("E", "🚀" * 16_000),
        JobError("\x00" * 16_000, "\x1b\n" * 8_000),
        JobError("E", "m", details=tuple(ErrorDetail("D" * 99, "d" * 99) for _ in range(200))),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b'{"errorCode": "%s"}' % (b"E" * 16_000), b'{"a": "%s"}' % (b"\\" * 9_998)]
)
async def test_a_refusal_is_never_larger_than_16_kb(
    served: Served, items: str, error: JobError, body: bytes
) -> None:
    served.owner.refusal = ItemRefused(error, status=400, body=body)

    answer = await served.call("POST", items, new_item())

    assert answer.status == 400
    assert len(answer.body) <= 16 * 1024
    assert answer.json()["message"].isprintable()
    assert answer.json()["moreDetails"][0]["message"] == answer.json()["message"]
    assert "errorCode" in portal_form(answer) or "a" in portal_form(answer)


async def test_a_body_that_fits_is_passed_on_whole(served: Served, items: str) -> None:
    raw = {"errorCode": "E", "message": "m" * 12_000}
    served.owner.refusal = ItemRefused(JobError("E", "m"), status=400, body=json.dumps(raw).encode())

    answer = await served.call("POST", items, new_item())

    assert portal_form(answer) == raw


async def test_a_workload_that_tells_its_tokens_tells_them_to_nobody(served: Served, items: str) -> None:
    token = served.issuer.subject_and_app("Contoso.FinanceAnalytics", "admin")
    secret = token.partition('subjectToken="')[2].partition('"')[0]
    error = JobError("E", f"got {token}", details=(ErrorDetail("D", f"had {secret}"),))
    body = json.dumps({"errorCode": "E", "message": token}).encode()
    served.owner.refusal = ItemRefused(error, status=400, body=body)

    answer = await served.call("POST", items, new_item())

    assert secret.encode() not in answer.body
    assert b"eyJ" not in answer.body
    assert answer.json()["moreDetails"][1] == {"errorCode": "D", "message": "had [token]"}
    assert portal_form(answer)["message"].startswith("SubjectAndAppToken1.0 ")


# ---- update


async def test_an_update_changes_what_it_names_and_nothing_else(served: Served, place: Place) -> None:
    first = await served.call("PATCH", place.path, {"description": "ours", "id": "x", "type": "Notebook"})
    second = await served.call("PATCH", place.path, {"displayName": "Verkäufe", "description": None})

    assert (first.status, second.status) == (200, 200)
    assert list(second.json().items()) == [
        ("id", place.item),
        ("type", FORECAST),
        ("displayName", "Verkäufe"),
        ("description", "ours"),
        ("workspaceId", place.workspace),
    ]
    assert (await served.call("GET", place.path)).json() == second.json()
    assert served.owner.heard[1:] == [
        ("updated", "sales", "ours", b""),
        ("updated", "Verkäufe", "ours", b""),
    ]


async def test_a_refused_update_leaves_all_as_it_was(served: Served, place: Place) -> None:
    before = served.dump()
    served.owner.refusal = REFUSED

    named = await served.call("PATCH", place.path, {"displayName": "costs"})
    defined = await served.call("POST", f"{place.path}/updateDefinition", {"definition": DEFINITION})

    assert [(answer.status, answer.json()["errorCode"]) for answer in (named, defined)] == [(400, CODE)] * 2
    assert served.dump() == before


async def test_an_update_to_the_name_of_another_item_is_refused(served: Served, place: Place) -> None:
    await served.item(place.workspace, "costs")
    before = served.dump()

    answer = await served.call("PATCH", place.path, {"displayName": "costs"})

    assert (answer.status, answer.json()["errorCode"]) == (400, "ItemDisplayNameAlreadyInUse")
    assert served.dump() == before


async def test_a_new_definition_replaces_the_one_before(served: Served, place: Place) -> None:
    other = {"parts": [PART]}
    await served.call("POST", f"{place.path}/updateDefinition", {"definition": DEFINITION})

    answer = await served.call(
        "POST", f"{place.path}/updateDefinition?updateMetadata=False", {"definition": other}
    )

    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("Content-Type") == "application/octet-stream"
    assert [json.loads(told[3]) for told in served.owner.heard[1:]] == [DEFINITION, other]
    shown = await served.call("POST", f"{place.path}/getDefinition")
    assert shown.json() == {"definition": other}


async def test_a_new_definition_may_rename_the_item(served: Served, place: Place) -> None:
    file = {"metadata": {"type": "Forecast", "displayName": "costs", "description": "of 2026"}, "config": {}}
    payload = base64.b64encode(json.dumps(file).encode()).decode()
    body = {"definition": {"parts": [PART, {**PART, "path": ".platform", "payload": payload}]}}

    await served.call("POST", f"{place.path}/updateDefinition", body)
    before = (await served.call("GET", place.path)).json()
    answer = await served.call("POST", f"{place.path}/updateDefinition?updateMetadata=True", body)

    after = (await served.call("GET", place.path)).json()
    assert answer.status == 200
    assert after == {**before, "displayName": "costs", "description": "of 2026"}


async def test_a_definition_without_metadata_leaves_the_name(served: Served, place: Place) -> None:
    before = (await served.call("GET", place.path)).json()

    answer = await served.call(
        "POST", f"{place.path}/updateDefinition?updateMetadata=true", {"definition": {"parts": [PART]}}
    )

    assert (answer.status, (await served.call("GET", place.path)).json()) == (200, before)


async def test_a_definition_is_shown_in_the_format_it_was_given_in(served: Served, place: Place) -> None:
    none = await served.call("POST", f"{place.path}/getDefinition")
    await served.call("POST", f"{place.path}/updateDefinition", {"definition": DEFINITION})

    same = await served.call("POST", f"{place.path}/getDefinition?format=V2")
    other = await served.call("POST", f"{place.path}/getDefinition?format=V1")

    assert none.json() == {"definition": {"parts": []}}
    assert same.json() == {"definition": DEFINITION}
    assert (other.status, other.json()["errorCode"]) == (400, "InvalidInput")


async def test_any_bytes_may_be_a_part(served: Served, place: Place) -> None:
    part = {**PART, "payload": base64.b64encode(bytes(range(256))).decode()}

    answer = await served.call("POST", f"{place.path}/updateDefinition", {"definition": {"parts": [part]}})

    assert answer.status == 200


# ---- delete


async def test_a_delete_is_told_and_not_blocked(served: Served, place: Place) -> None:
    served.owner.refusal = REFUSED

    answer = await served.call("DELETE", place.path)

    assert answer.status == 200
    assert served.owner.words[-1] == ("deleted", "sales")
    assert (await served.call("GET", place.path)).status == 404


@pytest.mark.parametrize("role", [Role.VIEWER, None])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_workload_hears_nothing_of_those_who_may_not(
    served: Served, place: Place, role: Role | None, method: str
) -> None:
    token = served.token("stranger") if role is None else await served.grant(place, "viewer", role)

    answer = await served.call(method, place.path, {"displayName": "x"}, token=token)

    assert answer.status == (404 if role is None else 403)
    assert served.owner.words == [("created", "sales")]
