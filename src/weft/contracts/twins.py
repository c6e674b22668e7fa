"""The data plane of Azure Digital Twins, 2023-10-31, exactly as published and recorded.

Sources: azure-rest-api-specs, Microsoft.DigitalTwins/stable/2023-10-31/digitaltwins.json; where the live
service answers otherwise (key order, codes, absent members), its recordings in the .NET SDK's tests
(Azure.DigitalTwins.Core/tests/SessionRecords, 2023-05-31 and 2025-05-02).
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType

API_VERSIONS = ("2023-10-31", "2023-06-30")  # the first is the newest; jobs are the same in both


class Wire(Struct, rename="camel"):
    """Members are sent in the order of declaration; one that is UNSET is not sent, None is sent as null."""


class InnerError(Wire):
    code: str


class Error(Wire):
    """Swagger: Error. *details* and *innererror* are there only where there is more than one fault."""

    code: str
    message: str
    details: list[Error] | UnsetType = UNSET
    innererror: InnerError | UnsetType = UNSET


class ErrorResponse(Wire):
    error: Error


class GateAnswer(Wire):
    """How the gateway before the service answers, as recorded for 401: not the published shape."""

    status_code: int
    message: str


class RateAnswer(Wire):
    """How the rate limit answers, as recorded: an error without a code."""

    error: GateAnswer


class Status(StrEnum):
    """ImportJob status."""

    NOT_STARTED = "notstarted"
    RUNNING = "running"
    FAILED = "failed"
    SUCCEEDED = "succeeded"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


class JobError(Wire):
    """Why a job failed: an Error of which only these members were ever recorded."""

    code: str
    message: str


class ImportJob(Wire, kw_only=True):
    """Key order as recorded; members that do not apply are left out (2023-02-27-preview sent null).

    Times: up to 7 digits of a second, trailing zeros left out, then `Z`; swagger's examples say `+00:00`.
    """

    id: str
    input_blob_uri: str
    output_blob_uri: str
    created_date_time: str
    last_action_date_time: str
    finished_date_time: str | UnsetType = UNSET
    purge_date_time: str
    status: Status
    error: JobError | UnsetType = UNSET


class ImportJobs(Wire):
    """Swagger: ImportJobCollection. The link is null on the last page, as recorded."""

    value: list[ImportJob]
    next_link: str | None = None


class DeleteJob(Wire, kw_only=True):
    """Never recorded: swagger's members, in the order of its examples, with the times of an ImportJob.

    *status* is never `cancelling` or `cancelled`.
    """

    id: str
    created_date_time: str
    finished_date_time: str | UnsetType = UNSET
    purge_date_time: str
    status: Status
    error: JobError | UnsetType = UNSET


class DeleteJobs(Wire):
    """Swagger: DeleteJobCollection."""

    value: list[DeleteJob]
    next_link: str | None = None
