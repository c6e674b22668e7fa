"""The headers of a call: credentials as they came, ids only if they are sound."""

import re

import pytest

from weft.faces.workload.headers import read_headers

UUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"


def test_every_value_of_the_credentials_is_kept() -> None:
    headers = read_headers(
        [
            (b"authorization", b"one"),
            (b"x-ms-client-tenant-id", b"t1"),
            (b"authorization", b"tw\xf6"),
            (b"x-ms-client-tenant-id", b"t2"),
        ]
    )

    assert headers.authorization == ["one", "twö"]
    assert headers.tenant == ["t1", "t2"]


@pytest.mark.parametrize("value", [b"b14cb7e7-d346-4751-9cfd-8c2767d53111", b"run #7/~", b"x" * 128])
def test_a_sound_id_is_the_callers(value: bytes) -> None:
    value = value.replace(b" ", b"_")

    headers = read_headers([(b"activityid", value), (b"requestid", value)])

    assert headers.echo == ((b"activityid", value), (b"requestid", value))


@pytest.mark.parametrize(
    "value",
    [None, b"", b"x" * 129, b"x" * 1_000_000, b"a\r\nb", b"a\n", b"a b", b"\x00", b"\x1b[31m", b"\xff"],
)
def test_an_id_that_is_missing_or_not_sound_is_replaced(value: bytes | None) -> None:
    sent = [] if value is None else [(b"activityid", value), (b"requestid", value)]

    headers = read_headers(sent)

    assert re.fullmatch(UUID, headers.activity_id)
    assert re.fullmatch(UUID, headers.request_id)
    assert headers.activity_id != headers.request_id
