"""The Workload API (WDK v1), exactly as published.

Source: Microsoft-Fabric-workload-development-sample, Backend/src/Contracts/FabricAPI/Workload/swagger.json.
"""

from enum import StrEnum
from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType


class Wire(Struct, rename="camel", omit_defaults=True):
    """A member left at its default is not sent."""


class InvokeType(StrEnum):
    """JobInvokeType; an unknown name decodes to UNKNOWN_FUTURE_VALUE, the published sentinel."""

    UNKNOWN_FUTURE_VALUE = "UnknownFutureValue"
    SCHEDULED = "Scheduled"
    MANUAL = "Manual"

    @classmethod
    def _missing_(cls, value: object) -> "InvokeType":
        return cls.UNKNOWN_FUTURE_VALUE


class Status(StrEnum):
    """JobInstanceStatus."""

    NOT_STARTED = "NotStarted"
    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class ErrorSource(StrEnum):
    SYSTEM = "System"
    USER = "User"
    EXTERNAL = "External"


class NameValuePair(Wire):
    name: str
    value: str


class ErrorExtendedInformation(Wire):
    error_code: str
    message: str
    message_parameters: list[str] | UnsetType = UNSET
    additional_parameters: list[NameValuePair] | UnsetType = UNSET


class ErrorDetails(Wire, kw_only=True):
    """Also the body of every answer that is not a success (ErrorResponse)."""

    error_code: str
    message: str
    message_parameters: list[str] | UnsetType = UNSET
    source: ErrorSource
    is_permanent: bool | UnsetType = UNSET
    more_details: list[ErrorExtendedInformation] | UnsetType = UNSET


class CreateItemJobInstanceRequest(Wire):
    """*invoke_type* stays text, because names of the future must be accepted."""

    invoke_type: str
    creation_payload: dict[str, Any] | UnsetType | None = UNSET


class CreateItemRequest(Wire):
    """*creation_payload* is passed on as it is: the control plane neither stores nor reads it."""

    display_name: str
    description: str | UnsetType | None = UNSET
    creation_payload: dict[str, Any] | UnsetType | None = UNSET


class UpdateItemRequest(Wire):
    """PATCH semantics: a member that is missing or null leaves what is known as it is."""

    display_name: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    update_payload: dict[str, Any] | UnsetType | None = UNSET


class GetItemPayloadResponse(Wire):
    item_payload: Raw | UnsetType = UNSET


class ResolutionContext(StrEnum):
    """What an endpoint resolution service may be told (EndpointResolutionContextPropertyName)."""

    ENDPOINT_NAME = "EndpointName"
    TENANT_REGION = "TenantRegion"
    WORKSPACE_REGION = "WorkspaceRegion"
    TENANT_ID = "TenantId"


class EndpointResolutionRequest(Wire):
    context: list[NameValuePair]


class EndpointResolutionResponse(Wire):
    url: str
    ttl_in_minutes: int


class ItemJobInstanceState(Wire):
    """Times are RFC 3339, UTC, three fraction digits and `Z`."""

    status: Status
    start_time_utc: str | UnsetType = UNSET
    end_time_utc: str | UnsetType = UNSET
    error_details: ErrorDetails | UnsetType = UNSET
