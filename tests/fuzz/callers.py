"""Who calls: of the Twins face owners, a reader and strangers; of the others whoever may, and who may not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from tests.fuzz import workload as fuzzed
from tests.fuzz.message import Request
from tests.torture import workload as torture
from weft.auth.home import Home
from weft.auth.issuer import (
    CORE_AUDIENCES,
    CORE_SCOPES,
    TWINS_AUDIENCES,
    Delegate,
    Issuer,
    app_object_id,
    user_id,
)
from weft.auth.keys import Keys
from weft.auth.resources import STORAGE_AUDIENCE
from weft.auth.workload_control import workload_app_id
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


@dataclass(frozen=True)
class Rights:
    """Values of `Authorization` for the faces beside: *control* is a workload's that asks for permissions.

    *hooked* calls the workload with hooks, *nobody* the other one for no user.
    *foreign_storage* is of another tenant.
    """

    hooked: str
    nobody: str
    control: str
    storage: str
    foreign_storage: str

    @property
    def hosts(self) -> frozenset[str]:
        return frozenset((self.hooked, self.nobody))

    @property
    def entitled(self) -> dict[str, frozenset[str]]:
        return {"core": frozenset((self.control,)), "onelake": frozenset((self.storage,))}

    @classmethod
    def sign(cls, data: Path) -> Rights:
        home = Home.open(data)
        issuer = Issuer(Keys.open(data), SystemClock(), home)
        day = timedelta(days=1)
        storage = issuer.core_token("admin", lifetime=day, audience=STORAGE_AUDIENCE)
        foreign = issuer.core_token("admin", OTHER_TENANT, lifetime=day, audience=STORAGE_AUDIENCE)
        return cls(
            hooked=issuer.subject_and_app(fuzzed.NAME, "admin", lifetime=day),
            nobody=issuer.subject_and_app(torture.NAME, "", lifetime=day),
            control=_control(issuer, home.tenant, day),
            storage=f"Bearer {storage}",
            foreign_storage=f"Bearer {foreign}",
        )


def _control(issuer: Issuer, tenant: str, lifetime: timedelta) -> str:
    """Return what the workload that owns the item shows, for the person who made it."""
    client, audience = workload_app_id(tenant, torture.NAME), CORE_AUDIENCES[0]
    person = Delegate(tenant=tenant, user=user_id(tenant, "admin"), name="admin", upn="admin@weft.local")
    subject = issuer.delegated_token(person, client, CORE_SCOPES, audience=audience, lifetime=lifetime)
    object_id = app_object_id(tenant, torture.NAME)
    app = issuer.app_token(client, object_id, torture.NAME, tenant, audience=audience, lifetime=lifetime)
    return f'SubjectAndAppToken1.0 subjectToken="{subject}", appToken="{app}"'


def _bearers(*tokens: str) -> tuple[str, ...]:
    return tuple(f"Bearer {token}" for token in tokens)
