"""One request on its way through the host: who calls, what of, and for which item."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request

from weft.auth.sealed import SubjectSeal
from weft.auth.subject_and_app import SubjectAndAppVerifier, WorkloadCaller
from weft.catalog.hosted_items import ItemKey
from weft.faces.http import canonical_uuid, read_json
from weft.faces.workload.answers import Answer
from weft.faces.workload.headers import CallHeaders
from weft.faces.workload.registered import Registered
from weft.settings import Limits


@dataclass(frozen=True, slots=True)
class Operation:
    """What answers a method of a path.

    *needs_subject*: the call is made for a user. *needs_tenant*: it names a tenant in its header.
    """

    handler: Callable[[Call], Awaitable[Answer]]
    needs_subject: bool = True
    needs_tenant: bool = True


class Gate:
    """Lets in whose tokens are for a workload that is served.

    *audiences*: for each item type as registered, the audience that its callers' tokens must carry. *seal*:
    keeps users' tokens with their jobs, where those are needed to get others; None: they are not kept.
    """

    def __init__(
        self,
        verifier: SubjectAndAppVerifier,
        audiences: Mapping[str, str],
        seal: SubjectSeal | None = None,
    ) -> None:
        self._verifier = verifier
        self._audiences = audiences
        self._seal = seal

    async def admit(self, headers: CallHeaders, operation: Operation | None) -> WorkloadCaller:
        """Return who calls, with tokens for any of the workloads. Raises TokenRefused, KeysUnavailable.

        Where no *operation* answers, as much is asked of the tokens as anywhere.
        """
        return await self._verifier.admit(
            headers.authorization,
            headers.tenant,
            needs_subject=operation is None or operation.needs_subject,
            needs_tenant=operation is None or operation.needs_tenant,
        )

    def check(self, headers: CallHeaders, operation: Operation, item_type: str) -> None:
        """Raises TokenRefused where the tokens, which were let in, are for another workload's items."""
        self._verifier.verify(
            headers.authorization,
            headers.tenant,
            needs_subject=operation.needs_subject,
            needs_tenant=operation.needs_tenant,
            audience=self._audiences[item_type],
        )

    def kept(self, call: Call, job_id: str) -> Mapping[str, str]:
        """Return what is kept of the tokens of *call* with the job that it creates."""
        if self._seal is None:
            return {}
        authorization = call.headers.authorization[0]
        return self._seal.labels(authorization, tenant=call.caller.tenant, user=call.user, job_id=job_id)


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request."""

    caller: WorkloadCaller
    headers: CallHeaders
    request: Request
    operation: Operation
    gate: Gate

    @property
    def user(self) -> str:
        """For whom the call is made; "" where it is for nobody, as a few may be."""
        return self.caller.user or ""

    @property
    def path(self) -> Mapping[str, str]:
        params: Mapping[str, str] = self.request.scope["path_params"]
        return params

    def check_tokens_for(self, item_type: str) -> None:
        """Raises TokenRefused where the tokens are for another workload than that of *item_type*."""
        self.gate.check(self.headers, self.operation, item_type)

    def item(self, registered: Registered) -> ItemKey:
        """Return the item that the path names. Raises Refused, UnknownItemType, TokenRefused."""
        workspace = canonical_uuid(self.path["workspaceId"], "workspaceId")
        item = canonical_uuid(self.path["itemId"], "itemId")
        item_type = registered.item_type(self.path["itemType"])
        self.check_tokens_for(item_type)
        return ItemKey(self.caller.tenant, workspace, item_type, item)

    async def body(self, limits: Limits) -> bytes:
        """Return the body, strict JSON text or nothing. Raises Refused."""
        return await read_json(
            self.request, limit_bytes=limits.hosted_body_bytes, seconds=limits.body_seconds
        )

    def labels(self, item: ItemKey, *, invoke_type: str = "") -> Mapping[str, str]:
        """Return what a job is told of the call."""
        return {
            "tenant": item.tenant,
            "workspace": item.workspace,
            "item_type": item.type,
            "item": item.id,
            "invoke_type": invoke_type,
            "user": self.user,
            "activity_id": self.headers.activity_id.decode(),
            "request_id": self.headers.request_id.decode(),
        }
