"""What else is acknowledged under kills: folders, schedules and roles, each as it was last answered."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.torture.ledger import Ledger

Call = Callable[[str, str, object], Awaitable[tuple[int, Mapping[str, str], Any]]]
Value = str | None
"""The one member of a thing that changes; None: it is not there."""

MOST = 15


@dataclass
class Thing:
    """*may_be*: one value, or two where the answer to a change was lost."""

    path: str
    kind: str
    may_be: set[Value]


@dataclass
class Kept:
    """Changes things one by one, and looks whether they are as it was answered."""

    ledger: Ledger
    chance: random.Random
    workspace: str
    schedules: str
    users: list[str]
    things: list[Thing] = field(default_factory=list)

    async def change(self, call: Call) -> None:
        """Make, change or delete one thing. What *call* raises leaves it in doubt."""
        alive = [thing for thing in self.things if thing.may_be != {None}]
        if len(alive) < MOST and self.chance.random() < 0.4:
            await self._make(call)
        elif alive:
            await self._change(call, self.chance.choice(alive))

    async def check(self, call: Call) -> None:
        """Read all things, and note those that are not as they may be; what is gone is not read again."""
        for thing in self.things:
            status, _, body = await call("GET", thing.path, None)
            value = _value(thing.kind, body) if status == 200 else None
            if status not in (200, 404) or value not in thing.may_be:
                told = f"{thing.path} is {status} {value}, not {thing.may_be}"
                self.ledger.violation(f"an acknowledged {thing.kind} is lost", told)
            thing.may_be = {value}
            self.ledger.counts["things read again"] += 1
        self.things = [thing for thing in self.things if thing.may_be != {None}]

    async def _make(self, call: Call) -> None:
        kind = self.chance.choice(("folder", "schedule", "role"))
        if kind == "role":
            await self._give(call)
            return
        where = f"{self.workspace}/folders" if kind == "folder" else self.schedules
        value = self._new_value(kind)
        status, headers, body = await call("POST", where, _body(kind, value))
        if status == 201:
            self._acknowledged()
            self.things.append(Thing(f"{where}/{headers['Location'].rpartition('/')[2]}", kind, {value}))
        else:
            self._refused(status, body)

    async def _give(self, call: Call) -> None:
        given = {thing.path.rpartition("/")[2] for thing in self.things if thing.kind == "role"}
        free = [user for user in self.users if user not in given]
        if not free:
            return
        user, value = self.chance.choice(free), self._new_value("role")
        where = f"{self.workspace}/roleAssignments"
        thing = Thing(f"{where}/{user}", "role", {None, value})
        self.things.append(thing)
        status, _, body = await call(
            "POST", where, {"principal": {"id": user, "type": "User"}, "role": value}
        )
        self._note(thing, status, value, body)

    async def _change(self, call: Call, thing: Thing) -> None:
        value = None if self.chance.random() < 0.3 else self._new_value(thing.kind)
        before = set(thing.may_be)
        thing.may_be.add(value)
        method, body = ("DELETE", None) if value is None else ("PATCH", _body(thing.kind, value))
        status, _, answer = await call(method, thing.path, body)
        if status == 404 and None in before:
            thing.may_be = {None}
        else:
            self._note(thing, status, value, answer)

    def _note(self, thing: Thing, status: int, value: Value, body: object) -> None:
        if status in (200, 201):
            self._acknowledged()
            thing.may_be = {value}
        else:
            self._refused(status, body)

    def _acknowledged(self) -> None:
        self.ledger.counts["changes of folders, schedules and roles acknowledged"] += 1

    def _refused(self, status: int, body: object) -> None:
        if status != 429:
            self.ledger.violation("an unexpected answer to a change", f"{status} {body}")

    def _new_value(self, kind: str) -> str:
        if kind == "role":
            return self.chance.choice(("Member", "Contributor", "Viewer"))
        number = self.chance.randrange(1, 1_000_000)
        return f"folder {number}" if kind == "folder" else str(number)


def _body(kind: str, value: str | None) -> object:
    if kind == "folder":
        return {"displayName": value}
    if kind == "role":
        return {"role": value}
    return {"enabled": False, "configuration": cron(int(value or 1), "2030-01-01T00:00:00")}


def _value(kind: str, body: dict[str, Any]) -> str:
    if kind == "folder":
        return str(body["displayName"])
    return str(body["role"]) if kind == "role" else str(body["configuration"]["interval"])


def cron(interval: int, start: str) -> dict[str, object]:
    """Return the configuration of a schedule that is due each *interval* minutes from *start* on."""
    return {
        "type": "Cron",
        "interval": interval,
        "startDateTime": start,
        "endDateTime": "2099-01-01T00:00:00",
        "localTimeZoneId": "UTC",
    }
