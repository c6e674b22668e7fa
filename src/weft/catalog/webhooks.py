"""Webhooks: who is told of a workspace's jobs, and the deliveries, which are jobs of a queue of their own."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from weft.catalog.catalog import Catalog, random_id
from weft.catalog.errors import TooManyWebhooks, WebhookNotFound
from weft.catalog.locks import Locks
from weft.catalog.model import Principal, Role
from weft.catalog.webhook_addresses import UrlPolicy
from weft.engine.engine import Engine
from weft.engine.errors import ScopeBusy
from weft.engine.jobs import Job
from weft.engine.lifecycle import State
from weft.engine.ports import Clock

QUEUE: Final = "webhooks"
"""The queue, and the first word of the scopes, of deliveries."""

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what Standard Webhooks puts before each
SECRET_BYTES: Final = 32
MOST_PER_WORKSPACE: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """*secret* is sealed. *item*: tell of the jobs of this one only; None: of all. *states*: of which.

    *disabled_because*: why the server itself has disabled it; "": it did not.
    """

    id: str
    workspace: str
    url: str
    secret: str
    item: str | None
    states: frozenset[State]
    enabled: bool
    disabled_because: str = ""
    created_by: str
    created_at: datetime
    number: int = 0

    def wants(self, job: Job) -> bool:
        return self.enabled and job.state in self.states and self.item in (None, job.labels.get("item"))


@dataclass(frozen=True, slots=True)
class News:
    """Something that happened to a job of *workspace*: *job* is as it was then, without what it was given."""

    number: int
    workspace: str
    job: Job


class WebhookStore(Protocol):
    """Durable webhooks, and what happened to the jobs of their workspaces.

    News are kept in the transaction of what happened. Any call may raise StoreUnavailable; `tests/stores`
    holds the contract.
    """

    async def add_webhook(self, webhook: Webhook, *, most: int) -> bool:
        """False where its workspace is gone, or has *most* webhooks already."""

    async def webhook(self, id: str) -> Webhook | None: ...

    async def webhooks(self, workspace: str, *, after: int, limit: int) -> Sequence[Webhook]:
        """Return the webhooks of a workspace, oldest first, above number *after*."""

    async def any_webhook(self) -> bool: ...

    async def change_webhook(self, webhook: Webhook) -> bool:
        """Keep url, item, states, enabled and disabled_because as *webhook* has them; False: it is gone."""

    async def disable_webhook(self, webhook: Webhook, because: str) -> bool:
        """Keep why it is disabled; False: it is gone, or goes to another url than *webhook* by now."""

    async def delete_webhook(self, id: str) -> bool: ...

    async def news(self, limit: int) -> Sequence[News]:
        """Return what happened and is not forgotten yet, the first first."""

    async def forget_news(self, through: int) -> None:
        """Forget the news up to number *through*."""


class SecretSeal(Protocol):
    """Keeps secrets of webhooks such that the store alone gives none away."""

    def sealed(self, secret: str, webhook: str) -> str: ...

    def opened(self, kept: str, webhook: str) -> str:
        """Return the secret; "" where it cannot be opened."""


class Webhooks:
    """All that people ask of webhooks. Each call needs the role Member in the workspace.

    *changed* is called when there may be webhooks where there were none.
    """

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        catalog: Catalog,
        store: WebhookStore,
        engine: Engine,
        clock: Clock,
        *,
        seal: SecretSeal,
        policy: UrlPolicy,
        changed: Callable[[], None],
        new_id: Callable[[], str] = random_id,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._engine = engine
        self._clock = clock
        self._seal = seal
        self._policy = policy
        self._changed = changed
        self._new_id = new_id
        self._changes = Locks()

    async def create(
        self,
        caller: Principal,
        workspace: str,
        url: str,
        *,
        item: str | None,
        states: frozenset[State],
        enabled: bool,
    ) -> tuple[Webhook, str]:
        """Return the new webhook and its secret, which is told this once.

        Raises WorkspaceNotFound, RoleTooLow, ItemNotFound, UrlRefused, TooManyWebhooks.
        """
        await self._enter(caller, workspace, item)
        self._policy.check(url)
        id = self._new_id()
        secret = SECRET_PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        webhook = Webhook(
            id=id,
            workspace=workspace,
            url=url,
            secret=self._seal.sealed(secret, id),
            item=item,
            states=states,
            enabled=enabled,
            created_by=caller.id,
            created_at=self._clock.now(),
        )
        if not await self._store.add_webhook(webhook, most=MOST_PER_WORKSPACE):
            await self._enter(caller, workspace, item)  # it may have been deleted meanwhile
            raise TooManyWebhooks(MOST_PER_WORKSPACE)
        self._changed()
        return webhook, secret

    async def all(self, caller: Principal, workspace: str, *, after: int, limit: int) -> Sequence[Webhook]:
        await self._enter(caller, workspace, None)
        return await self._store.webhooks(workspace, after=after, limit=limit)

    async def get(self, caller: Principal, workspace: str, id: str) -> Webhook:
        """Raises WorkspaceNotFound, RoleTooLow, WebhookNotFound."""
        await self._enter(caller, workspace, None)
        webhook = await self._store.webhook(id)
        if webhook is None or webhook.workspace != workspace:
            raise WebhookNotFound(id)
        return webhook

    async def change(
        self, caller: Principal, workspace: str, id: str, change: Callable[[Webhook], Webhook]
    ) -> Webhook:
        """Keep what *change* makes of it. Raises what `create`, `get` and *change* raise."""
        async with self._changes.of(id):
            wanted = change(await self.get(caller, workspace, id))
            await self._enter(caller, workspace, wanted.item)
            self._policy.check(wanted.url)
            changed = replace(wanted, disabled_because="")
            if not await self._store.change_webhook(changed):
                raise WebhookNotFound(id)
        return changed

    async def delete(self, caller: Principal, workspace: str, id: str) -> None:
        """Delete it, and what has not been delivered. Raises what `get` raises."""
        webhook = await self.get(caller, workspace, id)
        if not await self._store.delete_webhook(id):
            raise WebhookNotFound(id)
        try:
            await self._engine.close(scope_of(webhook), by=caller.id, seconds=0)
        except ScopeBusy:
            return  # what is being sent right now may still arrive; it is the last

    async def deliveries(
        self, caller: Principal, workspace: str, id: str, *, before: int | None, limit: int
    ) -> Sequence[Job]:
        """Return the jobs that deliver, newest first. Raises what `get` raises."""
        webhook = await self.get(caller, workspace, id)
        return await self._engine.list(scope_of(webhook), before=before, limit=limit)

    async def _enter(self, caller: Principal, workspace: str, item: str | None) -> None:
        await self._catalog.workspace(caller, workspace, needs=Role.MEMBER)
        if item is not None:
            await self._catalog.item(caller, workspace, item)


def scope_of(webhook: Webhook) -> str:
    """Return the scope of its deliveries."""
    return f"{QUEUE}/{webhook.workspace}/{webhook.id}"
