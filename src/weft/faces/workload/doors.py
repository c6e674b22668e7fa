"""How the host says what the doors turn away: the contract's ErrorResponse."""

from __future__ import annotations

from weft.faces.doors import Problem, RawHeaders
from weft.faces.workload.answers import JSON
from weft.faces.workload.errors import TABLE, error_response


def envelope(problem: Problem, message: str, request_id: str) -> tuple[RawHeaders, bytes]:
    """Return headers and body of the answer to *problem*. Implements doors.Envelope."""
    return (JSON, (b"requestid", request_id.encode())), error_response(TABLE[problem], message, ())
