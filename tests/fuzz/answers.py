"""What an answer to any request must be, and reading one from a socket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from tests.fuzz.requests import Request

ANSWER_SECONDS = 15.0
NO_HTTP = "InvalidRequest"  # said before any path is known, so in no contract's envelope


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def read_answer(reader: asyncio.StreamReader, request: Request) -> Answer | None:
    """Return the answer, or None where the server closed the connection without one."""
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), ANSWER_SECONDS)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = 0 if request.method == "HEAD" else int(headers.get("content-length", "0"))
    body = await asyncio.wait_for(reader.readexactly(length), ANSWER_SECONDS)
    return Answer(int(first.split()[1]), headers, body)


def fault(request: Request, answer: Answer) -> str:
    """Return what is wrong with an answer, or nothing."""
    if answer.status >= 500:
        return f"a {answer.status}"
    if 300 <= answer.status < 400:
        return f"a redirect to {answer.headers.get('location')}"
    if answer.status < 300 or request.method == "HEAD":
        return ""
    return _envelope_fault(request, answer)


def _envelope_fault(request: Request, answer: Answer) -> str:
    try:
        body = json.loads(answer.body)
    except ValueError:
        return f"no JSON in a {answer.status}: {answer.body[:100]!r}"
    if not isinstance(body, dict) or not isinstance(body.get("errorCode"), str) or not body.get("message"):
        return f"no envelope in a {answer.status}: {body}"
    if body["errorCode"] == NO_HTTP and not request.is_http:
        return ""
    if request.face == "workload" and body.get("source") not in ("System", "User", "External"):
        return f"no source in a {answer.status}: {body}"
    if request.face == "core" and answer.headers.get("x-ms-public-api-error-code") != body["errorCode"]:
        return f"the header does not say {body['errorCode']} in a {answer.status}"
    return ""
