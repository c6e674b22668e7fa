"""Items of hosted workloads, as the Workload Development Kit has them."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from weft.catalog.hosted_items import HostedItem
from weft.contracts.workload import CreateItemRequest, GetItemPayloadResponse, UpdateItemRequest
from weft.faces.http import bad_body, decode
from weft.faces.workload.answers import JSON, Answer
from weft.faces.workload.call import Call
from weft.faces.workload.lifecycle import ItemChange, Lifecycle
from weft.faces.workload.mapping import fingerprint_of
from weft.faces.workload.registered import Registered
from weft.settings import Limits

LONGEST_NAME = 256
DONE = Answer(200, headers=(JSON,))  # see ACCEPTED of jobs.py

_encode = msgspec.json.Encoder().encode


class ItemOperations:
    def __init__(self, lifecycle: Lifecycle, registered: Registered, limits: Limits) -> None:
        self._lifecycle = lifecycle
        self._registered = registered
        self._limits = limits

    async def create(self, call: Call) -> Answer:
        """ItemLifecycle_CreateItem."""
        key = call.item(self._registered)
        raw = await call.body(self._limits)
        request = decode(raw, CreateItemRequest)
        item = HostedItem(
            key=key,
            display_name=_checked_name(request.display_name),
            description=_given(request.description),
            payload=_payload(request.creation_payload) or b"",
            fingerprint=fingerprint_of(raw),
        )
        await self._lifecycle.create(call, item)
        return DONE

    async def update(self, call: Call) -> Answer:
        """ItemLifecycle_UpdateItem: a member that is missing or null leaves what is known as it is."""
        key = call.item(self._registered)
        request = decode(await call.body(self._limits), UpdateItemRequest)
        name = _given(request.display_name)
        change = ItemChange(
            display_name=None if name is None else _checked_name(name),
            description=_given(request.description),
            payload=_payload(request.update_payload),
        )
        await self._lifecycle.update(call, key, change)
        return DONE

    async def delete(self, call: Call) -> Answer:
        """ItemLifecycle_DeleteItem."""
        await self._lifecycle.delete(call, call.item(self._registered))
        return DONE

    async def payload(self, call: Call) -> Answer:
        """ItemLifecycle_GetItemPayload."""
        payload = await self._lifecycle.payload(call.item(self._registered))
        return Answer(200, _encode(GetItemPayloadResponse(Raw(payload) if payload else UNSET)))


def _given(value: str | UnsetType | None) -> str | None:
    return None if value is UNSET else value


def _payload(value: dict[str, Any] | UnsetType | None) -> bytes | None:
    return None if value is None or value is UNSET else _encode(value)


def _checked_name(name: str) -> str:
    if len(name) > LONGEST_NAME:
        message = f"displayName has {len(name)} characters, more than {LONGEST_NAME}"
        raise bad_body("displayName", message)
    return name
