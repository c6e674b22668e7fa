"""The addresses of the Core API, in the order of the published document; mounted at `/v1`."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import BaseRoute

from weft.faces.core import (
    access,
    capacities,
    control,
    definitions,
    folders,
    instances,
    items,
    jobs,
    notebooks,
    operations,
    roles,
    schedules,
    typed,
    watching,
    webhooks,
    workspaces,
)
from weft.faces.core.calls import Endpoint, Operation
from weft.faces.core.face import CoreFace
from weft.faces.core.rates import kind_of
from weft.faces.routing import AnyCaseRoute, EveryPath

Operations = Mapping[str, Operation]

WORKSPACE = "/workspaces/{workspaceId}"
ITEM = f"{WORKSPACE}/items/{{itemId}}"
TYPED = f"{WORKSPACE}{typed.TYPED}"

# `instances` is no job type: addresses that say so come first.
JOBS: dict[str, Operations] = {
    "/jobs/instances": {
        "GET": Operation(jobs.list_all, access.READ_ITEMS),
        "POST": Operation(jobs.run_by_query, access.RUN_JOBS, starts_job=True),
    },
    "/jobs/instances/{jobInstanceId}": {"GET": Operation(jobs.get, access.READ_ITEMS)},
    "/jobs/instances/{jobInstanceId}/cancel": {"POST": Operation(jobs.cancel, access.RUN_JOBS)},
    "/jobs/{jobType}/instances": {"POST": Operation(jobs.run, access.RUN_JOBS, starts_job=True)},
    "/jobs/instances/{jobInstanceId}/rerun": {
        "POST": Operation(jobs.rerun, access.RUN_JOBS, starts_job=True)
    },
}

ADDRESSES: Mapping[str, Operations] = {
    "/workspaces": {
        "GET": Operation(workspaces.list_all, access.READ_WORKSPACES),
        "POST": Operation(workspaces.create, access.WRITE_WORKSPACES),
    },
    WORKSPACE: {
        "GET": Operation(workspaces.get, access.READ_WORKSPACES),
        "PATCH": Operation(workspaces.update, access.WRITE_WORKSPACES),
        "DELETE": Operation(workspaces.delete, access.WRITE_WORKSPACES),
    },
    f"{WORKSPACE}/assignToCapacity": {"POST": Operation(workspaces.assign, access.ASSIGN_CAPACITY)},
    f"{WORKSPACE}/unassignFromCapacity": {"POST": Operation(workspaces.unassign, access.ASSIGN_CAPACITY)},
    f"{WORKSPACE}/items": {
        "GET": Operation(items.list_all, access.LIST_ITEMS),
        "POST": Operation(items.create, access.WRITE_ITEMS),
    },
    f"{WORKSPACE}/items/bulkExportDefinitions": {
        "POST": Operation(definitions.export, access.EXPORT_ITEMS, has_preview=True)
    },
    ITEM: {
        "GET": Operation(items.get, access.READ_ITEMS),
        "PATCH": Operation(items.update, access.WRITE_ITEMS),
        "DELETE": Operation(items.delete, access.WRITE_ITEMS),
    },
    f"{ITEM}/getDefinition": {"POST": Operation(definitions.get, access.WRITE_ITEMS)},
    f"{ITEM}/updateDefinition": {"POST": Operation(definitions.update, access.WRITE_ITEMS)},
    f"{ITEM}/move": {"POST": Operation(items.move, access.WRITE_WORKSPACES)},
}

# What is asked most comes first: addresses are tried one after the other.
ALL: Mapping[str, Operations] = {
    **{f"{ITEM}{address}": of_job for address, of_job in JOBS.items()},
    **ADDRESSES,
    **{f"{ITEM}{address}": of_schedule for address, of_schedule in schedules.ADDRESSES.items()},
    **{f"{WORKSPACE}{address}": of_role for address, of_role in roles.ADDRESSES.items()},
    **{f"{WORKSPACE}{address}": of_folder for address, of_folder in folders.ADDRESSES.items()},
    **capacities.ADDRESSES,
    **operations.ADDRESSES,
    **instances.ADDRESSES,
    **watching.ADDRESSES,
    **webhooks.ADDRESSES,
    **{f"{WORKSPACE}{address}": of_type for address, of_type in notebooks.ADDRESSES.items()},
    **{f"{TYPED}{address}": of_job for address, of_job in (JOBS | schedules.ADDRESSES).items()},
    **{f"{WORKSPACE}{address}": of_type for address, of_type in typed.ADDRESSES.items()},
}


def routes(core: CoreFace) -> list[BaseRoute]:
    """Return the routes below `/v1`; every other path below it is EndpointNotFound."""
    return [*control.routes(core), *routes_of(core, ALL)]


def no_route(core: CoreFace) -> BaseRoute:
    """Return the route for what belongs to no face: told in Core's words, and only to who shows a token."""
    return EveryPath(Endpoint(core, {}))


def routes_of(core: CoreFace, addresses: Mapping[str, Operations]) -> list[BaseRoute]:
    known = [
        AnyCaseRoute(path, Endpoint(core, operations, kind_of(path)))
        for path, operations in addresses.items()
    ]
    return [*known, EveryPath(Endpoint(core, {}))]
