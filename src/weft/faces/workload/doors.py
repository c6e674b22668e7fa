"""How the host says what the doors turn away: the contract's ErrorResponse."""

from __future__ import annotations

import msgspec

from weft.contracts.workload import ErrorDetails, ErrorSource
from weft.faces.doors import Problem, RawHeaders
from weft.faces.workload.answers import JSON

CODES = {
    Problem.BAD_REQUEST: "BadRequest",
    Problem.BAD_PATH: "InvalidParameter",
    Problem.UNKNOWN_PATH: "PathNotFound",
    Problem.FOREIGN_ORIGIN: "Forbidden",
    Problem.BAD_METHOD: "MethodNotAllowed",
    Problem.WRONG_HOST: "HostNotServed",
    Problem.OVERLOADED: "TooManyRequests",
    Problem.HEAD_TOO_LARGE: "RequestHeaderTooLarge",
    Problem.INTERNAL: "InternalError",
}
TEMPORARY = frozenset((Problem.OVERLOADED, Problem.INTERNAL))


def envelope(problem: Problem, message: str, request_id: str) -> tuple[RawHeaders, bytes]:
    """Return headers and body of the answer to *problem*. Implements doors.Envelope."""
    passes = problem in TEMPORARY
    body = ErrorDetails(
        error_code=CODES[problem],
        message=message,
        source=ErrorSource.SYSTEM if passes else ErrorSource.USER,
        is_permanent=not passes,
    )
    return (JSON, (b"requestid", request_id.encode())), msgspec.json.encode(body)
