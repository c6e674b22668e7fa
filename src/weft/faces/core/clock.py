"""The server's clock, under `/weft/v1`: what it shows, and how a test moves it on, in the local profile."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

import msgspec
from starlette.responses import Response

from weft.contracts import core as wire
from weft.engine.advancing import Advancing
from weft.engine.clock import ClockTooFar
from weft.faces.core import access, answers, mapping
from weft.faces.core.calls import Call, Operation
from weft.faces.core.own_errors import ClockNotMovable
from weft.faces.http import bad_body, decode

MOST_SECONDS: Final = 10 * 366 * 24 * 3600


class AdvanceRequest(wire.Wire):
    seconds: Annotated[int, msgspec.Meta(ge=1, le=MOST_SECONDS)]


class ClockShown(wire.Wire):
    """*moved_by_seconds*: how far ahead of the time the clock is."""

    now_utc: str
    moved_by_seconds: float


class Advanced(ClockShown):
    """*fired*: how many occurrences of schedules made a job on the way."""

    fired: int


async def get(call: Call) -> Response:
    advancing = _advancing(call)
    return answers.with_body(200, ClockShown(*_shown(advancing)))


async def advance(call: Call) -> Response:
    """Return when the clock shows the new time, and all that was due on the way has fired."""
    raw = await call.body()
    advancing = _advancing(call)
    request = decode(raw, AdvanceRequest)
    try:
        fired = await advancing.advance(timedelta(seconds=request.seconds))
    except ClockTooFar as far:
        raise bad_body("seconds", f"seconds: {far}, as {request.seconds} would do") from None
    return answers.with_body(200, Advanced(*_shown(advancing), fired))


ADDRESSES = {
    "/clock": {"GET": Operation(get, access.MOVE_CLOCK)},
    "/clock/advance": {"POST": Operation(advance, access.MOVE_CLOCK)},
}


def _advancing(call: Call) -> Advancing:
    """Raises ClockNotMovable."""
    if call.core.advancing is None:
        raise ClockNotMovable
    return call.core.advancing


def _shown(advancing: Advancing) -> tuple[str, float]:
    return mapping.utc(advancing.now()), advancing.moved_by.total_seconds()
