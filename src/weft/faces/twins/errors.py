"""Every expected error of the Twins face as status, code and message: one table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, UnsetType
from starlette.responses import Response

from weft.auth.errors import TokenRefused
from weft.blobs.policy import UriRefused
from weft.contracts import twins as wire
from weft.engine.errors import (
    JobConflict,
    JobEnded,
    JobNotEnded,
    JobNotFound,
    NoRoom,
    Overloaded,
    StoreUnavailable,
)
from weft.faces.endpoint import EndpointNotFound, MethodNotAllowed, headers_of, row_of
from weft.faces.http import Refusal, Refused, shown
from weft.faces.twins import answers
from weft.faces.twins.access import RoleMissing, WrongTenant
from weft.faces.twins.rate import TooFast
from weft.twins.errors import QueryTooLong
from weft.twins.query.faults import QueryFault

log = logging.getLogger(__name__)

INVALID = "InvalidArgument"


class TwinsFaceError(Exception):
    """The root of the errors that only this face knows."""


class ApiVersionMissing(TwinsFaceError):
    pass


class ApiVersionUnknown(TwinsFaceError):
    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.version = version


class DeletionNotFound(TwinsFaceError):
    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id


class DeletionExists(TwinsFaceError):
    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id


class ModelNotFound(TwinsFaceError):
    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id


class TwinNotFound(TwinsFaceError):
    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id


class RelationshipNotFound(TwinsFaceError):
    def __init__(self, source: str, id: str) -> None:
        super().__init__(id)
        self.source = source
        self.id = id


class TooManyModels(TwinsFaceError):
    def __init__(self, given: int, most: int) -> None:
        super().__init__(given)
        self.given = given
        self.most = most


class ContinuationRefused(TwinsFaceError):
    """The continuation token of a query is not one that the caller was given."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One of the things wrong with a request. *kind* says more than the published code."""

    kind: str
    message: str
    code: str = INVALID


class Faulty(TwinsFaceError):
    """A request with at least one fault; all that were found are told."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(faults[0].message)
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Row:
    """*code* and *message* are what the error is told as. Without a code it is told as the gateway does.

    *in_header*: the code also goes into `x-ms-error-code`.
    """

    status: int
    code: str
    message: Callable[[Any], str]
    in_header: bool = True


TABLE: dict[type[Exception], Row] = {
    TokenRefused: Row(401, "", lambda _: "Unauthorized"),
    WrongTenant: Row(404, "", lambda _: "Sub-Domain not found"),
    RoleMissing: Row(403, "Forbidden", lambda e: f"The caller needs the role {e.needed.title}."),
    EndpointNotFound: Row(404, "EndpointNotFound", lambda _: "Nothing is served at this address."),
    MethodNotAllowed: Row(
        405,
        "MethodNotAllowed",
        lambda e: f"The method {shown(e.method)} is not allowed here; allowed: {', '.join(e.allowed)}.",
    ),
    ApiVersionMissing: Row(
        400,
        "MissingApiVersionParameter",
        lambda _: "The api-version query parameter (?api-version=) is required for all requests.",
    ),
    ApiVersionUnknown: Row(
        400,
        "UnsupportedApiVersionValue",
        lambda e: (
            f"Unsupported api-version {shown(e.version)}. "
            f"The supported api-versions are {', '.join(wire.API_VERSIONS)}."
        ),
    ),
    Faulty: Row(400, INVALID, lambda e: " ".join(fault.message for fault in e.faults)),
    UriRefused: Row(400, INVALID, lambda e: e.message),
    NoRoom: Row(
        429,
        "TooManyRequests",
        lambda _: (
            "Cannot start another job while one is in progress. "
            "Please wait for it to complete before starting another one."
        ),
    ),
    JobConflict: Row(
        409,
        "JobIdAlreadyExists",
        lambda e: (
            f"Provided Job ID already exists: {e.known.key.id}. "
            "Use Jobs_List API to view jobs that already exist."
        ),
    ),
    JobNotFound: Row(
        404,
        "JobNotFound",
        lambda e: (
            f"There is no job available that matches the provided id {e.key.id}. "
            "Check that the Job ID provided is valid by doing a Jobs_List API call."
        ),
        in_header=False,
    ),
    JobEnded: Row(
        400,
        "ValidationFailed",
        lambda e: f"The job {shown(e.job.key.id)} has ended and cannot be cancelled.",
    ),
    JobNotEnded: Row(
        400,
        "ValidationFailed",
        lambda e: f"The job {shown(e.job.key.id)} has not ended. Cancel it before it is deleted.",
    ),
    DeletionExists: Row(400, "ValidationFailed", lambda e: f"Operation-Id already exists: {shown(e.id)}."),
    DeletionNotFound: Row(404, "DeleteJobNotFound", lambda e: f"There is no delete job {shown(e.id)}."),
    ModelNotFound: Row(404, "ModelNotFound", lambda e: f"There is no model {shown(e.id)}."),
    TwinNotFound: Row(404, "DigitalTwinNotFound", lambda e: f"There is no digital twin {shown(e.id)}."),
    RelationshipNotFound: Row(
        404,
        "RelationshipNotFound",
        lambda e: f"The digital twin {shown(e.source)} has no relationship {shown(e.id)}.",
    ),
    TooManyModels: Row(
        400, "LimitExceeded", lambda e: f"dependenciesFor is given {e.given} times, {e.most} are allowed."
    ),
    QueryFault: Row(400, "SqlQueryError", lambda e: f"The query cannot be read: {e}."),
    QueryTooLong: Row(
        400,
        "TimeoutError",
        lambda e: (
            f"The query execution timed out after {e.seconds:g} seconds. Try simplifying the query or adding "
            "conditions to reduce the result size."
        ),
    ),
    ContinuationRefused: Row(
        400, "BadRequest", lambda _: "The continuationToken is not one that a query has given to you."
    ),
    TooFast: Row(
        429,
        "",
        lambda _: (
            "Maximum request rate limit reached. For Azure Digital Twins rate limiting details please see "
            "http://aka.ms/dtv2limits."
        ),
    ),
    Overloaded: Row(429, "ServerBusy", lambda _: "Too many requests are waiting; try again."),
    StoreUnavailable: Row(
        503, "ServiceUnavailable", lambda _: "The store cannot be written or read; try again."
    ),
}

REFUSALS: dict[Refusal, Row] = {
    Refusal.BAD_BODY: Row(400, INVALID, lambda e: e.message),
    Refusal.BAD_PARAMETER: Row(400, INVALID, lambda e: e.message),
    Refusal.BODY_TOO_LARGE: Row(413, "RequestBodyTooLarge", lambda e: e.message),
    Refusal.BODY_TOO_SLOW: Row(408, "RequestTimeout", lambda e: e.message),
    Refusal.MEDIA_TYPE: Row(415, "UnsupportedMediaType", lambda e: e.message),
}

EXPECTED: tuple[type[Exception], ...] = (*TABLE, Refused)


def answer(error: Exception, id: str) -> Response:
    """Return the answer to an error of one of the EXPECTED classes."""
    row = row_of(error, TABLE, REFUSALS)
    if row.status >= 500:
        log.warning("request failed", extra={"request_id": id, "reason": str(error)})
    named = {"x-ms-error-code": row.code} if row.code and row.in_header else {}
    media_type = answers.JSON if row.code else answers.GATE_JSON
    return answers.with_body(
        row.status, _body(error, row), {**named, **_headers(error)}, media_type=media_type
    )


def _body(error: Exception, row: Row) -> wire.Wire:
    message = row.message(error)
    if row.code:
        details, inner = _more(error)
        return wire.ErrorResponse(wire.Error(row.code, message, details, inner))
    gate = wire.GateAnswer(row.status, message)
    return wire.RateAnswer(gate) if isinstance(error, TooFast) else gate


def _more(error: Exception) -> tuple[list[wire.Error] | UnsetType, wire.InnerError | UnsetType]:
    """Return details and innererror: they are there where more than one thing is wrong."""
    if not isinstance(error, Faulty) or len(error.faults) == 1:
        return UNSET, UNSET
    details = [
        wire.Error(fault.code, fault.message, innererror=wire.InnerError(fault.kind))
        for fault in error.faults
    ]
    return details, wire.InnerError(error.faults[0].kind)


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, TooFast):
        return {"Retry-After": str(error.retry_after_seconds)}
    return headers_of(error)
