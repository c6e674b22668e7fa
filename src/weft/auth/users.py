"""Registered users: who can be given roles. Tokens are signed for any name, registered or not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from weft.auth.issuer import upn_of, user_id
from weft.auth.registers import LONGEST_NAME, NotRegistered, Register, name_fault

ADMIN: Final = "admin"
MOST_USERS: Final = 1000


class UserRefused(NotRegistered):
    """A user that cannot be registered as asked, or is not known."""


class RegisteredUser(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """*object_id* is whom roles are given to: that of the tokens of `weft token --user NAME`."""

    name: str
    object_id: str
    upn: str
    created_at: datetime | None = None


class _Kept(msgspec.Struct):
    users: list[RegisteredUser] = []


class Users:
    """The users of the home *tenant*, in `users.json` of the data directory, and the built-in `admin`."""

    def __init__(self, data: Path, tenant: str) -> None:
        self._register = Register(data, "users", _Kept)
        self._tenant = tenant
        self._admin = self._named(ADMIN, upn_of(ADMIN), None)
        self._indexed: _Kept | None = None
        self._known: dict[str, RegisteredUser] = {}

    def all(self) -> list[RegisteredUser]:
        """Return all users by name. Raises DataRefused."""
        return sorted((self._admin, *self._register.read().users), key=lambda user: user.name)

    def find(self, object_id: str) -> RegisteredUser | None:
        """Raises DataRefused."""
        kept = self._register.current()
        if kept is not self._indexed:
            self._known = {user.object_id: user for user in (self._admin, *kept.users)}
            self._indexed = kept
        return self._known.get(object_id)

    def create(self, name: str, *, upn: str | None = None) -> RegisteredUser:
        """Register a user, who signs in as *upn* [NAME@weft.local]. Raises UserRefused, DataRefused."""
        if fault := name_fault(name):
            raise UserRefused(fault)
        user = self._named(name, upn_of(name) if upn is None else _checked_upn(upn), _now())
        with self._register.changing() as kept:
            _check_new(user, [self._admin, *kept.users])
            kept.users.append(user)
        return user

    def delete(self, named: str) -> RegisteredUser:
        """Forget the user of that name or object id; roles stay until they are taken.

        Raises UserRefused, DataRefused.
        """
        if named in (self._admin.name, self._admin.object_id):
            raise UserRefused(f"the user {ADMIN!r} is built in")
        with self._register.changing() as kept:
            found = next((user for user in kept.users if named in (user.name, user.object_id)), None)
            if found is None:
                raise UserRefused(f"no user {named!r} is registered")
            kept.users.remove(found)
        return found

    def _named(self, name: str, upn: str, at: datetime | None) -> RegisteredUser:
        return RegisteredUser(name=name, object_id=user_id(self._tenant, name), upn=upn, created_at=at)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _checked_upn(upn: str) -> str:
    local, _, domain = upn.partition("@")
    fits = len(upn) <= LONGEST_NAME and upn.isprintable() and " " not in upn
    if not (fits and local and domain and "@" not in domain):
        raise UserRefused(f"the sign-in name must be as ann@contoso.com, not {upn!r}")
    return upn


def _check_new(user: RegisteredUser, known: list[RegisteredUser]) -> None:
    if len(known) > MOST_USERS:
        raise UserRefused(f"{MOST_USERS} users are registered; delete one first")
    for other in known:
        if other.name == user.name:
            raise UserRefused(f"a user {user.name!r} is registered already")
        if other.upn.lower() == user.upn.lower():
            raise UserRefused(f"the sign-in name {user.upn} is that of the user {other.name!r}")
