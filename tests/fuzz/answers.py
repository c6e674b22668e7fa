"""What an answer to any request must be, and reading one from a socket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from tests.fuzz.message import Request

ANSWER_SECONDS = 15.0
# Said before any path is known, so in no contract's envelope.
NO_HTTP = "InvalidRequest"
TOO_LONG = "RequestHeaderFieldsTooLarge"
BUSY = "ItemHookFailed"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_stream(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")


async def read_answer(reader: asyncio.StreamReader, request: Request) -> Answer | None:
    """Return the answer, or None where the server closed the connection without one."""
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), ANSWER_SECONDS)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(first.split()[1])
    answer = Answer(status, headers, b"")
    if answer.is_stream and request.method != "HEAD":  # it has no end: its first event is enough
        body = await asyncio.wait_for(reader.readuntil(b"\n\n"), ANSWER_SECONDS)
        return Answer(status, {**headers, "connection": "close"}, body)
    length = 0 if request.method == "HEAD" else int(headers.get("content-length", "0"))
    body = await asyncio.wait_for(reader.readexactly(length), ANSWER_SECONDS)
    return Answer(status, headers, body)


def fault(request: Request, answer: Answer) -> str:
    """Return what is wrong with an answer of Core or of a Workload, or nothing."""
    if answer.status >= 500 and not _waits_for_another(request, answer):
        return f"a {answer.status}"
    if 300 <= answer.status < 400:
        return f"a redirect to {answer.headers.get('location')}"
    if answer.status < 300 or request.method == "HEAD":
        return ""
    return _envelope_fault(request, answer)


def _waits_for_another(request: Request, answer: Answer) -> bool:
    """Return whether a host says that a hook of the item, which others wait for, has not ended in time."""
    busy = answer.status == 503 and "retry-after" in answer.headers
    return busy and request.face == "workload" and (_envelope(answer) or {}).get("errorCode") == BUSY


def is_of_no_face(request: Request, answer: Answer) -> bool:
    """Return whether *answer* was given before any path was known, as it may be where nothing can be read."""
    if request.method == "HEAD":
        return answer.status in (400, 431) and (not request.is_http or request.is_too_long)
    code = (_envelope(answer) or {}).get("errorCode")
    return (code == NO_HTTP and not request.is_http) or (code == TOO_LONG and request.is_too_long)


def unexpected(request: Request, answer: Answer) -> str:
    """Return what a good request was answered that it must not be, or nothing."""
    waits = answer.status == 429 and "retry-after" in answer.headers
    if not request.expected or answer.status in request.expected or waits:
        return ""
    return f"a good request was answered {answer.status} {answer.body[:300]!r}"


def core_envelope(answer: Answer) -> bool:
    """Return whether *answer* is an error in Core's words."""
    body = _envelope(answer)
    return body is not None and answer.headers.get("x-ms-public-api-error-code") == body["errorCode"]


def _envelope_fault(request: Request, answer: Answer) -> str:
    body = _envelope(answer)
    if body is None:
        return f"no envelope in a {answer.status}: {answer.body[:100]!r}"
    if is_of_no_face(request, answer):
        return ""
    if request.face == "workload" and body.get("source") not in ("System", "User", "External"):
        return f"no source in a {answer.status}: {body}"
    if request.face == "core" and answer.headers.get("x-ms-public-api-error-code") != body["errorCode"]:
        return f"the header does not say {body['errorCode']} in a {answer.status}"
    return ""


def _envelope(answer: Answer) -> dict[str, Any] | None:
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):  # a file may hold anything
        return None
    if isinstance(body, dict) and isinstance(body.get("errorCode"), str) and body.get("message"):
        return body
    return None
