"""Every expected error of the OneLake face as status and code: one table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
from starlette.responses import Response

from weft.auth.errors import TokenRefused
from weft.engine.errors import Overloaded, StoreUnavailable
from weft.faces.endpoint import EndpointNotFound, MethodNotAllowed, headers_of, row_of
from weft.faces.http import Refusal, Refused
from weft.onelake import errors as files

CHALLENGE: Final = (
    "Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize "
    "resource_id=https://storage.azure.com"
)


class RangeRefused(Exception):
    """*size*: what there is to read."""

    def __init__(self, size: int) -> None:
        super().__init__("The range specified is invalid for the current size of the resource.")
        self.size = size


class Md5Mismatch(Exception):
    def __init__(self) -> None:
        super().__init__(
            "The MD5 value specified in the request did not match with the MD5 value calculated."
        )


class Unsupported(Exception):
    """An operation of the storage API that this server has not."""


@dataclass(frozen=True, slots=True)
class Row:
    status: int
    code: str


TABLE: Final[dict[type[Exception], Row]] = {
    TokenRefused: Row(401, "InvalidAuthenticationInfo"),
    files.NotPermitted: Row(403, "AuthorizationPermissionMismatch"),
    files.FilesystemNotFound: Row(404, "FilesystemNotFound"),
    files.PathNotFound: Row(404, "PathNotFound"),
    files.PathExists: Row(409, "PathAlreadyExists"),
    files.PathConflict: Row(409, "PathConflict"),
    files.DirectoryNotEmpty: Row(409, "DirectoryNotEmpty"),
    files.StillAppending: Row(409, "InvalidFlushOperation"),
    files.ManagedFolder: Row(400, "UnsupportedOperation"),
    files.BadPath: Row(400, "InvalidResourceName"),
    files.InvalidFlush: Row(400, "InvalidFlushPosition"),
    files.TooLarge: Row(413, "RequestBodyTooLarge"),
    files.ConditionNotMet: Row(412, "ConditionNotMet"),
    files.StorageFull: Row(503, "ServerBusy"),
    RangeRefused: Row(416, "InvalidRange"),
    Md5Mismatch: Row(400, "Md5Mismatch"),
    Unsupported: Row(400, "UnsupportedOperation"),
    EndpointNotFound: Row(404, "ResourceNotFound"),
    MethodNotAllowed: Row(405, "UnsupportedHttpVerb"),
    Overloaded: Row(503, "ServerBusy"),
    StoreUnavailable: Row(503, "ServerBusy"),
}
REFUSALS: Final[dict[Refusal, Row]] = {
    Refusal.BAD_BODY: Row(400, "InvalidInput"),
    Refusal.BAD_PARAMETER: Row(400, "InvalidQueryParameterValue"),
    Refusal.BODY_TOO_LARGE: Row(413, "RequestBodyTooLarge"),
    Refusal.BODY_TOO_SLOW: Row(408, "OperationTimedOut"),
    Refusal.MEDIA_TYPE: Row(415, "UnsupportedHeader"),
}
EXPECTED: Final[tuple[type[Exception], ...]] = (*TABLE, Refused)


def answer(error: Exception, request_id: str) -> Response:
    """Return the answer to an error of one of the EXPECTED classes."""
    if isinstance(error, files.ConditionNotMet) and error.unchanged:
        return Response(status_code=304, headers={"x-ms-error-code": "ConditionNotMet"})
    row = row_of(error, TABLE, REFUSALS)
    headers = headers_of(error)
    if isinstance(error, TokenRefused):
        headers = {"WWW-Authenticate": CHALLENGE}
    elif isinstance(error, RangeRefused):
        headers = {"Content-Range": f"bytes */{error.size}"}
    return told(row.status, row.code, _message(error), request_id, headers)


def told(status: int, code: str, message: str, request_id: str, headers: dict[str, str]) -> Response:
    """Return an error in the envelope of the storage API."""
    return Response(
        envelope(code, message, request_id),
        status,
        {"x-ms-error-code": code, **headers},
        "application/json;charset=utf-8",
    )


def envelope(code: str, message: str, request_id: str) -> bytes:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    text = f"{message}\nRequestId:{request_id}\nTime:{now}"
    return msgspec.json.encode({"error": {"code": code, "message": text}})


def _message(error: Exception) -> str:
    match error:
        case TokenRefused():
            return "Server failed to authenticate the request. Please refer to the information in the header."
        case MethodNotAllowed():
            return f"The resource doesn't support the verb {error.method}."
        case StoreUnavailable() | Overloaded():
            return "The server is busy; try again."
        case Refused():
            return error.message
        case _:
            return str(error)
