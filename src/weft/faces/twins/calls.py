"""One call of the Twins face: who calls, what is asked, and how the answer leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from weft.catalog.model import Principal
from weft.contracts.twins import API_VERSIONS
from weft.faces import paging
from weft.faces.endpoint import Endpoint as AnyEndpoint
from weft.faces.http import authority, read_json
from weft.faces.parameters import bad_parameter, whole_number
from weft.faces.twins import access, answers
from weft.faces.twins.access import DataRole
from weft.faces.twins.errors import (
    EXPECTED,
    ApiVersionMissing,
    ApiVersionUnknown,
    answer,
)
from weft.faces.twins.face import TwinsFace
from weft.faces.twins.tracing import traceresponse

API_VERSION = "api-version"
PAGE_SIZE = "max-items-per-page"
GREATEST_PAGE_SIZE = 2**31 - 1  # swagger: integer


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose caller is known and may make it. *id* is its mise-correlation-id."""

    twins: TwinsFace
    request: Request
    id: str
    caller: Principal

    def path(self, name: str) -> str:
        """Return a part of the path, decoded."""
        value: str = self.request.path_params[name]
        return value

    def query(self, name: str) -> str | None:
        """Raises Refused where the parameter is given twice."""
        return self._only(name, self.request.query_params.getlist(name))

    def header(self, name: str) -> str | None:
        """Raises Refused where the header is given twice."""
        return self._only(name, self.request.headers.getlist(name))

    async def body(self) -> bytes:
        """Return the body as checked JSON text, or `b""`. Raises Refused."""
        limits = self.twins.limits
        return await read_json(
            self.request,
            limit_bytes=limits.body_bytes,
            heard_out_bytes=limits.hosted_body_bytes,
            seconds=limits.body_seconds,
        )

    def page_size(self) -> int:
        """Return how many entries a page has: as the caller wants, but no more than we give.

        Raises Refused.
        """
        text = self.header(PAGE_SIZE)
        if text is None:
            return self.twins.page_size
        return min(whole_number(text, PAGE_SIZE, least=1, most=GREATEST_PAGE_SIZE), self.twins.page_size)

    def url(self, path: str, query: Mapping[str, str | Sequence[str]] | None = None) -> str:
        """Return the URL of *path*, which is encoded, at the address and in the version of the caller."""
        scope = self.request.scope
        version = {API_VERSION: self.request.query_params[API_VERSION]}
        asked = urlencode({**version, **(query or {})}, doseq=True)
        return f"{scope['scheme']}://{authority(scope)}{path}?{asked}"

    def position(self, listing: str) -> int:
        """Return the number behind which a list goes on, 0 at its beginning. Raises Refused.

        *listing* names the list and all that a caller can choose of it.
        """
        token = self.query(paging.PARAMETER)
        if token is None:
            return 0
        return paging.position_of(self.twins.secret, listing, self.caller, token)

    def onward(
        self, listing: str, last: int, path: str, query: Mapping[str, str | Sequence[str]] | None = None
    ) -> str:
        """Return the URL of what follows entry number *last* of *listing*."""
        token = paging.mint(self.twins.secret, listing, self.caller, last)
        return self.url(path, {**(query or {}), paging.PARAMETER: token})

    @staticmethod
    def _only(name: str, given: list[str]) -> str | None:
        if len(given) > 1:
            raise bad_parameter(name, f"{name} is given {len(given)} times")
        return given[0] if given else None


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """*is_job*: it counts against the rate of the Jobs API. *is_versioned*: it needs an `api-version`."""

    handle: Handler
    needs: DataRole
    is_job: bool = False
    is_versioned: bool = True


class Endpoint(AnyEndpoint[Operation]):
    """An address of this face."""

    expected = EXPECTED

    def __init__(self, twins: TwinsFace, operations: Mapping[str, Operation]) -> None:
        super().__init__(operations)
        self._twins = twins

    def authenticate(self, request: Request) -> Principal:
        caller = self._twins.verifier.verify(request.headers.getlist("authorization"))
        access.check_tenant(caller, self._twins.tenant)
        return caller

    async def perform(self, operation: Operation, request: Request, id: str, caller: Principal) -> Response:
        access.check_role(caller, operation.needs)
        if operation.is_job:
            self._twins.rate.take()
        call = Call(self._twins, request, id, caller)
        if operation.is_versioned:
            _check_version(call)
        return await operation.handle(call)

    def answer(self, error: Exception, id: str) -> Response:
        return answer(error, id)

    def dress(self, response: Response, request: Request, id: str) -> None:
        trace = traceresponse(request.headers.getlist("traceparent"))
        answers.dress(response, id, trace, secure=request.scope["scheme"] == "https")


def _check_version(call: Call) -> None:
    version = call.query(API_VERSION)
    if not version:
        raise ApiVersionMissing
    if version not in API_VERSIONS:
        raise ApiVersionUnknown(version)
