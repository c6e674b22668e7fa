"""What the Twins face works with: the engine, the graph, the blobs, and what composition tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from weft.catalog.model import Principal
from weft.engine.engine import Engine
from weft.faces.twins.blobs import Blobs
from weft.faces.twins.rate import Unlimited
from weft.settings import Limits, Pace, TwinsSettings
from weft.twins.bulk_jobs import BulkJobs
from weft.twins.graph import Graph
from weft.twins.query.limits import LOCAL
from weft.twins.query.limits import Limits as QueryLimits


class Verifier(Protocol):
    """Says whose token it is."""

    def verify(self, authorization: list[str]) -> Principal:
        """Raises auth.errors.TokenRefused."""


class Rate(Protocol):
    """Says whether a call of the Jobs API comes too early after the last one."""

    def take(self) -> None:
        """Raises rate.TooFast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinsFace:
    """*tenant* is the home tenant: nobody of another one is let in. *secret* signs continuation tokens.

    *page_size* is how many entries a list answers at once, at most.
    """

    engine: Engine
    bulk: BulkJobs
    graph: Graph
    blobs: Blobs
    verifier: Verifier
    tenant: str
    pace: Pace
    limits: Limits
    settings: TwinsSettings
    secret: bytes
    rate: Rate = field(default_factory=Unlimited)
    page_size: int = 100
    query_limits: QueryLimits = LOCAL
