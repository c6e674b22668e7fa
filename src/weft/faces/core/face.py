"""What the Core face works with: the engine, the catalog, and what composition tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from weft.auth.workload_control import ControlCaller
from weft.catalog.catalog import Catalog, random_id
from weft.catalog.item_types import Dedup, ItemType, RunsAs
from weft.catalog.model import Principal
from weft.catalog.roles import Roles
from weft.catalog.webhooks import Webhooks
from weft.contracts.core import InvokeType
from weft.engine.advancing import Advancing
from weft.engine.engine import Engine
from weft.engine.jobs import Job, JobKey
from weft.engine.ports import ChangeStore
from weft.engine.schedules import Schedules
from weft.faces.core.rates import Meter
from weft.faces.core.waits import Waits
from weft.settings import Limits, Pace


class Verifier(Protocol):
    """Says whose token it is."""

    def verify(self, authorization: list[str]) -> Principal:
        """Raises auth.errors.TokenRefused."""


class ControlVerifier(Protocol):
    """Says which workload calls, and for whom."""

    def verify(self, authorization: list[str]) -> ControlCaller:
        """Raises auth.errors.TokenRefused."""


class Directory(Protocol):
    """Knows what can run here. Names are found in any (ASCII) case, and returned as registered."""

    def find(self, name: str) -> ItemType | None: ...

    def item_type(self, name: str) -> str | None: ...

    def job_type(self, item_type: str, name: str) -> str | None: ...

    def dedup(self, item_type: str, invoke_type: InvokeType) -> Dedup: ...

    def runs_as(self, item_type: str, job_type: str) -> RunsAs | None:
        """Return what jobs of a mapped item type are at their workload; None: what they are here."""


def hosted_nowhere(job: Job) -> JobKey | None:
    return None


def registered_for_none(client_id: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreFace:
    """*secret* signs continuation tokens.

    *hosted_key* names the job of the workload queue that does the work of a Core job, where this server
    hosts it. *control* knows the callers of the workload control API; None: it is not served. *advancing*
    moves the server's clock on; None: it is that of the machine. *workload_of_app* names the workload that an
    app was registered for. *page_size* is how many entries a list answers at once. *meter* counts requests;
    None: everybody may make as many as they like.
    """

    engine: Engine
    schedules: Schedules
    catalog: Catalog
    roles: Roles
    webhooks: Webhooks
    verifier: Verifier
    directory: Directory
    pace: Pace
    limits: Limits
    secret: bytes
    hosted_key: Callable[[Job], JobKey | None] = hosted_nowhere
    control: ControlVerifier | None = None
    advancing: Advancing | None = None
    workload_of_app: Callable[[str], str | None] = registered_for_none
    new_id: Callable[[], str] = random_id
    page_size: int = 100
    meter: Meter | None = None
    waits: Waits = field(default_factory=Waits)
    changes: ChangeStore
