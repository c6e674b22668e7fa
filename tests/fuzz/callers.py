"""Who calls the Twins face: owners, a reader, and strangers who may do nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from tests.fuzz.message import Request
from weft.auth.home import Home
from weft.auth.issuer import TWINS_AUDIENCES, Issuer
from weft.auth.keys import Keys
from weft.engine.clock import SystemClock

OTHER_TENANT = str(UUID(int=7, version=4))


class Role(StrEnum):
    OWNER = "owner"
    READER = "reader"
    OUTSIDER = "outsider"  # of another tenant
    STRANGER = "stranger"


@dataclass(frozen=True)
class Callers:
    """Values of `Authorization`."""

    owners: tuple[str, ...]
    readers: tuple[str, ...]
    outsiders: tuple[str, ...]
    strangers: tuple[str, ...]

    @classmethod
    def sign(cls, data: Path) -> Callers:
        home = Home.open(data)
        issuer = Issuer(Keys.open(data), SystemClock(), home)
        day, past = timedelta(days=1), -timedelta(hours=1)
        owner = issuer.twins_token("admin", lifetime=day)
        head, _, signature = owner.rpartition(".")
        return cls(
            owners=_bearers(
                owner,
                issuer.twins_token("ops", app=True, lifetime=day),
                issuer.twins_token("ops", lifetime=day, audience=TWINS_AUDIENCES[1]),
            ),
            readers=_bearers(issuer.twins_token("eve", scopes=("Read",), lifetime=day)),
            outsiders=_bearers(
                issuer.twins_token("admin", tenant=OTHER_TENANT, lifetime=day),
                issuer.twins_token("ops", tenant=OTHER_TENANT, app=True, lifetime=day),
            ),
            strangers=(
                *_bearers(
                    issuer.core_token("admin", lifetime=day),
                    issuer.twins_token("admin", lifetime=past),
                    issuer.twins_token("admin", lifetime=day, audience=f"{TWINS_AUDIENCES[0]}/"),
                    f"{head}.{signature[::-1]}",
                    f"{head}.",
                    owner[:-1],
                ),
                f"Basic {owner}",
                owner,
                f"Bearer  {owner}",
            ),
        )

    def role(self, request: Request) -> Role:
        """Return whom the server must take the sender of *request* for."""
        given = request.header("Authorization")
        known = {Role.OWNER: self.owners, Role.READER: self.readers, Role.OUTSIDER: self.outsiders}
        if len(given) == 1:
            for role, values in known.items():
                if given[0] in values:
                    return role
        return Role.STRANGER


def _bearers(*tokens: str) -> tuple[str, ...]:
    return tuple(f"Bearer {token}" for token in tokens)
