"""What the author of a workload imports: `from weft.kit import Workload, JobContext, JobFailed`."""

from weft.kit.context import JobContext
from weft.kit.errors import (
    AuthUIRequired,
    ErrorDetail,
    JobCancelled,
    JobFailed,
    PayloadInvalid,
    WorkloadInvalid,
    WorkloadNotLoaded,
)
from weft.kit.items import Item
from weft.kit.workload import ItemHook, Workload

__all__ = [
    "AuthUIRequired",
    "ErrorDetail",
    "Item",
    "ItemHook",
    "JobCancelled",
    "JobContext",
    "JobFailed",
    "PayloadInvalid",
    "Workload",
    "WorkloadInvalid",
    "WorkloadNotLoaded",
]
