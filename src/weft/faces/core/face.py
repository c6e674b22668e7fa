"""What the Core face works with: the engine, the catalog, and what composition tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from weft.catalog.catalog import Catalog, random_id
from weft.catalog.model import Principal
from weft.engine.engine import Engine
from weft.engine.jobs import Job, JobKey
from weft.settings import Limits, Pace


class Verifier(Protocol):
    """Says whose token it is."""

    def verify(self, authorization: list[str]) -> Principal:
        """Raises auth.errors.TokenRefused."""


class Directory(Protocol):
    """Knows what can run here. Names are found in any (ASCII) case, and returned as registered."""

    def item_type(self, name: str) -> str | None: ...

    def job_type(self, item_type: str, name: str) -> str | None: ...


def hosted_nowhere(job: Job) -> JobKey | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreFace:
    """*secret* signs continuation tokens.

    *hosted_key* names the job of the workload queue that does the work of a Core job, where this server
    hosts it. *page_size* is how many entries a list answers at once.
    """

    engine: Engine
    catalog: Catalog
    verifier: Verifier
    directory: Directory
    pace: Pace
    limits: Limits
    secret: bytes
    hosted_key: Callable[[Job], JobKey | None] = hosted_nowhere
    new_id: Callable[[], str] = random_id
    page_size: int = 100
