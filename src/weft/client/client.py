"""The client: workspaces, items and jobs of a weft server as typed calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from weft.client.answers import Accepted, JobDetails, JobLog
from weft.client.base import Client
from weft.client.clock import Clock
from weft.client.errors import UnreadableAnswer
from weft.client.folders import Folders
from weft.client.instances import Instances
from weft.client.operations import settled
from weft.client.paging import Page, each
from weft.client.paths import path_of
from weft.client.roles import Roles
from weft.client.schedules import Schedules
from weft.client.transport import BUSY, NO_HEADERS, Reply, encode
from weft.client.watch import WaitPatience, Watch
from weft.client.webhooks import Webhooks
from weft.contracts.core import (
    Item,
    ItemDefinition,
    ItemDefinitionResponse,
    ItemJobInstance,
    ItemJobInstances,
    Items,
    Workspace,
    Workspaces,
)

E_co = TypeVar("E_co", covariant=True)


class WeftClient(Client):
    """Calls the server at *url* with a bearer *token*; an async context manager, or call `close`.

    Every call may raise ApiError, ServerUnreachable and UnreadableAnswer. Ids are UUIDs.
    *certificate*: a PEM file to trust in place of the machine's own, as `tls/cert.pem` of the server's data
    directory. Raises ValueError where *url* is no address, OSError where *certificate* is none.
    """

    @property
    def folders(self) -> Folders:
        return Folders(self._transport)

    @property
    def instances(self) -> Instances:
        return Instances(self._transport)

    @property
    def roles(self) -> Roles:
        return Roles(self._transport)

    @property
    def schedules(self) -> Schedules:
        return Schedules(self._transport)

    @property
    def webhooks(self) -> Webhooks:
        return Webhooks(self._transport)

    @property
    def clock(self) -> Clock:
        return Clock(self._transport)

    # ---- workspaces and items

    async def create_workspace(self, name: str, *, description: str | None = None) -> Workspace:
        body = _without_none({"displayName": name, "description": description})
        return (await self._transport.call("POST", "/v1/workspaces", body=encode(body))).read(Workspace)

    def workspaces(self) -> AsyncIterator[Workspace]:
        return self._each("/v1/workspaces", Workspaces)

    async def create_item(
        self,
        workspace: str,
        name: str,
        type: str,
        *,
        description: str | None = None,
        folder: str | None = None,
        payload: Any | UnsetType = UNSET,
        definition: ItemDefinition | None = None,
    ) -> Item:
        """Create an item, in a folder unless it is None; return when it is there.

        *payload* is a JSON object that the workload that owns the type understands.
        """
        given = {
            "displayName": name,
            "type": type,
            "description": description,
            "folderId": folder,
            "definition": definition,
        }
        body = _without_none(given)
        if payload is not UNSET:
            body["creationPayload"] = payload
        path = f"{_workspace(workspace)}/items"
        reply = await self._transport.call("POST", path, body=encode(body))
        return (await self._result(reply)).read(Item)

    async def definition(self, workspace: str, item: str, format: str | None = None) -> ItemDefinition:
        """Return the definition of an item; that of one that was never given any has no parts.

        *format*: `ipynb` or `fabricGitSource` for a notebook, the latter if none is given.
        """
        path, query = f"{_item(workspace, item)}/getDefinition", _without_none({"format": format})
        reply = await self._transport.call("POST", path, query=query)
        return (await self._result(reply)).read(ItemDefinitionResponse).definition

    async def set_definition(self, workspace: str, item: str, definition: ItemDefinition) -> None:
        path, body = f"{_item(workspace, item)}/updateDefinition", encode({"definition": definition})
        await settled(self._transport, await self._transport.call("POST", path, body=body))

    async def move_item(self, workspace: str, item: str, folder: str | None = None) -> None:
        """Put an item into a folder, None: to the top of its workspace."""
        body = _without_none({"targetFolderId": folder})
        await self._transport.call("POST", f"{_item(workspace, item)}/move", body=encode(body))

    async def update_item(
        self, workspace: str, item: str, *, name: str | None = None, description: str | None = None
    ) -> Item:
        """Change what is given of an item, and return it as it is then."""
        body = _without_none({"displayName": name, "description": description})
        return (await self._transport.call("PATCH", _item(workspace, item), body=encode(body))).read(Item)

    async def delete_item(self, workspace: str, item: str) -> None:
        """Stop the item's jobs and delete it. An ApiError with status 409: one has not stopped, try again."""
        await self._transport.call("DELETE", _item(workspace, item))

    def items(
        self, workspace: str, *, type: str | None = None, folder: str | None = None
    ) -> AsyncIterator[Item]:
        """Yield the items, oldest first; with *folder* those in it, and in folders below it."""
        query = _without_none({"type": type, "rootFolderId": folder})
        return self._each(f"{_workspace(workspace)}/items", Items, query)

    # ---- jobs

    async def run(
        self,
        workspace: str,
        item: str,
        job_type: str,
        *,
        execution_data: Any | UnsetType = UNSET,
        idempotency_key: str | None = None,
    ) -> Accepted:
        """Run a job. *execution_data* is any JSON value that the workload understands.

        Whoever runs again with the same *idempotency_key* (1 to 255 visible ASCII characters) within a day
        gets the same job. Without one it is sent again after 429, never after 503: the run has no id of the
        caller's then, and a server whose disk failed (503) may find the job kept when it is back; `jobs`
        shows whether it did.
        """
        body = None if execution_data is UNSET else encode({"executionData": execution_data})
        path = path_of("workspaces", workspace, "items", item, "jobs", job_type, "instances")
        return await self._start(path, body, idempotency_key)

    async def rerun(
        self, workspace: str, item: str, job: str, *, idempotency_key: str | None = None
    ) -> Accepted:
        """Run once more what an ended job ran: an addition of weft to Core. See `run`."""
        return await self._start(f"{_job(workspace, item, job)}/rerun", None, idempotency_key)

    async def _start(self, path: str, body: bytes | None, key: str | None) -> Accepted:
        headers = NO_HEADERS if key is None else {"Idempotency-Key": key}
        again_after = (HTTPStatus.TOO_MANY_REQUESTS,) if key is None else BUSY
        return _accepted(
            await self._transport.call("POST", path, body=body, headers=headers, again_after=again_after)
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

        Looks as often as the server asks for, unless *poll_seconds* is given, and each look waits at the
        server for the job's end, which is known at once then; where nobody is *told*, looks are fewer. A
        server that is away, as while it restarts, is waited for during *unreachable_seconds*. Raises
        WaitTimedOut.
        """
        watch = Watch(
            self._transport,
            _addition(workspace, item, job),
            JobDetails,
            long_looks=poll_seconds is None,
            is_told=told is not None,
        )
        patience = WaitPatience(timeout_seconds, poll_seconds, unreachable_seconds)
        return await watch.until_ended(job, patience, told)

    async def _result(self, reply: Reply) -> Reply:
        """Return what a call has resulted in, where the server says it later. Raises UnreadableAnswer."""
        result = await settled(self._transport, reply)
        if result is None:
            raise UnreadableAnswer(reply.url, "an operation that has a result was said to have none")
        return result

    def _each(
        self, path: str, page: type[Page[E_co]], query: dict[str, str] | None = None
    ) -> AsyncIterator[E_co]:
        return each(self._transport, path, page, query)


def _accepted(reply: Reply) -> Accepted:
    """The instance's id is the last segment of Location."""
    location = reply.headers.get("Location", "")
    id = location.rstrip("/").rpartition("/")[2]
    if not id:
        raise UnreadableAnswer(reply.url, "a job was accepted, but no Location says which")
    return Accepted(id, location, reply.retry_after_seconds or 0)


def _workspace(workspace: str) -> str:
    return path_of("workspaces", workspace)


def _item(workspace: str, item: str) -> str:
    return path_of("workspaces", workspace, "items", item)


def _job(workspace: str, item: str, job: str) -> str:
    return path_of("workspaces", workspace, "items", item, "jobs", "instances", job)


def _addition(workspace: str, item: str, job: str) -> str:
    return f"/weft{_job(workspace, item, job)}"


def _without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
