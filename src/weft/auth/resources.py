"""Which audiences the local issuer gives tokens for, and what scopes name them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from weft.auth.apps import Apps
from weft.auth.issuer import CORE_AUDIENCES, CORE_SCOPES, TWINS_AUDIENCES, TWINS_SCOPES
from weft.auth.subject_and_app import FABRIC_APP

STORAGE_AUDIENCE: Final = "https://storage.azure.com"
# Nothing of ours takes it, but the Fabric CLI signs in only where it gets a token for it as well.
MANAGEMENT_AUDIENCE: Final = "https://management.azure.com"
USER_IMPERSONATION: Final = "user_impersonation"
DEFAULT: Final = ".default"
OF_THE_PROTOCOL: Final = frozenset(("openid", "profile", "email", "offline_access"))

_STORAGE_APP: Final = "e406a681-f3d4-42a8-90b6-c2b029497af1"
_SCOPE_NAME = re.compile(r"[A-Za-z0-9._-]{1,120}")


@dataclass(frozen=True, slots=True)
class Resource:
    """*scopes*: all that it has, None where they are not known: then any may be asked for."""

    audience: str
    scopes: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: *scopes* are those of delegated tokens. *protocol*: `openid` and its like."""

    resource: Resource
    scopes: tuple[str, ...]
    protocol: frozenset[str]


class ScopeRefused(Exception):
    """*error* and *code* are Entra's."""

    def __init__(self, error: str, code: int, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.code = code
        self.message = message


_SERVICES: Final = {
    **{audience: Resource(audience, CORE_SCOPES) for audience in CORE_AUDIENCES},
    FABRIC_APP: Resource(CORE_AUDIENCES[1], CORE_SCOPES),
    STORAGE_AUDIENCE: Resource(STORAGE_AUDIENCE, (USER_IMPERSONATION,)),
    _STORAGE_APP: Resource(STORAGE_AUDIENCE, (USER_IMPERSONATION,)),
    MANAGEMENT_AUDIENCE: Resource(MANAGEMENT_AUDIENCE, (USER_IMPERSONATION,)),
    **{audience: Resource(audience, TWINS_SCOPES) for audience in TWINS_AUDIENCES},
}


class Resources:
    """What weft answers for, the registered apps, and *workloads*: the resource ids of hosted ones."""

    def __init__(self, apps: Apps, workloads: Collection[str] = ()) -> None:
        self._apps = apps
        self._workloads = frozenset(workloads)

    def for_app(self, scope: str) -> Resource:
        """Return what an app asks for with *scope*: all that it may do there. Raises ScopeRefused."""
        wanted = _named(scope)
        if len(wanted) != 1 or wanted[0][1] != DEFAULT:
            raise ScopeRefused(
                "invalid_scope",
                1002012,
                f"The provided value for scope {scope} is not valid. Client credential flows must have a "
                "scope value with /.default suffixed to the resource identifier (application ID URI).",
            )
        return self.named(wanted[0][0])

    def for_person(self, scope: str) -> Wanted:
        """Return what is asked for on behalf of a person. Raises ScopeRefused."""
        wanted = _named(scope)
        names = dict.fromkeys(resource for resource, _ in wanted)
        if len(names) != 1:
            raise ScopeRefused(
                "invalid_scope",
                28000 if names else 70011,
                f"Provided value for the input parameter scope {scope} is not valid: name one resource.",
            )
        resource = self.named(wanted[0][0])
        scopes = [one for _, permission in wanted for one in _scopes(resource, permission)]
        return Wanted(
            resource, tuple(dict.fromkeys(scopes)), OF_THE_PROTOCOL.intersection(scope.lower().split())
        )

    def named(self, name: str) -> Resource:
        """Return the resource of that id, with or without a slash at its end. Raises ScopeRefused."""
        known = name.rstrip("/")
        service = _SERVICES.get(known.lower())
        if service is not None:
            return service
        if known in self._workloads or self._apps.of_resource(known) is not None:
            return Resource(known, None)
        raise ScopeRefused(
            "invalid_resource",
            500011,
            f"The resource principal named {name} was not found in the tenant. The local issuer knows "
            "Fabric, Power BI, Azure Storage, Azure's management, Digital Twins, the workloads it hosts and "
            "the registered apps.",
        )


def _named(scope: str) -> list[tuple[str, str]]:
    """Return resource and permission of each scope that is not the protocol's."""
    named = [one for one in scope.split() if one.lower() not in OF_THE_PROTOCOL]
    return [_split(one) for one in named]


def _split(scope: str) -> tuple[str, str]:
    resource, slash, permission = scope.rpartition("/")
    return (resource, permission) if slash else ("https://graph.microsoft.com", scope)


def _scopes(resource: Resource, permission: str) -> Sequence[str]:
    if permission == DEFAULT:
        return resource.scopes or (USER_IMPERSONATION,)
    if resource.scopes is None and _SCOPE_NAME.fullmatch(permission):
        return (permission,)
    found = [known for known in resource.scopes or () if known.lower() == permission.lower()]
    if not found:
        raise ScopeRefused(
            "invalid_scope",
            650053,
            f"The application asked for scope '{permission}' that doesn't exist on the resource "
            f"'{resource.audience}'.",
        )
    return found
