"""Bad input to what reads: told in the envelope, with field and value; never a 5xx, and nothing changes."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from tests.dump import dump
from tests.faces.twins.reading_house import SPACE, Reading
from tests.faces.twins.serving import VERSION
from tests.transcripts.player import Answer, Request

MODEL = f"/models/{quote(SPACE)}"
TWIN = "/digitaltwins/building"
LINK = f"{TWIN}/relationships/to-1"
LINKS = f"{TWIN}/relationships"
INCOMING = f"{TWIN}/incomingrelationships"
STATS = "/weft/v1/twins/stats"
IMPORT = "/weft/v1/twins/imports/job1"
WHERE = "SELECT * FROM digitaltwins WHERE "
INVALID = "InvalidArgument"
READS = [("GET", target) for target in ("/models", MODEL, TWIN, LINK, LINKS, INCOMING)] + [("POST", "/query")]


@dataclass(frozen=True)
class Case:
    """*said* is in the message. *version*: the api-version, as it stands in the address."""

    name: str
    method: str
    target: str
    status: int = 400
    code: str = INVALID
    said: str = ""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    version: str = VERSION


def asked(name: str, body: Any, code: str = "SqlQueryError", said: str = "", **more: Any) -> Case:
    """A case of a query with this body, which is JSON unless it is bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Case(f"query: {name}", "POST", "/query", code=code, said=said, body=raw, **more)


def text(name: str, query: str, said: str = "character") -> Case:
    return asked(name, {"query": query}, said=said)


# ---- versions and methods

VERSIONS = [
    Case(f"{method} {target}: {name}", method, target, code=code, version=version, said=said)
    for method, target in READS
    for name, version, code, said in (
        ("no version", "", "MissingApiVersionParameter", "api-version"),
        ("an old version", "api-version=2020-10-31", "UnsupportedApiVersionValue", "2020-10-31"),
    )
] + [
    Case("a version twice", "GET", TWIN, version=f"{VERSION}&{VERSION}", said="api-version"),
    Case("an empty version", "GET", TWIN, code="MissingApiVersionParameter", version="api-version="),
    Case(
        "SQL as a version", "GET", TWIN, code="UnsupportedApiVersionValue", version="api-version='%20OR%201=1"
    ),
]
METHODS = [
    Case(f"{method} {target}", method, target, status, code)
    for method, target, status, code in (
        ("POST", "/models", 405, "MethodNotAllowed"),
        ("PATCH", MODEL, 405, "MethodNotAllowed"),
        ("DELETE", MODEL, 405, "MethodNotAllowed"),
        ("PUT", TWIN, 405, "MethodNotAllowed"),
        ("PATCH", TWIN, 405, "MethodNotAllowed"),
        ("DELETE", TWIN, 405, "MethodNotAllowed"),
        ("PUT", LINK, 405, "MethodNotAllowed"),
        ("PATCH", LINK, 405, "MethodNotAllowed"),
        ("DELETE", LINK, 405, "MethodNotAllowed"),
        ("POST", LINKS, 405, "MethodNotAllowed"),
        ("GET", "/query", 405, "MethodNotAllowed"),
        ("PUT", "/query", 405, "MethodNotAllowed"),
        ("DELETE", STATS, 405, "MethodNotAllowed"),
        ("POST", IMPORT, 405, "MethodNotAllowed"),
        ("GET", f"{TWIN}/components/x", 404, "EndpointNotFound"),
        ("PATCH", f"{TWIN}/components/x", 404, "EndpointNotFound"),
        ("POST", f"{TWIN}/telemetry", 404, "EndpointNotFound"),
        ("POST", f"{TWIN}/components/x/telemetry", 404, "EndpointNotFound"),
        ("GET", "/eventroutes", 404, "EndpointNotFound"),
        ("PUT", "/eventroutes/x", 404, "EndpointNotFound"),
        ("GET", "/digitaltwins", 404, "EndpointNotFound"),
        ("GET", f"{TWIN}/", 404, "EndpointNotFound"),
        ("GET", f"{LINKS}/", 404, "EndpointNotFound"),
        ("GET", f"{LINK}/more", 404, "EndpointNotFound"),
        ("GET", "/models/", 404, "EndpointNotFound"),
        ("POST", "/query/", 404, "EndpointNotFound"),
        ("GET", "/weft/v1/twins", 404, "EndpointNotFound"),
        ("GET", "/weft/v1/twins/imports", 404, "EndpointNotFound"),
    )
]

# ---- ids

BAD_DTMIS = {
    "text": "Space",
    "no version": "dtmi:com:example:Space;",
    "version 0": "dtmi:com:example:Space;0",
    "a version of ten digits": "dtmi:com:example:Space;1234567890",
    "no scheme": "com:example:Space;1",
    "an upper case scheme": "DTMI:com:example:Space;1",
    "an empty segment": "dtmi:com::Space;1",
    "a digit first": "dtmi:com:1Space;1",
    "an underscore last": "dtmi:com:Space_;1",
    "a space": "dtmi:com:example: Space;1",
    "an umlaut": "dtmi:com:example:R\u00e4ume;1",
    "a line break": "dtmi:com:example:Space;1\n",
    "NUL": "dtmi:com:example:Space;1\0",
    "SQL": "' OR 1=1 --",
    "2049 characters": f"dtmi:{'a' * 2042};1",
}
BAD_IDS = {
    "NUL": "a\0b",
    "a line break": "a\nb",
    "an escape": "a\x1b[31m",
    "delete": "a\x7f",
    "a line separator": "a\u2028b",
    "4097 characters": "a" * 4097,
}


def named(field: str, id: str) -> str:
    """Return what is named as bad: a path with control characters is turned away before it has fields."""
    return "the path" if any(character in "\0\n\x1b\x7f" for character in id) else field


IDS = [
    *(
        Case(f"model: {name}", "GET", f"/models/{quote(id)}", said=named("id", id))
        for name, id in BAD_DTMIS.items()
    ),
    *(
        Case(
            f"dependenciesFor: {name}", "GET", f"/models?dependenciesFor={quote(id)}", said="dependenciesFor"
        )
        for name, id in BAD_DTMIS.items()
    ),
    *(
        Case(f"{target}: {name}", "GET", target.replace("ID", quote(id)), said=named(field, id))
        for target, field in {
            "/digitaltwins/ID": "id",
            "/digitaltwins/ID/relationships": "id",
            "/digitaltwins/ID/incomingrelationships": "id",
            "/digitaltwins/building/relationships/ID": "relationshipId",
        }.items()
        for name, id in BAD_IDS.items()
    ),
    *(
        Case(
            f"relationshipName: {name}",
            "GET",
            f"{LINKS}?relationshipName={quote(id)}",
            said="relationshipName",
        )
        for name, id in BAD_IDS.items()
    ),
    Case("no UTF-8 in the path", "GET", "/digitaltwins/%ff"),
    Case("no UTF-8 in a model's path", "GET", "/models/%c3%28"),
    Case("half a surrogate pair in the path", "GET", "/digitaltwins/%ed%a0%80"),
    Case("an unknown twin", "GET", "/digitaltwins/no", 404, "DigitalTwinNotFound", "'no'"),
    Case("SQL as a twin", "GET", "/digitaltwins/'%20OR%201=1%20--", 404, "DigitalTwinNotFound", "OR 1=1"),
    Case(
        "a twin in full width",
        "GET",
        f"/digitaltwins/{quote(chr(0xFF42))}uilding",
        404,
        "DigitalTwinNotFound",
    ),
    Case("an unknown import", "GET", "/weft/v1/twins/imports/no", 404, "JobNotFound", "no"),
    Case("a long import", "GET", f"/weft/v1/twins/imports/{'x' * 129}", said="id"),
]

# ---- parameters and headers

BAD_SIZES = (
    "0",
    "-1",
    "1.5",
    "ten",
    "",
    "1 0",
    "\uff11".encode().decode("latin-1"),
    "9" * 5000,
    "2147483648",
)
PARAMETERS = [
    *(
        Case(
            f"{method} {target}: max-items-per-page {size[:10]!r}",
            method,
            target,
            said="max-items-per-page",
            headers=(("max-items-per-page", size),),
            body=b'{"query": "SELECT * FROM digitaltwins"}' if method == "POST" else b"",
        )
        for method, target in (("GET", "/models"), ("GET", LINKS), ("POST", "/query"))
        for size in BAD_SIZES
    ),
    Case(
        "max-items-per-page twice",
        "GET",
        "/models",
        said="max-items-per-page",
        headers=(("max-items-per-page", "1"), ("max-items-per-page", "1")),
    ),
    *(
        Case(f"{target}: includeModelDefinition={value}", "GET", f"{target}?includeModelDefinition={value}")
        for target in ("/models", MODEL)
        for value in ("", "yes", "1", "tru", "true&includeModelDefinition=true", "%00")
    ),
    Case("relationshipName twice", "GET", f"{LINKS}?relationshipName=a&relationshipName=a"),
    Case("an empty relationshipName", "GET", f"{LINKS}?relationshipName="),
    Case(
        "101 times dependenciesFor",
        "GET",
        f"/models?{'&'.join([f'dependenciesFor={quote(SPACE)}'] * 101)}",
        code="LimitExceeded",
        said="101",
    ),
    *(
        Case(
            f"{target}: token {name}", "GET", f"{target}?continuationToken={token}", said="continuationToken"
        )
        for target in ("/models", LINKS, INCOMING)
        for name, token in {
            "empty": "",
            "short": "AAAA",
            "unsigned": "A" * 32,
            "no base64": "!" * 32,
            "NUL": "A" * 31 + "%00",
            "a number": "100",
            "twice": "AAAA&continuationToken=AAAA",
            "long": "A" * 20_000,
        }.items()
    ),
]

# ---- bodies of queries

BODIES = [
    asked("no body", b"", INVALID, "body"),
    asked("a brace missing", b'{"query": "SELECT"', INVALID, "JSON"),
    asked("NaN", b'{"query": NaN}', INVALID, "NaN"),
    asked("a member twice", b'{"query": "a", "query": "b"}', INVALID, "query"),
    asked("half a surrogate pair", b'{"query": "\\ud800"}', INVALID, "query"),
    asked("U+0000", b'{"query": "a\\u0000b"}', INVALID, "query"),
    asked("UTF-16", '{"query": "x"}'.encode("utf-16"), INVALID, "UTF-8"),
    asked("no UTF-8", b'{"query": "\xff"}', INVALID, "UTF-8"),
    asked("65 levels", b'{"query": ' + b"[" * 65 + b"]" * 65 + b"}", INVALID, "deeper"),
    asked("an array", [], INVALID, "body"),
    asked("a string", "SELECT * FROM digitaltwins", INVALID, "body"),
    asked("null", None, INVALID, "body"),
    asked("an empty object", {}, INVALID, "query"),
    asked("null as query", {"query": None}, INVALID, "query"),
    asked("a number as query", {"query": 5}, INVALID, "query"),
    asked("an array as query", {"query": ["SELECT"]}, INVALID, "query"),
    asked("another case", {"Query": "SELECT * FROM digitaltwins"}, INVALID, "query"),
    asked("a number as token", {"continuationToken": 5}, INVALID, "continuationToken"),
    asked("too long", b'{"query": "' + b"x" * 1024 * 1024 + b'"}', "RequestBodyTooLarge", status=413),
    asked(
        "text/plain",
        b"SELECT",
        "UnsupportedMediaType",
        status=415,
        headers=(("Content-Type", "text/plain"),),
    ),
    asked(
        "gzip",
        b"\x1f\x8b",
        "UnsupportedMediaType",
        status=415,
        headers=(("Content-Encoding", "gzip"),),
    ),
    *(
        asked(f"token {name}", {"continuationToken": token}, "BadRequest", "continuationToken")
        for name, token in {
            "empty": "",
            "short": "AAAA",
            "unsigned": "A" * 100,
            "no base64": "!" * 100,
            "not padded": "A" * 99,
            "padding only": "====",
            "no ASCII": "é" * 100,
            "a number": "100",
            "long": "A" * 60_000,
        }.items()
    ),
]
TEXTS = [
    text("empty", "", "SELECT is expected"),
    text("blank", "   ", "SELECT is expected"),
    text("words", "hello world", "'hello'"),
    text("DELETE", "DELETE FROM digitaltwins", "'DELETE'"),
    text("DROP behind", "SELECT * FROM digitaltwins; DROP TABLE twins", "';'"),
    text("injection", f"{WHERE}name = ''; DROP TABLE twins; --'", "';'"),
    text("injection by OR", f"{WHERE}name = '' OR 1=1", "'1'"),
    text("injection by UNION", f"{WHERE}name = '' UNION SELECT * FROM sqlite_master", "'UNION'"),
    text("injection by a name", f'{WHERE}name" = 1', "character"),
    text("injection by a path", f"{WHERE}a.b[0]') = 1", "'['"),
    text("a table of the store", "SELECT * FROM sqlite_master", "'sqlite_master'"),
    text("PRAGMA", "PRAGMA table_info(twins)", "'PRAGMA'"),
    text("ATTACH", "ATTACH 'x' AS y", "'ATTACH'"),
    text("a function of SQLite", f"{WHERE}load_extension('x')", "'load_extension'"),
    text("an unknown function", f"{WHERE}IS_RED(name)", "'IS_RED'"),
    text("JOIN", "SELECT T, R FROM digitaltwins T JOIN R RELATED T.has WHERE T.$dtId = 'x'", "columns"),
    text("JOIN of all", "SELECT * FROM digitaltwins T JOIN R RELATED T.has", "JOIN"),
    text("MATCH", "SELECT * FROM digitaltwins MATCH (a)-[]->(b) WHERE a.$dtId = 'x'", "MATCH"),
    text("columns", "SELECT T.name FROM digitaltwins T", "columns"),
    text("an unknown collection", "SELECT * FROM devices", "'devices'"),
    text("LIKE", f"{WHERE}name LIKE '{'%a' * 1000}'", "'LIKE'"),
    text("no end of a string", f"{WHERE}name = 'x", "no end"),
    text("an own name that is none", f"{WHERE}$secret = 1", "$secret"),
    text("a number beyond 64 bit", f"{WHERE}a = 99999999999999999999", "64 bit"),
    text("a real beyond 64 bit", f"{WHERE}a = 1e400", "64 bit"),
    text("TOP of nothing", "SELECT TOP(0) * FROM digitaltwins", "TOP"),
    text("control characters", f"{WHERE}\u001b[31m = 1", "'\\x1b'"),
    text("right to left", f"{WHERE}\u202ename = 1", "'\\u202e'"),
    text("6,500 ANDs", f"{WHERE}a=1{' AND a=1' * 6_500}", "AND and OR"),
    text("parentheses without end", f"{WHERE}{'(' * 60_000}", "deeper"),
    text("NOT without end", f"{WHERE}{'NOT ' * 15_000}", "deeper"),
    text("10,000 items", f"{WHERE}a IN [{','.join('1' * 10_000)}]", "items"),
    text("64,001 characters", f"{WHERE}a = '{'x' * 64_001}'", "64000"),
]

CASES = [*VERSIONS, *METHODS, *IDS, *PARAMETERS, *BODIES, *TEXTS]


def test_there_are_at_least_seventy_cases_and_each_is_its_own() -> None:
    assert len(CASES) >= 70
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_bad_input_is_refused_in_the_envelope_and_changes_nothing(
    still_house: Reading, case: Case
) -> None:
    before = dump(still_house.path)

    answer = await send(still_house, case)

    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (case.status, case.code), answer.body
    if case.code != "JobNotFound":  # as recorded
        assert answer.header("x-ms-error-code") == case.code
    assert answer.header("Content-Type") == "application/json; charset=utf-8"
    assert case.said in error["message"]
    assert error["message"].isprintable()
    assert len(answer.body) < 1000
    assert dump(still_house.path) == before


@pytest.mark.parametrize(("method", "target"), [*READS, ("GET", STATS), ("GET", IMPORT)])
async def test_without_a_token_nothing_is_read(still_house: Reading, method: str, target: str) -> None:
    answer = await still_house.served.send(Request(method, f"{target}?{VERSION}", (), b""))

    assert (answer.status, answer.json()) == (401, {"statusCode": 401, "message": "Unauthorized"})


@pytest.mark.parametrize(
    "query",
    [
        f"{WHERE}{'(' * 100_000}a=1{')' * 100_000}",
        f"{WHERE}a=1{' AND a=1' * 10_000}",
        f"{WHERE}{'[[' * 50_000}",
    ],
    ids=lambda query: f"{query[:50]}...",
)
async def test_monstrous_queries_are_refused_quickly(still_house: Reading, query: str) -> None:
    began = time.process_time()
    answer = await still_house.query(query)

    assert time.process_time() - began < 1
    assert (answer.status, answer.json()["error"]["code"]) == (400, "SqlQueryError")


async def send(house: Reading, case: Case) -> Answer:
    mark = "&" if "?" in case.target else "?"
    target = f"{case.target}{mark}{case.version}" if case.version else case.target
    named = {name.lower() for name, _ in case.headers}
    headers = [("Authorization", f"Bearer {house.served.token()}"), *case.headers]
    if "content-type" not in named:
        headers.append(("Content-Type", "application/json"))
    return await house.served.send(Request(case.method, target, tuple(headers), case.body))
