"""Whom roles can be given to: users and apps that are known here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class PrincipalKind(StrEnum):
    USER = "User"
    APP = "ServicePrincipal"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPrincipal:
    """*id* is the object id; *upn* a user's sign-in name, *app_id* an app's client id, "" where not known."""

    id: str
    tenant: str
    name: str
    kind: PrincipalKind
    upn: str = ""
    app_id: str = ""


class Principals(Protocol):
    def find(self, tenant: str, id: str) -> KnownPrincipal | None:
        """Return the principal of that object id, where it is registered. Reads a small file at most."""


class NobodyKnown:
    def find(self, tenant: str, id: str) -> KnownPrincipal | None:
        return None
