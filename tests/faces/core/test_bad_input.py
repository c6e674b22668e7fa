"""Bad input to Core: the classes of promises.md 4.4 by every field that they apply to.

Each case: the right status and code in the envelope, no 5xx, and every table is as it was.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faces.core.serving import Place, Served
from tests.transcripts.clients import InProcess
from tests.transcripts.player import Request

LIMIT_BYTES = 64 * 1024  # of the body, in tests

WORKSPACES = "/v1/workspaces"
WORKSPACE = "/v1/workspaces/{w}"
ITEMS = "/v1/workspaces/{w}/items"
ITEM = "/v1/workspaces/{w}/items/{i}"
UPDATE_DEFINITION = f"{ITEM}/updateDefinition"
GET_DEFINITION = f"{ITEM}/getDefinition"
INSTANCES = f"{ITEM}/jobs/instances"
RUN = f"{ITEM}/jobs/calculateForecast/instances"
INSTANCE = f"{ITEM}/jobs/instances/{{j}}"
CANCEL = f"{INSTANCE}/cancel"
LOGS = f"/weft{INSTANCE}/logs"


@dataclass(frozen=True)
class Case:
    name: str
    method: str
    target: str
    body: bytes = b""
    status: int = 400
    code: str = "InvalidInput"
    field: str = ""
    headers: tuple[tuple[str, str], ...] = ()


# ---- bodies that are no strict JSON, for every operation that takes one

TAKES_BODY = {
    WORKSPACES: "workspace",
    ITEMS: "item",
    ITEM: "update",
    UPDATE_DEFINITION: "definition",
    RUN: "run",
}
METHODS = {ITEM: "PATCH"}
NO_STRICT_JSON: dict[str, bytes] = {
    "a brace missing": b'{"displayName": "x"',
    "text behind": b'{"displayName": "x"} x',
    "NaN": b'{"displayName": "x", "n": NaN}',
    "Infinity": b'{"displayName": "x", "n": -Infinity}',
    "1e999": b'{"displayName": "x", "n": 1e999}',
    "a member twice": b'{"displayName": "x", "displayName": "y"}',
    "half a surrogate pair": b'{"displayName": "\\ud800"}',
    "U+0000": b'{"displayName": "a\\u0000b"}',
    "U+0000 as a key": b'{"displayName": "x", "\\u0000": 1}',
    "5000 digits": b'{"displayName": "x", "n": ' + b"1" * 5000 + b"}",
    "2 to the 64": b'{"displayName": "x", "n": 18446744073709551616}',
    "UTF-16": '{"displayName": "x"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"displayName": "x"}',
    "no UTF-8": b'{"displayName": "\xff"}',
    "a raw control character": b'{"displayName": "a\nb"}',
    "65 levels": b'{"displayName": "x", "n": ' + b"[" * 65 + b"]" * 65 + b"}",
    "20000 levels": b"[" * 20_000,
    "single quotes": b"{'displayName': 'x'}",
    "a comment": b'{"displayName": "x" /* why */}',
    "an array": b"[]",
    "a number": b"1",
    "a string": b'"text"',
    "true": b"true",
}
BROKEN = [
    Case(f"{operation}: {name}", METHODS.get(target, "POST"), target, body, field="")
    for target, operation in TAKES_BODY.items()
    for name, body in NO_STRICT_JSON.items()
]
FRAMED = [
    case
    for target, operation in TAKES_BODY.items()
    for case in (
        Case(
            f"{operation}: one byte too long",
            METHODS.get(target, "POST"),
            target,
            b'{"x": "' + b"x" * (LIMIT_BYTES - 8) + b'"}',
            413,
            "RequestBodyTooLarge",
        ),
        Case(
            f"{operation}: text/plain",
            METHODS.get(target, "POST"),
            target,
            b"{}",
            415,
            "UnsupportedMediaType",
            headers=(("Content-Type", "text/plain"),),
        ),
        Case(
            f"{operation}: a form",
            METHODS.get(target, "POST"),
            target,
            b"a=b",
            415,
            "UnsupportedMediaType",
            headers=(("Content-Type", "application/x-www-form-urlencoded"),),
        ),
        Case(
            f"{operation}: UTF-16 by charset",
            METHODS.get(target, "POST"),
            target,
            b"{}",
            415,
            "UnsupportedMediaType",
            headers=(("Content-Type", "application/json; charset=utf-16"),),
        ),
        Case(
            f"{operation}: gzip",
            METHODS.get(target, "POST"),
            target,
            b"\x1f\x8b\x08",
            415,
            "UnsupportedMediaType",
            headers=(("Content-Encoding", "gzip"),),
        ),
    )
]
NEEDS_BODY = [
    Case(f"{TAKES_BODY[target]}: {name}", METHODS.get(target, "POST"), target, body)
    for target in (WORKSPACES, ITEMS, ITEM, UPDATE_DEFINITION)
    for name, body in {"no body": b"", "null": b"null", "a string of an object": b'"{}"'}.items()
]


# ---- members of bodies


def of(target: str, field: str, **values: Any) -> list[Case]:
    """One case a value of *field* in an otherwise good body."""
    good: dict[str, Any] = {
        WORKSPACES: {"displayName": "x"},
        ITEMS: {"displayName": "x", "type": "Notebook"},
        ITEM: {"displayName": "x", "description": "y"},
        UPDATE_DEFINITION: {},
        RUN: {},
    }[target]
    return [
        Case(
            f"{TAKES_BODY[target]} {field}: {name}",
            METHODS.get(target, "POST"),
            target,
            json.dumps({**good, field: value}).encode(),
            field=field,
        )
        for name, value in values.items()
    ]


NAMES: dict[str, Any] = {
    "null": None,
    "number": 5,
    "boolean": True,
    "object": {},
    "array": ["x"],
    "empty": "",
    "blank": "   ",
    "of_257_characters": "x" * 257,
    "of_257_emoji": "🚀" * 257,
    "line_break": "a\nb",
    "carriage_return": "a\r\nERROR admin",
    "escape": "a\x1b[31m",
    "delete": "a\x7f",
    "c1_control": "a\x85",
    "line_separator": "a\u2028b",
}
UUIDS: dict[str, Any] = {
    "number": 1,
    "empty": "",
    "braces": "{63f77191-432d-4ee6-9c5f-31a1a6987072}",
    "urn": "urn:uuid:63f77191-432d-4ee6-9c5f-31a1a6987072",
    "no_hyphens": "63f77191432d4ee69c5f31a1a6987072",
    "misplaced_hyphens": "63f77191-432d4-ee6-9c5f-31a1a6987072",
    "full_width": "\uff163f77191-432d-4ee6-9c5f-31a1a6987072",
    "space_behind": "63f77191-432d-4ee6-9c5f-31a1a6987072 ",
}
FOLDER_IDS = {name: id for name, id in UUIDS.items() if id != ""}  # that is no folder, as null is
MEMBERS = [
    *of(WORKSPACES, "displayName", **NAMES),
    *of(WORKSPACES, "description", number=5, object={}, of_4001_characters="x" * 4001),
    *of(WORKSPACES, "capacityId", **UUIDS),
    *of(ITEMS, "displayName", **NAMES),
    *of(ITEMS, "type", **{name: NAMES[name] for name in ("null", "number", "array", "empty", "escape")}),
    *of(ITEMS, "description", number=5, array=[], of_257_characters="x" * 257),
    *of(ITEMS, "folderId", **FOLDER_IDS),
    *of(ITEMS, "creationPayload", number=5, text="{}", boolean=False, array=[], real=1.5),
    *of(ITEMS, "definition", number=5, text="{}", array=[]),
    *of(ITEM, "displayName", **{name: value for name, value in NAMES.items() if name != "null"}),
    *of(ITEM, "description", number=5, array=[], of_257_characters="x" * 257),
    *of(UPDATE_DEFINITION, "definition", null=None, number=5, text="{}", array=[]),
    *of(RUN, "executionData", number=5, text="{}", boolean=False, array=[], real=1.5),
    *of(RUN, "parameters", number=5, object={}, text="x"),
    Case("update: nothing", "PATCH", ITEM, b"{}", field="displayName"),
    Case("update: only null", "PATCH", ITEM, b'{"displayName": null}', field="displayName"),
    Case("update: another member", "PATCH", ITEM, b'{"type": "Notebook"}', field="displayName"),
    Case("definition: no definition", "POST", UPDATE_DEFINITION, b"{}", field="definition"),
    Case(
        "item: creationPayload and definition",
        "POST",
        ITEMS,
        b'{"displayName": "x", "type": "Notebook", "creationPayload": {}, "definition": {"parts": '
        b'[{"path": "a", "payload": "", "payloadType": "InlineBase64"}]}}',
        field="creationPayload",
    ),
    Case("item: no type", "POST", ITEMS, b'{"displayName": "x"}', field="type"),
    Case("item: no displayName", "POST", ITEMS, b'{"type": "Notebook"}', field="displayName"),
    Case("workspace: no displayName", "POST", WORKSPACES, b"{}", field="displayName"),
    Case("workspace: displayname", "POST", WORKSPACES, b'{"displayname": "x"}', field="displayName"),
    Case(
        "item: a type that nobody owns",
        "POST",
        ITEMS,
        b'{"displayName": "x", "type": "os.system"}',
        code="InvalidItemType",
    ),
    Case(
        "item: a look-alike of a type",
        "POST",
        ITEMS,
        '{"displayName": "x", "type": "\u039dotebook"}'.encode(),
        code="InvalidItemType",
    ),
]


def parameters(name: str, *given: Any, field: str = "", status: int = 400) -> Case:
    body = json.dumps({"parameters": list(given)}).encode()
    code = "InvalidInput" if status == 400 else "FeatureNotAvailable"
    return Case(f"run parameters: {name}", "POST", RUN, body, status, code, field)


PARAMETERS = [
    parameters("a number", 1, field="parameters[0]"),
    parameters("null", None, field="parameters[0]"),
    parameters("no name", {"type": "Text", "value": "x"}, field="parameters[0].name"),
    parameters("no type", {"name": "a", "value": "x"}, field="parameters[0].type"),
    parameters("no value", {"name": "a", "type": "Text"}, field="parameters[0].value"),
    parameters("number as name", {"name": 1, "type": "Text", "value": "x"}, field="parameters[0].name"),
    parameters("name of 257", {"name": "x" * 257, "type": "Text", "value": "x"}, field="parameters[0].name"),
    parameters("empty name", {"name": "", "type": "Text", "value": "x"}, field="parameters[0].name"),
    parameters(
        "a name twice",
        {"name": "HORIZON", "type": "Text", "value": "x"},
        {"name": "horizon", "type": "Text", "value": "x"},
        field="parameters[1].name",
    ),
    parameters(
        "object as value", {"name": "a", "type": "Text", "value": {"a": 1}}, field="parameters[0].value"
    ),
    parameters("well formed", {"name": "a", "type": "Integer", "value": 1}, status=403),
    parameters("of a type of the future", {"name": "a", "type": "Colour", "value": "red"}, status=403),
]

PART = {"path": "a.json", "payload": "e30=", "payloadType": "InlineBase64"}


def definitions(name: str, *parts: Any, field: str, code: str = "InvalidInput", **more: Any) -> list[Case]:
    """The same definition in an update and in a create."""
    definition = {"parts": list(parts), **more}
    created = {"displayName": "x", "type": "Notebook", "definition": definition}
    shown = "" if code != "InvalidInput" else field
    return [
        Case(
            f"definition: {name}",
            "POST",
            UPDATE_DEFINITION,
            json.dumps({"definition": definition}).encode(),
            400,
            code,
            shown,
        ),
        Case(f"item definition: {name}", "POST", ITEMS, json.dumps(created).encode(), 400, code, shown),
    ]


FIRST = "definition.parts[0]"
PLATFORMS = {
    "of nothing": "",
    "that is no JSON": "{",
    "without metadata": "{}",
    "without a name": '{"metadata": {"displayName": ""}}',
    "with a number for a name": '{"metadata": {"displayName": 1}}',
    "with a long description": json.dumps({"metadata": {"description": "x" * 5000}}),
}


def platform(text: str) -> dict[str, str]:
    return {**PART, "path": ".platform", "payload": base64.b64encode(text.encode()).decode()}


BAD_PATHS = {
    "empty": "",
    "blank": " ",
    "absolute": "/etc/passwd",
    "dots": "..",
    "dots inside": "a/../../b",
    "backslash": "a\\b",
    "line break": "a\nb",
    "escape": "a\x1b",
    "of 1025": "x" * 1025,
}
DEFINITIONS = [
    *definitions("no parts", field="definition.parts"),
    *definitions("a number as part", 1, field=FIRST),
    *definitions("a null", None, field=FIRST),
    *definitions("no path", {"payload": "", "payloadType": "InlineBase64"}, field=f"{FIRST}.path"),
    *definitions("no payload", {"path": "a", "payloadType": "InlineBase64"}, field=f"{FIRST}.payload"),
    *definitions("no payloadType", {"path": "a", "payload": ""}, field=f"{FIRST}.payloadType"),
    *definitions("number as path", {**PART, "path": 1}, field=f"{FIRST}.path"),
    *definitions("null as payload", {**PART, "payload": None}, field=f"{FIRST}.payload"),
    *definitions("another payloadType", {**PART, "payloadType": "Git"}, field=f"{FIRST}.payloadType"),
    *definitions("a path twice", PART, PART, field="definition.parts[1].path"),
    *definitions("number as format", PART, field="definition.format", format=1),
    *definitions("empty format", PART, field="definition.format", format=""),
    *definitions("no base64", {**PART, "payload": "e30"}, field="", code="CorruptedPayload"),
    *definitions("a space in base64", {**PART, "payload": "e3 0="}, field="", code="CorruptedPayload"),
    *definitions("url base64", {**PART, "payload": "_-8="}, field="", code="CorruptedPayload"),
    *definitions("no ASCII", {**PART, "payload": "\u00e9"}, field="", code="CorruptedPayload"),
    *(
        case
        for name, path in BAD_PATHS.items()
        for case in definitions(f"{name} as path", {**PART, "path": path}, field=f"{FIRST}.path")
    ),
    Case("updateMetadata", "POST", f"{UPDATE_DEFINITION}?updateMetadata=yes", field="updateMetadata"),
    *(
        Case(
            f"metadata {name}",
            "POST",
            f"{UPDATE_DEFINITION}?updateMetadata=true",
            json.dumps({"definition": {"parts": [platform(text)]}}).encode(),
            field=f"{FIRST}.payload",
        )
        for name, text in PLATFORMS.items()
    ),
    Case("updateMetadata twice", "POST", f"{UPDATE_DEFINITION}?updateMetadata=false&updateMetadata=false"),
    Case("format", "POST", f"{GET_DEFINITION}?format=ipynb", field="format"),
    Case("format twice", "POST", f"{GET_DEFINITION}?format=a&format=a", field="format"),
]

# ---- paths and queries

BAD_IDS = {
    "text": "sales",
    "braces": "%7B63f77191-432d-4ee6-9c5f-31a1a6987072%7D",
    "urn": "urn:uuid:63f77191-432d-4ee6-9c5f-31a1a6987072",
    "no hyphens": "63f77191432d4ee69c5f31a1a6987072",
    "misplaced hyphens": "63f77191-432d4-ee6-9c5f-31a1a6987072",
    "a full width digit": "%EF%BC%963f77191-432d-4ee6-9c5f-31a1a6987072",
    "NUL": "63f77191-432d-4ee6-9c5f-31a1a6987072%00",
    "no UTF-8": "63f77191-432d-4ee6-9c5f-31a1a698707%ff",
    "a line break": "63f77191-432d-4ee6-9c5f-31a1a6987072%0a",
    "SQL": "'%20OR%201=1%20--",
    "an emoji": "%F0%9F%9A%80",
    "10000 characters": "a" * 10_000,
}
PLACES = {
    "workspaceId": ("GET", WORKSPACE, "{w}"),
    "itemId": ("GET", ITEM, "{i}"),
    "itemId of a run": ("POST", RUN, "{i}"),
    "jobInstanceId": ("GET", INSTANCE, "{j}"),
    "jobInstanceId of a cancel": ("POST", CANCEL, "{j}"),
    "workspaceId of a delete": ("DELETE", WORKSPACE, "{w}"),
    "itemId of an update": ("PATCH", ITEM, "{i}"),
    "itemId of a definition": ("POST", GET_DEFINITION, "{i}"),
}
PATHS = [
    Case(f"{field}: {name}", method, target.replace(place, id), field=field.split()[0])
    for field, (method, target, place) in PLACES.items()
    for name, id in BAD_IDS.items()
]
JOB_TYPES = {
    "unknown": "Explode",
    "a dunder": "__class__",
    "dotted": "os.system",
    "instances": "instances",
    "a look-alike": "%D1%81alculateForecast",
    "a dotless i": "ForecastAsync%C4%B1",
    "a kelvin sign": "%E2%84%AA",
    "NUL": "calculateForecast%00",
    "no UTF-8": "%ff",
    "10000 characters": "a" * 10_000,
    "spaces": "calculateForecast%20",
}
RUNS = [
    *(
        Case(f"jobType in the path: {name}", "POST", f"{ITEM}/jobs/{text}/instances", code="InvalidJobType")
        for name, text in JOB_TYPES.items()
        if name != "instances"
    ),
    *(
        Case(f"jobType in the query: {name}", "POST", f"{INSTANCES}?jobType={text}", code="InvalidJobType")
        for name, text in JOB_TYPES.items()
    ),
    Case("no jobType", "POST", INSTANCES, field="jobType"),
    Case("jobtype", "POST", f"{INSTANCES}?jobtype=calculateForecast", field="jobType"),
    Case("an empty jobType", "POST", f"{INSTANCES}?jobType=", code="InvalidJobType"),
    Case("jobType twice", "POST", f"{INSTANCES}?jobType=calculateForecast&jobType=x", field="jobType"),
    Case("beta", "POST", f"{RUN}?beta=true", field="beta"),
    Case("beta twice", "GET", f"{WORKSPACE}?beta=false&beta=false", field="beta"),
]
TOKENS = {
    "empty": "",
    "short": "AAAA",
    "31 characters": "A" * 31,
    "33 characters": "A" * 33,
    "unsigned": "A" * 32,
    "no base64": "!" * 32,
    "an alphabet with plus": "+" * 32,
    "no ASCII": "%C3%A9" * 32,
    "NUL": "A" * 31 + "%00",
    "a number": "100",
    "1 MB": "A" * 1_000_000,
}
LISTS = [
    Case(f"{target}: {name}", "GET", f"{target}?continuationToken={token}", field="continuationToken")
    for target in (WORKSPACES, ITEMS, INSTANCES)
    for name, token in TOKENS.items()
] + [
    Case("token twice", "GET", f"{ITEMS}?continuationToken=a&continuationToken=a", field="continuationToken"),
    Case("type twice", "GET", f"{ITEMS}?type=Notebook&type=Notebook", field="type"),
    Case("empty type", "GET", f"{ITEMS}?type=", field="type"),
    Case("NUL as type", "GET", f"{ITEMS}?type=%00", field="type"),
    Case("long type", "GET", f"{ITEMS}?type={'x' * 257}", field="type"),
    *(
        Case(f"after: {name}", "GET", f"{LOGS}?after={text}", field="after")
        for name, text in {
            "empty": "",
            "negative": "-1",
            "real": "1.5",
            "text": "x",
            "full width": "%EF%BC%91",
            "superscript": "%C2%B2",
            "beyond 64 bit": "9223372036854775808",
            "5000 digits": "1" * 5000,
            "underscore": "1_0",
            "space": "%201",
        }.items()
    ),
    Case("after twice", "GET", f"{LOGS}?after=1&after=1", field="after"),
]

CASES = [
    *BROKEN,
    *FRAMED,
    *NEEDS_BODY,
    *MEMBERS,
    *DEFINITIONS,
    *PARAMETERS,
    *PATHS,
    *RUNS,
    *LISTS,
]


def test_there_are_at_least_eighty_cases_and_each_is_its_own() -> None:
    assert len(CASES) >= 80
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_bad_input_is_refused_in_the_envelope_and_changes_nothing(
    served: Served, place: Place, case: Case
) -> None:
    job = await served.run(place)
    target = case.target.replace("{w}", place.workspace).replace("{i}", place.item).replace("{j}", job)
    headers = {"Authorization": f"Bearer {served.token()}", "Content-Type": "application/json"}
    headers.update(case.headers)
    served.owner.heard.clear()
    before = served.dump()

    answer = await InProcess(served.app).send(Request(case.method, target, tuple(headers.items()), case.body))

    error = answer.json()
    assert (answer.status, error["errorCode"]) == (case.status, case.code), answer.body
    assert answer.header("x-ms-public-api-error-code") == case.code
    assert answer.header("Content-Type") == "application/json; charset=utf-8"
    assert error["requestId"] == answer.header("RequestId")
    assert error["message"].isprintable()
    assert len(answer.body) < 2000
    if case.field:
        assert error["moreDetails"][0]["relatedResource"]["resourceId"] == case.field
        assert case.field in error["message"]
    assert served.dump() == before
    assert served.owner.heard == []


@pytest.mark.parametrize(
    ("target", "body"),
    [
        (WORKSPACES, {"displayName": "x" * 256, "description": "x" * 4000}),
        (WORKSPACES, {"displayName": "🚀" * 256}),
        (WORKSPACES, {"displayName": "ظهر \u202eabc", "description": "a\nb"}),
        (ITEMS, {"displayName": "'; DROP TABLE items; --", "type": "Notebook"}),
        (ITEMS, {"displayName": "<img onerror>", "type": "Notebook", "description": "x" * 256}),
    ],
)
async def test_what_only_looks_bad_is_kept_as_it_is(
    served: Served, place: Place, target: str, body: dict[str, str]
) -> None:
    answer = await served.call("POST", target.replace("{w}", place.workspace), body)

    assert answer.status == 201
    assert answer.json()["displayName"] == body["displayName"]


async def test_a_body_of_just_the_limit_is_accepted(served: Served, place: Place) -> None:
    body = b'{"executionData": {"x": "' + b"x" * (LIMIT_BYTES - 28) + b'"}}'

    assert len(body) == LIMIT_BYTES
    assert await served.run(place, raw=body)
