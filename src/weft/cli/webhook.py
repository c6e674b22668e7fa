"""`weft webhook`: let another service be told of the jobs of a workspace."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from weft.cli.connect import connect
from weft.cli.names import find_item, find_workspace
from weft.cli.options import AsJson, Data, WorkspaceNamed, canonical_id, group
from weft.cli.output import print_json, print_pairs, print_table
from weft.client.webhooks import Webhook, WebhookDelivery

app = group("webhook", "Let another service be told of the jobs of a workspace.")

WebhookNamed = Annotated[str, Parameter(help="Id of the webhook.")]


@app.command
def create(
    workspace: WorkspaceNamed,
    url: Annotated[str, Parameter(help="Where to send: this machine, or a host of webhooks.hosts.")],
    /,
    *,
    item: Annotated[str | None, Parameter(name="--item", help="Tell of the jobs of this item only.")] = None,
    status: Annotated[
        list[str] | None,
        Parameter(
            name="--status", help="Tell of this status only; may be repeated. Without it: of each end."
        ),
    ] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Create a webhook and print its id, and the secret that signs what is sent: it is shown this once."""

    async def call() -> Webhook:
        async with connect(data) as client:
            home = await find_workspace(client, workspace)
            chosen = None if item is None else (await find_item(client, home, item)).item
            return await client.webhooks.create(home, url, item=chosen, statuses=status)

    made = asyncio.run(call())
    if as_json:
        print_json(made)
    else:
        print_pairs([("id", made.id), ("secret", made.secret)])


@app.command(name="list")
def list_all(workspace: WorkspaceNamed, /, *, as_json: AsJson = False, data: Data = None) -> None:
    """List the webhooks of a workspace."""

    async def call() -> Sequence[Webhook]:
        async with connect(data) as client:
            return await client.webhooks.all(await find_workspace(client, workspace))

    found = asyncio.run(call())
    if as_json:
        print_json(found)
    else:
        print_table(("ID", "STATE", "STATUSES", "ITEM", "URL"), map(_row, found))


@app.command
def delete(workspace: WorkspaceNamed, webhook: WebhookNamed, /, *, data: Data = None) -> None:
    """Delete a webhook, and what it has not delivered."""
    id = canonical_id("WEBHOOK", webhook)

    async def call() -> None:
        async with connect(data) as client:
            await client.webhooks.delete(await find_workspace(client, workspace), id)

    asyncio.run(call())


@app.command
def deliveries(
    workspace: WorkspaceNamed, webhook: WebhookNamed, /, *, as_json: AsJson = False, data: Data = None
) -> None:
    """List what a webhook was told last, newest first, and what became of it."""
    id = canonical_id("WEBHOOK", webhook)

    async def call() -> Sequence[WebhookDelivery]:
        async with connect(data) as client:
            return await client.webhooks.deliveries(await find_workspace(client, workspace), id)

    found = asyncio.run(call())
    if as_json:
        print_json(found)
    else:
        print_table(("JOB", "STATUS", "STATE", "ATTEMPTS", "CREATED", "REASON"), map(_delivery_row, found))


def _row(webhook: Webhook) -> tuple[str, ...]:
    state = "enabled" if webhook.enabled else webhook.disabled_because or "disabled"
    return (webhook.id, state, ",".join(webhook.statuses), webhook.item_id or "", webhook.url)


def _delivery_row(delivery: WebhookDelivery) -> tuple[str, ...]:
    return (
        delivery.job_instance_id,
        delivery.status,
        delivery.state,
        str(delivery.attempts),
        delivery.created_time_utc,
        delivery.reason or "",
    )
