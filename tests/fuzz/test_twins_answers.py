"""The fuzz knows what the Twins face may answer, to whom, and that no signature is ever told."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.fuzz.answers import Answer
from tests.fuzz.blobs import SPELLINGS, TWINS, Blobs, Secrets, sound
from tests.fuzz.callers import OTHER_TENANT, Callers, Role
from tests.fuzz.ending import left_behind
from tests.fuzz.lake import MARK
from tests.fuzz.login import Client, Clients
from tests.fuzz.message import Request
from tests.fuzz.queries import Queries
from tests.fuzz.twins_answers import NO_SUCH_TENANT, TOO_FAST, UNAUTHORIZED, twins_fault
from weft.auth.bearer import BearerVerifier
from weft.auth.errors import TokenRefused
from weft.auth.home import Home
from weft.auth.issuer import TWINS_AUDIENCES
from weft.auth.keys import Keys
from weft.engine.clock import SystemClock
from weft.twins.query.limits import LOCAL, SERVICE
from weft.twins.query.parser import parse

DRESSED = {"traceresponse": f"00-{'a' * 32}-{'b' * 16}-01", "mise-correlation-id": "1"}
GET = Request("GET", "/models", ())
PUT = Request("PUT", "/jobs/imports/a", ())
SECRET = "5ecre70123456789abcdef"


def said(status: int, body: object, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {**DRESSED, **named}, json.dumps(body).encode())


def error(code: str, **more: object) -> dict[str, object]:
    return {"error": {"code": code, "message": "m", **more}}


@pytest.mark.parametrize(
    ("request_", "answer", "role"),
    [
        (GET, said(200, {"value": []}), Role.READER),
        (PUT, said(201, {"id": "a"}), Role.OWNER),
        (Request("POST", "/query", ()), said(200, {"value": []}), Role.READER),
        (GET, said(401, UNAUTHORIZED, www_authenticate="Bearer"), Role.STRANGER),
        (GET, said(404, NO_SUCH_TENANT), Role.OUTSIDER),
        (GET, said(421, error("HostNotServed"), x_ms_error_code="HostNotServed"), Role.STRANGER),
        (GET, said(404, error("JobNotFound")), Role.OWNER),
        (PUT, said(429, TOO_FAST, retry_after="5"), Role.OWNER),
        (GET, said(503, error("E"), retry_after="1", x_ms_error_code="E"), Role.OWNER),
        (Request("DELETE", "/jobs/imports/a", ()), Answer(204, DRESSED, b""), Role.OWNER),
    ],
)  # fmt: skip
def test_a_right_answer_is_in_order(request_: Request, answer: Answer, role: Role) -> None:
    assert twins_fault(request_, answer, role) == ""


@pytest.mark.parametrize(
    ("answer", "role", "told"),
    [
        (said(500, error("InternalError"), x_ms_error_code="InternalError"), Role.OWNER, "a 500"),
        (said(302, {}), Role.OWNER, "a 302"),
        (said(503, error("E"), x_ms_error_code="E"), Role.OWNER, "a 503 without Retry-After"),
        (Answer(200, {}, b"{}"), Role.OWNER, "no traceresponse"),
        (Answer(200, {**DRESSED, "mise-correlation-id": ""}, b"{}"), Role.OWNER, "no mise-correlation-id"),
        (said(200, {}), Role.STRANGER, "a stranger is answered 200"),
        (said(200, {}), Role.OUTSIDER, "a outsider is answered 200"),
        (Answer(404, DRESSED, b"Not Found"), Role.OWNER, "no JSON in a 404"),
        (said(200, []), Role.OWNER, "no object in a 200"),
        (said(404, {"detail": "x"}), Role.OWNER, "no envelope in a 404"),
        (said(400, error("E", details=[{"code": "E"}]), x_ms_error_code="E"), Role.OWNER, "no envelope"),
        (said(400, error("E")), Role.OWNER, "the header says None, not E"),
        (said(404, error("JobNotFound"), x_ms_error_code="JobNotFound"), Role.OWNER, "the header says"),
        (said(404, error("E"), x_ms_error_code="E"), Role.STRANGER, "a stranger is told E"),
        (said(401, UNAUTHORIZED), Role.STRANGER, "a 401 without WWW-Authenticate"),
        (said(401, UNAUTHORIZED, www_authenticate="Bearer"), Role.READER, "a reader is told Unauthorized"),
        (said(400, UNAUTHORIZED, www_authenticate="Bearer"), Role.STRANGER, "a 400 says"),
        (said(404, NO_SUCH_TENANT), Role.OWNER, "a owner is told"),
        (said(429, TOO_FAST), Role.OWNER, "no Retry-After"),
        (Answer(204, DRESSED, b"x"), Role.OWNER, "a body in a 204"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_told(answer: Answer, role: Role, told: str) -> None:
    assert twins_fault(GET, answer, role).startswith(told)


def test_a_reader_must_not_be_let_write() -> None:
    assert twins_fault(PUT, said(201, {"id": "a"}), Role.READER) == "a reader is answered 201"


def test_the_callers_are_what_they_are_said_to_be(tmp_path: Path) -> None:
    callers = Callers.sign(tmp_path)
    verifier = BearerVerifier(Keys.open(tmp_path), TWINS_AUDIENCES, SystemClock())
    home = Home.open(tmp_path).tenant

    assert {verifier.verify([one]).tenant for one in (*callers.owners, *callers.readers)} == {home}
    assert {verifier.verify([one]).tenant for one in callers.outsiders} == {OTHER_TENANT}
    for stranger in callers.strangers:
        with pytest.raises(TokenRefused):
            verifier.verify([stranger])


def test_the_role_is_read_from_what_is_sent() -> None:
    callers = Callers(("Bearer o",), ("Bearer r",), ("Bearer x",), ("o",))

    def role(*values: str) -> Role:
        return callers.role(Request("GET", "/", tuple(("Authorization", value) for value in values)))

    assert [role("Bearer o"), role("Bearer r"), role("Bearer x")] == [Role.OWNER, Role.READER, Role.OUTSIDER]
    assert {role(), role("o"), role("Bearer o", "Bearer o"), role("Bearer \r\no")} == {
        Role.STRANGER,
        Role.OWNER,
    }
    assert role("Bearer o", "Bearer o") is Role.STRANGER


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_signature_that_was_sent_is_recognised(spelling: str) -> None:
    secrets = Secrets()
    secrets.note(Request("PUT", "/", (), f'{{"inputBlobUri": "http://h/c/b?{spelling}{SECRET}"}}'.encode()))

    assert secrets.told_in(f"x {SECRET} y")
    assert not secrets.told_in(f"x {SECRET[:-1]}0 y")


def test_what_was_not_sent_as_a_signature_may_be_told() -> None:
    secrets = Secrets()
    secrets.note(Request("PUT", "/", (), f'{{"inputBlobUri": "http://h/c/b?sug={SECRET}"}}'.encode()))

    assert not secrets.told_in(SECRET)


def test_traces_are_found_in_files_and_outside_of_the_root(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "root", tmp_path / "outside", "http://h", "h:1")
    blobs.write(random.Random(1))
    secrets = Secrets()
    secrets.note(Request("PUT", "/", (), f"sig={SECRET}".encode()))
    clients = Clients("t", (Client("app", "secret-of-the-app", ""),))
    lake = tmp_path / "data" / "onelake" / "w" / "i"
    lake.mkdir(parents=True)
    (lake / f"{MARK}1").touch()

    assert list(left_behind(tmp_path, blobs, secrets, clients)) == []
    (tmp_path / "server.log").write_text(f"x {SECRET}")
    (tmp_path / "data" / "weft.db").write_text("x secret-of-the-app")
    (tmp_path / "data" / f"{MARK}1").touch()
    (blobs.outside / "new").write_text("")
    found = list(left_behind(tmp_path, blobs, secrets, clients))
    assert found[0].startswith("what lies outside of the root has changed")
    assert sorted(found[1:]) == [
        f"a file of OneLake lies at data/{MARK}1",
        "a signature, a token or a secret was written to data/weft.db",
        "a signature, a token or a secret was written to server.log",
    ]


def test_a_good_query_is_understood_in_both_profiles() -> None:
    queries = Queries(random.Random(5))

    for _ in range(500):
        text = queries.good()
        assert parse(text, LOCAL) == parse(text, SERVICE), text


def test_spoilt_queries_are_of_many_kinds() -> None:
    queries = Queries(random.Random(6))

    made = {queries.spoilt() for _ in range(500)}

    assert len(made) > 300
    assert max(map(len, made)) > 50_000
    assert not all(text.isascii() for text in made)


def test_a_sound_file_has_a_twin_and_a_relationship_a_line() -> None:
    lines = [json.loads(line) for line in sound(TWINS).splitlines()]

    assert sum("$metadata" in line for line in lines) == TWINS
    assert sum("$relationshipId" in line for line in lines) == TWINS
