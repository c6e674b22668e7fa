"""The home tenant: one id, kept in the data directory, customer and publisher tenant at once."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from weft.auth.errors import DataRefused
from weft.auth.private_files import made_once, private_directory
from weft.catalog.ids import is_canonical


@dataclass(frozen=True, slots=True)
class Home:
    """*tenant* is a canonical lower-case UUID."""

    tenant: str

    @classmethod
    def open(cls, data: Path) -> Self:
        """Return the home of the data directory, made now if it has none; raises DataRefused."""
        path = private_directory(data) / "tenant"
        tenant = made_once(path, _new_tenant).decode("ascii", "replace").strip()
        if not is_canonical(tenant):
            raise DataRefused(f"{path} holds no tenant id (a lower-case UUID)")
        return cls(tenant)


def _new_tenant() -> bytes:
    return f"{uuid.uuid4()}\n".encode()
