"""The Core API (Fabric REST: job scheduler, workspaces, items), exactly as published and recorded.

Sources: fabric-rest-api-specs, platform/definitions/platform.json and common/job_scheduling.json; where
those are silent (key order, explicit nulls), recordings of the live service in the Fabric CLI's tests.
"""

from enum import StrEnum
from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType, field


class Wire(Struct, rename="camel"):
    """Members are sent in the order of declaration; one that is UNSET is not sent, None is sent as null."""


class InvokeType(StrEnum):
    SCHEDULED = "Scheduled"
    MANUAL = "Manual"


class Status(StrEnum):
    """ItemJobInstance status: clients give up on any other word."""

    NOT_STARTED = "NotStarted"
    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    DEDUPED = "Deduped"


class ErrorRelatedResource(Wire):
    resource_id: str
    resource_type: str


class ErrorResponseDetails(Wire):
    error_code: str
    message: str
    related_resource: ErrorRelatedResource | UnsetType = UNSET


class FailureCode(StrEnum):
    """The platform's own codes of a failed job instance; the misspelling is published."""

    FAILED = "JobInstanceStatusFailed"
    DEDUPED = "JobInstanceStatusDeduped"
    OWNER_USER_MISSING = "JobInstanceStatusOwnerUserMissing"
    UNKNOWN_ERROR_OCCURED = "JobInstanceStatusUnknownErrorOccured"
    DEAD_LETTERED = "JobInstanceStatusDeadLettered"
    NOT_FOUND = "JobInstanceStatusNotFound"


class ErrorResponse(Wire, kw_only=True):
    """Key order as recorded."""

    request_id: str
    error_code: str
    more_details: list[ErrorResponseDetails] | UnsetType = UNSET
    message: str
    related_resource: ErrorRelatedResource | UnsetType = UNSET
    is_retriable: bool | UnsetType = UNSET


class PortalParameters(Struct):
    error_response: str = field(name="ErrorResponse")


class PortalFault(Struct):
    code: str
    parameters: PortalParameters


class PortalMessage(Struct):
    code: str
    pbi_error: PortalFault = field(name="pbi.error")


class PortalError(Struct):
    message: PortalMessage


class WorkloadErrorResponse(ErrorResponse, kw_only=True):
    """An ErrorResponse that also carries what the portal hands to a workload's frontend.

    The workload's own body is a JSON text in `error.message["pbi.error"].parameters.ErrorResponse`.
    Source: Microsoft-Fabric-workload-development-sample, Frontend/src/controller/SampleWorkloadController.ts.
    """

    error: PortalError


class ItemJobInstance(Wire):
    """All nine keys are always there. Times: UTC without `Z`, trailing zeros of the fraction trimmed."""

    id: str
    item_id: str
    job_type: str
    invoke_type: str
    status: Status
    failure_reason: ErrorResponse | None
    root_activity_id: str
    start_time_utc: str | None
    end_time_utc: str | None


class ItemJobInstances(Wire):
    """The tokens are left out on the last page."""

    value: list[ItemJobInstance]
    continuation_token: str | UnsetType = UNSET
    continuation_uri: str | UnsetType = UNSET


class Workspace(Wire):
    """A description that was never set is left out, as recorded."""

    id: str
    display_name: str
    description: str | UnsetType = UNSET
    type: str = "Workspace"
    capacity_id: str | UnsetType = UNSET


class Workspaces(Wire):
    value: list[Workspace]
    continuation_token: str | UnsetType = UNSET
    continuation_uri: str | UnsetType = UNSET


class Item(Wire, kw_only=True):
    id: str
    type: str
    display_name: str
    description: str | UnsetType = UNSET
    workspace_id: str
    folder_id: str | UnsetType = UNSET


class Items(Wire):
    value: list[Item]
    continuation_token: str | UnsetType = UNSET
    continuation_uri: str | UnsetType = UNSET


class CreateWorkspaceRequest(Wire):
    display_name: str
    description: str | None = None
    capacity_id: str | None = None


class ItemDefinitionPart(Wire):
    """*payload* is Base64: InlineBase64 is the only *payload_type* that is published."""

    path: str
    payload: str
    payload_type: str


class ItemDefinition(Wire, kw_only=True):
    format: str | UnsetType | None = UNSET
    parts: list[ItemDefinitionPart]


class ItemDefinitionResponse(Wire):
    definition: ItemDefinition


class CreateItemRequest(Wire):
    """*creation_payload* stays text as it was sent: it is the workload's business."""

    display_name: str
    type: str
    description: str | None = None
    folder_id: str | None = None
    definition: ItemDefinition | None = None
    creation_payload: Raw = Raw(b"null")


class UpdateItemRequest(Wire):
    display_name: str | None = None
    description: str | None = None


class UpdateItemDefinitionRequest(Wire):
    definition: ItemDefinition


class ResolveItemPermissionsResponse(Wire):
    """Source: Learn, rest/api/fabric/workload/workloadcontrolapi, Resolve Item Permissions."""

    permissions: list[str]


class Parameter(Wire):
    """*value* is declared an object, and is any JSON scalar."""

    name: str
    type: str
    value: Any


class RunOnDemandItemJobRequest(Wire):
    """*execution_data* stays text as it was sent; what it means is the workload's business."""

    execution_data: Raw = Raw(b"null")
    parameters: list[Parameter] | None = None
