"""Bad input to bulk jobs: the classes of promises.md 4.4 by every field that they apply to.

Each case: the right status and code in the envelope, no 5xx, and every table is as it was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faces.twins.serving import DELETIONS, IMPORTS, LIMIT_BYTES, STORAGE, VERSION, Served
from tests.transcripts.player import Request

JOB = f"{IMPORTS}/new"
ENDED = f"{IMPORTS}/job1"
INVALID = "InvalidArgument"
TIMEOUT = "timeoutInMinutes"


@dataclass(frozen=True)
class Case:
    """*body*: `{in}` and `{out}` stand for paths that are allowed."""

    name: str
    method: str
    target: str
    body: bytes = b""
    status: int = 400
    code: str = INVALID
    says: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    query: str = VERSION


# ---- bodies that are no strict JSON

GOOD = '"inputBlobUri": "{in}", "outputBlobUri": "{out}"'
NO_STRICT_JSON: dict[str, bytes] = {
    "no body": b"",
    "null": b"null",
    "a string of an object": b'"{}"',
    "a brace missing": f"{{{GOOD}".encode(),
    "text behind": f"{{{GOOD}}} x".encode(),
    "two bodies": f"{{{GOOD}}}{{{GOOD}}}".encode(),
    "NaN": f'{{{GOOD}, "n": NaN}}'.encode(),
    "Infinity": f'{{{GOOD}, "n": -Infinity}}'.encode(),
    "1e999": f'{{{GOOD}, "n": 1e999}}'.encode(),
    "a member twice": f'{{{GOOD}, "inputBlobUri": "/etc/passwd"}}'.encode(),
    "an ignored member twice": f'{{{GOOD}, "id": "a", "id": "b"}}'.encode(),
    "half a surrogate pair": f'{{{GOOD}, "x": "\\ud800"}}'.encode(),
    "half a surrogate pair in a URI": b'{"inputBlobUri": "/\\udc00", "outputBlobUri": "{out}"}',
    "U+0000 in a URI": b'{"inputBlobUri": "{in}\\u0000", "outputBlobUri": "{out}"}',
    "U+0000 as a key": f'{{{GOOD}, "\\u0000": 1}}'.encode(),
    "5000 digits": f'{{{GOOD}, "n": {"1" * 5000}}}'.encode(),
    "2 to the 64": f'{{{GOOD}, "n": 18446744073709551616}}'.encode(),
    "UTF-16": f"{{{GOOD}}}".encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + f"{{{GOOD}}}".encode(),
    "no UTF-8": b'{"inputBlobUri": "\xff", "outputBlobUri": "{out}"}',
    "a raw line break": b'{"inputBlobUri": "a\nb", "outputBlobUri": "{out}"}',
    "65 levels": f'{{{GOOD}, "n": {"[" * 65}{"]" * 65}}}'.encode(),
    "20000 levels": b"[" * 20_000,
    "single quotes": b"{'inputBlobUri': '{in}', 'outputBlobUri': '{out}'}",
    "a comment": f"{{{GOOD} /* why */}}".encode(),
    "an array": f"[{{{GOOD}}}]".encode(),
    "a number": b"1",
    "a string": b'"text"',
    "true": b"true",
}
BODIES = [Case(f"body: {name}", "PUT", JOB, body) for name, body in NO_STRICT_JSON.items()]

WHOLE = f"{{{GOOD}}}".encode()
FRAMED = [
    Case(
        "one byte too long",
        "PUT",
        JOB,
        b'{"x": "' + b"x" * (LIMIT_BYTES - 8) + b'"}',
        413,
        "RequestBodyTooLarge",
    ),
    *(
        Case(name, "PUT", JOB, WHOLE, 415, "UnsupportedMediaType", headers=(header,))
        for name, header in {
            "text/plain": ("Content-Type", "text/plain"),
            "a form": ("Content-Type", "application/x-www-form-urlencoded"),
            "no type": ("Content-Type", ""),
            "UTF-16 by charset": ("Content-Type", "application/json; charset=utf-16"),
            "NDJSON": ("Content-Type", "application/x-ndjson"),
            "gzip": ("Content-Encoding", "gzip"),
        }.items()
    ),
]

# ---- the two URIs

NO_STRING: dict[str, Any] = {
    "null": None,
    "number": 5,
    "boolean": True,
    "object": {"uri": "x"},
    "array": ["x"],
}
URIS: dict[str, str] = {
    "empty": "",
    "blank": " ",
    "relative": "graph.ndjson",
    "dotted": "../graph.ndjson",
    "home": "~/graph.ndjson",
    "outside of the roots": "/etc/passwd",
    "out by dots": "{root}/../../etc/passwd",
    "the root itself": "{root}",
    "a process's environment": "/proc/self/environ",
    "a device": "/dev/zero",
    "file URI outside": "file:///etc/passwd",
    "file URI with a host": "file://evil/{root}/in.ndjson",
    "UNC": "\\\\host\\share",
    "gopher": "gopher://127.0.0.1/",
    "ftp": "ftp://127.0.0.1/in.ndjson",
    "data": "data:,x",
    "javascript": "javascript:alert(1)",
    "metadata": "http://169.254.169.254/latest/meta-data",
    "Azure's wire server": "http://168.63.129.16/",
    "metadata by name": "http://metadata.google.internal/",
    "loopback": "http://127.0.0.1:6379/a/b",
    "loopback in hexadecimal": "http://0x7f000001/a/b",
    "loopback as a number": "http://2130706433/a/b",
    "loopback in octal": "http://0177.0.0.1/a/b",
    "loopback by v6": "http://[::1]/a/b",
    "mapped loopback": "http://[::ffff:127.0.0.1]/a/b",
    "loopback with a dot": "http://localhost.:80/a/b",
    "any address": "http://0.0.0.0/a/b",
    "another account": "https://other.blob.core.windows.net/a/b",
    "the host as a user": f"{STORAGE}@evil/a/b",
    "a longer host": f"{STORAGE}.evil.tld/a/b",
    "the host before a fragment": f"{STORAGE}#@evil/a/b",
    "http for https": f"{STORAGE.replace('https', 'http')}/graphs/in.ndjson",
    "another port": f"{STORAGE}:22/graphs/in.ndjson",
    "no blob": f"{STORAGE}/graphs",
    "an account": f"{STORAGE}/",
    "a query of another kind": f"{STORAGE}/graphs/in.ndjson?comp=list",
    "a tab": f"{STORAGE}/gra\tphs/in.ndjson",
    "line breaks": "{root}/in.ndjson\r\nX-Header: 1",
    "NUL by escape": "file://{root}/in%00.ndjson",
    "of 8193 characters": "/" + "x" * 8192,
}


def add_with(name: str, field: str, value: Any, *, says: str) -> Case:
    """Return the case of one bad URI in an otherwise good body."""
    body = {"inputBlobUri": "{in}", "outputBlobUri": "{out}", field: value}
    return Case(f"{field}: {name}", "PUT", JOB, json.dumps(body).encode(), says=says)


URI_CASES = [
    *(
        add_with(f"a {name}", field, value, says=field)
        for field in ("inputBlobUri", "outputBlobUri")
        for name, value in NO_STRING.items()
    ),
    *(
        add_with(name, field, value, says="failed validation")
        for field in ("inputBlobUri", "outputBlobUri")
        for name, value in URIS.items()
    ),
    Case("no inputBlobUri", "PUT", JOB, b'{"outputBlobUri": "{out}"}', says="inputBlobUri is missing"),
    Case("no outputBlobUri", "PUT", JOB, b'{"inputBlobUri": "{in}"}', says="outputBlobUri is missing"),
    Case("no URIs", "PUT", JOB, b"{}", says="outputBlobUri is missing"),
    Case(
        "inputbloburi", "PUT", JOB, b'{"inputbloburi": "{in}", "outputBlobUri": "{out}"}', says="is missing"
    ),
    Case(
        "one blob for both",
        "PUT",
        JOB,
        b'{"inputBlobUri": "{in}", "outputBlobUri": "{in}"}',
        says="must not be",
    ),
    Case(
        "one blob for both in two spellings",
        "PUT",
        JOB,
        b'{"inputBlobUri": "{in}", "outputBlobUri": "file://{in}"}',
        says="must not be",
    ),
]

# ---- ids

BAD_IDS: dict[str, str] = {
    "blank": "%20",
    "blanks": "%20%20%20",
    "129 characters": "x" * 129,
    "129 emoji": "%F0%9F%9A%80" * 129,
    "10000 characters": "x" * 10_000,
    "NUL": "job%00",
    "a line break": "job%0a",
    "a carriage return": "job%0d%0aERROR",
    "an escape": "job%1b%5b31m",
    "delete": "job%7f",
    "a C1 control": "job%C2%85",
    "a line separator": "job%E2%80%A8",
    "right to left": "job%E2%80%AEdnosj",
    "no width": "job%E2%80%8B",
    "no UTF-8": "job%ff",
    "half an escape": "job%e",
    "an overlong slash": "job%C0%AF",
    "a slash": "a%2Fb",
    "a backslash": "a%5Cb",
}
WITH_ID = {
    "add": ("PUT", "{id}"),
    "get": ("GET", "{id}"),
    "delete": ("DELETE", "{id}"),
    "cancel": ("POST", "{id}/cancel"),
}
IDS = [
    *(
        Case(
            f"{operation} {name}",
            method,
            f"{IMPORTS}/{path.replace('{id}', id)}",
            WHOLE if method == "PUT" else b"",
        )
        for operation, (method, path) in WITH_ID.items()
        for name, id in BAD_IDS.items()
    ),
    *(Case(f"get deletion {name}", "GET", f"{DELETIONS}/{id}") for name, id in BAD_IDS.items()),
    *(
        Case(f"operation-id: {name}", "POST", DELETIONS, headers=(("operation-id", id),), says="operation-id")
        for name, id in {
            "empty": "",
            "blank": "   ",
            "129 characters": "x" * 129,
            "a tab": "a\tb",
            "a slash": "a/b",
            "a backslash": "a\\b",
            "one dot": ".",
            "two dots": "..",
            "Latin-1": "caf\xe9",
            "emoji": "🚀",
        }.items()
    ),
]
UNKNOWN = [
    Case("get unknown", "GET", f"{IMPORTS}/unknown", status=404, code="JobNotFound"),
    Case("cancel unknown", "POST", f"{IMPORTS}/unknown/cancel", status=404, code="JobNotFound"),
    Case("delete unknown", "DELETE", f"{IMPORTS}/unknown", status=404, code="JobNotFound"),
    Case("another case", "GET", f"{IMPORTS}/JOB1", status=404, code="JobNotFound"),
    Case("a look-alike", "GET", f"{IMPORTS}/j%D0%BEb1", status=404, code="JobNotFound"),
    Case("SQL", "GET", f"{IMPORTS}/'%20OR%201=1%20--", status=404, code="JobNotFound"),
    Case("a template", "GET", f"{IMPORTS}/%7B%7B7*7%7D%7D", status=404, code="JobNotFound"),
    Case("a deletion", "GET", f"{DELETIONS}/unknown", status=404, code="DeleteJobNotFound"),
    Case("cancel a deletion", "POST", f"{DELETIONS}/d/cancel", status=404, code="EndpointNotFound"),
    Case("dots", "GET", f"{IMPORTS}/../imports", status=404, code="EndpointNotFound"),
    Case("escaped dots", "GET", f"{IMPORTS}/%2e%2e", status=404, code="EndpointNotFound"),
    Case("two slashes", "GET", f"{IMPORTS}//job1", status=404, code="EndpointNotFound"),
    Case("cancel what has ended", "POST", f"{ENDED}/cancel", code="ValidationFailed"),
    Case("add what is there", "PUT", ENDED, WHOLE, 409, "JobIdAlreadyExists"),
]

# ---- parameters

NUMBERS: dict[str, str] = {
    "empty": "",
    "zero": "0",
    "negative": "-1",
    "with a sign": "%2B60",
    "real": "60.5",
    "exponent": "6e1",
    "hexadecimal": "0x3c",
    "text": "sixty",
    "true": "true",
    "full width": "%EF%BC%96%EF%BC%90",
    "superscript": "%C2%B2",
    "underscore": "1_00",
    "with a space": "60%20",
    "beyond 32 bit": "2147483648",
    "beyond 64 bit": "9223372036854775808",
    "5000 digits": "1" * 5000,
    "a list": "60,60",
}
PARAMETERS = [
    *(
        Case(f"{TIMEOUT}: {name}", "POST", f"{DELETIONS}?{TIMEOUT}={text}", says=TIMEOUT)
        for name, text in {**NUMBERS, "14": "14", "1441": "1441"}.items()
    ),
    Case(f"{TIMEOUT} twice", "POST", f"{DELETIONS}?{TIMEOUT}=60&{TIMEOUT}=60", says="2 times"),
    *(
        Case(
            f"{target} max-items-per-page: {name}",
            "GET",
            target,
            headers=(("max-items-per-page", text),),
            says="max-items-per-page",
        )
        for target in (IMPORTS, DELETIONS)
        for name, text in {
            "empty": "",
            "zero": "0",
            "negative": "-1",
            "with a sign": "+1",
            "real": "1.5",
            "text": "ten",
            "superscript": "\xb2",
            "full width": "\uff11",
            "beyond 32 bit": "2147483648",
            "5000 digits": "1" * 5000,
            "a list": "1, 1",
        }.items()
    ),
    *(
        Case(
            f"{target} continuationToken: {name}",
            "GET",
            f"{target}?continuationToken={text}",
            says="continuationToken",
        )
        for target in (IMPORTS, DELETIONS)
        for name, text in {
            "empty": "",
            "short": "AAAA",
            "31 characters": "A" * 31,
            "33 characters": "A" * 33,
            "unsigned": "A" * 32,
            "no base64": "!" * 32,
            "no ASCII": "%C3%A9" * 32,
            "NUL": "A" * 31 + "%00",
            "a number": "100",
            "JSON": "%7B%22_t%22:1%7D",
        }.items()
    ),
    Case("token twice", "GET", f"{IMPORTS}?continuationToken=a&continuationToken=a", says="2 times"),
    Case(
        "a head of 40 kB",
        "GET",
        IMPORTS,
        status=431,
        code="RequestHeaderTooLarge",
        headers=(("x-long", "a" * 40_000),),
    ),
    *(
        Case(f"api-version: {name}", "PUT", JOB, WHOLE, code=code, query=query)
        for name, query, code in [
            ("missing", "", "MissingApiVersionParameter"),
            ("empty", "api-version=", "MissingApiVersionParameter"),
            ("unknown", "api-version=2024-01-01", "UnsupportedApiVersionValue"),
            ("of 1 kB", f"api-version={'2' * 1024}", "UnsupportedApiVersionValue"),
            ("twice", f"{VERSION}&{VERSION}", INVALID),
        ]
    ),
]

CASES = [*BODIES, *FRAMED, *URI_CASES, *IDS, *UNKNOWN, *PARAMETERS]
NOT_IN_HEADER = {"JobNotFound"}


def test_there_are_at_least_eighty_cases_and_each_is_its_own() -> None:
    assert len(CASES) >= 80
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_bad_input_is_refused_in_the_envelope_and_changes_nothing(served: Served, case: Case) -> None:
    await served.added("job1")
    await served.cancel("job1")
    before = served.dump()

    answer = await served.send(request_of(served, case))

    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (case.status, case.code), answer.body
    assert answer.header("x-ms-error-code") == (None if case.code in NOT_IN_HEADER else case.code)
    assert answer.header("Content-Type") == "application/json; charset=utf-8"
    assert answer.header("mise-correlation-id")
    assert error.keys() <= {"code", "message", "details", "innererror"}
    assert error["message"].isprintable()
    assert case.says in error["message"]
    assert len(answer.body) < 3000
    assert served.dump() == before


def request_of(served: Served, case: Case) -> Request:
    places = {b"{in}": b"in.ndjson", b"{out}": b"out.ndjson", b"{root}": b"."}
    body = case.body
    for place, name in places.items():
        path = served.directory if name == b"." else served.directory / name.decode()
        body = body.replace(place, str(path).encode())
    headers = {"Authorization": f"Bearer {served.token()}", "Content-Type": "application/json"}
    headers.update(case.headers)
    target = f"{case.target}{'&' if '?' in case.target else '?'}{case.query}"
    return Request(case.method, target, tuple(headers.items()), body)


@pytest.mark.parametrize("id", ["'; DROP TABLE jobs; --", "<img onerror>", "ظهر", "a b", "a%b", "None", "0"])
async def test_what_only_looks_bad_is_kept_as_it_is(served: Served, id: str) -> None:
    target = f"{IMPORTS}/{id.replace('%', '%25').replace(' ', '%20').replace(';', '%3B')}"

    answer = await served.call("PUT", target, served.uris)

    assert (answer.status, answer.json()["id"]) == (201, id)


async def test_a_body_of_just_the_limit_is_accepted(served: Served) -> None:
    head = json.dumps({**served.uris, "x": ""}).encode()
    body = head[:-2] + b"x" * (LIMIT_BYTES - len(head)) + b'"}'

    assert len(body) == LIMIT_BYTES
    assert (await served.call("PUT", JOB, raw=body)).status == 201
