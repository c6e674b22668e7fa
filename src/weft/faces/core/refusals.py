"""How Core tells that a workload refused what was asked of an item: to the caller, and to its portal page."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import UNSET
from starlette.responses import Response

from weft.catalog.errors import ItemRefused
from weft.catalog.tokens import without_tokens
from weft.contracts import core as wire
from weft.contracts import workload
from weft.engine.jobs import JobError
from weft.faces.core import answers

CODE: Final = "FabricExternalWorkloadError"
LARGEST_BYTES: Final = 16 * 1024
LONGEST_CODE: Final = 100
LONGEST_MESSAGE: Final = 500

log = logging.getLogger(__name__)


def refused_by_workload(error: ItemRefused, request_id: str) -> Response:
    """Return the answer: 400 where the workload refused, 503 where none came; at most 16 kB of it."""
    status = 503 if error.status is None else 400
    if status == 503:
        log.warning("request failed", extra={"request_id": request_id, "reason": "the workload is away"})
    headers = {"x-ms-public-api-error-code": CODE}
    for body in _bodies(error, request_id):
        answer = answers.with_body(status, body, headers)
        if len(answer.body) <= LARGEST_BYTES:
            break
    return answer


def _bodies(error: ItemRefused, request_id: str) -> Iterator[wire.WorkloadErrorResponse]:
    """Yield what may be told, from all of it down to what always fits."""
    said = error.error
    brief = JobError(_cut(said.code, LONGEST_CODE), _cut(said.message, LONGEST_MESSAGE), said.source)
    yield _body(error, said, _raw(error.body) or _own(said), request_id)
    yield _body(error, said, _own(brief), request_id)
    yield _body(error, brief, _own(brief), request_id)


def _body(error: ItemRefused, said: JobError, portal: str, request_id: str) -> wire.WorkloadErrorResponse:
    message = _clean(said.message)
    own = wire.ErrorResponseDetails(_clean(said.code) or CODE, message)
    more = [wire.ErrorResponseDetails(_clean(one.code), _clean(one.message)) for one in said.details]
    parameters = wire.PortalParameters(portal)
    return wire.WorkloadErrorResponse(
        request_id=request_id,
        error_code=CODE,
        more_details=[own, *more],
        message=message or _unsaid(error.status),
        is_retriable=_may_succeed_later(error),
        error=wire.PortalError(wire.PortalMessage(CODE, wire.PortalFault(CODE, parameters))),
    )


def _unsaid(status: int | None) -> str:
    if status is None:
        return "The workload of the item's type gave no answer; try again"
    return f"The workload of the item's type refused it with status {status}"


def _may_succeed_later(error: ItemRefused) -> bool:
    if error.error.is_permanent is not None:
        return not error.error.is_permanent
    return error.status is None or error.status == 429 or error.status >= 500


def _raw(body: bytes) -> str | None:
    """Return the workload's own body as the portal wants it: the text of a JSON object."""
    try:
        text = body.decode()
        found = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None
    return without_tokens(text) if isinstance(found, dict) else None


def _own(said: JobError) -> str:
    """Return the contract's ErrorResponse for a workload that did not send one."""
    told = workload.ErrorDetails(
        error_code=_clean(said.code) or CODE,
        message=_clean(said.message),
        source=_source(said.source),
        is_permanent=UNSET if said.is_permanent is None else said.is_permanent,
    )
    return msgspec.json.encode(told).decode()


def _source(source: str) -> workload.ErrorSource:
    known = {word.value: word for word in workload.ErrorSource}
    return known.get(source, workload.ErrorSource.SYSTEM)


def _clean(text: str) -> str:
    """Return *text* without tokens and control characters."""
    told = without_tokens(text)
    return "".join(character if character.isprintable() else " " for character in told)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
