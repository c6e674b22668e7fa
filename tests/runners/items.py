"""An item, its people, and a lifecycle client in front of a workload with faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from tests.runners.fault_server import FaultServer
from weft.catalog.item_types import Backend
from weft.catalog.model import Item, Principal
from weft.engine.clock import SystemClock
from weft.runners.workload_endpoint import Credentials, Person
from weft.runners.workload_lifecycle import WorkloadLifecycle
from weft.runners.workload_line import Line
from weft.settings import CallerSettings

TENANT = "11111111-2222-4333-8444-555555555555"
ADA = Principal(
    id="0a0a0a0a-2222-4333-8444-555555555555", tenant=TENANT, name="Ada", is_app=False, scopes=frozenset()
)
NOBODY = Principal(id="", tenant=TENANT, name="", is_app=False, scopes=frozenset())
ITEM = Item(
    id="b14cb7e7-d346-4751-9cfd-8c2767d53111",
    workspace="e5ef604d-e14f-4a59-9133-75d5a0cb9334",
    type="Contoso.FinanceAnalytics.Forecast",
    display_name="Sales",
    description="Of the north",
    created_at=datetime(2026, 3, 1, tzinfo=UTC),
)
ITEM_PATH = f"/workload/workspaces/{ITEM.workspace}/items/{ITEM.type}/{ITEM.id}"
SETTINGS = CallerSettings(
    call_timeout=timedelta(seconds=0.5),
    lifecycle_timeout=timedelta(seconds=5),
    backoff_first=timedelta(seconds=0.02),
    backoff_most=timedelta(seconds=0.3),
)


class Noting:
    """Credentials that note for whom they were asked."""

    def __init__(self) -> None:
        self.people: list[Person] = []

    def authorization(self, backend: Backend, person: Person) -> str:
        self.people.append(person)
        return "SubjectAndAppToken1.0 secret"


@asynccontextmanager
async def telling(
    workload: FaultServer, settings: CallerSettings = SETTINGS, credentials: Credentials | None = None
) -> AsyncIterator[WorkloadLifecycle]:
    line = Line(settings, credentials=credentials or workload, clock=SystemClock(), resolver=workload)
    async with workload:
        try:
            await line.open()
            yield WorkloadLifecycle(settings, directory=workload, line=line)
        finally:
            await line.close()
