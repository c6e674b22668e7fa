"""A small typed client for a weft server."""

from weft.client.answers import Accepted, JobDetails, JobFault, JobLog, LogLine, Progress
from weft.client.client import WeftClient
from weft.client.errors import ApiError, ClientError, ServerUnreachable, UnreadableAnswer, WaitTimedOut
from weft.client.transport import Patience

__all__ = [
    "Accepted",
    "ApiError",
    "ClientError",
    "JobDetails",
    "JobFault",
    "JobLog",
    "LogLine",
    "Patience",
    "Progress",
    "ServerUnreachable",
    "UnreadableAnswer",
    "WaitTimedOut",
    "WeftClient",
]
