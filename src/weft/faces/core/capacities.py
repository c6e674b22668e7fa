"""Capacities: this server is the only one."""

from __future__ import annotations

from starlette.responses import Response

from weft.catalog.capacities import capacity_of, check_capacity
from weft.contracts import core as wire
from weft.faces.core import access, answers, mapping
from weft.faces.core.calls import Call, Operation


async def list_all(call: Call) -> Response:
    own = capacity_of(call.caller.tenant)
    return answers.with_body(200, wire.Capacities([mapping.capacity(own)]))


async def get(call: Call) -> Response:
    check_capacity(call.caller.tenant, call.path_id("capacityId"))
    return answers.with_body(200, mapping.capacity(capacity_of(call.caller.tenant)))


ADDRESSES: dict[str, dict[str, Operation]] = {
    "/capacities": {"GET": Operation(list_all, access.READ_CAPACITIES)},
    "/capacities/{capacityId}": {"GET": Operation(get, access.READ_CAPACITIES)},
}
