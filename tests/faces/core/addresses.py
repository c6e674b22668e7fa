"""Every operation of Core, and of weft's additions to it, as a request that can be sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.faces.core.scheduling import body, scheduled
from tests.faces.core.serving import Place, Served
from weft.catalog.model import Role
from weft.faces.core import extra, routes

COLLECTION: Final = "notebooks"
OF_THE_TYPE: Final = ("Notebook", "RunNotebook")
ANY: Final = ("Contoso.FinanceAnalytics.Forecast", "calculateForecast")
PART: Final = {"path": "a.json", "payload": "e30=", "payloadType": "InlineBase64"}
HOOK: Final = "http://127.0.0.1:9000/hook"
NEW: Final = "63f77191-432d-4ee6-9c5f-31a1a6987072"

_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_BODIES: Final[Mapping[tuple[str, str], Any]] = {
    ("PATCH", "workspaces/{}"): {"displayName": "other"},
    ("POST", "assignToCapacity"): {"capacityId": NEW},
    ("POST", "items"): {"displayName": "new", "type": "Notebook"},
    ("POST", "{}"): {"displayName": "new"},
    ("PATCH", "{}"): {"displayName": "other"},
    ("POST", "bulkExportDefinitions"): {"mode": "All"},
    ("POST", "updateDefinition"): {"definition": {"parts": [PART]}},
    ("POST", "move"): {},
    ("POST", "schedules"): body(),
    ("PATCH", "schedules/{}"): body(enabled=False),
    ("POST", "roleAssignments"): {"principal": {"id": NEW, "type": "User"}, "role": "Viewer"},
    ("PATCH", "roleAssignments/{}"): {"role": "Viewer"},
    ("POST", "folders"): {"displayName": "new"},
    ("POST", "webhooks"): {"url": HOOK},
    ("PATCH", "webhooks/{}"): {"enabled": False},
}


@dataclass(frozen=True)
class Request:
    """*path* has parameters in braces, as a route has."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_typed(self) -> bool:
        return "{collection}" in self.path

    @property
    def parameters(self) -> set[str]:
        return set(_PARAMETER.findall(self.path))

    @property
    def body(self) -> Any:
        end = _PARAMETER.sub("{}", self.path).split("/")
        return _BODIES.get((self.method, "/".join(end[-2:]))) or _BODIES.get((self.method, end[-1]))

    def target(self, values: Mapping[str, str]) -> str:
        path = _PARAMETER.sub(lambda named: values[named[1]], self.path)
        by_query = self.method == "POST" and path.endswith("/jobs/instances")
        return f"{path}?jobType={values['jobType']}" if by_query else path


EVERY: Final = [
    Request(method, _PARAMETER.sub(r"{\1}", f"{prefix}{path}"))
    for prefix, addresses in (("/v1", routes.ALL), ("/weft/v1", extra.ADDRESSES))
    for path, operations in addresses.items()
    for method in operations
]
OF_A_WORKSPACE: Final = [request for request in EVERY if "workspaceId" in request.parameters]


@dataclass(frozen=True)
class Things:
    """A workspace with something of everything. *typed*: an item of the collection, and what is its own."""

    workspace: str
    common: Mapping[str, str]
    untyped: Mapping[str, str]
    typed: Mapping[str, str]
    place: Place

    def of(self, request: Request, **other: str) -> str:
        own = self.typed if request.is_typed else self.untyped
        return request.target({**self.common, **own, **other})


async def things(served: Served, name: str = "plans", **how: Any) -> Things:
    """Make all that addresses can name."""
    workspace = await served.made("/v1/workspaces", {"displayName": name}, **how)
    folder = await served.made(f"/v1/workspaces/{workspace}/folders", {"displayName": "a folder"}, **how)
    webhook = await served.made(f"/v1/workspaces/{workspace}/webhooks", {"url": HOOK}, **how)
    await served.grant(Place(workspace, ""), "colleague", Role.VIEWER)
    later = await served.call(
        "POST",
        f"/v1/workspaces/{workspace}/items",
        {"displayName": "later", "type": "Notebook", "definition": {"parts": [PART]}},
        **how,
    )
    untyped = await _item(served, workspace, *ANY, **how)
    typed = await _item(served, workspace, *OF_THE_TYPE, **how)
    common = {
        "workspaceId": workspace,
        "folderId": folder,
        "webhookId": webhook,
        "workspaceRoleAssignmentId": served.user_id("colleague"),
        "collection": COLLECTION,
        "capacityId": NEW,
        "operationId": str(later.header("x-ms-operation-id")),
    }
    return Things(workspace, common, untyped, typed, Place(workspace, untyped["itemId"]))


async def _item(
    served: Served, workspace: str, item_type: str, job_type: str, **how: Any
) -> Mapping[str, str]:
    place = Place(workspace, await served.item(workspace, item_type, item_type=item_type, **how))
    schedule = await scheduled(served, place, job_type=job_type)
    job = await served.run(place, job_type, **how)
    return {
        "itemId": place.item,
        "jobType": job_type,
        "jobInstanceId": job,
        "scheduleId": schedule.rpartition("/")[2],
    }
