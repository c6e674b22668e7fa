"""How Core says what the doors turn away: its ErrorResponse."""

from __future__ import annotations

import msgspec

from weft.contracts import core as wire
from weft.faces.core.answers import JSON, ON_EVERY_ANSWER
from weft.faces.doors import Problem, RawHeaders

CODES = {
    Problem.BAD_REQUEST: "BadRequest",
    Problem.BAD_PATH: "InvalidInput",
    Problem.UNKNOWN_PATH: "EndpointNotFound",
    Problem.FOREIGN_ORIGIN: "Forbidden",
    Problem.BAD_METHOD: "MethodNotAllowed",
    Problem.WRONG_HOST: "HostNotServed",
    Problem.OVERLOADED: "RequestBlocked",
    Problem.HEAD_TOO_LARGE: "RequestHeaderTooLarge",
    Problem.INTERNAL: "InternalError",
}
RETRIABLE = frozenset((Problem.OVERLOADED, Problem.INTERNAL))


def envelope(problem: Problem, message: str, request_id: str) -> tuple[RawHeaders, bytes]:
    """Return headers and body of the answer to *problem*. Implements doors.Envelope."""
    code = CODES[problem]
    body = wire.ErrorResponse(
        request_id=request_id, error_code=code, message=message, is_retriable=problem in RETRIABLE
    )
    headers = (
        (b"content-type", JSON.encode()),
        (b"requestid", request_id.encode()),
        (b"x-ms-public-api-error-code", code.encode()),
        *((name.lower().encode(), value.encode()) for name, value in ON_EVERY_ANSWER.items()),
    )
    return headers, msgspec.json.encode(body)
