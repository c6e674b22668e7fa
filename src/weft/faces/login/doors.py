"""How the sign-in service says what the doors turn away: Entra's form of an error."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Final

import msgspec

from weft.auth.grants import GrantRefused
from weft.faces.doors import STATUS, Problem, RawHeaders
from weft.faces.login.answers import told

_HEADERS: Final = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store, no-cache"),
    (b"pragma", b"no-cache"),
)
_WORDS: Final = {
    Problem.OVERLOADED: ("temporarily_unavailable", 90055),
    Problem.INTERNAL: ("server_error", 90033),
    Problem.BAD_METHOD: ("invalid_request", 900561),
    Problem.UNKNOWN_PATH: ("invalid_request", 90023),
}


def envelope(problem: Problem, message: str, request_id: str) -> tuple[RawHeaders, bytes]:
    error, code = _WORDS.get(problem, ("invalid_request", 9002313))
    refused = GrantRefused(error, code, message, status=STATUS[problem])
    body = told(refused, request_id, str(uuid.uuid4()), datetime.now(UTC))
    return _HEADERS, msgspec.json.encode(body)
