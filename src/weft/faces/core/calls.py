"""One call of the Core face: who calls, what is asked, and how the answer leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from weft.catalog.model import Principal
from weft.faces import paging
from weft.faces.core import answers
from weft.faces.core.access import Scopes
from weft.faces.core.errors import EXPECTED, EndpointNotFound, MethodNotAllowed, answer
from weft.faces.core.face import CoreFace
from weft.faces.http import Refusal, Refused, authority, canonical_uuid, read_json, shown

PREFIX = "/v1"


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose caller is known and whose scopes may suffice. *id* is its RequestId."""

    core: CoreFace
    request: Request
    id: str
    caller: Principal
    scopes: Scopes

    def path_id(self, name: str) -> str:
        """Return a UUID of the path in its canonical spelling. Raises Refused."""
        return canonical_uuid(self.request.path_params[name], name)

    def query(self, name: str) -> str | None:
        """Raises Refused where the parameter is given twice."""
        given = self.request.query_params.getlist(name)
        if len(given) > 1:
            raise Refused(Refusal.BAD_PARAMETER, name, f"the parameter {name} is given {len(given)} times")
        return given[0] if given else None

    async def body(self) -> bytes:
        """Return the body as checked JSON text, or `b""`. Raises Refused."""
        limits = self.core.limits
        return await read_json(
            self.request,
            limit_bytes=limits.body_bytes,
            heard_out_bytes=limits.hosted_body_bytes,
            seconds=limits.body_seconds,
        )

    def url(self, path: str) -> str:
        """Return the URL of *path* at the address that the caller used."""
        scope = self.request.scope
        return f"{scope['scheme']}://{authority(scope)}{PREFIX}{path}"

    @property
    def retry_after(self) -> dict[str, str]:
        return {"Retry-After": str(self.core.pace.retry_after_seconds)}

    def position(self, listing: str) -> int | None:
        """Return where a list goes on, or None at its beginning. Raises Refused for a foreign token."""
        token = self.query(paging.PARAMETER)
        if token is None:
            return None
        return paging.position_of(self.core.secret, listing, self.caller, token)

    def onward(
        self, listing: str, last: int, path: str, query: Mapping[str, str] | None = None
    ) -> tuple[str, str]:
        """Return token and address of what follows entry number *last* of *listing*."""
        token = paging.mint(self.core.secret, listing, self.caller, last)
        continued = urlencode({**(query or {}), paging.PARAMETER: token})
        return token, self.url(f"{path}?{continued}")


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    handle: Handler
    scopes: Scopes


class Endpoint:
    """An address as an ASGI application: one operation a method, every other method is refused.

    The token is looked at before all else, so that nothing can be learnt without one.
    """

    def __init__(self, core: CoreFace, operations: Mapping[str, Operation]) -> None:
        self._core = core
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        id = self._core.new_id()
        try:
            response = await self._respond(request, id)
        except EXPECTED as error:
            response = answer(error, id)
        except ClientDisconnect:
            return  # nobody is left to answer
        answers.dress(response, id, secure=scope["scheme"] == "https")
        await response(scope, receive, send)

    async def _respond(self, request: Request, id: str) -> Response:
        caller = self._core.verifier.verify(request.headers.getlist("authorization"))
        if not self._operations:
            raise EndpointNotFound
        operation = self._operations.get(request.method)
        if operation is None:
            raise MethodNotAllowed(request.method, tuple(sorted(self._operations)))
        operation.scopes.check(caller)
        call = Call(self._core, request, id, caller, operation.scopes)
        _refuse_beta(call)
        return await operation.handle(call)


def _refuse_beta(call: Call) -> None:
    """A caller who wants the preview form of an operation must not get another one unawares."""
    beta = call.query("beta")
    if beta is not None and beta.lower() != "false":
        raise Refused(
            Refusal.BAD_PARAMETER, "beta", f"no preview form of this operation exists: beta={shown(beta)}"
        )
