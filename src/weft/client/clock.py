"""The clock of a server in the local profile, which a test can move on."""

from __future__ import annotations

from weft.client.answers import Answer
from weft.client.transport import Transport, encode


class ClockState(Answer, frozen=True):
    """*now_utc* is without `Z`; *moved_by_seconds*: how far ahead of the time the clock is."""

    now_utc: str
    moved_by_seconds: float


class Advanced(ClockState, frozen=True):
    """*fired*: how many occurrences of schedules made a job on the way."""

    fired: int


class Clock:
    """Needs a person's token with the scope Clock.ReadWrite.All, which only commands of weft sign.

    Every call may raise ApiError, ServerUnreachable and UnreadableAnswer.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def show(self) -> ClockState:
        return (await self._transport.call("GET", "/weft/v1/clock")).read(ClockState)

    async def advance(self, seconds: int) -> Advanced:
        """Return when all that was due on the way has fired. It is sent once: twice would move it twice."""
        body = encode({"seconds": seconds})
        return (await self._transport.call("POST", "/weft/v1/clock/advance", body=body, again_after=())).read(
            Advanced
        )
