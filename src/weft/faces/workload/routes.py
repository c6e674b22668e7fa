"""The host of the Workload API, in both its published forms: the routes, and what stands behind them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from starlette.requests import ClientDisconnect, Request
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from weft.auth.errors import TokenRefused
from weft.auth.sealed import SubjectSeal
from weft.auth.subject_and_app import SubjectAndAppVerifier
from weft.catalog.hosted_items import HostedItemStore
from weft.engine.engine import Engine
from weft.faces.http import shown
from weft.faces.routing import AnyCaseRoute, EveryPath
from weft.faces.workload.answers import Answer
from weft.faces.workload.call import Call, Gate, Operation
from weft.faces.workload.errors import EXPECTED, MethodNotAllowed, UnknownPath, answer_to, row_of
from weft.faces.workload.headers import CallHeaders, read_headers
from weft.faces.workload.hooks import Hooks
from weft.faces.workload.items import ItemOperations
from weft.faces.workload.jobs import JobOperations, Jobs
from weft.faces.workload.lifecycle import Lifecycle
from weft.faces.workload.registered import HostedWorkload, Registered
from weft.faces.workload.remote import RemoteItemOperations, RemoteJobOperations
from weft.faces.workload.resolution import Resolution
from weft.settings import HostSettings, Limits

STOP_SECONDS = 15.0
ITEM = "/workspaces/{workspaceId}/items/{itemType}/{itemId}"
JOB = ITEM + "/jobTypes/{jobType}/instances/{jobInstanceId}"
RESOLVE = "/resolve"  # of the WDK: whatever address the manifest gives; this is ours

log = logging.getLogger(__name__)


class WorkloadHost:
    """*audiences*: for each item type as registered, the audience that its callers' tokens must carry.

    *stop_seconds*: how long a delete of an item waits for its jobs to stop. *seal*: as Gate has it.
    """

    def __init__(  # noqa: PLR0913 - each is a part of its own
        self,
        engine: Engine,
        workloads: Sequence[HostedWorkload],
        verifier: SubjectAndAppVerifier,
        *,
        items: HostedItemStore,
        audiences: Mapping[str, str],
        limits: Limits,
        settings: HostSettings = HostSettings(),  # noqa: B008 - it is frozen
        stop_seconds: float = STOP_SECONDS,
        seal: SubjectSeal | None = None,
    ) -> None:
        registered = Registered(workloads)
        jobs = Jobs(engine, quick_stop_seconds=settings.quick_stop.total_seconds())
        lifecycle = Lifecycle(
            engine, items, Hooks(engine, registered), longest=settings.lifecycle, stop_seconds=stop_seconds
        )
        self.gate = Gate(verifier, audiences, seal)
        self.items = ItemOperations(lifecycle, registered, limits)
        self.jobs = JobOperations(jobs, registered, limits)
        self.remote_items = RemoteItemOperations(lifecycle, registered, limits)
        self.remote_jobs = RemoteJobOperations(jobs, registered, limits)
        self.resolution = Resolution(settings, limits)


def routes(host: WorkloadHost) -> list[BaseRoute]:
    """Return the routes below the base path, those that are asked most first."""
    resolve = {"POST": Operation(host.resolution.resolve, needs_subject=False, needs_tenant=False)}
    return [
        *(_route(host, path, operations) for path, operations in _of_jobs(host).items()),
        *(_route(host, path, operations) for path, operations in _of_items(host).items()),
        *(_route(host, path, operations) for path, operations in _of_remote(host).items()),
        _route(host, RESOLVE, resolve),
        _route(host, "/resolve-endpoint", resolve),
        EveryPath(Endpoint(host.gate, None)),
    ]


def _of_jobs(host: WorkloadHost) -> dict[str, dict[str, Operation]]:
    get = Operation(host.jobs.get)
    return {
        JOB: {"POST": Operation(host.jobs.create), "GET": get, "HEAD": get},
        JOB + "/cancel": {"POST": Operation(host.jobs.cancel)},
    }


def _of_items(host: WorkloadHost) -> dict[str, dict[str, Operation]]:
    payload = Operation(host.items.payload)
    return {
        ITEM: {
            "POST": Operation(host.items.create),
            "PATCH": Operation(host.items.update),
            "DELETE": Operation(host.items.delete, needs_subject=False),
        },
        ITEM + "/payload": {"GET": payload, "HEAD": payload},
    }


def _of_remote(host: WorkloadHost) -> dict[str, dict[str, Operation]]:
    operations = {
        "/jobs/onCreateJobInstance": Operation(host.remote_jobs.create),
        "/jobs/onGetJobInstanceStatus": Operation(host.remote_jobs.get),
        "/jobs/onCancelJobInstance": Operation(host.remote_jobs.cancel),
        "/OnCreateItem": Operation(host.remote_items.created),
        "/OnUpdateItem": Operation(host.remote_items.updated),
        "/OnDeleteItem": Operation(host.remote_items.deleted, needs_subject=False),
        "/OnRestoreItem": Operation(host.remote_items.restored),
    }
    return {ITEM + path: {"POST": operation} for path, operation in operations.items()}


def _route(host: WorkloadHost, path: str, operations: Mapping[str, Operation]) -> BaseRoute:
    return AnyCaseRoute(path, Endpoint(host.gate, operations))


class Endpoint:
    """One path as a plain ASGI app. Nobody learns anything of a path before showing a token."""

    def __init__(self, gate: Gate, operations: Mapping[str, Operation] | None) -> None:
        """*operations*: what answers each method; None where the contract has no such path."""
        self._gate = gate
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = read_headers(scope["headers"])
        try:
            answer = await self._answer(scope, receive, headers)
        except ClientDisconnect:
            return
        except EXPECTED as error:
            answer = answer_to(error)
            log.info("refused", extra=_of_interest(scope, headers, error))
        await answer.send(send, *headers.echo)

    async def _answer(self, scope: Scope, receive: Receive, headers: CallHeaders) -> Answer:
        operation = (self._operations or {}).get(scope["method"])
        caller = await self._gate.admit(headers, operation)
        if self._operations is None:
            raise UnknownPath
        if operation is None:
            raise MethodNotAllowed(scope["method"], tuple(self._operations))
        return await operation.handler(Call(caller, headers, Request(scope, receive), operation, self._gate))


def _of_interest(scope: Scope, headers: CallHeaders, error: Exception) -> dict[str, str]:
    """Return what to log of a refusal: nothing that was in a body, and of a stranger not even the path."""
    ids = {"request_id": headers.request_id.decode(), "activity_id": headers.activity_id.decode()}
    if isinstance(error, TokenRefused):
        return ids | {"reason": error.reason}
    return ids | {"code": row_of(error).code, "method": scope["method"], "path": shown(scope["path"])}
