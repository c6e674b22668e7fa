"""A small typed client for a weft server."""

from weft.client.answers import Accepted, JobDetails, JobFault, JobLog, LogLine, Progress
from weft.client.azure import digital_twins_client
from weft.client.client import WeftClient
from weft.client.errors import ApiError, ClientError, ServerUnreachable, UnreadableAnswer, WaitTimedOut
from weft.client.instances import FoundInstance, InstanceFilter, Instances, UnreadInstance
from weft.client.transport import Patience
from weft.client.twins import Deletion, ImportDetails, TwinsClient, TwinsStats
from weft.client.watch import WaitPatience
from weft.client.webhooks import Webhook, WebhookDelivery

__all__ = [
    "Accepted",
    "ApiError",
    "ClientError",
    "Deletion",
    "FoundInstance",
    "ImportDetails",
    "InstanceFilter",
    "Instances",
    "JobDetails",
    "JobFault",
    "JobLog",
    "LogLine",
    "Patience",
    "Progress",
    "ServerUnreachable",
    "TwinsClient",
    "TwinsStats",
    "UnreadInstance",
    "UnreadableAnswer",
    "WaitPatience",
    "WaitTimedOut",
    "Webhook",
    "WebhookDelivery",
    "WeftClient",
    "digital_twins_client",
]
