"""Items and jobs of hosted workloads, as the Fabric Extensibility Toolkit has them (hosting type Remote)."""

from __future__ import annotations

import base64

import msgspec
from msgspec import UNSET, UnsetType

from weft.catalog.hosted_items import HostedItem, ItemKey
from weft.contracts.workload_remote import (
    CreateJobInstanceRequest,
    DeleteItemRequest,
    DeleteType,
    ItemDefinition,
    ItemRequest,
    JobInstanceRequest,
)
from weft.faces.http import bad_body, canonical_uuid, decode, shown
from weft.faces.workload.answers import Answer
from weft.faces.workload.call import Call
from weft.faces.workload.items import DONE
from weft.faces.workload.jobs import Jobs, Named
from weft.faces.workload.lifecycle import ItemChange, Lifecycle
from weft.faces.workload.mapping import fingerprint_of, state_of
from weft.faces.workload.registered import Registered
from weft.settings import Limits

EXECUTION_DATA = "executionData"
INLINE = "InlineBase64"

_encode = msgspec.json.Encoder().encode


class RemoteItemOperations:
    """The routes are called as the notifications are: OnCreateItem and so on."""

    def __init__(self, lifecycle: Lifecycle, registered: Registered, limits: Limits) -> None:
        self._lifecycle = lifecycle
        self._registered = registered
        self._limits = limits

    async def created(self, call: Call) -> Answer:
        key = call.item(self._registered)
        raw = await call.body(self._limits)
        definition = _definition(decode(raw, ItemRequest).definition)
        item = HostedItem(key=key, definition=definition or b"", fingerprint=fingerprint_of(raw))
        await self._lifecycle.create(call, item)
        return DONE

    async def updated(self, call: Call) -> Answer:
        key = call.item(self._registered)
        await self._lifecycle.update(call, key, await self._change(call))
        return DONE

    async def deleted(self, call: Call) -> Answer:
        """Without a body the item is deleted for good, as before there were soft deletes."""
        key = call.item(self._registered)
        raw = await call.body(self._limits)
        if raw and decode(raw, DeleteItemRequest).delete_type is DeleteType.SOFT:
            await self._lifecycle.delete_softly(call, key)
        else:
            await self._lifecycle.delete(call, key)
        return DONE

    async def restored(self, call: Call) -> Answer:
        key = call.item(self._registered)
        await self._lifecycle.restore(call, key, await self._change(call))
        return DONE

    async def _change(self, call: Call) -> ItemChange:
        request = decode(await call.body(self._limits), ItemRequest)
        return ItemChange(definition=_definition(request.definition))


class RemoteJobOperations:
    def __init__(self, jobs: Jobs, registered: Registered, limits: Limits) -> None:
        self._jobs = jobs
        self._registered = registered
        self._limits = limits

    async def create(self, call: Call) -> Answer:
        """onCreateJobInstance."""
        key = call.item(self._registered)
        raw = await call.body(self._limits)
        request = decode(raw, CreateJobInstanceRequest)
        _definition(request.definition)
        named = self._named(key, request.job_type, request.job_instance_id)
        data = request.execution_data
        payload = b"" if data is None or data is UNSET else _encode(data)
        named.job_type.check(payload, called=EXECUTION_DATA)
        job = await self._jobs.create(
            call, named, invoke_type="", payload=payload, fingerprint=fingerprint_of(raw)
        )
        return Answer(201, state_of(job))

    async def get(self, call: Call) -> Answer:
        """onGetJobInstanceStatus. A failed job is a success of this call."""
        return Answer(200, state_of(await self._jobs.get(await self._asked_for(call))))

    async def cancel(self, call: Call) -> Answer:
        """onCancelJobInstance."""
        return Answer(200, state_of(await self._jobs.cancel(call, await self._asked_for(call))))

    async def _asked_for(self, call: Call) -> Named:
        key = call.item(self._registered)
        request = decode(await call.body(self._limits), JobInstanceRequest)
        return self._named(key, request.job_type, request.job_instance_id)

    def _named(self, item: ItemKey, job_type: str, instance: str) -> Named:
        instance = canonical_uuid(instance, "jobInstanceId")
        return Named(item, self._registered.job_type(item.type, job_type), instance)


def _definition(definition: ItemDefinition | UnsetType | None) -> bytes | None:
    """Return *definition* as JSON, None where it is not given. Raises Refused."""
    if definition is None or definition is UNSET:
        return None
    for number, part in enumerate(definition.parts):
        if part.payload_type == INLINE and not _is_base64(part.payload):
            field = f"definition.parts[{number}].payload"
            raise bad_body(field, f"{field} is not Base64: {shown(part.payload)}")
    return _encode(definition)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return len(text) % 4 == 0  # the decoder bears more padding than there may be
