"""The addresses of the data plane, in the order of the published document; mounted at the root.

The faces share the root: whatever lies below the first words of these addresses is this face's to answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import BaseRoute

from weft.faces.routing import AnyCaseRoute, EveryPath, FaceMount
from weft.faces.twins.calls import Endpoint, Operation
from weft.faces.twins.face import TwinsFace

Operations = Mapping[str, Operation]

PREFIXES = ("/models", "/query", "/digitaltwins", "/jobs", "/eventroutes")

ADDRESSES: Mapping[str, Operations] = {}


def routes(twins: TwinsFace) -> list[BaseRoute]:
    """Return the routes at the root; every other path below PREFIXES is EndpointNotFound."""
    known = [AnyCaseRoute(path, Endpoint(twins, operations)) for path, operations in ADDRESSES.items()]
    nothing = EveryPath(Endpoint(twins, {}))
    return [*known, *(FaceMount(prefix, [nothing]) for prefix in PREFIXES)]
