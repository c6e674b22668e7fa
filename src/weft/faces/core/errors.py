"""Every expected error of the Core face as status, code and message: one table."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET
from starlette.responses import Response

from weft.auth.errors import KeysUnavailable, TokenRefused
from weft.catalog.errors import (
    AlreadyHasRole,
    CapacityNotFound,
    ExportTooLarge,
    FolderLoop,
    FolderNameTaken,
    FolderNotEmpty,
    FolderNotFound,
    FolderTooDeep,
    ItemNotFound,
    ItemRefused,
    LastAdmin,
    NameTaken,
    OperationHasNoResult,
    OperationNotFound,
    PrincipalNotFound,
    RoleNotFound,
    RoleTooLow,
    TooManyWebhooks,
    WebhookNotFound,
    WorkspaceNotFound,
)
from weft.contracts import core as wire
from weft.engine.errors import JobEnded, JobNotFound, Overloaded, ScopeBusy, StoreUnavailable
from weft.engine.scheduler import TooFarAhead
from weft.engine.schedules import ScheduleNotFound, TooManySchedules
from weft.faces.core import answers, mapping
from weft.faces.core.access import InsufficientScopes
from weft.faces.core.own_errors import (
    ClockNotMovable,
    CorruptedPayload,
    DefinitionNotConvertible,
    InvalidFolderName,
    InvalidItemType,
    InvalidJobType,
    InvalidRole,
    JobNotCompleted,
    KeyReused,
    ParametersNotAllowed,
    RoleNotAllowedForProfile,
    WorkspaceNameTaken,
)
from weft.faces.core.rates import RequestBlocked, TooManyRuns, told
from weft.faces.core.refusals import refused_by_workload
from weft.faces.core.waits import TooManyWaits
from weft.faces.endpoint import EndpointNotFound, MethodNotAllowed, headers_of, row_of
from weft.faces.http import Refusal, Refused, shown

log = logging.getLogger(__name__)

About = Callable[[Any], tuple[str, str]]


def _workspace(error: Any) -> tuple[str, str]:
    return error.workspace, "Workspace"


def _principal(error: Any) -> tuple[str, str]:
    return error.principal, "Principal"


@dataclass(frozen=True, slots=True)
class Row:
    """*code* and *message* are what the error is told as; *retriable*: the same request may succeed later.

    *retriable* None: it is not said, as recorded. *related*, and one of the details, *detail*, name by id and
    type what the error is about.
    """

    status: int
    code: str
    message: Callable[[Any], str]
    retriable: bool | None = False
    related: About | None = None
    detail: About | None = None


TABLE: dict[type[Exception], Row] = {
    TokenRefused: Row(401, "", lambda _: "Access is unauthorized"),
    InsufficientScopes: Row(
        403,
        "InsufficientScopes",
        lambda e: f"The token needs one of the scopes {', '.join(e.needed)}",
    ),
    RoleTooLow: Row(
        403,
        "InsufficientPrivileges",
        lambda e: f"The caller needs the role {mapping.ROLES[e.needed]} in the workspace",
    ),
    ClockNotMovable: Row(
        403,
        "FeatureNotAvailable",
        lambda _: "The clock of this server cannot be moved: it can in the local profile only",
    ),
    ParametersNotAllowed: Row(
        403,
        "FeatureNotAvailable",
        lambda _: "Parameter is not allowed for this item type or this item job type",
    ),
    EndpointNotFound: Row(404, "EndpointNotFound", lambda _: "The requested endpoint was not found"),
    MethodNotAllowed: Row(
        405,
        "MethodNotAllowed",
        lambda e: f"The method {shown(e.method)} is not allowed here; allowed: {', '.join(e.allowed)}",
    ),
    WorkspaceNotFound: Row(
        404, "WorkspaceNotFound", lambda e: f"The requested workspace {shown(e.workspace)} was not found"
    ),
    ItemNotFound: Row(404, "ItemNotFound", lambda e: f"The requested item {shown(e.item)} was not found"),
    FolderNotFound: Row(
        404, "FolderNotFound", lambda e: f"The requested folder {shown(e.folder)} was not found"
    ),
    FolderNotEmpty: Row(
        400,
        "FolderNotEmpty",
        lambda _: "The requested folder was not empty.",
        retriable=None,
        related=lambda e: (e.folder, "Folder"),
    ),
    FolderNameTaken: Row(
        409,
        "FolderDisplayNameAlreadyInUse",
        lambda e: f"Another folder at the same place has the displayName {shown(e.name)}",
    ),
    FolderTooDeep: Row(
        400,
        "FolderDepthOutOfRange",
        lambda e: f"There are at most {e.deepest} levels of folders: {shown(e.parent)} is too deep",
    ),
    FolderLoop: Row(
        400,
        "InfiniteFolderHierarchyLoop",
        lambda e: f"The folder {shown(e.folder)} can not be moved into {shown(e.target)}, which it holds",
    ),
    InvalidFolderName: Row(
        400, "InvalidFolderDisplayName", lambda e: f"displayName {e.why}, as {shown(e.name)} does"
    ),
    InvalidRole: Row(400, "InvalidParameter", lambda e: f"roles: {shown(e.role)} is no workspace role"),
    CapacityNotFound: Row(
        403,
        "InsufficientPermissionsOverCapacity",
        lambda e: f"The caller has no capacity {shown(e.capacity)}",
    ),
    OperationNotFound: Row(
        404, "OperationNotFound", lambda e: f"The requested operation {shown(e.operation)} was not found"
    ),
    OperationHasNoResult: Row(
        400, "OperationHasNoResult", lambda _: "The operation has no result", retriable=None
    ),
    ExportTooLarge: Row(
        400,
        "ExportTooLarge",
        lambda e: (
            f"The definitions have {e.bytes} bytes, {e.most_bytes} are exported at once: name fewer items"
        ),
    ),
    JobNotFound: Row(
        404,
        "JobInstanceNotFound",
        lambda e: f"The requested job instance {shown(e.key.id)} was not found",
    ),
    ScheduleNotFound: Row(404, "ScheduleNotFound", lambda _: "The requested item schedule not found"),
    TooFarAhead: Row(
        400,
        "TooManyOccurrences",
        lambda e: (
            f"More than {e.most:,} occurrences of schedules lie on the way; "
            "move the clock in smaller steps, or disable schedules"
        ),
    ),
    TooManySchedules: Row(
        400, "ScheduleExceedsLimit", lambda e: f"An item can have at most {e.most} schedules"
    ),
    JobEnded: Row(
        400,
        "JobAlreadyCompleted",
        lambda e: f"The job instance {shown(e.job.key.id)} has ended and can not be cancelled",
    ),
    JobNotCompleted: Row(
        400,
        "JobNotCompleted",
        lambda e: f"The job instance {shown(e.job.key.id)} has not ended and can not be run again",
    ),
    KeyReused: Row(
        409,
        "IdempotencyKeyReused",
        lambda e: (
            f"{e.header} {shown(e.key)} was sent with another request before: job instance {e.known.key.id}"
        ),
    ),
    InvalidItemType: Row(
        400,
        "InvalidItemType",
        lambda e: f"No workload of this server owns the item type {shown(e.item_type)}",
    ),
    InvalidJobType: Row(
        400,
        "InvalidJobType",
        lambda e: f"Items of type {shown(e.item_type)} have no job type {shown(e.job_type)}",
    ),
    NameTaken: Row(
        400,
        "ItemDisplayNameAlreadyInUse",
        lambda e: f"Another item of the type has the displayName {shown(e.name)}",
    ),
    CorruptedPayload: Row(400, "CorruptedPayload", lambda e: f"{e.field} is not Base64: {shown(e.payload)}"),
    DefinitionNotConvertible: Row(
        400,
        "CorruptedPayload",
        lambda e: f"{shown(e.part)} can not be given in the format {e.format}: {e.why}",
    ),
    WorkspaceNameTaken: Row(
        409,
        "WorkspaceNameAlreadyExists",
        lambda e: f"Another workspace has the displayName {shown(e.name)}",
    ),
    PrincipalNotFound: Row(
        400,
        "PrincipalNotFound",
        lambda _: "The provided principal was not found",
        retriable=None,
        related=_workspace,
        detail=_principal,
    ),
    RoleNotAllowedForProfile: Row(
        400,
        "WorkspaceRoleNotAllowedForServicePrincipalProfile",
        lambda _: "The provided role cannot be assigned to the provided profile",
        retriable=None,
        related=_workspace,
        detail=_principal,
    ),
    RoleNotFound: Row(
        404,
        "EntityNotFound",
        lambda e: f"The requested role assignment {shown(e.principal)} was not found",
    ),
    AlreadyHasRole: Row(
        409,
        "PrincipalAlreadyHasWorkspaceRolePermissions",
        lambda _: "The provided principal already has a role assigned in the workspace",
        related=_workspace,
        detail=_principal,
    ),
    LastAdmin: Row(
        409,
        "Conflict",
        lambda e: (
            f"{shown(e.principal)} is the last Admin of the workspace: the role can not be changed or deleted"
        ),
        related=_workspace,
        detail=_principal,
    ),
    ScopeBusy: Row(
        409,
        "JobsNotStopped",
        lambda e: f"The job instance {shown(e.job.key.id)} has not stopped yet; repeat the delete",
        retriable=True,
    ),
    Overloaded: Row(
        429, "TooManyRequestsForJobs", lambda _: "Too many requests are waiting; try again", retriable=True
    ),
    TooManyWaits: Row(
        429,
        "RequestBlocked",
        lambda e: f"{e.most} requests of the caller wait already; try again",
        retriable=True,
    ),
    RequestBlocked: Row(
        429,
        "RequestBlocked",
        lambda e: f"Request is blocked by the upstream service until: {told(e.until)}",
        retriable=True,
    ),
    TooManyRuns: Row(
        429,
        "TooManyRequestsForJobs",
        lambda e: f"Too many jobs were started; no more are until: {told(e.until)}",
        retriable=True,
    ),
    WebhookNotFound: Row(
        404, "WebhookNotFound", lambda e: f"The requested webhook {shown(e.webhook)} was not found"
    ),
    TooManyWebhooks: Row(
        400, "WebhooksExceedLimit", lambda e: f"A workspace can have at most {e.most} webhooks"
    ),
    KeysUnavailable: Row(503, "ServiceUnavailable", str, retriable=True),
    StoreUnavailable: Row(
        503, "ServiceUnavailable", lambda _: "The store cannot be written or read; try again", retriable=True
    ),
}

INVALID_INPUT = Row(400, "InvalidInput", lambda e: f"The request has an invalid input: {e.message}")
REFUSALS: dict[Refusal, Row] = {
    Refusal.BAD_BODY: INVALID_INPUT,
    Refusal.BAD_PARAMETER: INVALID_INPUT,
    Refusal.BODY_TOO_LARGE: Row(413, "RequestBodyTooLarge", lambda e: e.message),
    Refusal.BODY_TOO_SLOW: Row(408, "RequestTimeout", lambda e: e.message, retriable=True),
    Refusal.MEDIA_TYPE: Row(415, "UnsupportedMediaType", lambda e: e.message),
}

EXPECTED: tuple[type[Exception], ...] = (*TABLE, Refused, ItemRefused)


def answer(error: Exception, request_id: str) -> Response:
    """Return the answer to an error of one of the EXPECTED classes."""
    if isinstance(error, ItemRefused):
        return refused_by_workload(error, request_id)
    row = row_of(error, TABLE, REFUSALS)
    if row.status >= 500:
        log.warning("request failed", extra={"request_id": request_id, "reason": str(error)})
    code = error.code.value if isinstance(error, TokenRefused) else row.code
    message = row.message(error)
    body = wire.ErrorResponse(
        request_id=request_id,
        error_code=code,
        more_details=_details(error, row),
        message=message,
        related_resource=UNSET if row.related is None else wire.ErrorRelatedResource(*row.related(error)),
        is_retriable=UNSET if row.retriable is None else row.retriable,
    )
    headers = {"x-ms-public-api-error-code": code, **headers_of(error)}
    return answers.with_body(row.status, body, headers)


def _details(error: Exception, row: Row) -> Any:
    """Say where an invalid input is in the way of the service: a detail InvalidParameter."""
    if row.detail is not None:
        return [wire.ErrorResponseDetails(related_resource=wire.ErrorRelatedResource(*row.detail(error)))]
    if not isinstance(error, Refused) or REFUSALS[error.kind] is not INVALID_INPUT:
        return UNSET
    place = wire.ErrorRelatedResource(resource_id=error.field, resource_type="Parameter")
    return [wire.ErrorResponseDetails("InvalidParameter", error.message, related_resource=place)]
