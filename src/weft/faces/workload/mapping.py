"""The words of the Workload API for what the engine knows, and the engine's words for what a caller sends."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from weft.catalog.hosted_items import HostedItem
from weft.contracts.workload import (
    CreateItemJobInstanceRequest,
    ErrorDetails,
    ErrorExtendedInformation,
    ErrorSource,
    InvokeType,
    ItemJobInstanceState,
    NameValuePair,
    Status,
)
from weft.engine.jobs import ErrorDetail, Job, JobError
from weft.engine.lifecycle import State
from weft.faces.http import canonical_json, decode

STATUS = {
    State.ACCEPTED: Status.NOT_STARTED,
    State.DISPATCHING: Status.NOT_STARTED,
    # The contract has no word for a job that is to be cancelled: it is in progress until it has stopped.
    State.RUNNING: Status.IN_PROGRESS,
    State.COMPLETED: Status.COMPLETED,
    State.FAILED: Status.FAILED,
    State.CANCELLED: Status.CANCELLED,
    # Nor for a duplicate; the host makes none, since deduplication is the control plane's.
    State.DEDUPED: Status.CANCELLED,
}
T = TypeVar("T")
_SOURCES = {source.value: source for source in ErrorSource}
_encode = msgspec.json.Encoder().encode


def state_of(job: Job) -> bytes:
    """Return ItemJobInstanceState as JSON. A job that ended without having run started when it ended."""
    started_at = job.started_at or job.ended_at
    return _encode(
        ItemJobInstanceState(
            status=status_of(job),
            start_time_utc=UNSET if started_at is None else time_of(started_at),
            end_time_utc=UNSET if job.ended_at is None else time_of(job.ended_at),
            error_details=UNSET if job.error is None else error_details_of(job.error),
        )
    )


def status_of(job: Job) -> Status:
    """A job that was put back, to start again, has begun all the same."""
    has_begun = job.started_at is not None and not job.is_final
    return Status.IN_PROGRESS if has_begun else STATUS[job.state]


def was_cancelled(job: Job) -> bool:
    return job.state is State.CANCELLED


def time_of(at: datetime) -> str:
    """Return RFC 3339, three fraction digits and `Z`. *at* is aware and UTC."""
    return at.isoformat(timespec="milliseconds")[:23] + "Z"


def error_details_of(error: JobError) -> ErrorDetails:
    return ErrorDetails(
        error_code=error.code,
        message=error.message,
        message_parameters=_or_unset(list(error.parameters)),
        source=_SOURCES.get(error.source, ErrorSource.SYSTEM),
        is_permanent=UNSET if error.is_permanent is None else error.is_permanent,
        more_details=_or_unset([_more(detail) for detail in error.details]),
    )


def _more(detail: ErrorDetail) -> ErrorExtendedInformation:
    return ErrorExtendedInformation(
        error_code=detail.code,
        message=detail.message,
        message_parameters=_or_unset(list(detail.parameters)),
        additional_parameters=_or_unset([NameValuePair(name, value) for name, value in detail.extra]),
    )


def _or_unset(values: list[T]) -> list[T] | UnsetType:
    return values or UNSET


def read_request(raw: bytes) -> tuple[InvokeType, bytes]:
    """Return how the job was invoked, and its payload as JSON, or `b""` where it has none.

    Members that the contract does not know are ignored: the service may send more one day. Raises Refused.
    """
    request = decode(raw, CreateItemJobInstanceRequest)
    payload = request.creation_payload
    return InvokeType(request.invoke_type), b"" if payload is None or payload is UNSET else _encode(payload)


def hook_payload_of(item: HostedItem) -> bytes:
    """Return what a hook is told of an item beside the labels of its job; `kit/items.py` reads it."""
    return _encode(
        {
            "displayName": item.display_name,
            "description": item.description,
            "payload": Raw(item.payload or b"null"),
            "definition": Raw(item.definition or b"null"),
        }
    )


def fingerprint_of(raw: bytes) -> bytes:
    """Return what two bodies share if they are equal as JSON values, whatever the order of their keys."""
    return sha256(canonical_json(raw)).digest()
