"""What a workload answers. The first byte is for its status, the second for the length of Retry-After."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec

from weft.engine.jobs import JobError
from weft.runners import workload_answers
from weft.runners.workload_answers import ERROR_BYTES, Busy, Refused, Reported

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES = (200, 201, 202, 204, 302, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 600)
MOST_TOLD = 4 * ERROR_BYTES


def run(data: bytes) -> None:
    status = STATUSES[(data[0] if data else 0) % len(STATUSES)]
    length = data[1] % 64 if len(data) > 1 else 0
    later, body = data[2 : 2 + length].decode("latin-1"), data[2 + length :]
    for read in (workload_answers.created, workload_answers.reported):
        answer = read(status, body, later or None, now=NOW)
        json.dumps(workload_answers.told(answer))
        assert (workload_answers.wait_asked_for(answer) or 0.0) >= 0.0
        _check(workload_answers.trouble(answer))
        if isinstance(answer, Busy | Refused):
            _check(answer.error)
        if isinstance(answer, Reported):
            _check_state(answer)
    workload_answers.kept(body).decode()
    _check(workload_answers.refusal(status, body))
    _check_payload(workload_answers.payload_of_item(body))


def _check_state(answer: Reported) -> None:
    for instant in (answer.started_at, answer.ended_at):
        assert instant is None or instant.utcoffset() == NOW.utcoffset()
    if answer.error is not None:
        _check(answer.error)


def _check(error: JobError) -> None:
    """An error can be stored, and told as JSON, and is no larger than it may be."""
    assert len(msgspec.json.encode(error)) <= MOST_TOLD + 8 * ERROR_BYTES
    assert "\0" not in error.message


def _check_payload(payload: bytes | None) -> None:
    if payload:
        json.loads(payload)
