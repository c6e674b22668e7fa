"""The fuzz makes the same requests from the same seed, and tells a bad answer from a good one."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from tests.fuzz.answers import Answer, fault, unexpected
from tests.fuzz.blobs import Blobs
from tests.fuzz.callers import Callers
from tests.fuzz.message import Request
from tests.fuzz.requests import Generator
from tests.fuzz.twins import TwinsRequests

ITEM = "/v1/workspaces/00000000-0000-4000-8000-000000000001/items/00000000-0000-4000-8000-000000000002"
CALLERS = Callers(owners=("Bearer o",), readers=("Bearer r",), outsiders=("Bearer x",), strangers=("o",))
PLACES = {
    "/jobs/imports", "/jobs/deletions", "/models", "/digitaltwins", "/query", "/eventroutes",
    "/weft/v1/twins",
}  # fmt: skip


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Blobs:
    folder = tmp_path_factory.mktemp("blobs")
    made = Blobs(folder / "root", folder / "outside", "http://127.0.0.1:1/account", "127.0.0.1:2")
    made.write(random.Random(1))
    return made


def _generator(seed: int, blobs: Blobs) -> Generator:
    chance = random.Random(seed)
    return Generator(
        chance,
        core={"Authorization": "a"},
        host={"Authorization": "b"},
        item=ITEM,
        address="h",
        twins=TwinsRequests(chance, CALLERS, blobs, "h"),
    )


def test_a_seed_makes_the_same_requests_again(blobs: Blobs) -> None:
    first, second = _generator(7, blobs), _generator(7, blobs)

    assert [first.next() for _ in range(500)] == [second.next() for _ in range(500)]


def test_requests_of_all_faces_and_of_every_bend_are_made(blobs: Blobs) -> None:
    generator = _generator(1, blobs)

    made = [generator.next() for _ in range(3000)]

    assert {request.face for request in made} >= {"core", "workload", "twins"}
    assert all(request.encoded().count(b"\r\n\r\n") >= 1 for request in made)
    assert len({request.method for request in made}) == 10


def test_every_place_of_the_twins_face_is_asked_often(blobs: Blobs) -> None:
    generator = _generator(2, blobs)

    paths = [generator.next().path for _ in range(5000)]

    asked = Counter(place for path in paths for place in PLACES if path.startswith(place))
    assert min(asked[place] for place in PLACES) > 10, asked


def test_a_bent_request_expects_nothing_and_a_good_one_its_statuses(blobs: Blobs) -> None:
    generator = _generator(3, blobs)

    made = [request for request in (generator.next() for _ in range(2000)) if request.face == "twins"]

    good = [request for request in made if request.expected]
    assert 0.08 < len(good) / len(made) < 0.3
    assert all("api-version=2023-10-31" in request.query or request.expected == (400,) for request in good)


@pytest.mark.parametrize(
    ("path", "status", "headers", "body", "said"),
    [
        ("/v1/workspaces", 500, {}, b"", "a 500"),
        ("/v1/workspaces", 307, {"location": "/x"}, b"", "a redirect"),
        ("/v1/workspaces", 404, {}, b"Not Found", "no envelope"),
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


def test_a_good_request_must_be_answered_as_expected_or_be_told_to_wait() -> None:
    request = Request("GET", "/models", (), expected=(200,))

    assert unexpected(request, Answer(200, {}, b"{}")) == ""
    assert unexpected(request, Answer(429, {"retry-after": "1"}, b"{}")) == ""
    assert unexpected(request, Answer(429, {}, b"{}")).startswith("a good request was answered 429")
    assert unexpected(Request("GET", "/models", ()), Answer(400, {}, b"{}")) == ""


def test_a_path_is_of_the_twins_face_however_it_is_spelt() -> None:
    faces = {
        path: Request("GET", path, ()).face for path in ("/MODELS/x", "/%6dodels", "/modelsx", "/v1/models")
    }

    assert faces == {"/MODELS/x": "twins", "/%6dodels": "twins", "/modelsx": "", "/v1/models": "core"}


def test_what_an_answer_tells_is_asked_for_again(blobs: Blobs) -> None:
    chance = random.Random(4)
    twins = TwinsRequests(chance, CALLERS, blobs, "h")
    asked = Request("GET", "/models", (("Authorization", "Bearer r"),))
    body = {"value": [], "nextLink": "http://h/models?continuationToken=T1", "continuationToken": "T2"}

    twins.hear(asked, Answer(200, {}, json.dumps(body).encode()))
    made = [twins.good() for _ in range(300)]

    onward = [request for request in made if "T1" in request.query or b"T2" in request.body]
    assert {request.path for request in onward} == {"/models", "/query"}
    assert all(request.header("authorization") == ["Bearer r"] for request in onward)
