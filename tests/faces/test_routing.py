"""Routes of published paths."""

import pytest
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from tests.transcripts.clients import InProcess
from tests.transcripts.player import Request
from weft.faces.routing import AnyCaseRoute, EveryPath, FaceMount


class Says:
    def __init__(self, word: bytes) -> None:
        self.word = word

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": self.word + repr(scope["path_params"]).encode()})


ROUTES = [AnyCaseRoute("/items/{item}/tasks/stop", Says(b"stop ")), EveryPath(Says(b"other "))]
CLIENT = InProcess(Router([FaceMount("/api", ROUTES)]))


@pytest.mark.parametrize("path", ["/items/aB/tasks/stop", "/itemS/aB/TASKS/Stop"])
async def test_literals_match_in_any_case_and_parameters_keep_theirs(path: str) -> None:
    answer = await CLIENT.send(Request("GET", "/api" + path))

    assert answer.body == b"stop {'item': 'aB'}"


@pytest.mark.parametrize(
    "path",
    [
        "/items/a/tasks/stop%0A",
        "/items/a/tasks/stop/",
        "/items/a/b/tasks/stop",
        "/items//tasks/stop",
        "//items/a/tasks/stop",
        "/item%C5%BF/a/tasks/stop",  # U+017F, which is an "s" where case is folded by Unicode's rules
        "/items/a/tas%E2%84%AAs/stop",  # U+212A, a "k" by the same rules
        "/",
        "/%0A",
        "/a%0Ab",
    ],
)
async def test_what_only_resembles_a_path_is_another_path(path: str) -> None:
    answer = await CLIENT.send(Request("GET", "/api" + path))

    assert answer.body == b"other {}"


@pytest.mark.parametrize("path", ["/api", "/API", "/api/", "/Api/x"])
async def test_a_face_answers_for_its_own_path_in_any_case(path: str) -> None:
    answer = await CLIENT.send(Request("GET", path))

    assert (answer.status, answer.body) == (200, b"other {}")


@pytest.mark.parametrize("path", ["/apis", "/", "/ap%C4%B1"])
async def test_a_face_answers_for_no_other_path(path: str) -> None:
    answer = await CLIENT.send(Request("GET", path))

    assert answer.status == 404
