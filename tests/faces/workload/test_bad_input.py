"""What no caller should send: each case is answered in the envelope of the contract and leaves no trace.

The classes are those of promises.md 4.4; a row is one request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from tests.dump import dump
from tests.faces.workload.house import (
    BODY_BYTES,
    ITEM,
    JOB,
    OTHER_JOB_TYPE,
    WORKSPACE,
    House,
    body_of,
    path_of,
)
from tests.transcripts.player import Headers

JSON: Headers = (("Content-Type", "application/json"),)
UNKNOWN_JOB = "00000000-0000-4000-8000-00000000dead"


@dataclass(frozen=True)
class Case:
    """*names* is what the message must hold: the field, and the value where it can be shown."""

    name: str
    method: str
    target: str
    status: int
    code: str
    names: tuple[str, ...] = ()
    body: bytes = b""
    headers: Headers = JSON
    field: str | None = None


# ---- ids in the path: one job must have one name


NOT_UUIDS = {
    "in braces": "{63f77191-432d-4ee6-9c5f-31a1a6987072}",
    "as an urn": "urn:uuid:63f77191-432d-4ee6-9c5f-31a1a6987072",
    "without hyphens": "63f77191432d4ee69c5f31a1a6987072",
    "hyphens elsewhere": "63f7-7191432d-4ee6-9c5f-31a1a6987072",
    "full-width digit": "\uff163f77191-432d-4ee6-9c5f-31a1a6987072",
    "Arabic digit": "\u0663" + "3f77191-432d-4ee6-9c5f-31a1a6987072",
    "one short": "63f77191-432d-4ee6-9c5f-31a1a698707",
    "one long": "63f77191-432d-4ee6-9c5f-31a1a69870722",
    "no hexadecimal": "g3f77191-432d-4ee6-9c5f-31a1a6987072",
    "NUL at the end": "63f77191-432d-4ee6-9c5f-31a1a6987072\0",
    "line break at the end": "63f77191-432d-4ee6-9c5f-31a1a6987072\n",
    "blank before": " 63f77191-432d-4ee6-9c5f-31a1a6987072",
    "soft hyphens": "63f77191\u00ad432d\u00ad4ee6\u00ad9c5f\u00ad31a1a6987072",
    "minus signs": "63f77191\u2212432d\u22124ee6\u22129c5f\u221231a1a6987072",
    "a number": "7",
    "null": "null",
    "emoji": "\U0001f600" * 36,
    "long": "6" * 30_000,
}
IDS = {"workspaceId": "workspace", "itemId": "item", "jobInstanceId": "job"}


def ids() -> Iterator[Case]:
    for field, part in IDS.items():
        for spelling, value in NOT_UUIDS.items():
            target = path_of(**{part: quote(value, safe="")})
            yield Case(f"create {field} {spelling}", "POST", target, 400, "InvalidParameter",
                       (field, ascii(value)[1:-1][:60]), body_of(), field=field)  # fmt: skip
        raw = path_of(**{part: "63f77191-432d-4ee6-9c5f-31a1a698707%ff"})
        yield Case(f"create {field} byte 0xff", "POST", raw, 400, "InvalidParameter", (field,), body_of())
        for spelling in ("in braces", "without hyphens", "full-width digit", "NUL at the end"):
            target = path_of(**{part: quote(NOT_UUIDS[spelling], safe="")})
            shown = (field, ascii(NOT_UUIDS[spelling])[1:-1])
            yield Case(f"get {field} {spelling}", "GET", target, 400, "InvalidParameter", shown, field=field)
            yield Case(f"cancel {field} {spelling}", "POST", target + "/cancel", 400, "InvalidParameter",
                       shown, field=field)  # fmt: skip


# ---- item type and job type: only what is registered, and nothing that looks like it


NOT_REGISTERED = {
    "unknown": "calculateTaxes",
    "dunder": "__class__",
    "dotted": "os.system",
    "traversal": "..%2f..%2fetc",
    "long s": "calculateForeca%C5%BFt",
    "Kelvin": "%E2%84%AAalculateForecast",
    "Cyrillic": "calculateForec%D0%B0st",
    "full-width": "%EF%BD%83alculateForecast",
    "NUL": "calculateForecast%00",
    "0xff": "calculateForecast%ff",
    "line break": "calculateForecast%0A",
    "blank": "calculateForecast%20",
    "right to left": "%E2%80%AEcalculateForecast",
    "emoji": "%F0%9F%98%80",
    "300 characters": "c" * 300,
    "of another workload": OTHER_JOB_TYPE,
    "ready": "ready",
}


def types() -> Iterator[Case]:
    for part in ("job_type", "item_type"):
        for spelling, value in NOT_REGISTERED.items():
            target = path_of(**{part: value})
            status, code = (404, "PathNotFound") if "%2f" in value else (404, "InvalidJobType")
            yield Case(f"create {part} {spelling}", "POST", target, status, code, (), body_of())
        target = path_of(**{part: "calculateTaxes"})
        yield Case(f"get {part} unknown", "GET", target, 404, "InvalidJobType", ("'calculateTaxes'",))
        yield Case(f"cancel {part} unknown", "POST", target + "/cancel", 404, "InvalidJobType")


# ---- the body of a create


def members(text: str) -> bytes:
    return b'{"invokeType":"Manual",' + text.encode() + b"}"


# The body, the field that is told to programs, and what the message names: the field, or the value itself.
BODIES: dict[str, tuple[bytes, str] | tuple[bytes, str, str]] = {
    "empty": (b"", "body"),
    "blanks": (b"  \n", "body"),
    "null": (b"null", "body"),
    "true": (b"true", "body"),
    "a number": (b"7", "body"),
    "a string": (b'"{}"', "body"),
    "an array": (b'[{"invokeType":"Manual"}]', "body"),
    "an empty object": (b"{}", "invokeType"),
    "cut off": (b'{"invokeType":"Manual"', "body"),
    "more after it": (b'{"invokeType":"Manual"} {}', "body"),
    "single quotes": (b"{'invokeType':'Manual'}", "body"),
    "a comment": (b'{"invokeType":"Manual" /* why */}', "body"),
    "a comma too many": (b'{"invokeType":"Manual",}', "body"),
    "form": (b"invokeType=Manual", "body"),
    "XML": (b"<invokeType>Manual</invokeType>", "body"),
    "UTF-8 BOM": (b'\xef\xbb\xbf{"invokeType":"Manual"}', "body"),
    "UTF-16": ('{"invokeType":"Manual"}'.encode("utf-16"), "body"),
    "UTF-16 without BOM": ('{"invokeType":"Manual"}'.encode("utf-16-le"), "body"),
    "UTF-32": ('{"invokeType":"Manual"}'.encode("utf-32"), "body"),
    "Latin-1": ('{"invokeType":"Manual","x":"ä"}'.encode("latin-1"), "body"),
    "overlong UTF-8": (b'{"invokeType":"Manual","x":"\xc0\x80"}', "body"),
    "surrogate in UTF-8": (b'{"invokeType":"Manual","x":"\xed\xa0\x80"}', "body"),
    "invokeType missing": (b'{"creationPayload":{}}', "invokeType"),
    "invokeType in another case": (b'{"InvokeType":"Manual"}', "invokeType"),
    "invokeType null": (b'{"invokeType":null}', "invokeType"),
    "invokeType a number": (b'{"invokeType":1}', "invokeType"),
    "invokeType true": (b'{"invokeType":true}', "invokeType"),
    "invokeType an array": (b'{"invokeType":["Manual"]}', "invokeType"),
    "invokeType an object": (b'{"invokeType":{"name":"Manual"}}', "invokeType"),
    "invokeType twice": (b'{"invokeType":"Manual","invokeType":"Scheduled"}', "invokeType"),
    "invokeType twice, once escaped": (b'{"invokeType":"Manual","invoke\\u0054ype":"Manual"}', "invokeType"),
    "invokeType with NUL": (b'{"invokeType":"Manual\\u0000"}', "invokeType"),
    "invokeType with half a pair": (b'{"invokeType":"\\ud800"}', "invokeType"),
    "invokeType with a raw line break": (b'{"invokeType":"Man\nual"}', "body"),
    "payload a string": (members('"creationPayload":"{}"'), "creationPayload"),
    "payload an array": (members('"creationPayload":[]'), "creationPayload"),
    "payload a number": (members('"creationPayload":0'), "creationPayload"),
    "payload false": (members('"creationPayload":false'), "creationPayload"),
    "payload twice": (members('"creationPayload":{},"creationPayload":{}'), "creationPayload"),
    "payload member twice": (members('"creationPayload":{"a":{"b":1,"b":1}}'), "b"),
    "payload NaN": (members('"creationPayload":{"a":NaN}'), "body", "NaN"),
    "payload Infinity": (members('"creationPayload":{"a":Infinity}'), "body", "Infinity"),
    "payload -Infinity": (members('"creationPayload":{"a":-Infinity}'), "body", "-Infinity"),
    "payload 1e999": (members('"creationPayload":{"a":1e999}'), "body", "1e999"),
    "payload -1e400000": (members('"creationPayload":{"a":-1e400000}'), "body", "-1e400000"),
    "payload 2^64": (members('"creationPayload":{"a":18446744073709551616}'), "body", "18446744073709551616"),
    "payload -2^63 - 1": (members('"creationPayload":{"a":-9223372036854775809}'), "body", "36854775809"),
    "payload 5,000 digits": (members('"creationPayload":{"a":' + "9" * 5000 + "}"), "body", "9999"),
    "payload 007": (members('"creationPayload":{"a":007}'), "body"),
    "payload +1": (members('"creationPayload":{"a":+1}'), "body"),
    "payload hexadecimal": (members('"creationPayload":{"a":0x10}'), "body"),
    "payload NUL": (members('"creationPayload":{"a":"\\u0000"}'), "creationPayload.a"),
    "payload member name NUL": (members('"creationPayload":{"\\u0000":1}'), "creationPayload"),
    "payload half a pair": (members('"creationPayload":{"a":["\\ud83d"]}'), "creationPayload.a[0]"),
    "payload pair the wrong way": (members('"creationPayload":{"a":"\\ude00\\ud83d"}'), "creationPayload.a"),
    "payload raw control character": (members('"creationPayload":{"a":"\x01"}'), "body"),
    "payload bad escape": (members('"creationPayload":{"a":"\\x41"}'), "body"),
    "unknown member NUL": (members('"more":"\\u0000"'), "more"),
    "unknown member twice": (members('"more":1,"more":1'), "more"),
    "deep arrays": (members('"creationPayload":{"a":' + "[" * 20_000 + "]" * 20_000 + "}"), "body"),
    "deep objects": (members('"creationPayload":' + '{"a":' * 9_000 + "1" + "}" * 9_000), "body"),
    "deep and cut off": (b"[" * 60_000, "body"),
}  # fmt: skip


def bodies() -> Iterator[Case]:
    for spelling, (body, field, *value) in BODIES.items():
        yield Case(f"create body {spelling}", "POST", path_of(), 400, "InvalidParameter",
                   tuple(value) or (field,), body, field=field)  # fmt: skip
    too_long = body_of(pad="x" * (BODY_BYTES + 1 - len(body_of(pad=""))))
    yield Case("create body one byte too long", "POST", path_of(), 413, "RequestBodyTooLarge",
               (str(BODY_BYTES),), too_long)  # fmt: skip
    deep = b"[" * 100_000
    yield Case("create body 100k deep", "POST", path_of(), 413, "RequestBodyTooLarge", (), deep)


MEDIA_TYPES = {
    "text": "text/plain",
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data; boundary=x",
    "other JSON": "application/merge-patch+json",
    "UTF-16": "application/json; charset=utf-16",
    "any": "*/*",
    "empty": "",
}


def media_types() -> Iterator[Case]:
    for spelling, value in MEDIA_TYPES.items():
        headers = (("Content-Type", value),)
        yield Case(f"create as {spelling}", "POST", path_of(), 415, "UnsupportedMediaType",
                   ("Content-Type", value), body_of(), headers, field="Content-Type")  # fmt: skip
    for encoding in ("gzip", "deflate", "br", "GZIP", "gzip, identity"):
        yield Case(f"create in {encoding}", "POST", path_of(), 415, "UnsupportedMediaType",
                   ("Content-Encoding", encoding), body_of(), (*JSON, ("Content-Encoding", encoding)),
                   field="Content-Encoding")  # fmt: skip


# ---- paths and methods


OTHER_PATHS = {
    "root": "/workload/",
    "two slashes": "/workload/" + path_of().removeprefix("/workload"),
    "slash at the end": path_of() + "/",
    "slash after cancel": path_of() + "/cancel/",
    "line break after cancel": path_of() + "/cancel%0A",
    "dots": path_of() + "/../" + JOB,
    "encoded dots": path_of() + "/%2e%2e/" + JOB,
    "semicolon": path_of() + "/cancel;x",
    "no item id": path_of(item=""),
    "no instance": path_of(job=""),
    "instances": path_of().rpartition("/")[0],
    "encoded slash": path_of(item=ITEM + "%2F" + ITEM),
    "long s": path_of().replace("/instances/", "/in%C5%BFtances/"),
    "ready": "/workload/ready",
    "openapi": "/workload/openapi.json",
    "environment": "/workload/.env",
    "no definition": path_of().partition("/jobTypes")[0] + "/definition",
    "line break": "/workload/a%0Ab",
    "long": "/workload/" + "a" * 50_000,
}


def paths() -> Iterator[Case]:
    for spelling, target in OTHER_PATHS.items():
        for method in ("GET", "POST"):
            yield Case(f"{method} path {spelling}", method, target, 404, "PathNotFound", ("path",), body_of())
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "post"):
        yield Case(f"{method} job", method, path_of(), 405, "MethodNotAllowed", (method,), body_of())
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        target = path_of() + "/cancel"
        yield Case(f"{method} cancel", method, target, 405, "MethodNotAllowed", ("POST", method))
    overridden = (*JSON, ("X-HTTP-Method-Override", "POST"), ("X-HTTP-Method", "POST"))
    yield Case(
        "PUT that says it is POST", "PUT", path_of(), 405, "MethodNotAllowed", (), body_of(), overridden
    )


CASES = [*ids(), *types(), *bodies(), *media_types(), *paths()]


def of_name(cases: Iterable[Case]) -> list[object]:
    return [pytest.param(case, id=case.name[:80]) for case in cases]


def test_there_are_many_cases_and_no_two_have_one_name() -> None:
    assert len(CASES) >= 80
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", of_name(CASES))
async def test_bad_input_is_named_and_leaves_no_trace(case: Case, idle: House) -> None:
    await idle.create(job=UNKNOWN_JOB)
    before = dump(idle.database)

    answer = await idle.ask(case.method, case.target, case.body, headers=case.headers)

    envelope = answer.json()
    assert (answer.status, envelope["errorCode"]) == (case.status, case.code), envelope
    assert set(envelope) - {"messageParameters"} == {"errorCode", "message", "source", "isPermanent"}
    assert (envelope["source"], envelope["isPermanent"]) == ("User", True)
    assert [name for name in case.names if name not in envelope["message"]] == [], envelope["message"]
    assert len(envelope["message"]) < 500
    if case.field is not None:
        assert envelope["messageParameters"] == [case.field]
    assert answer.header("Content-Type") == "application/json"
    assert dump(idle.database) == before


# ---- no token: nothing is told, not even that a thing does not exist


WITHOUT: dict[str, Headers] = {
    "nothing": (),
    "only the tenant": (("x-ms-client-tenant-id", "TENANT"),),
    "only the tokens": (("Authorization", "TOKENS"),),
    "a bearer token": (("Authorization", "Bearer eyJhbGciOi"), ("x-ms-client-tenant-id", "TENANT")),
    "the tokens twice": (
        ("Authorization", "TOKENS"), ("Authorization", "TOKENS"), ("x-ms-client-tenant-id", "TENANT"),
    ),
    "another tenant": (("Authorization", "TOKENS"), ("x-ms-client-tenant-id", JOB)),
    "no subject": (("Authorization", "NOSUBJECT"), ("x-ms-client-tenant-id", "TENANT")),
    "tokens in the wrong order": (("Authorization", "SWAPPED"), ("x-ms-client-tenant-id", "TENANT")),
    "tokens for another workload": (("Authorization", "OTHERS"), ("x-ms-client-tenant-id", "TENANT")),
}  # fmt: skip
ASKED = {
    "create": ("POST", path_of()),
    "get": ("GET", path_of()),
    "cancel": ("POST", path_of() + "/cancel"),
    "a bad id": ("GET", path_of(job="7")),
    "an unknown job type": ("GET", path_of(job_type="calculateTaxes")),
    "another method": ("DELETE", path_of()),
    "another path": ("GET", "/workload/health"),
}


def filled(headers: Headers, house: House) -> Headers:
    tokens = house.tokens()
    subject, app = tokens.removeprefix("SubjectAndAppToken1.0 ").split(", ")
    values = {
        "TENANT": house.tenant,
        "TOKENS": tokens,
        "NOSUBJECT": f'SubjectAndAppToken1.0 subjectToken="", {app}',
        "SWAPPED": f"SubjectAndAppToken1.0 {app}, {subject}",
        "OTHERS": house.tokens("Contoso.Other"),
    }
    return [(name, values.get(value, value)) for name, value in headers]


# The caller of another workload may know which paths, ids and job types there are; the jobs are not its own.
JOBS = {"create", "get", "cancel"}
PAIRS = [(w, a) for w in WITHOUT for a in ASKED if a in JOBS or w != "tokens for another workload"]


@pytest.mark.parametrize(("without", "asked"), PAIRS)
async def test_without_a_good_token_every_path_answers_alike(without: str, asked: str, idle: House) -> None:
    await idle.create(job=UNKNOWN_JOB)
    before = dump(idle.database)
    method, target = ASKED[asked]

    answer = await idle.ask(method, target, body_of(), credentials=filled(WITHOUT[without], idle))

    assert answer.status == 401
    assert answer.json() == {
        "errorCode": "AuthError",
        "message": "The SubjectAndApp token is missing or not accepted.",
        "source": "External",
        "isPermanent": False,
    }
    assert answer.header("WWW-Authenticate") == "SubjectAndAppToken1.0"
    assert dump(idle.database) == before


async def test_a_body_that_never_comes_is_given_up(idle: House) -> None:
    before = dump(idle.database)
    idle.client.body_arrives = False

    answer = await idle.ask("POST", path_of(), body_of())

    assert (answer.status, answer.json()["errorCode"]) == (408, "RequestTimeout")
    assert dump(idle.database) == before


async def test_the_largest_body_is_accepted(idle: House) -> None:
    body = body_of(pad="x" * (BODY_BYTES - len(body_of(pad=""))))

    answer = await idle.ask("POST", path_of(), body)

    assert (len(body), answer.status) == (BODY_BYTES, 202)


# ---- what is odd, and accepted


ODD = {
    "upper-case ids": (path_of(workspace=WORKSPACE.upper(), item=ITEM.upper(), job=JOB.upper()), b""),
    "literals in any case": (path_of().replace("/items/", "/itemS/").replace("/jobT", "/JOBT"), b""),
    "types in any case": (
        path_of(item_type="CONTOSO.financeanalytics.forecast", job_type="CALCULATEforecast"), b"",
    ),
    "api-version": (path_of() + "?api-version=2016-10-01", b""),
    "api-version twice": (path_of() + "?api-version=1&api-version=%00%ff", b""),
    "a query of anything": (path_of() + "?status=Completed&jobType=os.system", b""),
    "an unknown invoke type": (path_of(), b'{"invokeType":"OnEvent"}'),
    "an invoke type in another case": (path_of(), b'{"invokeType":"manual"}'),
    "an empty invoke type": (path_of(), b'{"invokeType":""}'),
    "no payload": (path_of(), b'{"invokeType":"Manual"}'),
    "a null payload": (path_of(), b'{"invokeType":"Manual","creationPayload":null}'),
    "members of the future": (path_of(), b'{"invokeType":"Manual","id":"x","status":"Completed"}'),
    "blanks around it": (path_of(), b' \r\n{"invokeType":"Manual"}\t '),
    "names of any script": (path_of(), members('"creationPayload":{"\U0001f600":"\u202eä"}')),
    "the greatest integers": (
        path_of(), members('"creationPayload":{"a":18446744073709551615,"b":-9223372036854775808}'),
    ),
    "64 levels": (path_of(), members('"creationPayload":{"a":' + "[" * 62 + "]" * 62 + "}")),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
async def test_what_is_odd_but_sound_is_accepted_under_the_one_name_of_the_job(
    name: str, idle: House
) -> None:
    target, body = ODD[name]

    answer = await idle.ask("POST", target, body or body_of())

    assert (answer.status, answer.body) == (202, b"")
    assert (await idle.get()).json() == {"status": "NotStarted"}


@pytest.mark.parametrize("headers", [(), (("Content-Type", 'Application/JSON; Charset="UTF-8"'),)])
async def test_a_content_type_with_a_charset_or_none_is_accepted(headers: Headers, idle: House) -> None:
    answer = await idle.ask("POST", path_of(), body_of(), headers=headers)

    assert answer.status == 202
