"""Where Core's words and the engine's meet: jobs, workspaces and items as the contract shows them."""

from __future__ import annotations

from datetime import datetime

from msgspec import UNSET, UnsetType

from weft.catalog.capacities import Capacity
from weft.catalog.model import Folder, Item, Operation, Role, Workspace
from weft.contracts import core as wire
from weft.engine.jobs import Job, JobError
from weft.engine.lifecycle import State

STATUS = {
    State.ACCEPTED: wire.Status.NOT_STARTED,
    State.DISPATCHING: wire.Status.NOT_STARTED,
    State.RUNNING: wire.Status.IN_PROGRESS,
    State.COMPLETED: wire.Status.COMPLETED,
    State.FAILED: wire.Status.FAILED,
    State.CANCELLED: wire.Status.CANCELLED,
    State.DEDUPED: wire.Status.DEDUPED,
}

ROLES = {role: role.name.title() for role in Role}
_ROLES_IN_LOWER_CASE = {word.lower(): role for role, word in ROLES.items()}

# A workspace's region is one of a closed list of words: the recorded one, which says nothing of this server.
REGION = "West Europe"
ONELAKE = "onelake.dfs.fabric.microsoft.com"
ONELAKE_BLOB = "onelake.blob.fabric.microsoft.com"

FAILED = wire.FailureCode.FAILED.value
NO_DETAIL = "Job instance failed without detail error"

# The platform's own codes; any other is the workload's, and is shown under JobInstanceStatusFailed.
PLATFORM_CODES = frozenset(code.value for code in wire.FailureCode)


def job_instance(job: Job, request_id: str) -> wire.ItemJobInstance:
    """Return *job* as Core shows it; *request_id* is that of the call that shows it."""
    labels = job.labels
    return wire.ItemJobInstance(
        id=job.key.id,
        item_id=labels["item"],
        job_type=job.kind,
        invoke_type=labels["invoke_type"],
        status=STATUS[job.state],
        failure_reason=None if job.error is None else failure_reason(job.error, request_id),
        root_activity_id=labels["request_id"],
        # The service shows a start from the first moment on: when the job was asked for.
        start_time_utc=utc(job.started_at or job.submitted_at),
        end_time_utc=None if job.ended_at is None else utc(job.ended_at),
    )


def failure_reason(error: JobError, request_id: str) -> wire.ErrorResponse:
    details = [wire.ErrorResponseDetails(detail.code, detail.message) for detail in error.details]
    if error.code and error.code not in PLATFORM_CODES:
        details.insert(0, wire.ErrorResponseDetails(error.code, error.message))
    return wire.ErrorResponse(
        request_id=request_id,
        error_code=error.code if error.code in PLATFORM_CODES else FAILED,
        more_details=details or UNSET,
        message=error.message or NO_DETAIL,
        is_retriable=error.is_permanent is False,
    )


def role_named(text: str) -> Role | None:
    """The service takes the name in any case, as recorded."""
    return _ROLES_IN_LOWER_CASE.get(text.lower())


def workspace(known: Workspace) -> wire.Workspace:
    return wire.Workspace(
        id=known.id,
        display_name=known.display_name,
        description=_given(known),
        capacity_id=UNSET if known.capacity is None else known.capacity,
    )


def workspace_info(known: Workspace) -> wire.WorkspaceInfo:
    if known.capacity is None:
        return wire.WorkspaceInfo(id=known.id, display_name=known.display_name, description=_given(known))
    return wire.WorkspaceInfo(
        id=known.id,
        display_name=known.display_name,
        description=_given(known),
        capacity_id=known.capacity,
        capacity_region=REGION,
        one_lake_endpoints=wire.OneLakeEndpoints(f"https://{ONELAKE_BLOB}", f"https://{ONELAKE}"),
        capacity_assignment_progress="Completed",
    )


def capacity(known: Capacity) -> wire.Capacity:
    return wire.Capacity(known.id, known.display_name, known.sku, known.region)


def folder(known: Folder) -> wire.Folder:
    return wire.Folder(
        id=known.id,
        display_name=known.display_name,
        parent_folder_id=UNSET if known.parent is None else known.parent,
        workspace_id=known.workspace,
    )


def operation_state(known: Operation) -> wire.OperationState:
    """Return the state of an operation, whose work was done when it was begun."""
    began = utc(known.created_at)
    return wire.OperationState("Succeeded", began, began, percent_complete=100, error=None)


def item(known: Item) -> wire.Item:
    return wire.Item(
        id=known.id,
        type=known.type,
        display_name=known.display_name,
        description=_given(known),
        workspace_id=known.workspace,
        folder_id=UNSET if known.folder is None else known.folder,
    )


def listed_item(known: Item) -> wire.Item:
    """Return an entry of a list, where the service always shows a description: fabric-cicd counts on it."""
    entry = item(known)
    entry.description = known.description or ""
    return entry


def typed_item(known: Item) -> wire.TypedItem:
    return wire.TypedItem(
        id=known.id,
        type=known.type,
        display_name=known.display_name,
        description=_given(known),
        workspace_id=known.workspace,
        folder_id=UNSET if known.folder is None else known.folder,
        properties=_properties(known),
    )


def _properties(known: Item) -> wire.LakehouseProperties | wire.SparkJobDefinitionProperties | UnsetType:
    root = f"https://{ONELAKE}/{known.workspace}/{known.id}"
    match known.type:
        case "Lakehouse":
            # Not InProgress, as that of a new one is: who waits for it would wait for ever.
            no_endpoint = wire.SqlEndpointProperties(None, None, provisioning_status="Failed")
            return wire.LakehouseProperties(f"{root}/Tables", f"{root}/Files", no_endpoint)
        case "SparkJobDefinition":
            return wire.SparkJobDefinitionProperties(root)
        case _:
            return UNSET


def _given(known: Workspace | Item) -> str | UnsetType:
    return UNSET if known.description is None else known.description


def utc(instant: datetime) -> str:
    """Return *instant* as the service writes it: no zone, the fraction without trailing zeros."""
    whole, _, fraction = instant.replace(tzinfo=None).isoformat(timespec="microseconds").partition(".")
    digits = fraction.rstrip("0")
    return f"{whole}.{digits}" if digits else whole
