"""How the Twins face says what the doors turn away: its ErrorResponse."""

from __future__ import annotations

import msgspec

from weft.contracts import twins as wire
from weft.faces.doors import Problem, RawHeaders
from weft.faces.twins.answers import JSON
from weft.faces.twins.tracing import traceresponse

CODES = {
    Problem.BAD_REQUEST: "BadRequest",
    Problem.BAD_PATH: "InvalidArgument",
    Problem.UNKNOWN_PATH: "EndpointNotFound",
    Problem.FOREIGN_ORIGIN: "Forbidden",
    Problem.BAD_METHOD: "MethodNotAllowed",
    Problem.WRONG_HOST: "HostNotServed",
    Problem.OVERLOADED: "ServerBusy",
    Problem.HEAD_TOO_LARGE: "RequestHeaderTooLarge",
    Problem.INTERNAL: "InternalError",
}


def envelope(problem: Problem, message: str, request_id: str) -> tuple[RawHeaders, bytes]:
    """Return headers and body of the answer to *problem*. Implements doors.Envelope."""
    code = CODES[problem]
    headers = (
        (b"content-type", JSON.encode()),
        (b"mise-correlation-id", request_id.encode()),
        (b"traceresponse", traceresponse(()).encode()),
        (b"x-ms-error-code", code.encode()),
    )
    return headers, msgspec.json.encode(wire.ErrorResponse(wire.Error(code, message)))
