"""The host of the Workload API (WDK v1, Jobs): creates, reads and cancels job instances of our workloads."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from weft.auth.errors import TokenRefused
from weft.auth.subject_and_app import SubjectAndAppVerifier, WorkloadCaller
from weft.catalog import scopes
from weft.engine.engine import Engine
from weft.engine.errors import JobEnded
from weft.engine.jobs import JobKey, NewJob
from weft.faces.http import canonical_uuid, read_json, shown
from weft.faces.routing import AnyCaseRoute, EveryPath
from weft.faces.workload.answers import Answer
from weft.faces.workload.errors import (
    EXPECTED,
    MethodNotAllowed,
    UnknownJobType,
    UnknownPath,
    answer_to,
    row_of,
)
from weft.faces.workload.headers import CallHeaders, read_headers
from weft.faces.workload.mapping import fingerprint_of, read_request, state_of
from weft.settings import Limits

QUICK_STOP_SECONDS = 0.2
JOB = "/workspaces/{workspaceId}/items/{itemType}/{itemId}/jobTypes/{jobType}/instances/{jobInstanceId}"

log = logging.getLogger(__name__)


class HostedWorkload(Protocol):
    """A workload whose jobs run here."""

    def find(self, item_type: str, job_type: str) -> tuple[str, str] | None:
        """Return item type and job type as registered, found in any ASCII case, or None."""


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request."""

    caller: WorkloadCaller
    headers: CallHeaders
    request: Request

    @property
    def user(self) -> str:
        return self.caller.user or ""  # never empty here: no call of Jobs comes without a subject token


Handler = Callable[[Call], Awaitable[Answer]]


class WorkloadHost:
    """*audiences*: for each item type as registered, the audience that its callers' tokens must carry."""

    def __init__(
        self,
        engine: Engine,
        workloads: Sequence[HostedWorkload],
        verifier: SubjectAndAppVerifier,
        *,
        audiences: Mapping[str, str],
        limits: Limits,
        quick_stop_seconds: float = QUICK_STOP_SECONDS,
    ) -> None:
        self._engine = engine
        self._workloads = tuple(workloads)
        self._verifier = verifier
        self._audiences = audiences
        self._limits = limits
        self._quick_stop_seconds = quick_stop_seconds

    def authenticate(self, headers: CallHeaders, *, audience: str | None = None) -> WorkloadCaller:
        """Return the caller, whose tokens are for *audience*, or for any of ours. Raises TokenRefused."""
        return self._verifier.verify(headers.authorization, headers.tenant, audience=audience)

    async def create(self, call: Call) -> Answer:
        """Jobs_CreateItemJobInstance. The same id with an equal body again has no effect."""
        named = self._named(call)
        raw = await read_json(
            call.request, limit_bytes=self._limits.hosted_body_bytes, seconds=self._limits.body_seconds
        )
        invoke_type, payload = read_request(raw)
        new = named.job(call, invoke_type=invoke_type, payload=payload, fingerprint=fingerprint_of(raw))
        await self._engine.submit(new)
        return ACCEPTED

    async def get(self, call: Call) -> Answer:
        """Jobs_GetItemJobInstanceState. A failed job is a success of this call."""
        return Answer(200, state_of(await self._engine.get(self._named(call).key)))

    async def cancel(self, call: Call) -> Answer:
        """Jobs_CancelItemJobInstance: waits a moment for the stop, so that a job that stops quickly says so.

        An unknown instance is kept as cancelled, so that a create that is still under way never runs; one
        that the tenant has at another place is JobInstanceNotFound here.
        """
        new = self._named(call).job(call)
        try:
            job = await self._engine.bury(new, by=call.user, family=scopes.of_tenant(call.caller.tenant))
            if not job.is_final:
                job = await self._engine.wait(new.key, seconds=self._quick_stop_seconds)
        except JobEnded as ended:
            job = ended.job  # the contract has no error for it: the caller learns how it ended
        return Answer(200, state_of(job))

    def _named(self, call: Call) -> _Named:
        path = call.request.scope["path_params"]
        workspace = canonical_uuid(path["workspaceId"], "workspaceId")
        item = canonical_uuid(path["itemId"], "itemId")
        instance = canonical_uuid(path["jobInstanceId"], "jobInstanceId")
        item_type, job_type = self._registered(path["itemType"], path["jobType"])
        self.authenticate(call.headers, audience=self._audiences[item_type])
        return _Named(call.caller.tenant, workspace, item_type, item, job_type, instance)

    def _registered(self, item_type: str, job_type: str) -> tuple[str, str]:
        for workload in self._workloads:
            found = workload.find(item_type, job_type)
            if found is not None:
                return found
        raise UnknownJobType(item_type, job_type)


def routes(host: WorkloadHost) -> list[BaseRoute]:
    """Return the routes below the base path, in the order of the published document."""
    return [
        AnyCaseRoute(JOB, Endpoint(host, {"POST": host.create, "GET": host.get, "HEAD": host.get})),
        AnyCaseRoute(JOB + "/cancel", Endpoint(host, {"POST": host.cancel})),
        EveryPath(Endpoint(host, None)),
    ]


class Endpoint:
    """One path as a plain ASGI app. Nobody learns anything of a path before showing a token."""

    def __init__(self, host: WorkloadHost, handlers: Mapping[str, Handler] | None) -> None:
        """*handlers*: what answers each method; None where the contract has no such path."""
        self._host = host
        self._handlers = handlers

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
        caller = self._host.authenticate(headers)
        if self._handlers is None:
            raise UnknownPath
        handler = self._handlers.get(scope["method"])
        if handler is None:
            raise MethodNotAllowed(scope["method"], tuple(self._handlers))
        return await handler(Call(caller, headers, Request(scope, receive)))


ACCEPTED = Answer(202)


@dataclass(frozen=True, slots=True)
class _Named:
    """What the path and the token say: which instance of which job of whose item."""

    tenant: str
    workspace: str
    item_type: str
    item: str
    job_type: str
    instance: str

    @property
    def key(self) -> JobKey:
        scope = scopes.of_hosted(
            tenant=self.tenant,
            workspace=self.workspace,
            item_type=self.item_type,
            item=self.item,
            job_type=self.job_type,
        )
        return JobKey(scope, self.instance)

    def job(
        self, call: Call, *, invoke_type: str = "", payload: bytes = b"", fingerprint: bytes = b""
    ) -> NewJob:
        return NewJob(
            key=self.key,
            queue=scopes.HOSTED,
            kind=self.job_type,
            payload=payload,
            labels={
                "tenant": self.tenant,
                "workspace": self.workspace,
                "item_type": self.item_type,
                "item": self.item,
                "invoke_type": invoke_type,
                "user": call.user,
                "activity_id": call.headers.activity_id.decode(),
                "request_id": call.headers.request_id.decode(),
            },
            fingerprint=fingerprint,
            submitted_by=call.user,
        )


def _of_interest(scope: Scope, headers: CallHeaders, error: Exception) -> dict[str, str]:
    """Return what to log of a refusal: nothing that was in a body, and of a stranger not even the path."""
    ids = {"request_id": headers.request_id.decode(), "activity_id": headers.activity_id.decode()}
    if isinstance(error, TokenRefused):
        return ids | {"reason": error.reason}
    return ids | {"code": row_of(error).code, "method": scope["method"], "path": shown(scope["path"])}
