"""The webhooks of a workspace, as typed calls: an addition of weft to Core."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from weft.client.answers import Answer
from weft.client.paths import path_of
from weft.client.transport import Transport, encode


class Webhook(Answer, frozen=True, kw_only=True):
    """*statuses*: of which changes of a job it is told. *secret*: "" but in the answer that made it."""

    id: str
    workspace_id: str
    url: str
    item_id: str | None = None
    statuses: list[str]
    enabled: bool
    disabled_because: str | None = None
    created_date_time: str
    secret: str = ""


class WebhookDelivery(Answer, frozen=True, kw_only=True):
    """*state* is Waiting, Delivered, Failed or Cancelled; *reason* that of the last failure."""

    id: str
    job_instance_id: str
    status: str
    state: str
    attempts: int
    reason: str | None = None
    created_time_utc: str
    ended_time_utc: str | None = None


class _Webhooks(Answer, frozen=True):
    value: list[Webhook]


class _Deliveries(Answer, frozen=True):
    value: list[WebhookDelivery]


class Webhooks:
    """Every call may raise ApiError, ServerUnreachable and UnreadableAnswer."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def all(self, workspace: str) -> Sequence[Webhook]:
        return (await self._transport.call("GET", _path(workspace))).read(_Webhooks).value

    async def create(
        self, workspace: str, url: str, *, item: str | None = None, statuses: Sequence[str] | None = None
    ) -> Webhook:
        """Return the webhook with its secret, which is told this once.

        Sent again after 429, never after 503: the webhook may be there then, with a secret that nobody knows.
        """
        body = {"url": url, "itemId": item, "statuses": None if statuses is None else list(statuses)}
        reply = await self._transport.call(
            "POST",
            _path(workspace),
            body=encode(body),
            again_after=(HTTPStatus.TOO_MANY_REQUESTS,),
        )
        return reply.read(Webhook)

    async def delete(self, workspace: str, webhook: str) -> None:
        await self._transport.call("DELETE", _path(workspace, webhook))

    async def deliveries(self, workspace: str, webhook: str) -> Sequence[WebhookDelivery]:
        """Return the last deliveries, the newest first."""
        path = f"{_path(workspace, webhook)}/deliveries"
        return (await self._transport.call("GET", path)).read(_Deliveries).value


def _path(workspace: str, webhook: str | None = None) -> str:
    return path_of("workspaces", workspace, "webhooks", webhook)
