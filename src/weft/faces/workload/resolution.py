"""Endpoint resolution: the host is asked where a workload is served, and names itself."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from weft.contracts.workload import (
    EndpointResolutionRequest,
    EndpointResolutionResponse,
    NameValuePair,
    ResolutionContext,
)
from weft.faces.http import authority, bad_body, decode, shown
from weft.faces.workload.answers import Answer
from weft.faces.workload.call import Call
from weft.settings import HostSettings, Limits

_encode = msgspec.json.Encoder().encode
_MINUTE = timedelta(minutes=1)


class Resolution:
    def __init__(self, settings: HostSettings, limits: Limits) -> None:
        self._settings = settings
        self._limits = limits

    async def resolve(self, call: Call) -> Answer:
        """EndpointResolution_Resolve: whatever the context, the host that was asked."""
        request = decode(await call.body(self._limits), EndpointResolutionRequest)
        _check(request.context)
        ttl = self._settings.resolved_for // _MINUTE
        return Answer(200, _encode(EndpointResolutionResponse(self._url(call), ttl)))

    def _url(self, call: Call) -> str:
        scope = call.request.scope
        return self._settings.url or f"{scope['scheme']}://{authority(scope)}{scope.get('root_path', '')}"


def _check(context: list[NameValuePair]) -> None:
    """Raises Refused for a property that is not published, or is given twice."""
    published = [name.value for name in ResolutionContext]
    for number, pair in enumerate(context):
        field = f"context[{number}].name"
        if pair.name not in published:
            message = f"{field} is one of {', '.join(published)}, not {shown(pair.name)}"
            raise bad_body(field, message)
        if any(pair.name == other.name for other in context[:number]):
            raise bad_body(field, f"{field}: {shown(pair.name)} occurs twice")
