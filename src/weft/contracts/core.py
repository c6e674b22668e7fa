"""The Core API (Fabric REST: job scheduler, workspaces, items), exactly as published and recorded.

Sources: fabric-rest-api-specs, platform/definitions/platform.json and common/job_scheduling.json; where
those are silent (key order, explicit nulls), recordings of the live service in the Fabric CLI's tests.
"""

from enum import StrEnum
from typing import Annotated, Any

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field


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


class ErrorResponseDetails(Wire, omit_defaults=True):
    """One that only says what an error is about has neither code nor message, as recorded."""

    error_code: str = ""
    message: str = ""
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


class NotebookComputeDetails(Wire):
    activity_id: str


class NotebookJobProperties(Wire):
    exit_value: str | None
    compute: str
    compute_details: NotebookComputeDetails


class NotebookJobInstance(ItemJobInstance):
    """Source: fabric-rest-api-specs, notebook/swagger.json; contracts/core.md 1.2."""

    properties: NotebookJobProperties


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


class OneLakeEndpoints(Wire):
    blob_endpoint: str
    dfs_endpoint: str


class WorkspaceInfo(Workspace):
    """What is shown of one workspace: what is behind the capacity is there where it has one, as recorded."""

    capacity_region: str | UnsetType = UNSET
    one_lake_endpoints: OneLakeEndpoints | UnsetType = UNSET
    capacity_assignment_progress: str | UnsetType = UNSET


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


class SqlEndpointProperties(Wire):
    connection_string: str | None
    id: str | None
    provisioning_status: str


class LakehouseProperties(Wire):
    """Source: lakehouse/definitions.json, LakehouseProperties; key order as recorded."""

    one_lake_tables_path: str
    one_lake_files_path: str
    sql_endpoint_properties: SqlEndpointProperties


class SparkJobDefinitionProperties(Wire):
    """Source: sparkJobDefinition/definitions.json, SparkJobDefinitionProperties."""

    one_lake_root_path: str


class TypedItem(Item, kw_only=True):
    """An item as the collection of its type shows it."""

    properties: LakehouseProperties | SparkJobDefinitionProperties | UnsetType = UNSET


class TypedItems(Wire):
    value: list[TypedItem]
    continuation_token: str | UnsetType = UNSET
    continuation_uri: str | UnsetType = UNSET


class MovedItems(Wire):
    value: list[Item]


class Items(Wire):
    value: list[Item]
    continuation_token: str | UnsetType = UNSET
    continuation_uri: str | UnsetType = UNSET


class Capacity(Wire):
    id: str
    display_name: str
    sku: str
    region: str
    state: str = "Active"


class Capacities(Wire):
    value: list[Capacity]


class Folder(Wire, kw_only=True):
    """Key order as recorded; at the top of its workspace a folder has no *parent_folder_id*."""

    id: str
    display_name: str
    parent_folder_id: str | UnsetType = UNSET
    workspace_id: str


class Folders(Wire):
    value: list[Folder]
    continuation_token: str | UnsetType = UNSET
    continuation_uri: str | UnsetType = UNSET


class CreateFolderRequest(Wire):
    display_name: str
    parent_folder_id: str | None = None


class UpdateFolderRequest(Wire):
    display_name: str


class MoveRequest(Wire):
    """MoveFolderRequest and MoveItemRequest, which are alike. No target: the top of the workspace."""

    target_folder_id: str | None = None


class UpdateWorkspaceRequest(Wire):
    display_name: str | None = None
    description: str | None = None


class AssignWorkspaceToCapacityRequest(Wire):
    capacity_id: str


class OperationState(Wire):
    """All five keys are always there."""

    status: str
    created_time_utc: str
    last_updated_time_utc: str
    percent_complete: int | None
    error: ErrorResponse | None


class ExportItemIdentifier(Wire):
    id: str


class BulkExportItemDefinitionsRequest(Wire):
    mode: str
    items: list[ExportItemIdentifier] | None = None


class ItemDefinitionIndex(Wire):
    id: str
    root_path: str


class CreateWorkspaceRequest(Wire):
    display_name: str
    description: str | None = None
    capacity_id: str | None = None


class UserDetails(Wire):
    user_principal_name: str


class ServicePrincipalDetails(Wire):
    aad_app_id: str


class RoleHolder(Wire, kw_only=True):
    """A Principal as role assignments show it: who is given a role is answered with *id* and *type* alone."""

    id: str
    display_name: str | UnsetType = UNSET
    type: str
    user_details: UserDetails | UnsetType = UNSET
    service_principal_details: ServicePrincipalDetails | UnsetType = UNSET


class WorkspaceRoleAssignment(Wire):
    """*id* is that of the principal, as recorded."""

    id: str
    principal: RoleHolder
    role: str


class WorkspaceRoleAssignments(Wire):
    value: list[WorkspaceRoleAssignment]
    continuation_token: str | UnsetType = UNSET
    continuation_uri: str | UnsetType = UNSET


class GivenPrincipal(Wire):
    id: str
    type: str


class AddWorkspaceRoleAssignmentRequest(Wire):
    principal: GivenPrincipal
    role: str


class UpdateWorkspaceRoleAssignmentRequest(Wire):
    role: str


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


class BulkExportItemDefinitionsResponse(Wire):
    """Each part's path begins with the *root_path* of its item.

    Source: fabric-rest-api-specs, platform/examples/platform/BulkExportItemDefinitionsAll.json.
    """

    item_definitions_index: list[ItemDefinitionIndex]
    definition_parts: list[ItemDefinitionPart]


class CreateItemRequest(Wire):
    """*creation_payload* stays text as it was sent: it is the workload's business."""

    display_name: str
    type: str
    description: str | None = None
    folder_id: str | None = None
    definition: ItemDefinition | None = None
    creation_payload: Raw = Raw(b"null")


class CreateTypedItemRequest(Wire):
    """The same for the collection of a type, which the body need not name again."""

    display_name: str
    type: str | None = None
    description: str | None = None
    folder_id: str | None = None
    definition: ItemDefinition | None = None
    creation_payload: Raw = Raw(b"null")


class UpdateItemRequest(Wire):
    display_name: str | None = None
    description: str | None = None


class UpdateItemDefinitionRequest(Wire):
    definition: ItemDefinition


class PlatformFile(Wire):
    """The part `.platform` of a definition, as Fabric's Git integration writes it: what we take from it."""

    metadata: UpdateItemRequest


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


class Weekday(StrEnum):
    MONDAY = "Monday"
    TUESDAY = "Tuesday"
    WEDNESDAY = "Wednesday"
    THURSDAY = "Thursday"
    FRIDAY = "Friday"
    SATURDAY = "Saturday"
    SUNDAY = "Sunday"


class WeekIndex(StrEnum):
    FIRST = "First"
    SECOND = "Second"
    THIRD = "Third"
    FOURTH = "Fourth"
    FIFTH = "Fifth"


Times = Annotated[list[str], Meta(min_length=1, max_length=100)]
"""Wall times, `hh:mm`."""


class ScheduleConfig(Wire, kw_only=True, tag_field="type"):
    """What every kind of configuration has. *local_time_zone_id* is a Windows id of a time zone.

    Source: common/job_scheduling.json, ScheduleConfig.
    """

    start_date_time: str
    end_date_time: str
    local_time_zone_id: str


class CronScheduleConfig(ScheduleConfig, kw_only=True, tag="Cron"):
    """*interval* is in minutes, up to ten years."""

    interval: Annotated[int, Meta(ge=1, le=5_270_400)]


class DailyScheduleConfig(ScheduleConfig, kw_only=True, tag="Daily"):
    times: Times


class WeeklyScheduleConfig(ScheduleConfig, kw_only=True, tag="Weekly"):
    times: Times
    weekdays: Annotated[list[Weekday], Meta(min_length=1, max_length=7)]


class DayOfMonth(Wire, tag_field="occurrenceType", tag="DayOfMonth"):
    day_of_month: Annotated[int, Meta(ge=1, le=31)]


class OrdinalWeekday(Wire, tag_field="occurrenceType", tag="OrdinalWeekday"):
    week_index: WeekIndex
    weekday: Weekday


class MonthlyScheduleConfig(ScheduleConfig, kw_only=True, tag="Monthly"):
    """*recurrence*: every so many months."""

    recurrence: Annotated[int, Meta(ge=1, le=12)]
    occurrence: DayOfMonth | OrdinalWeekday
    times: Times


AnyScheduleConfig = CronScheduleConfig | DailyScheduleConfig | WeeklyScheduleConfig | MonthlyScheduleConfig


class ScheduleOwner(Wire):
    """A Principal, as schedules show it: without a name."""

    id: str
    type: str


class ItemSchedule(Wire):
    """Key order as recorded. *configuration* and *execution_data* stay text as they were sent."""

    id: str
    enabled: bool
    created_date_time: str
    configuration: Raw
    owner: ScheduleOwner
    execution_data: Raw | UnsetType = UNSET


class ItemSchedules(Wire):
    value: list[ItemSchedule]
    continuation_token: str | UnsetType = UNSET
    continuation_uri: str | UnsetType = UNSET


class ScheduleRequest(Wire):
    """CreateScheduleRequest and UpdateScheduleRequest, which are alike."""

    enabled: bool
    configuration: AnyScheduleConfig
    execution_data: Raw = Raw(b"null")
