"""Where a workload's backend is, and what proves to it who calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from weft.engine.jobs import Job


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a workload's backend is. *base_url* has no slash at its end."""

    base_url: str
    workload: str


class Directory(Protocol):
    def endpoint(self, item_type: str) -> Endpoint | None:
        """Return where jobs of *item_type* are sent, or None where no workload owns it."""


class Credentials(Protocol):
    def headers(self, job: Job) -> Mapping[str, str]:
        """Return what proves to the workload who calls, for whom and for which tenant, fresh for one call."""
