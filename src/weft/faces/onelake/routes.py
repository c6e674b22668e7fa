"""The routes of the OneLake face: one, for all that is asked is a path of somebody's."""

from __future__ import annotations

from starlette.routing import BaseRoute

from weft.faces.onelake import reading, writing
from weft.faces.onelake.calls import Endpoint
from weft.faces.onelake.face import OneLakeFace
from weft.faces.routing import EveryPath


def routes(lake: OneLakeFace) -> list[BaseRoute]:
    operations = {
        "GET": reading.get,
        "HEAD": reading.head,
        "PUT": writing.put,
        "PATCH": writing.patch,
        "DELETE": writing.delete,
    }
    return [EveryPath(Endpoint(lake, operations))]
