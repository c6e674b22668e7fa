"""Long-running operations: the answer to a call that the server gives later is waited for."""

from __future__ import annotations

import asyncio
from typing import Final

from weft.client.errors import ApiError, UnreadableAnswer
from weft.client.paths import path_of
from weft.client.transport import Reply, Transport
from weft.contracts.core import OperationState

ACCEPTED: Final = 202
NO_RESULT: Final = "OperationHasNoResult"
SECONDS_BETWEEN: Final = 1.0
LONGEST_SECONDS_BETWEEN: Final = 20.0


async def settled(transport: Transport, reply: Reply) -> Reply | None:
    """Return *reply*, or what the operation that it names has resulted in; None: it has no result.

    Raises ApiError, also where the operation failed, ServerUnreachable, UnreadableAnswer.
    """
    if reply.status != ACCEPTED:
        return reply
    id = reply.headers.get("x-ms-operation-id", "")
    if not id:
        raise UnreadableAnswer(reply.url, "an operation was begun, but no x-ms-operation-id says which")
    path = path_of("operations", id)
    while not await _has_succeeded(transport, path):
        pass
    try:
        return await transport.call("GET", f"{path}/result")
    except ApiError as refused:
        if refused.code == NO_RESULT:
            return None
        raise


async def _has_succeeded(transport: Transport, path: str) -> bool:
    """Look once, and wait for as long as the server asks for where the operation goes on. Raises ApiError."""
    reply = await transport.call("GET", path)
    state = reply.read(OperationState)
    if state.status == "Failed":
        error = state.error
        code = "OperationFailed" if error is None else error.error_code
        raise ApiError(reply.status, code, "" if error is None else error.message, None)
    if state.status == "Succeeded":
        return True
    await asyncio.sleep(min(reply.retry_after_seconds or SECONDS_BETWEEN, LONGEST_SECONDS_BETWEEN))
    return False
