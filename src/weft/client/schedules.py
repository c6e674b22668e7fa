"""The schedules of an item's jobs, as typed calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Any

from msgspec import UNSET, UnsetType

from weft.client.answers import Answer
from weft.client.paging import each
from weft.client.paths import path_of
from weft.client.transport import Transport, encode
from weft.contracts.core import ItemSchedule, ItemSchedules


class Due(Answer, frozen=True):
    """An instant at which a schedule is due: UTC without `Z`, and in the schedule's zone with its offset."""

    due_utc: str
    due_local: str


class Occurrence(Answer, frozen=True, kw_only=True):
    """*state* is Fired or Missed; *count* occurrences in a row, up to *last_due_utc*, were missed."""

    due_utc: str
    state: str
    job_instance_id: str | None = None
    count: int = 1
    last_due_utc: str = ""


class Upcoming(Answer, frozen=True):
    value: list[Due]


class Occurrences(Answer, frozen=True):
    value: list[Occurrence]
    continuation_token: str | UnsetType = UNSET


class Schedules:
    """A *configuration* is a JSON object of the contract: of the type Cron, Daily, Weekly or Monthly.

    Every call may raise ApiError, ServerUnreachable and UnreadableAnswer.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def all(self, workspace: str, item: str, job_type: str) -> AsyncIterator[ItemSchedule]:
        return each(self._transport, _path(workspace, item, job_type), ItemSchedules)

    async def create(
        self,
        workspace: str,
        item: str,
        job_type: str,
        configuration: Any,
        *,
        enabled: bool = True,
        execution_data: Any | UnsetType = UNSET,
    ) -> ItemSchedule:
        """Sent again after 429, never after 503: the schedule may be there then, see `WeftClient.run`."""
        reply = await self._transport.call(
            "POST",
            _path(workspace, item, job_type),
            body=_body(configuration, enabled, execution_data),
            again_after=(HTTPStatus.TOO_MANY_REQUESTS,),
        )
        return reply.read(ItemSchedule)

    async def get(self, workspace: str, item: str, job_type: str, schedule: str) -> ItemSchedule:
        path = _path(workspace, item, job_type, schedule)
        return (await self._transport.call("GET", path)).read(ItemSchedule)

    async def replace(
        self,
        workspace: str,
        item: str,
        job_type: str,
        schedule: str,
        configuration: Any,
        *,
        enabled: bool,
        execution_data: Any | UnsetType = UNSET,
    ) -> ItemSchedule:
        """Replace all that can be: what is not given is not there afterwards. You own the schedule then."""
        path = _path(workspace, item, job_type, schedule)
        body = _body(configuration, enabled, execution_data)
        return (await self._transport.call("PATCH", path, body=body)).read(ItemSchedule)

    async def delete(self, workspace: str, item: str, job_type: str, schedule: str) -> None:
        await self._transport.call("DELETE", _path(workspace, item, job_type, schedule))

    async def upcoming(
        self, workspace: str, item: str, job_type: str, schedule: str, *, limit: int = 10
    ) -> Sequence[Due]:
        """Return when the schedule is due next: an addition of weft to Core."""
        path = f"/weft{_path(workspace, item, job_type, schedule)}/upcoming"
        return (await self._transport.call("GET", path, query={"limit": str(limit)})).read(Upcoming).value

    def occurrences(
        self, workspace: str, item: str, job_type: str, schedule: str
    ) -> AsyncIterator[Occurrence]:
        """Yield what became of occurrences, the latest first: an addition of weft to Core."""
        path = f"/weft{_path(workspace, item, job_type, schedule)}/occurrences"
        return each(self._transport, path, Occurrences)


def _body(configuration: Any, enabled: bool, execution_data: Any | UnsetType) -> bytes:
    body = {"enabled": enabled, "configuration": configuration}
    return encode(body if execution_data is UNSET else {**body, "executionData": execution_data})


def _path(workspace: str, item: str, job_type: str, schedule: str | None = None) -> str:
    return path_of("workspaces", workspace, "items", item, "jobs", job_type, "schedules", schedule)
