"""weft: a self-hosted job service that speaks published Microsoft job contracts over one durable engine."""

from weft.kit.context import JobContext
from weft.kit.errors import AuthUIRequired, ErrorDetail, JobCancelled, JobFailed
from weft.kit.workload import Workload

__version__ = "0.4.0"

__all__ = ["AuthUIRequired", "ErrorDetail", "JobCancelled", "JobContext", "JobFailed", "Workload"]
