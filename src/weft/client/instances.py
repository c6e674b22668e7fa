"""Job instances of all workspaces, as typed calls: an addition of weft to Core."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from msgspec import UNSET, Raw, UnsetType

from weft.client.answers import Answer, JobInstance
from weft.client.paging import each
from weft.client.transport import Reply, Transport, encode
from weft.contracts.core import ErrorResponse

PATH: Final = "/v1/jobs/instances"
MOST_AT_ONCE: Final = 1000


class Submitter(Answer, frozen=True):
    id: str
    display_name: str


class FoundInstance(JobInstance, frozen=True, kw_only=True):
    """A job instance and where it belongs."""

    workspace_id: str
    item_type: str
    item_display_name: str
    submitted_by: Submitter


class FoundInstances(Answer, frozen=True):
    value: list[FoundInstance]
    continuation_token: str | UnsetType = UNSET


class UnreadInstance(Answer, frozen=True):
    """An instance that could not be read, and why."""

    workspace_id: str
    item_id: str
    id: str
    error: ErrorResponse


class _Outcome(Answer, frozen=True):
    error: ErrorResponse | None = None


class _Outcomes(Answer, frozen=True):
    value: list[Raw]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFilter:
    """What is looked for; an empty filter lets all through, of several values one must fit.

    Times are RFC 3339. *text* is part of the instance's id, its job type, the names of its item and of who
    submitted it, or its error. *sort*: -startTimeUtc (newest first), startTimeUtc, -endTimeUtc, endTimeUtc.
    """

    workspaces: Sequence[str] = ()
    items: Sequence[str] = ()
    item_types: Sequence[str] = ()
    job_types: Sequence[str] = ()
    statuses: Sequence[str] = ()
    invoke_types: Sequence[str] = ()
    started_after: str = ""
    started_before: str = ""
    ended_after: str = ""
    ended_before: str = ""
    text: str = ""
    sort: str = ""

    def query(self) -> dict[str, str]:
        """Return the parameters of a request."""
        asked = {
            "workspaceId": ",".join(self.workspaces),
            "itemId": ",".join(self.items),
            "itemType": ",".join(self.item_types),
            "jobType": ",".join(self.job_types),
            "status": ",".join(self.statuses),
            "invokeType": ",".join(self.invoke_types),
            "startedAfter": self.started_after,
            "startedBefore": self.started_before,
            "endedAfter": self.ended_after,
            "endedBefore": self.ended_before,
            "text": self.text,
            "sort": self.sort,
        }
        return {name: value for name, value in asked.items() if value}


EVERY = InstanceFilter()


class Instances:
    """Every call may raise ApiError, ServerUnreachable and UnreadableAnswer."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(self, filter: InstanceFilter = EVERY, *, at_once: int = 100) -> AsyncIterator[FoundInstance]:
        """Yield all instances that fit, *at_once* of them a request (1 to 1000)."""
        query = {**filter.query(), "maxResults": str(at_once)}
        return each(self._transport, PATH, FoundInstances, query)

    async def get_many(self, names: Sequence[tuple[str, str, str]]) -> list[FoundInstance | UnreadInstance]:
        """Read instances by ids of workspace, item and instance; return them in that order."""
        got: list[FoundInstance | UnreadInstance] = []
        for start in range(0, len(names), MOST_AT_ONCE):
            asked = [
                {"workspaceId": workspace, "itemId": item, "id": id}
                for workspace, item, id in names[start : start + MOST_AT_ONCE]
            ]
            reply = await self._transport.call("POST", f"{PATH}/bulkGet", body=encode({"instances": asked}))
            got += [_outcome(replace(reply, body=bytes(one))) for one in reply.read(_Outcomes).value]
        return got


def _outcome(reply: Reply) -> FoundInstance | UnreadInstance:
    if reply.read(_Outcome).error is None:
        return reply.read(FoundInstance)
    return reply.read(UnreadInstance)
