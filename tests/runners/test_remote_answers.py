"""Whatever a workload sends is read as one of a few plain answers, and only named members are kept."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.catalog.tokens import without_tokens
from weft.contracts.workload import Status
from weft.engine.jobs import ErrorDetail, JobError
from weft.runners.workload_answers import (
    ERROR_BYTES,
    Accepted,
    Busy,
    Faulty,
    Missing,
    Refused,
    Reported,
    created,
    error_of,
    instant,
    kept,
    refusal,
    reported,
    seconds_of,
    state,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHOLE = JobError(
    "AuthUIRequired",
    "AADSTS65001",
    "System",
    False,
    ("p",),
    (ErrorDetail("invalid_grant", "Interaction required", ("q",), (("scopes", "https://s/.default"),)),),
)
CAMEL = (
    b'{"errorCode":"AuthUIRequired","message":"AADSTS65001","source":"System","isPermanent":false,'
    b'"messageParameters":["p"],"moreDetails":[{"errorCode":"invalid_grant","message":"Interaction required",'
    b'"messageParameters":["q"],"additionalParameters":[{"name":"scopes","value":"https://s/.default"}]}]}'
)
PASCAL = (
    b'{"ErrorCode":"AuthUIRequired","Message":"AADSTS65001","Source":0,"IsPermanent":false,'
    b'"MessageParameters":["p"],"MoreDetails":[{"ErrorCode":"invalid_grant","Message":"Interaction required",'
    b'"MessageParameters":["q"],"AdditionalParameters":[{"Name":"scopes","Value":"https://s/.default"}]}]}'
)
SNAKE = (
    b'{"error_code":"AuthUIRequired","message":"AADSTS65001","source":"System","is_permanent":false,'
    b'"message_parameters":["p"],"more_details":[{"error_code":"invalid_grant",'
    b'"message":"Interaction required","message_parameters":["q"],"additional_parameters":[{"name":"scopes","value":"https://s/.default"}]}]}'
)


@pytest.mark.parametrize("body", [CAMEL, PASCAL, SNAKE])
def test_an_error_is_read_in_each_of_its_spellings(body: bytes) -> None:
    assert refusal(400, body) == WHOLE


@pytest.mark.parametrize("member", [b"error", b"detail", b"Error"])
@pytest.mark.parametrize("body", [CAMEL, PASCAL, SNAKE])
def test_an_error_within_another_is_read_whole(body: bytes, member: bytes) -> None:
    assert refusal(400, b'{"' + member + b'":' + body + b"}") == WHOLE


@pytest.mark.parametrize(
    ("written", "source"),
    [(b"0", "System"), (b"1", "User"), (b"2", "External"), (b"3", "External"), (b"true", "External")],
)
def test_a_source_that_is_a_number_is_read(written: bytes, source: str) -> None:
    assert refusal(400, b'{"ErrorCode":"E","Message":"m","Source":' + written + b"}").source == source


def test_only_the_first_of_many_complaints_are_told() -> None:
    complaints = [{"loc": ["body", f"field{number}"], "msg": "missing"} for number in range(1000)]

    message = refusal(422, msgspec.json.encode({"detail": complaints})).message

    assert message.startswith("body.field0: missing; body.field1: missing; ")
    assert message.endswith("body.field9: missing")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"detail":"Not Found"}', "", "Not Found"),
        (
            b'{"detail":[{"loc":["body","rows",0],"msg":"missing"},{"msg":"no"}]}',
            "",
            "body.rows.0: missing; no",
        ),
        (b'{"detail":[]}', "", 'The workload answered 400: {"detail":[]}'),
        (b'{"detail":[7]}', "", "[7]"),
        (b'{"error":"no"}', "", "no"),
        (b'{"error":{"code":"Gone","message":"it went"}}', "Gone", "it went"),
        (b'{"error":{"errorCode":"Gone","message":"it went"}}', "Gone", "it went"),
        (b"", "", "The workload answered 400."),
        (b"<html>\r\n<b>Bad</b>\x00", "", "The workload answered 400: <html> <b>Bad</b>"),
        (b"\xff\xfe", "", "The workload answered 400: \ufffd\ufffd"),
        (b"[1]", "", "The workload answered 400: [1]"),
    ],
)
def test_errors_of_other_shapes_are_read_too(body: bytes, code: str, message: str) -> None:
    error = refusal(400, body)

    assert (error.code, error.message) == (code, message)


def test_long_text_is_cut() -> None:
    assert len(refusal(500, b"x" * 100_000).message) < 600


def test_an_error_is_bounded_as_a_whole() -> None:
    details = [{"errorCode": "E" * 1000, "message": "\u20ac" * 1000} for _ in range(100)]
    error = error_of({"errorCode": "Big", "message": "m" * 10_000, "moreDetails": details})

    assert error is not None
    texts = [
        error.code,
        error.message,
        *(text for each in error.details for text in (each.code, each.message)),
    ]
    assert sum(len(text.encode()) for text in texts) <= ERROR_BYTES


def test_nul_is_not_kept() -> None:
    error = error_of({"errorCode": "a", "message": "b\x00c"})

    assert error is not None
    assert error.message == "b\ufffdc"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"status":"InProgress"}', Reported(Status.IN_PROGRESS)),
        (
            b'{"status":"Completed","startTimeUtc":"2026-03-01T12:00:00.123Z","endTimeUtc":null}',
            Reported(Status.COMPLETED, started_at=datetime(2026, 3, 1, 12, 0, 0, 123000, UTC)),
        ),
        (b'{"Status":"Failed","ErrorDetails":null}', Reported(Status.FAILED)),
        (b'{"status":"Failed","errorDetails":' + CAMEL + b"}", Reported(Status.FAILED, error=WHOLE)),
        (b'{"status":"Failed","error_details":' + SNAKE + b"}", Reported(Status.FAILED, error=WHOLE)),
        (b'{"status":"Cancelled","id":"another","owner":{"status":"Failed"}}', Reported(Status.CANCELLED)),
        (b'{"status":"Failed","errorDetails":"boom"}', Reported(Status.FAILED, error=JobError("", "boom"))),
    ],
)
def test_a_state_is_read(body: bytes, expected: Reported) -> None:
    assert state(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"Completed"',
        b"{}",
        b'{"status":null}',
        b'{"status":2}',
        b'{"status":["Completed"]}',
        b'{"status":"completed"}',
        b'{"status":"Paused"}',
        b'{"status":NaN}',
        b"<html>",
        b'{"status":"Completed"',
        b"\xff",
        b"[" * 100_000,
        b'{"status":"\\ud800"}',
    ],
)
def test_what_is_no_state_is_a_fault(body: bytes) -> None:
    assert isinstance(state(body), Faulty)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    assert isinstance(state(body), Reported | Faulty)
    assert isinstance(refusal(500, body), JobError)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["errorCode", "message", "source", "moreDetails", "status", "errorDetails", "error"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_json_breaks_the_reading(content: object) -> None:
    body = msgspec.json.encode(content)

    assert isinstance(state(body), Reported | Faulty)
    assert isinstance(refusal(500, body), JobError)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T12:00:00Z", NOW),
        ("2026-03-01T12:00:00.1234567Z", datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)),
        ("2026-03-01T14:00:00+02:00", NOW),
        ("2026-03-01T12:00:00", NOW),
        ("2026-03-01", None),
        ("2024-W01-1", None),
        ("20260301T120000Z", None),
        ("2026-02-30T12:00:00Z", None),
        ("2026-03-01T24:30:00Z", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("\uff12026-03-01T12:00:00Z", None),
        ("x" * 1_000_000, None),
        (17, None),
        (None, None),
    ],
)
def test_instants_are_read_strictly(text: object, expected: datetime | None) -> None:
    assert instant(text) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("-1", None),
        ("1.5", None),
        ("9" * 400, None),
        ("\u0667", None),
        ("soon", None),
        ("Sun, 01 Mar 2026 12:00:09 GMT", 9.0),
        ("Sun, 01 Mar 2020 12:00:09 GMT", 0.0),
        ("Sun, 01 Mar 2026 12:00:09 +99999999999999", None),
    ],
)
def test_retry_after_is_read(header: str | None, expected: float | None) -> None:
    assert seconds_of(header, NOW) == expected


@pytest.mark.parametrize("body", [b"\xff", b'{"status": "\xff"}', b'{"message": "\xc3("}'])
def test_what_is_not_utf_8_is_an_answer_too(body: bytes) -> None:
    assert isinstance(reported(200, body, None, now=NOW), Faulty)
    assert isinstance(reported(503, body, None, now=NOW), Busy)
    assert isinstance(created(400, body, None, now=NOW), Refused)


def test_statuses_of_a_create_call() -> None:
    answers = {
        status: created(status, b"", None, now=NOW) for status in (200, 201, 202, 204, 301, 400, 404, 409)
    }

    assert [status for status, answer in answers.items() if isinstance(answer, Accepted)] == [
        200,
        201,
        202,
        204,
    ]
    assert [status for status, answer in answers.items() if isinstance(answer, Refused)] == [
        301,
        400,
        404,
        409,
    ]
    assert isinstance(created(429, b"", "7", now=NOW), Busy)
    assert isinstance(created(500, b"", None, now=NOW), Busy)


def test_statuses_of_a_read() -> None:
    kinds = {
        status: type(reported(status, b"{}", None, now=NOW))
        for status in (200, 301, 400, 401, 403, 404, 429, 503)
    }

    assert kinds == {
        200: Faulty,
        301: Faulty,
        400: Faulty,
        401: Refused,
        403: Refused,
        404: Missing,
        429: Busy,
        503: Busy,
    }


HEADER = 'SubjectAndAppToken1.0 subjectToken="eyJhbGciOi.eyJzdWIi.c2ln-_x", appToken="eyJhcHAi.eyJhcHAi.c2ln"'


@pytest.mark.parametrize(
    "body",
    [
        {"errorCode": HEADER, "message": f"sent\n{HEADER}", "messageParameters": [HEADER, {"had": HEADER}]},
        {"message": "m", "moreDetails": [{"message": HEADER, "additionalParameters": [{"value": HEADER}]}]},
        {"detail": [{"loc": ["header", HEADER], "msg": HEADER}]},
        {"error": {"code": HEADER, "sent": HEADER}},
        HEADER,
    ],
)
def test_tokens_that_a_workload_repeats_are_not_kept(body: object) -> None:
    raw = msgspec.json.encode(body)
    failed = state(msgspec.json.encode({"status": "Failed", "errorDetails": body}))
    text = f"{refusal(400, raw)} {failed} {kept(raw)!r} {state(msgspec.json.encode({'status': HEADER}))}"

    assert "[token]" in text
    assert "eyJ" not in text


def test_no_text_takes_long_to_be_freed_of_tokens() -> None:
    began = time.process_time()

    assert without_tokens("eyJ" * 1_000_000 + ".eyJ") == "eyJ" * 1_000_000 + ".eyJ"
    assert without_tokens("eyJ.x." * 100_000) == "[token]"
    assert time.process_time() - began < 2
