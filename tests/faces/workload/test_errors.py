"""The table of errors, and the words for what the doors turn away before this face."""

import json
import logging

import pytest

from tests.faces.workload.house import House, path_of
from tests.transcripts.clients import InProcess, Message
from tests.transcripts.player import Request
from weft.contracts.workload import ErrorSource
from weft.faces.doors import STATUS, Doors, Problem
from weft.faces.http import Refusal
from weft.faces.workload.doors import envelope
from weft.faces.workload.errors import TABLE
from weft.logs import JsonFormatter


@pytest.mark.parametrize("problem", Problem)
def test_what_the_doors_turn_away_is_told_in_the_envelope_of_the_contract(problem: Problem) -> None:
    headers, body = envelope(problem, "the host 'evil' is not served here", "request-1")

    told = json.loads(body)
    assert set(told) == {"errorCode", "message", "source", "isPermanent"}
    assert told["message"] == "the host 'evil' is not served here"
    assert told["source"] in list(ErrorSource)
    assert dict(headers) == {b"content-type": b"application/json", b"requestid": b"request-1"}


@pytest.mark.parametrize("problem", Problem)
def test_the_table_and_the_doors_agree_on_the_status_of_a_problem(problem: Problem) -> None:
    assert TABLE[problem].status == STATUS[problem]


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_is_in_the_table(refusal: Refusal) -> None:
    assert 400 <= TABLE[refusal].status < 500


def test_only_faults_of_ours_may_do_better_later_or_cost_a_5xx() -> None:
    for row in TABLE.values():
        assert row.is_permanent is (row.source is ErrorSource.USER and row.status != 408)
        assert (row.status >= 500) <= (row.source is ErrorSource.SYSTEM)


async def test_a_bug_is_told_without_its_text() -> None:
    async def broken(scope: Message, receive: object, send: object) -> None:
        raise KeyError("SELECT secret FROM /var/lib/weft")

    doors = Doors(broken, default=envelope, envelopes={"/workload": envelope}, requests_at_once=1)

    answer = await InProcess(doors).send(Request("GET", "/workload/x"))

    assert answer.status == 500
    assert answer.json()["errorCode"] == "InternalError"
    assert b"secret" not in answer.body


async def test_no_log_line_holds_a_body_or_a_token(idle: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = b'{"invokeType":"Manual","creationPayload":"s3cret"}'
    token = idle.tokens()[:-9] + 'A"'

    refused = await idle.ask("POST", path_of(), body)
    stranger = await idle.ask("POST", path_of(), body, credentials=[("Authorization", token)])

    assert (refused.status, stranger.status) == (400, 401)
    lines = [JsonFormatter().format(record) for record in caplog.records if record.name.startswith("weft")]
    assert len(lines) == 2
    assert [line for line in lines if "s3cret" in line or token[40:60] in line] == []
    assert json.loads(lines[0])["code"] == "InvalidParameter"
    assert json.loads(lines[0])["request_id"] == refused.header("RequestId")
    assert json.loads(lines[1]).keys() == {
        "at", "level", "logger", "message", "request_id", "activity_id", "reason"
    }  # fmt: skip
