"""Strict JSON bodies, typed decoding and canonical ids."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from starlette.requests import ClientDisconnect, Request

from weft.faces.http import (
    Refusal,
    Refused,
    canonical_json,
    canonical_uuid,
    check_json,
    decode,
    read_json,
    shown,
)

LIMIT = 1024 * 1024


class Fraction(msgspec.Struct):
    top: int
    bottom: int = 1


class Order(msgspec.Struct, rename="camel"):
    invoke_type: str
    parts: list[Fraction] = []


def request(
    chunks: Iterable[bytes] = (b"",),
    *,
    content_type: str | None = "application/json",
    encoding: str | None = None,
    announced: str | None = None,
    then: dict[str, Any] | None = None,
) -> Request:
    """Return a request whose body arrives in *chunks*, after which *then* happens, or nothing ever."""
    named = {"content-type": content_type, "content-encoding": encoding, "content-length": announced}
    headers = [(name.encode(), value.encode()) for name, value in named.items() if value is not None]
    parts = list(chunks)
    messages = [
        {"type": "http.request", "body": part, "more_body": then is not None or at < len(parts) - 1}
        for at, part in enumerate(parts)
    ]
    left = iter([*messages, *([then] if then else [])])

    async def receive() -> dict[str, Any]:
        for message in left:
            if message["type"] == "never":
                await asyncio.Event().wait()
            return message
        raise AssertionError("read on after the end")

    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


async def refusal(given: Request, *, limit_bytes: int = LIMIT, seconds: float = 5.0) -> Refused:
    with pytest.raises(Refused) as raised:
        await read_json(given, limit_bytes=limit_bytes, seconds=seconds)
    return raised.value


@pytest.mark.parametrize(
    "raw",
    [
        b'{"invokeType": "Scheduled", "creationPayload": {"priority": "low"}}',
        b" [1, -1, 0.5, 1e3, true, false, null] ",
        b'"{}"',
        b"null",
        b"18446744073709551615",
        b"-9223372036854775808",
        b'"\\ud83d\\ude00 \\u00e9 \\\\u0000 \\n"',
        '{"é": "😀"}'.encode(),
        b"[" * 64 + b"]" * 64,
        b'["' + b"[" * 500 + b'"]',
        b'{"a": {"b": 1}, "b": 2}',
        b"[" + b",".join([b"[]"] * 1000) + b"]",
    ],
)
async def test_strict_json_is_returned_as_it_came(raw: bytes) -> None:
    assert await read_json(request([raw]), limit_bytes=LIMIT, seconds=5) == raw


@pytest.mark.parametrize(
    ("raw", "field", "said"),
    [
        (b"{", "body", "not JSON"),
        (b" ", "body", "not JSON"),
        (b"{} {}", "body", "not JSON"),
        (b"{'a': 1}", "body", "not JSON"),
        (b"[1,]", "body", "not JSON"),
        (b"01", "body", "not JSON"),
        (b'"a\nb"', "body", "not JSON"),
        (b'"a\x00b"', "body", "not JSON"),
        (b"NaN", "body", "NaN"),
        (b'{"a": Infinity}', "body", "Infinity"),
        (b"[-Infinity]", "body", "-Infinity"),
        (b"1e999", "body", "1e999"),
        (b"-1e400000", "body", "-1e400000"),
        (b'{"a": 1, "b": 2, "a": 3}', "a", "'a' occurs twice"),
        (b'{"a": 1, "\\u0061": 3}', "a", "'a' occurs twice"),
        (b'[{"x": {"a": 1, "a": 1}}]', "a", "'a' occurs twice"),
        (b'{"a": ["x", "\\ud800"]}', "a[1]", "surrogate"),
        (b'"\\udc00\\ud800"', "body", "surrogate"),
        (b'"\\\\\\ud800"', "body", "surrogate"),
        (b'{"a": {"b": "x\\u0000y"}}', "a.b", "U+0000"),
        (b'{"\\u0000": 1}', "body", "U+0000"),
        (b'[0, {"a": [{"\\udc00": 1}]}]', "[1].a[0]", "surrogate"),
        (b"18446744073709551616", "body", "18446744073709551616"),
        (b"-9223372036854775809", "body", "-9223372036854775809"),
        (b"9" * 5000, "body", "64 bit"),
        (b"[" * 65 + b"]" * 65, "body", "64 levels"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "body", "64 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "body", "64 levels"),
        (b"[" * 100_000, "body", ""),
        (b'{"a":' * 100_000, "body", ""),
        (b"\xff", "body", "UTF-8"),
        (b'"\xed\xa0\x80"', "body", "UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "body", "UTF-8"),
        ("{}".encode("utf-16-le"), "body", "not JSON"),
        ('{"a": 1}'.encode("utf-8-sig"), "body", "byte order mark"),
    ],
)
async def test_what_readers_would_read_differently_is_refused(raw: bytes, field: str, said: str) -> None:
    refused = await refusal(request([raw]))

    assert (refused.kind, refused.field) == (Refusal.BAD_BODY, field)
    assert said in refused.message
    assert len(refused.message) < 300


def test_where_a_text_is_unsound_is_found_as_fast_in_the_depth() -> None:
    """Else a few bodies of many deep texts keep all other requests waiting."""

    def seconds(depth: int) -> float:
        raw = b"[" * depth + b'"",' * 60_000 + b'"\\ud800"' + b"]" * depth
        began = time.process_time()
        with pytest.raises(Refused):
            check_json(raw)
        return time.process_time() - began

    assert min(seconds(60) for _ in range(5)) < 3 * min(seconds(1) for _ in range(5))


async def test_no_body_is_no_bytes_whatever_its_media_type() -> None:
    given = request([b""], content_type="application/x-www-form-urlencoded")

    assert await read_json(given, limit_bytes=LIMIT, seconds=5) == b""


async def test_a_body_that_arrives_in_parts_is_put_together() -> None:
    given = request([b'{"a"', b":", b"", b"1}"])

    assert await read_json(given, limit_bytes=LIMIT, seconds=5) == b'{"a":1}'


@pytest.mark.parametrize(
    "content_type",
    [None, "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', "application/json; x=y"],
)
async def test_json_is_accepted_under_each_spelling_of_its_media_type(content_type: str | None) -> None:
    given = request([b"{}"], content_type=content_type)

    assert await read_json(given, limit_bytes=LIMIT, seconds=5) == b"{}"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/jsonp",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "",
    ],
)
async def test_another_media_type_is_refused(content_type: str) -> None:
    refused = await refusal(request([b"{}"], content_type=content_type))

    assert (refused.kind, refused.field) == (Refusal.MEDIA_TYPE, "Content-Type")


async def test_a_compressed_body_is_refused_before_it_is_read() -> None:
    bomb = gzip.compress(b"0" * 1_000_000)

    refused = await refusal(request([bomb], encoding="gzip", then={"type": "never"}), seconds=60)

    assert (refused.kind, refused.field) == (Refusal.MEDIA_TYPE, "Content-Encoding")


async def test_a_body_of_the_limit_is_accepted_and_one_byte_more_is_not() -> None:
    most = b'"' + b"a" * 98 + b'"'

    assert await read_json(request([most]), limit_bytes=100, seconds=5) == most
    assert (await refusal(request([most + b" "]), limit_bytes=100)).kind is Refusal.BODY_TOO_LARGE


async def test_an_announced_length_over_the_limit_is_refused_unread() -> None:
    given = request([], announced="101", then={"type": "never"})

    assert (await refusal(given, limit_bytes=100, seconds=60)).kind is Refusal.BODY_TOO_LARGE


async def test_an_endless_body_is_refused_at_the_limit() -> None:
    given = request([b"a" * 60, b"a" * 60], then={"type": "never"})

    assert (await refusal(given, limit_bytes=100, seconds=60)).kind is Refusal.BODY_TOO_LARGE


async def test_a_body_that_stays_away_is_too_slow() -> None:
    given = request([b'{"a"'], then={"type": "never"})

    assert (await refusal(given, seconds=0.001)).kind is Refusal.BODY_TOO_SLOW


async def test_a_client_that_goes_away_is_no_bad_request() -> None:
    given = request([b'{"a"'], then={"type": "http.disconnect"})

    with pytest.raises(ClientDisconnect):
        await read_json(given, limit_bytes=LIMIT, seconds=5)


def test_a_body_is_decoded_into_its_type() -> None:
    assert decode(b'{"invokeType": "Manual", "parts": [{"top": 2}]}', Order) == Order("Manual", [Fraction(2)])


@pytest.mark.parametrize(
    ("raw", "field", "said"),
    [
        (b"", "body", "needs a JSON body"),
        (b"[]", "body", "`object`"),
        (b"{}", "invokeType", "missing"),
        (b'{"invokeType": 5}', "invokeType", "found 5"),
        (b'{"invokeType": null}', "invokeType", "found None"),
        (b'{"invokeType": "Manual", "parts": {"top": 1}}', "parts", "'top'"),
        (b'{"invokeType": "Manual", "parts": [{"bottom": 1}]}', "parts[0].top", "missing"),
        (b'{"invokeType": "Manual", "parts": [{"top": 1}, {"top": "x"}]}', "parts[1].top", "found 'x'"),
    ],
)
def test_a_misfit_names_its_field(raw: bytes, field: str, said: str) -> None:
    with pytest.raises(Refused) as raised:
        decode(raw, Order)

    assert (raised.value.kind, raised.value.field) == (Refusal.BAD_BODY, field)
    assert said in raised.value.message


def test_a_misfit_shows_at_most_a_hundred_characters_of_the_value() -> None:
    with pytest.raises(Refused) as raised:
        decode(b'{"invokeType": ["' + b"x" * 10_000 + b'"]}', Order)

    assert len(raised.value.message) < 200


@pytest.mark.parametrize(
    "text", ["63f77191-432d-4ee6-9c5f-31a1a6987072", "63F77191-432D-4EE6-9C5F-31A1A6987072"]
)
def test_a_uuid_is_stored_in_lower_case(text: str) -> None:
    assert canonical_uuid(text, "jobInstanceId") == "63f77191-432d-4ee6-9c5f-31a1a6987072"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "{63f77191-432d-4ee6-9c5f-31a1a6987072}",
        "urn:uuid:63f77191-432d-4ee6-9c5f-31a1a6987072",
        "63f77191432d4ee69c5f31a1a6987072",
        "63f7-7191432d-4ee6-9c5f-31a1a6987072",
        "63f77191-432d-4ee6-9c5f-31a1a698707\N{FULLWIDTH DIGIT TWO}",
        "63f77191-432d-4ee6-9c5f-31a1a698707g",
        "63f77191-432d-4ee6-9c5f-31a1a6987072\n",
        " 63f77191-432d-4ee6-9c5f-31a1a698707",
        "63f77191-432d-4ee6-9c5f-31a1a6987072" * 1000,
    ],
)
def test_a_uuid_has_one_spelling(text: str) -> None:
    with pytest.raises(Refused) as raised:
        canonical_uuid(text, "jobInstanceId")

    assert (raised.value.kind, raised.value.field) == (Refusal.BAD_PARAMETER, "jobInstanceId")
    assert len(raised.value.message) < 220


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a": 1, "b": [1, 2]}', b'{ "b":[1,2], "a":1 }'),
        (b'{"a": 1.0}', b'{"a": 1}'),
        (b"-0.0", b"0"),
        (b"1e2", b"100"),
        (b'"\\u00e9"', '"é"'.encode()),
    ],
)
def test_equal_values_have_one_canonical_text(one: bytes, other: bytes) -> None:
    assert canonical_json(one) == canonical_json(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"[1, 2]", b"[2, 1]"),
        (b"1", b'"1"'),
        (b"1.5", b"1"),
        (b"true", b"1"),
        (b"null", b"{}"),
        (b"1e300", b"1e301"),
    ],
)
def test_other_values_have_another_canonical_text(one: bytes, other: bytes) -> None:
    assert canonical_json(one) != canonical_json(other)


def test_what_is_shown_holds_no_control_characters_and_stays_short() -> None:
    assert shown("\r\n\x1b[31m\u202e") == "'\\r\\n\\x1b[31m\\u202e'"
    assert len(shown("é" * 10_000)) == 100
