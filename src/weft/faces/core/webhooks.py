"""Webhooks: who is told of job instances as they change. An addition of weft."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict
from starlette.responses import Response

from weft.catalog.announcing import Told
from weft.catalog.model import Role
from weft.catalog.webhook_addresses import UrlRefused
from weft.catalog.webhooks import Webhook, Webhooks
from weft.contracts import core as wire
from weft.engine.jobs import Job
from weft.engine.lifecycle import State
from weft.faces.core import access, answers, mapping
from weft.faces.core.calls import Call, Operation
from weft.faces.http import Refused, bad_body, canonical_uuid, decode, shown

WEBHOOKS: Final = "/workspaces/{workspaceId}/webhooks"
WEBHOOK: Final = f"{WEBHOOKS}/{{webhookId}}"
ENDED: Final = ("Completed", "Failed", "Cancelled", "Deduped")
MOST_DELIVERIES: Final = 100


class WebhookShown(wire.Wire, kw_only=True):
    """*statuses*: of which changes it is told. *secret* is there in the answer that creates it, never again.

    *disabled_because*: why the server itself has disabled it.
    """

    id: str
    workspace_id: str
    url: str
    item_id: str | None
    statuses: list[str]
    enabled: bool
    disabled_because: str | None
    created_date_time: str
    secret: str | UnsetType = UNSET


class WebhookList(wire.Wire):
    value: list[WebhookShown]


class CreateWebhookRequest(wire.Wire):
    url: str
    item_id: str | None = None
    statuses: list[str] | None = None
    enabled: bool = True


class UpdateWebhookRequest(wire.Wire):
    """What is not given stays as it is; an *item_id* of null is any item."""

    url: str | UnsetType = UNSET
    item_id: str | UnsetType | None = UNSET
    statuses: list[str] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class DeliveryShown(wire.Wire):
    """*state*: Waiting, Delivered, Failed or Cancelled. *reason*: of its last failure."""

    id: str
    job_instance_id: str
    status: str
    state: str
    attempts: int
    reason: str | None
    created_time_utc: str
    ended_time_utc: str | None


class DeliveryList(wire.Wire):
    """The newest first, at most 100."""

    value: list[DeliveryShown]


class InstanceOfWorkspace(wire.ItemJobInstance):
    workspace_id: str


class Event(wire.Wire):
    """What is posted: the payload of Standard Webhooks. *timestamp* is when it happened, RFC 3339."""

    type: str
    timestamp: str
    data: InstanceOfWorkspace


async def list_all(call: Call) -> Response:
    workspace = call.path_id("workspaceId")
    found = await _service(call).all(call.caller, workspace, after=0, limit=MOST_DELIVERIES)
    return answers.with_body(200, WebhookList([_shown(webhook) for webhook in found]))


async def create(call: Call) -> Response:
    raw = await call.body()
    workspace = call.path_id("workspaceId")
    await call.core.catalog.workspace(call.caller, workspace, needs=Role.MEMBER)
    request = decode(raw, CreateWebhookRequest)
    try:
        made, secret = await _service(call).create(
            call.caller,
            workspace,
            request.url,
            item=_item(request.item_id),
            states=_states(ENDED if request.statuses is None else request.statuses),
            enabled=request.enabled,
        )
    except UrlRefused as refused:
        raise _bad_url(refused) from None
    told = _shown(made)
    told.secret = secret
    location = {"Location": call.url(f"/workspaces/{workspace}/webhooks/{made.id}")}
    return answers.with_body(201, told, location)


async def get(call: Call) -> Response:
    return answers.with_body(200, _shown(await _find(call)))


async def update(call: Call) -> Response:
    raw = await call.body()
    known = await _find(call)  # that there is none is told first, whatever the body is
    request = decode(raw, UpdateWebhookRequest)
    try:
        changed = await _service(call).change(
            call.caller, known.workspace, known.id, lambda webhook: _changed(webhook, request)
        )
    except UrlRefused as refused:
        raise _bad_url(refused) from None
    return answers.with_body(200, _shown(changed))


async def delete(call: Call) -> Response:
    await _service(call).delete(call.caller, call.path_id("workspaceId"), call.path_id("webhookId"))
    return answers.without_body(200)


async def deliveries(call: Call) -> Response:
    found = await _service(call).deliveries(
        call.caller,
        call.path_id("workspaceId"),
        call.path_id("webhookId"),
        before=None,
        limit=MOST_DELIVERIES,
    )
    return answers.with_body(200, DeliveryList([_delivery(job) for job in found]))


ADDRESSES: dict[str, dict[str, Operation]] = {
    WEBHOOKS: {
        "GET": Operation(list_all, access.READ_WORKSPACES),
        "POST": Operation(create, access.WRITE_WORKSPACES),
    },
    WEBHOOK: {
        "GET": Operation(get, access.READ_WORKSPACES),
        "PATCH": Operation(update, access.WRITE_WORKSPACES),
        "DELETE": Operation(delete, access.WRITE_WORKSPACES),
    },
    f"{WEBHOOK}/deliveries": {"GET": Operation(deliveries, access.READ_WORKSPACES)},
}


def event_of(job: Job) -> Told:
    """Return what a webhook is told of *job*. For catalog.announcing.Announcer."""
    shown_job = instance_of_workspace(job, job.labels["request_id"])
    at = job.ended_at or job.started_at or job.submitted_at
    event = Event(f"jobInstance.{shown_job.status}", f"{mapping.utc(at)}Z", shown_job)
    return Told(shown_job.status.value, msgspec.json.encode(event))


def instance_of_workspace(job: Job, request_id: str) -> InstanceOfWorkspace:
    instance = mapping.job_instance(job, request_id)
    return InstanceOfWorkspace(**asdict(instance), workspace_id=job.labels["workspace"])


def _service(call: Call) -> Webhooks:
    return call.core.webhooks


async def _find(call: Call) -> Webhook:
    return await _service(call).get(call.caller, call.path_id("workspaceId"), call.path_id("webhookId"))


def _shown(webhook: Webhook) -> WebhookShown:
    wanted = {mapping.STATUS[state].value for state in webhook.states}
    return WebhookShown(
        id=webhook.id,
        workspace_id=webhook.workspace,
        url=webhook.url,
        item_id=webhook.item,
        statuses=[status.value for status in wire.Status if status.value in wanted],
        enabled=webhook.enabled,
        disabled_because=webhook.disabled_because or None,
        created_date_time=mapping.utc(webhook.created_at),
    )


def _changed(webhook: Webhook, request: UpdateWebhookRequest) -> Webhook:
    """Raises Refused."""
    return replace(
        webhook,
        url=webhook.url if request.url is UNSET else request.url,
        item=webhook.item if request.item_id is UNSET else _item(request.item_id),
        states=webhook.states if request.statuses is UNSET else _states(request.statuses),
        enabled=webhook.enabled if request.enabled is UNSET else request.enabled,
    )


def _delivery(job: Job) -> DeliveryShown:
    reason = job.error.message if job.error is not None else None
    if reason is None and job.progress is not None and job.result is None:
        reason = job.progress.text
    return DeliveryShown(
        id=job.key.id,
        job_instance_id=job.labels["job"],
        status=job.kind,
        state=DELIVERY_STATES.get(mapping.STATUS[job.state], "Waiting"),
        attempts=0 if job.progress is None else int(job.progress.done),
        reason=reason,
        created_time_utc=mapping.utc(job.submitted_at),
        ended_time_utc=None if job.ended_at is None else mapping.utc(job.ended_at),
    )


DELIVERY_STATES: Final = {
    wire.Status.COMPLETED: "Delivered",
    wire.Status.FAILED: "Failed",
    wire.Status.CANCELLED: "Cancelled",
}


def _states(statuses: tuple[str, ...] | list[str]) -> frozenset[State]:
    known = {status.value for status in wire.Status}
    for index, status in enumerate(statuses):
        if status not in known:
            field = f"statuses[{index}]"
            raise bad_body(
                field,
                f"{field} must be one of {', '.join(sorted(known))}, not {shown(status)}",
            )
    if not statuses:
        raise bad_body("statuses", "statuses is empty: it would never be told anything")
    return frozenset(state for state, status in mapping.STATUS.items() if status.value in statuses)


def _item(given: str | None) -> str | None:
    return None if given is None else canonical_uuid(given, "itemId")


def _bad_url(refused: UrlRefused) -> Refused:
    return bad_body("url", f"url: {refused}")
