"""Whom roles can be given to: users and apps that are known here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from weft.catalog.model import Principal


class PrincipalKind(StrEnum):
    USER = "User"
    APP = "ServicePrincipal"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPrincipal:
    """*id* is the object id; *upn* a user's sign-in name, *app_id* an app's client id, "" where not known."""

    id: str
    name: str
    kind: PrincipalKind
    upn: str = ""
    app_id: str = ""


class Principals(Protocol):
    def find(self, tenant: str, id: str) -> KnownPrincipal | None:
        """Return the principal of that object id, where it is registered. Reads a small file at most."""


def as_known(caller: Principal) -> KnownPrincipal:
    """Return *caller* as its token tells of it."""
    return KnownPrincipal(
        id=caller.id,
        name=caller.name,
        kind=PrincipalKind.APP if caller.is_app else PrincipalKind.USER,
        upn=caller.upn,
        app_id=caller.client_id,
    )
