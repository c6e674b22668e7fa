"""Users and apps that are registered in the data directory; no server is needed for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from weft.auth.apps import Apps
from weft.auth.errors import DataRefused
from weft.auth.home import Home
from weft.auth.registers import NotRegistered
from weft.auth.users import Users
from weft.catalog.ids import is_uuid
from weft.cli.errors import CommandFailed, Misused
from weft.settings import data_directory


@dataclass(frozen=True, slots=True)
class Registered:
    users: Users
    apps: Apps
    tenant: str


@contextmanager
def registered(data: Path | None) -> Iterator[Registered]:
    """Raises Misused where what is asked of them is refused, CommandFailed where they cannot be read."""
    directory = data_directory(data)
    try:
        tenant = Home.open(directory).tenant
        yield Registered(Users(directory, tenant), Apps(directory, tenant), tenant)
    except NotRegistered as refused:
        raise Misused(str(refused)) from None
    except (DataRefused, OSError) as refused:
        raise CommandFailed(f"cannot use the data directory: {refused}") from None


def find_principal(data: Path | None, given: str) -> str:
    """Return the object id of the user or app of that name, or *given* itself where it is an id.

    Raises CommandFailed where none has the name, or a user and an app.
    """
    if is_uuid(given):
        return given.lower()
    with registered(data) as known:
        users, apps = known.users.all(), known.apps.all()
    ids = [one.object_id for one in users if one.name == given]
    ids += [one.object_id for one in apps if one.name == given]
    if not ids:
        raise CommandFailed(
            f"no user and no app {given!r} is registered; see: weft user create, weft app create"
        )
    if len(ids) > 1:
        raise CommandFailed(f"a user and an app are named {given!r}; give one of the ids {', '.join(ids)}")
    return ids[0]
