"""The client: workspaces, items and jobs of a weft server as typed calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import quote

from msgspec import UNSET, UnsetType

from weft.client.answers import Accepted, JobDetails, JobLog
from weft.client.errors import ServerUnreachable, UnreadableAnswer, WaitTimedOut
from weft.client.transport import Patience, Reply, Transport, encode
from weft.contracts.core import Item, ItemJobInstance, ItemJobInstances, Items, Workspace, Workspaces

E_co = TypeVar("E_co", covariant=True)

SHORTEST_POLL_SECONDS = 0.1
LONGEST_POLL_SECONDS = 60.0


class WeftClient:
    """Calls the server at *url* with a bearer *token*; an async context manager, or call `close`.

    Every call may raise ApiError, ServerUnreachable and UnreadableAnswer. Ids are UUIDs.
    Raises ValueError where *url* is no address.
    """

    def __init__(self, url: str, token: str, *, patience: Patience = Patience()) -> None:  # noqa: B008 - frozen
        self._transport = Transport(url, token, patience)

    @property
    def url(self) -> str:
        return self._transport.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._transport.close()

    # ---- workspaces and items

    async def create_workspace(self, name: str, *, description: str | None = None) -> Workspace:
        body = _without_none({"displayName": name, "description": description})
        return (await self._transport.call("POST", "/v1/workspaces", body=encode(body))).read(Workspace)

    def workspaces(self) -> AsyncIterator[Workspace]:
        return self._each("/v1/workspaces", Workspaces)

    async def create_item(
        self, workspace: str, name: str, type: str, *, description: str | None = None
    ) -> Item:
        body = _without_none({"displayName": name, "type": type, "description": description})
        path = f"{_workspace(workspace)}/items"
        return (await self._transport.call("POST", path, body=encode(body))).read(Item)

    def items(self, workspace: str, *, type: str | None = None) -> AsyncIterator[Item]:
        query = {} if type is None else {"type": type}
        return self._each(f"{_workspace(workspace)}/items", Items, query)

    # ---- jobs

    async def run(
        self, workspace: str, item: str, job_type: str, *, execution_data: Any | UnsetType = UNSET
    ) -> Accepted:
        """Run a job. *execution_data* is any JSON value that the workload understands.

        Sent again after 429, never after 503: a run has no id of the caller's, and a server whose disk failed
        (503) may find the job kept when it is back; `jobs` shows whether it did.
        """
        body = None if execution_data is UNSET else encode({"executionData": execution_data})
        path = f"{_item(workspace, item)}/jobs/{quote(job_type, safe='')}/instances"
        return _accepted(
            await self._transport.call("POST", path, body=body, again_after=(HTTPStatus.TOO_MANY_REQUESTS,))
        )

    async def job(self, workspace: str, item: str, job: str) -> ItemJobInstance:
        return (await self._transport.call("GET", _job(workspace, item, job))).read(ItemJobInstance)

    def jobs(self, workspace: str, item: str) -> AsyncIterator[ItemJobInstance]:
        """Yield the jobs of an item, newest first."""
        return self._each(f"{_item(workspace, item)}/jobs/instances", ItemJobInstances)

    async def cancel(self, workspace: str, item: str, job: str) -> None:
        """Return once the wish is durable; the job is Cancelled when its work has stopped."""
        await self._transport.call("POST", f"{_job(workspace, item, job)}/cancel")

    async def details(self, workspace: str, item: str, job: str) -> JobDetails:
        """Return a job with its progress, result and error: an addition of weft to Core."""
        return (await self._transport.call("GET", _addition(workspace, item, job))).read(JobDetails)

    async def logs(self, workspace: str, item: str, job: str, *, after: int = 0) -> JobLog:
        """Return the log lines whose number is above *after*: an addition of weft to Core."""
        path = f"{_addition(workspace, item, job)}/logs"
        return (await self._transport.call("GET", path, query={"after": str(after)})).read(JobLog)

    async def wait(
        self,
        workspace: str,
        item: str,
        job: str,
        *,
        timeout_seconds: float | None = None,
        poll_seconds: float | None = None,
        unreachable_seconds: float = 30,
        told: Callable[[JobDetails], None] | None = None,
    ) -> JobDetails:
        """Return the job when it has ended; *told* hears of every look at it.

        Looks as often as the server asks for, unless *poll_seconds* is given. A server that is away, as
        while it restarts, is waited for during *unreachable_seconds*. Raises WaitTimedOut.
        """
        watch = _Watch(self._transport, _addition(workspace, item, job), poll_seconds, unreachable_seconds)
        try:
            async with asyncio.timeout(timeout_seconds) as limit:
                async for details in watch.looks():
                    if told is not None:
                        told(details)
                    if details.has_ended:
                        return details
        except TimeoutError:
            if not limit.expired():
                raise
        raise WaitTimedOut(job, timeout_seconds or 0)

    async def _each(
        self, path: str, page: type[_Page[E_co]], query: dict[str, str] | None = None
    ) -> AsyncIterator[E_co]:
        """Yield the entries of all pages. Only the token is followed: the URI could point anywhere."""
        asked = dict(query or {})
        while True:
            read = (await self._transport.call("GET", path, query=asked)).read(page)
            for entry in read.value:
                yield entry
            if not isinstance(read.continuation_token, str):
                return
            asked["continuationToken"] = read.continuation_token


class _Page(Protocol[E_co]):
    @property
    def value(self) -> Sequence[E_co]: ...

    @property
    def continuation_token(self) -> str | UnsetType: ...


class _Watch:
    """Looks at one job again and again."""

    def __init__(
        self, transport: Transport, path: str, poll_seconds: float | None, unreachable_seconds: float
    ) -> None:
        self._transport = transport
        self._path = path
        self._poll_seconds = poll_seconds
        self._unreachable_seconds = unreachable_seconds
        self._away_since: float | None = None

    async def looks(self) -> AsyncIterator[JobDetails]:
        """Yield the job at each look, without end."""
        while True:
            pause = SHORTEST_POLL_SECONDS
            try:
                reply = await self._transport.call("GET", self._path)
            except ServerUnreachable:
                if self._given_up():
                    raise
            else:
                self._away_since = None
                yield reply.read(JobDetails)
                pause = self._pause(reply)
            await asyncio.sleep(pause)

    def _given_up(self) -> bool:
        now = asyncio.get_running_loop().time()
        self._away_since = self._away_since or now
        return now - self._away_since >= self._unreachable_seconds

    def _pause(self, reply: Reply) -> float:
        asked = self._poll_seconds
        if asked is None:
            asked = 1.0 if reply.retry_after_seconds is None else reply.retry_after_seconds
        return min(max(asked, SHORTEST_POLL_SECONDS), LONGEST_POLL_SECONDS)


def _accepted(reply: Reply) -> Accepted:
    """The instance's id is the last segment of Location."""
    location = reply.headers.get("Location", "")
    id = location.rstrip("/").rpartition("/")[2]
    if not id:
        raise UnreadableAnswer(reply.url, "a job was accepted, but no Location says which")
    return Accepted(id, location, reply.retry_after_seconds or 0)


def _workspace(workspace: str) -> str:
    return f"/v1/workspaces/{quote(workspace, safe='')}"


def _item(workspace: str, item: str) -> str:
    return f"{_workspace(workspace)}/items/{quote(item, safe='')}"


def _job(workspace: str, item: str, job: str) -> str:
    return f"{_item(workspace, item)}/jobs/instances/{quote(job, safe='')}"


def _addition(workspace: str, item: str, job: str) -> str:
    return f"/weft{_job(workspace, item, job)}"


def _without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
