"""What a caller of the Workload API is told when something is not as it should be: one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from weft.auth.errors import KeysUnavailable, TokenRefused
from weft.contracts.workload import ErrorDetails, ErrorSource
from weft.engine.errors import (
    JobConflict,
    JobNotFound,
    Overloaded,
    ScopeBusy,
    ScopeClosed,
    StoreUnavailable,
)
from weft.engine.jobs import JobError
from weft.faces.doors import Problem
from weft.faces.http import Refusal, Refused, shown
from weft.faces.workload.answers import Answer, Header
from weft.faces.workload.mapping import error_details_of

RETRY_AFTER_SECONDS = 1


class ItemError(Exception):
    """Something is not as it should be with the item *id*."""

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id


class ItemUnknown(ItemError):
    """The host was never told of the item, or was told that it is deleted."""


class ItemConflict(ItemError):
    """The item was created with another request body, or before the host was told."""


class ItemDeleted(ItemError):
    """The id was that of an item that is deleted."""


class ItemBusy(ItemError):
    """Another call changes the item."""


class HookRefused(Exception):
    """A hook of the workload does not want what was asked for."""

    def __init__(self, error: JobError) -> None:
        super().__init__(error.message)
        self.error = error


class HookFailed(Exception):
    """A hook of the workload could not be called, has not ended, or failed for a while; *error* says how."""

    def __init__(self, message: str, error: JobError | None = None) -> None:
        super().__init__(message)
        self.error = error


class UnknownItemType(Exception):
    """No hosted workload has items of this type."""

    def __init__(self, item_type: str) -> None:
        super().__init__(f"There is no item type {shown(item_type)}.")
        self.item_type = item_type


class UnknownJobType(Exception):
    """No hosted workload has a job of this type for items of this type."""

    def __init__(self, item_type: str, job_type: str) -> None:
        super().__init__(f"There is no job type {shown(job_type)} of item type {shown(item_type)}.")
        self.item_type = item_type
        self.job_type = job_type


class UnknownPath(Exception):
    def __init__(self) -> None:
        super().__init__("The Workload API has no such path.")


class MethodNotAllowed(Exception):
    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        super().__init__(f"The method is {' or '.join(allowed)}, not {shown(method)}.")
        self.method = method
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Row:
    """What an error is on the wire. *is_permanent*: the same request will not do better later.

    *says*: a sentence over the parameters of the error; where it is empty, the error's own words are told.
    """

    status: int
    code: str
    source: ErrorSource
    is_permanent: bool
    says: str = ""


SYSTEM, USER, EXTERNAL = ErrorSource.SYSTEM, ErrorSource.USER, ErrorSource.EXTERNAL
TABLE: dict[type[Exception] | Refusal | Problem, Row] = {
    TokenRefused: Row(
        401, "AuthError", EXTERNAL, False, "The SubjectAndApp token is missing or not accepted."
    ),
    Refusal.BAD_PARAMETER: Row(400, "InvalidParameter", USER, True),
    Refusal.BAD_BODY: Row(400, "InvalidParameter", USER, True),
    Refusal.BODY_TOO_SLOW: Row(408, "RequestTimeout", USER, False),
    Refusal.BODY_TOO_LARGE: Row(413, "RequestBodyTooLarge", USER, True),
    Refusal.MEDIA_TYPE: Row(415, "UnsupportedMediaType", USER, True),
    UnknownPath: Row(404, "PathNotFound", USER, True),
    MethodNotAllowed: Row(405, "MethodNotAllowed", USER, True),
    UnknownItemType: Row(404, "InvalidItemType", USER, True),
    UnknownJobType: Row(404, "InvalidJobType", USER, True),
    ItemUnknown: Row(404, "ItemNotFound", USER, True, "There is no item '{}' of this type in the workspace."),
    ItemConflict: Row(409, "ItemConflict", USER, True, "The item '{}' exists, made with another request."),
    ItemDeleted: Row(
        409, "ItemConflict", USER, True, "The item '{}' was deleted, and its id is not given out again."
    ),
    ItemBusy: Row(
        409, "ItemBusy", SYSTEM, False, "The item '{}' is being changed by another call; try again later."
    ),
    ScopeBusy: Row(
        409, "ItemBusy", SYSTEM, False, "The job instance '{}' of the item has not stopped; delete it again."
    ),
    HookRefused: Row(400, "ItemRefused", USER, True),
    HookFailed: Row(503, "ItemHookFailed", SYSTEM, False),
    JobNotFound: Row(
        404, "JobInstanceNotFound", USER, True, "There is no job instance '{}' of this job type at this item."
    ),
    JobConflict: Row(
        409, "JobInstanceConflict", USER, True, "The job instance '{}' was created with another request body."
    ),
    ScopeClosed: Row(404, "ItemNotFound", USER, True, "The item is being deleted, or has been."),
    Overloaded: Row(
        429, "TooManyRequests", SYSTEM, False, "Too many requests wait already; try again later."
    ),
    StoreUnavailable: Row(
        503,
        "ServiceUnavailable",
        SYSTEM,
        False,
        "The store is not available, nothing was changed; try again later.",
    ),
    KeysUnavailable: Row(503, "ServiceUnavailable", SYSTEM, False),
    Problem.BAD_REQUEST: Row(400, "BadRequest", USER, True),
    Problem.BAD_PATH: Row(400, "InvalidParameter", USER, True),
    Problem.FOREIGN_ORIGIN: Row(403, "Forbidden", USER, True),
    Problem.UNKNOWN_PATH: Row(404, "PathNotFound", USER, True),
    Problem.BAD_METHOD: Row(405, "MethodNotAllowed", USER, True),
    Problem.WRONG_HOST: Row(421, "HostNotServed", USER, True),
    Problem.OVERLOADED: Row(429, "TooManyRequests", SYSTEM, False),
    Problem.HEAD_TOO_LARGE: Row(431, "RequestHeaderTooLarge", USER, True),
    Problem.INTERNAL: Row(500, "InternalError", SYSTEM, False),
}

EXPECTED: tuple[type[Exception], ...] = (Refused, *(kind for kind in TABLE if isinstance(kind, type)))

_encode = msgspec.json.Encoder().encode


def row_of(error: Exception) -> Row:
    """Return the row of one of EXPECTED."""
    return TABLE[error.kind if isinstance(error, Refused) else type(error)]


def answer_to(error: Exception) -> Answer:
    """Return the answer to one of EXPECTED."""
    row = row_of(error)
    if isinstance(error, HookRefused | HookFailed) and error.error is not None:
        return Answer(row.status, _encode(error_details_of(error.error)), _headers(error))
    parameters = _parameters(error)
    message = row.says.format(*parameters) or str(error)
    return Answer(row.status, error_response(row, message, parameters), _headers(error))


def error_response(row: Row, message: str, parameters: Sequence[str]) -> bytes:
    """Return the contract's ErrorResponse as JSON."""
    return _encode(
        ErrorDetails(
            error_code=row.code,
            message=message,
            message_parameters=list(parameters) or msgspec.UNSET,
            source=row.source,
            is_permanent=row.is_permanent,
        )
    )


def _parameters(error: Exception) -> list[str]:
    """Return the values that a program may want from the message."""
    match error:
        case Refused():
            return [error.field]
        case JobNotFound():
            return [error.key.id]
        case JobConflict():
            return [error.known.key.id]
        case ScopeBusy():
            return [error.job.key.id]
        case ItemError():
            return [error.id]
        case _:
            return []


def _headers(error: Exception) -> tuple[Header, ...]:
    match error:
        case TokenRefused():
            return ((b"www-authenticate", b"SubjectAndAppToken1.0"),)
        case MethodNotAllowed():
            return ((b"allow", ", ".join(error.allowed).encode()),)
        case Overloaded():
            return ((b"retry-after", b"%d" % error.retry_after_seconds),)
        case StoreUnavailable() | KeysUnavailable() | HookFailed() | ItemBusy() | ScopeBusy():
            return ((b"retry-after", b"%d" % RETRY_AFTER_SECONDS),)
        case _:
            return ()
