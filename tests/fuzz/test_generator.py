"""The fuzz makes the same requests from the same seed, and tells a bad answer from a good one."""

from __future__ import annotations

import json

import pytest

from tests.fuzz.answers import Answer, fault
from tests.fuzz.requests import Generator, Request

ITEM = "/v1/workspaces/00000000-0000-4000-8000-000000000001/items/00000000-0000-4000-8000-000000000002"


def _generator(seed: int) -> Generator:
    return Generator(seed, core={"Authorization": "a"}, host={"Authorization": "b"}, item=ITEM, address="h")


def test_a_seed_makes_the_same_requests_again() -> None:
    first, second = _generator(7), _generator(7)

    assert [first.next() for _ in range(500)] == [second.next() for _ in range(500)]


def test_requests_of_both_faces_and_of_every_bend_are_made() -> None:
    generator = _generator(1)

    made = [generator.next() for _ in range(3000)]

    assert {request.face for request in made} >= {"core", "workload"}
    assert all(request.encoded().count(b"\r\n\r\n") >= 1 for request in made)
    assert len({request.method for request in made}) == 10


@pytest.mark.parametrize(
    ("path", "status", "headers", "body", "said"),
    [
        ("/v1/workspaces", 500, {}, b"", "a 500"),
        ("/v1/workspaces", 307, {"location": "/x"}, b"", "a redirect"),
        ("/v1/workspaces", 404, {}, b"Not Found", "no JSON"),
        ("/v1/workspaces", 404, {}, b'{"detail": "x"}', "no envelope"),
        ("/v1/workspaces", 404, {}, b'{"errorCode": "E", "message": "m"}', "the header does not say E"),
        ("/workload/x", 404, {}, b'{"errorCode": "E", "message": "m"}', "no source"),
        ("/workload/x", 400, {}, b'{"errorCode": "InvalidRequest", "message": "m"}', "no source"),
    ],
)
def test_a_bad_answer_is_told(
    path: str, status: int, headers: dict[str, str], body: bytes, said: str
) -> None:
    request = Request("GET", path, ())

    assert fault(request, Answer(status, headers, body)).startswith(said)


def test_an_error_in_its_envelope_is_in_order() -> None:
    body = {"errorCode": "E", "message": "m", "source": "System"}
    answer = Answer(404, {"x-ms-public-api-error-code": "E"}, json.dumps(body).encode())

    assert fault(Request("GET", "/v1/workspaces", ()), answer) == ""
    assert fault(Request("GET", "/workload/x", ()), answer) == ""
