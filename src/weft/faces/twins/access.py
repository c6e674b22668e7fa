"""What a caller may do: the two built-in roles of the data plane, read from the token.

A server has no role assignments. A delegated token has what its scope allows, and an app all there is.
"""

from __future__ import annotations

from enum import IntEnum

from weft.catalog.model import Principal

WRITE_SCOPE = "Read.Write"
READ_SCOPE = "Read"


class DataRole(IntEnum):
    """A greater role may do all that a lesser one may."""

    READER = 1
    OWNER = 2

    @property
    def title(self) -> str:
        return f"Azure Digital Twins Data {self.name.capitalize()}"


class WrongTenant(Exception):
    """The caller belongs to a tenant whose instance this is not."""


class RoleMissing(Exception):
    def __init__(self, needed: DataRole) -> None:
        super().__init__(f"needs the role {needed.title}")
        self.needed = needed


def check_role(caller: Principal, needed: DataRole) -> None:
    """Raises RoleMissing."""
    role = _role_of(caller)
    if role is None or role < needed:
        raise RoleMissing(needed)


def check_tenant(caller: Principal, home: str) -> None:
    """Raises WrongTenant."""
    if caller.tenant != home:
        raise WrongTenant


def _role_of(caller: Principal) -> DataRole | None:
    if caller.is_app or WRITE_SCOPE in caller.scopes:
        return DataRole.OWNER
    return DataRole.READER if READ_SCOPE in caller.scopes else None
