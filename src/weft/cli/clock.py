"""`weft clock`: look at the clock of a local server, and move it on where a test would wait for days."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from weft.cli.connect import connect
from weft.cli.errors import Misused
from weft.cli.options import AsJson, Data, group
from weft.cli.output import print_json, print_pairs
from weft.client import ApiError, Patience
from weft.client.clock import Advanced, ClockState

SCOPE = "Clock.ReadWrite.All"
UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
LENGTH = re.compile("".join(f"(?:([0-9]{{1,6}}){unit})?" for unit in UNITS))
LONGEST = timedelta(days=3650)

# All that is due on the way fires before the answer comes.
PATIENCE = Patience(attempts=1, call_seconds=600)

app = group("clock", "Look at the clock of a local server, and move it on.")


@app.command
def show(*, as_json: AsJson = False, data: Data = None) -> None:
    """Show the server's time, and how far it was moved on."""

    async def call() -> ClockState:
        async with connect(data, scopes=(SCOPE,)) as client:
            return await client.clock.show()

    _print(asyncio.run(call()), as_json=as_json)


@app.command
def advance(
    by: Annotated[str, Parameter(help="How far, as 3d, 90m or 2h30m.")],
    /,
    *,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Move the server's time on; schedules that are due on the way fire as they would have.

    Only in the local profile. It is never moved back, also not by a restart.
    """
    seconds = _seconds(by)

    async def call() -> Advanced:
        async with connect(data, scopes=(SCOPE,), patience=PATIENCE) as client:
            return await client.clock.advance(seconds)

    _print(asyncio.run(call()), as_json=as_json)


async def time_of_server(data: Path | None) -> datetime:
    """Return the time that a schedule goes by: the server's, or ours where it does not tell a moved one."""
    try:
        async with connect(data, scopes=(SCOPE,)) as client:
            shown = await client.clock.show()
    except ApiError:
        return datetime.now(UTC)
    return datetime.fromisoformat(shown.now_utc).replace(tzinfo=UTC)


def _seconds(text: str) -> int:
    found = LENGTH.fullmatch(text)
    if found is None or not text:
        raise Misused(f"{text!r} is no length of time such as 3d, 90m or 2h30m")
    numbers = zip(UNITS.values(), found.groups(), strict=True)
    length = timedelta(**{unit: int(number) for unit, number in numbers if number is not None})
    if not timedelta(0) < length <= LONGEST:
        raise Misused(f"the clock can be moved on by 1s to {LONGEST.days}d, not by {text}")
    return int(length.total_seconds())


def _print(state: ClockState, *, as_json: bool) -> None:
    if as_json:
        print_json(state)
        return
    fired = str(state.fired) if isinstance(state, Advanced) else None
    moved = str(timedelta(seconds=round(state.moved_by_seconds)))
    print_pairs([("time", f"{state.now_utc}Z"), ("ahead by", moved), ("fired", fired)])
