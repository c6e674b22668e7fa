"""The addresses of the data plane, in the order of the published document; mounted at the root.

The faces share the root: whatever lies below the first words of these addresses is this face's to answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from starlette.routing import BaseRoute

from weft.faces.routing import AnyCaseRoute, EveryPath, FaceMount
from weft.faces.twins import deletions, imports, models, query
from weft.faces.twins import twins as digital_twins
from weft.faces.twins.access import DataRole
from weft.faces.twins.calls import Endpoint, Handler, Operation
from weft.faces.twins.face import TwinsFace
from weft.twins.query.models import CurrentModels
from weft.twins.query.queries import Queries

Operations = Mapping[str, Operation]

PREFIXES = ("/models", "/query", "/digitaltwins", "/jobs", "/eventroutes")

IMPORT = f"{imports.PATH}/{{id}}"


def _job(handle: Handler, needs: DataRole) -> Operation:
    return Operation(handle, needs, is_job=True)


JOBS: Mapping[str, Operations] = {
    imports.PATH: {"GET": _job(imports.list_all, DataRole.READER)},
    IMPORT: {
        "GET": _job(imports.get, DataRole.READER),
        "PUT": _job(imports.add, DataRole.OWNER),
        "DELETE": _job(imports.delete, DataRole.OWNER),
    },
    f"{IMPORT}/cancel": {"POST": _job(imports.cancel, DataRole.OWNER)},
    deletions.PATH: {
        "GET": _job(deletions.list_all, DataRole.READER),
        "POST": _job(deletions.add, DataRole.OWNER),
    },
    f"{deletions.PATH}/{{id}}": {"GET": _job(deletions.get, DataRole.READER)},
}

TWIN = f"/{digital_twins.ROOT}/{{id}}"


def routes(twins: TwinsFace) -> list[BaseRoute]:
    """Return the routes at the root; every other path below PREFIXES is EndpointNotFound."""
    addresses = {**_graph(twins), **JOBS}
    known = [AnyCaseRoute(path, Endpoint(twins, operations)) for path, operations in addresses.items()]
    nothing = EveryPath(Endpoint(twins, {}))
    return [*known, *(FaceMount(prefix, [nothing]) for prefix in PREFIXES)]


def _graph(twins: TwinsFace) -> Mapping[str, Operations]:
    current = CurrentModels(twins.graph)
    queries = Queries(current, twins.query_limits)
    return {
        models.PATH: {"GET": _read(partial(models.list_all, current))},
        f"{models.PATH}/{{id}}": {"GET": _read(models.get)},
        query.PATH: {"POST": _read(partial(query.select, queries))},
        TWIN: {"GET": _read(digital_twins.get)},
        f"{TWIN}/relationships": {"GET": _read(digital_twins.relationships)},
        f"{TWIN}/relationships/{{relationshipId}}": {"GET": _read(digital_twins.relationship)},
        f"{TWIN}/incomingrelationships": {"GET": _read(digital_twins.incoming)},
    }


def _read(handle: Handler) -> Operation:
    return Operation(handle, DataRole.READER)
