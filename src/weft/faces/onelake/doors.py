"""How OneLake says what the doors turn away: the envelope of the storage API."""

from __future__ import annotations

from weft.faces.doors import Problem, RawHeaders
from weft.faces.onelake.errors import envelope as told

CODES = {
    Problem.BAD_REQUEST: "InvalidInput",
    Problem.BAD_PATH: "InvalidUri",
    Problem.UNKNOWN_PATH: "ResourceNotFound",
    Problem.FOREIGN_ORIGIN: "AuthorizationFailure",
    Problem.BAD_METHOD: "UnsupportedHttpVerb",
    Problem.WRONG_HOST: "InvalidInput",
    Problem.OVERLOADED: "ServerBusy",
    Problem.HEAD_TOO_LARGE: "InvalidInput",
    Problem.INTERNAL: "InternalError",
}


def envelope(problem: Problem, message: str, request_id: str) -> tuple[RawHeaders, bytes]:
    """Return headers and body of the answer to *problem*. Implements doors.Envelope."""
    code = CODES[problem]
    headers = (
        (b"content-type", b"application/json;charset=utf-8"),
        (b"x-ms-error-code", code.encode()),
        (b"x-ms-request-id", request_id.encode()),
    )
    return headers, told(code, message, request_id)
