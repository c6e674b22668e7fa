"""What no caller should send about an item: answered in the envelope of the contract, and without a trace."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.dump import dump
from tests.faces.workload.house import (
    BODY_BYTES,
    ITEM,
    ITEM_TYPE,
    JOB,
    JOB_TYPE,
    House,
    Identity,
    a_house,
    item_path,
)
from tests.faces.workload.test_bad_input import JSON, MEDIA_TYPES, NOT_REGISTERED, NOT_UUIDS, Case, of_name
from tests.faces.workload.test_items import BODY

KNOWN = "00000000-0000-4000-8000-00000000dead"
RESOLVE = "/workload/resolve"
NAMED = {"jobType": JOB_TYPE, "jobInstanceId": JOB}
PART = {"path": "a", "payload": "AA==", "payloadType": "InlineBase64"}
NO_OBJECT: list[object] = [[], "{}", 1, True]
NO_DELETE_TYPE: list[object] = ["hard", "Purge", "", 1, None, ["Hard"]]
NO_BASE64 = ["A", "AA=", "AA==\n", "A-_=", "ä", "AAAA=", " AA=="]

# The routes beside those of test_bad_input.py: method, what follows the item's address, a good body.
ROUTES: dict[str, tuple[str, str, object]] = {
    "create": ("POST", "", BODY),
    "update": ("PATCH", "", {"displayName": "x"}),
    "delete": ("DELETE", "", None),
    "payload": ("GET", "/payload", None),
    "OnCreateItem": ("POST", "/OnCreateItem", {}),
    "OnUpdateItem": ("POST", "/OnUpdateItem", {}),
    "OnDeleteItem": ("POST", "/OnDeleteItem", {"deleteType": "Soft"}),
    "OnRestoreItem": ("POST", "/OnRestoreItem", {}),
    "onCreateJobInstance": ("POST", "/jobs/onCreateJobInstance", NAMED),
    "onGetJobInstanceStatus": ("POST", "/jobs/onGetJobInstanceStatus", NAMED),
    "onCancelJobInstance": ("POST", "/jobs/onCancelJobInstance", NAMED),
}
READ = {name: route for name, route in ROUTES.items() if route[2] is not None}


def bad(name: str, method: str, target: str, body: bytes, field: str, *, is_named: bool = True) -> Case:
    """*is_named*: the message holds the field, and not only the value."""
    names = (field,) if is_named else ()
    return Case(name, method, target, 400, "InvalidParameter", names, body, field=field)


def sent(body: object) -> bytes:
    return b"" if body is None else json.dumps(body).encode()


def places() -> Iterator[Case]:
    for name, (method, suffix, body) in ROUTES.items():
        for part, field in (("workspace", "workspaceId"), ("item", "itemId")):
            for spelling in (
                "in braces",
                "without hyphens",
                "full-width digit",
                "NUL at the end",
                "long",
                "null",
            ):
                target = item_path(suffix, **{part: quote(NOT_UUIDS[spelling], safe="")})
                yield Case(f"{name} {field} {spelling}", method, target, 400, "InvalidParameter", (field,),
                           sent(body), field=field)  # fmt: skip
        for spelling in (
            "unknown",
            "dunder",
            "dotted",
            "long s",
            "Kelvin",
            "NUL",
            "0xff",
            "of another workload",
        ):
            target = item_path(suffix, item_type=NOT_REGISTERED[spelling])
            yield Case(f"{name} item type {spelling}", method, target, 404, "InvalidItemType", (), sent(body))
        almost = item_path(suffix, item_type=ITEM_TYPE.replace("s", "%C5%BF"))
        yield Case(f"{name} item type almost", method, almost, 404, "InvalidItemType", (), sent(body))


def methods() -> Iterator[Case]:
    allowed = {"": "POST or PATCH or DELETE", "/payload": "GET or HEAD"}
    for suffix in dict.fromkeys(route[1] for route in ROUTES.values()):
        for method in ("PUT", "OPTIONS", "TRACE", "post"):
            said = (allowed.get(suffix, "POST"), method)
            yield Case(f"{method} {suffix}", method, item_path(suffix), 405, "MethodNotAllowed", said, b"{}")
        yield Case(f"slash after {suffix}", "POST", item_path(suffix) + "/", 404, "PathNotFound", (), b"{}")
        if suffix:
            yield Case(f"line break after {suffix}", "POST", item_path(suffix) + "%0A", 404,
                       "PathNotFound", (), b"{}")  # fmt: skip
    for suffix in (
        "/OnPurgeItem",
        "/jobs",
        "/jobs/onListJobInstances",
        "/OnCreateItem/x",
        "/resolve",
        "/definition",
    ):
        yield Case(f"path {suffix}", "POST", item_path(suffix), 404, "PathNotFound", (), b"{}")
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        yield Case(f"{method} resolve", method, RESOLVE, 405, "MethodNotAllowed", ("POST",), b"{}")


# What no JSON body may be, whatever it is for.
NO_BODY: dict[str, tuple[bytes, str]] = {
    "null": (b"null", "body"),
    "an array": (b"[{}]", "body"),
    "a string": (b'"{}"', "body"),
    "cut off": (b'{"displayName":', "body"),
    "two": (b"{} {}", "body"),
    "a comma too many": (b'{"displayName":"x",}', "body"),
    "BOM": (b"\xef\xbb\xbf{}", "body"),
    "UTF-16": ("{}".encode("utf-16"), "body"),
    "Latin-1": ('{"x":"ä"}'.encode("latin-1"), "body"),
    "a member twice": (b'{"x":1,"x":1}', "x"),
    "NaN": (b'{"x":NaN}', "body"),
    "1e999": (b'{"x":1e999}', "body"),
    "2^64": (b'{"x":18446744073709551616}', "body"),
    "5,000 digits": (b'{"x":' + b"9" * 5000 + b"}", "body"),
    "NUL": (b'{"x":"\\u0000"}', "x"),
    "half a pair": (b'{"x":"\\ud800"}', "x"),
    "deep": (b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "body"),
}


def bodies() -> Iterator[Case]:
    for name, (method, suffix, good) in READ.items():
        for spelling, (body, field) in NO_BODY.items():
            yield bad(f"{name} body {spelling}", method, item_path(suffix), body, field, is_named=False)
        if name != "OnDeleteItem":
            yield Case(
                f"{name} body empty",
                method,
                item_path(suffix),
                400,
                "InvalidParameter",
                ("body",),
                field="body",
            )
        too_long = sent(good)[:-1] + b" " * BODY_BYTES + b"}"
        yield Case(
            f"{name} body too long", method, item_path(suffix), 413, "RequestBodyTooLarge", (), too_long
        )
        for spelling, media_type in MEDIA_TYPES.items():
            yield Case(f"{name} as {spelling}", method, item_path(suffix), 415, "UnsupportedMediaType", (),
                       sent(good), (("Content-Type", media_type),), field="Content-Type")  # fmt: skip
        yield Case(f"{name} in gzip", method, item_path(suffix), 415, "UnsupportedMediaType", (), sent(good),
                   (*JSON, ("Content-Encoding", "gzip")), field="Content-Encoding")  # fmt: skip


def members() -> Iterator[Case]:
    wrong: list[tuple[str, object, str]] = [
        ("create", {}, "displayName"),
        ("create", {"displayName": None}, "displayName"),
        ("create", {"displayName": 1}, "displayName"),
        ("create", {"displayName": "x" * 257}, "displayName"),
        ("create", {"displayName": "x", "description": 1}, "description"),
        *(("create", {"displayName": "x", "creationPayload": odd}, "creationPayload")
          for odd in NO_OBJECT),
        ("update", {"displayName": "ä" * 257}, "displayName"),
        ("update", {"displayName": []}, "displayName"),
        ("update", {"description": {}}, "description"),
        *(("update", {"updatePayload": odd}, "updatePayload") for odd in NO_OBJECT),
        *(("OnDeleteItem", {"deleteType": odd}, "deleteType")
          for odd in NO_DELETE_TYPE),
        ("onCreateJobInstance", {"jobType": JOB_TYPE}, "jobInstanceId"),
        ("onCreateJobInstance", {"jobInstanceId": JOB}, "jobType"),
        *(("onCreateJobInstance", {**NAMED, "executionData": odd}, "executionData") for odd in NO_OBJECT),
        ("onCreateJobInstance", {**NAMED, "definition": {"parts": [{**PART, "payload": "*"}]}},
         "definition.parts[0].payload"),
        *((name, {"definition": odd}, "definition")
          for name in ("OnCreateItem", "OnUpdateItem", "OnRestoreItem") for odd in NO_OBJECT),
        *((name, {"definition": {}}, "definition.parts") for name in ("OnCreateItem", "OnUpdateItem")),
        *(("OnCreateItem", {"definition": {"parts": [{**PART}, {**PART, "payload": odd}]}},
           "definition.parts[1].payload") for odd in NO_BASE64),
        *((name, {**NAMED, "jobInstanceId": odd}, "jobInstanceId")
          for name in ("onCreateJobInstance", "onGetJobInstanceStatus", "onCancelJobInstance")
          for odd in ("", "7", NOT_UUIDS["in braces"], NOT_UUIDS["full-width digit"], JOB + "\n")),
    ]  # fmt: skip
    for number, (name, body, field) in enumerate(wrong):
        method, suffix, _ = ROUTES[name]
        yield bad(f"{name} member {number} {field}", method, item_path(suffix), sent(body), field)
    for name in ("onCreateJobInstance", "onGetJobInstanceStatus", "onCancelJobInstance"):
        for job_type in ("", "__class__", "os.system", "doOther", "calculateForeca\u017ft", "x" * 300):
            yield Case(f"{name} job type {job_type[:20]}", "POST", item_path(ROUTES[name][1]), 404,
                       "InvalidJobType", (), sent({**NAMED, "jobType": job_type}))  # fmt: skip


CONTEXTS: dict[str, tuple[object, str]] = {
    "missing": ({}, "context"),
    "null": ({"context": None}, "context"),
    "an object": ({"context": {}}, "context"),
    "of texts": ({"context": ["TenantId"]}, "context[0]"),
    "unknown name": ({"context": [{"name": "Region", "value": "x"}]}, "context[0].name"),
    "name in another case": ({"context": [{"name": "tenantid", "value": "x"}]}, "context[0].name"),
    "a name twice": ({"context": [{"name": "TenantId", "value": "x"}] * 2}, "context[1].name"),
}


def contexts() -> Iterator[Case]:
    for spelling, (body, field) in CONTEXTS.items():
        for path in (RESOLVE, RESOLVE + "-endpoint"):
            yield bad(f"{path} context {spelling}", "POST", path, sent(body), field)
    for spelling, (raw, field) in NO_BODY.items():
        yield bad(f"resolve body {spelling}", "POST", RESOLVE, raw, field, is_named=False)


CASES = [*places(), *methods(), *bodies(), *members(), *contexts()]


def test_there_are_many_cases_and_no_two_have_one_name() -> None:
    assert len(CASES) >= 500
    assert len({case.name for case in CASES}) == len(CASES)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def patient(tmp_path_factory: pytest.TempPathFactory, identity: Identity) -> AsyncIterator[House]:
    """One host for all cases, since none of them changes anything."""
    async with a_house(tmp_path_factory.mktemp("patient"), identity, slots=0) as house:
        await house.create(job=KNOWN)
        await house.make(BODY, item=KNOWN)
        yield house


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", of_name(CASES))
async def test_bad_input_is_named_and_leaves_no_trace(case: Case, patient: House) -> None:
    before = dump(patient.database)

    answer = await patient.ask(case.method, case.target, case.body, headers=case.headers)

    envelope = answer.json()
    assert (answer.status, envelope["errorCode"]) == (case.status, case.code), envelope
    assert set(envelope) - {"messageParameters"} == {"errorCode", "message", "source", "isPermanent"}
    assert (envelope["source"], envelope["isPermanent"]) == ("User", True)
    assert [name for name in case.names if name not in envelope["message"]] == [], envelope["message"]
    assert len(envelope["message"]) < 500
    if case.field is not None:
        assert envelope["messageParameters"] == [case.field]
    assert dump(patient.database) == before


async def test_the_longest_name_is_accepted(idle: House) -> None:
    assert (await idle.make({"displayName": "\U0001f600" * 256})).status == 200
    assert ITEM in repr(dump(idle.database))
