"""One call of the Core face: who calls, what is asked, and how the answer leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import urlencode

from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from weft.catalog.model import Principal
from weft.faces import paging
from weft.faces.core import answers
from weft.faces.core.access import Scopes
from weft.faces.core.errors import EXPECTED, answer
from weft.faces.core.face import CoreFace
from weft.faces.core.rates import Kind
from weft.faces.endpoint import Endpoint as AnyEndpoint
from weft.faces.http import authority, canonical_uuid, read_json, shown
from weft.faces.parameters import GREATEST_NUMBER, bad_parameter, true_or_false, whole_number

PREFIX = "/v1"


class Numbered(Protocol):
    """An entry of a list, at its place in the order of the list."""

    @property
    def number(self) -> int: ...


T = TypeVar("T", bound=Numbered)
Page = tuple[Sequence[T], str | UnsetType, str | UnsetType]
"""Entries, and token and address of those that follow, which the last page does not have."""


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
            raise bad_parameter(name, f"the parameter {name} is given {len(given)} times")
        return given[0] if given else None

    def number(self, name: str, default: int, *, least: int, most: int = GREATEST_NUMBER) -> int:
        """Raises Refused."""
        text = self.query(name)
        return default if text is None else whole_number(text, name, least=least, most=most)

    def flag(self, name: str, *, default: bool) -> bool:
        """Raises Refused."""
        text = self.query(name)
        return default if text is None else true_or_false(text, name)

    def check_parameters(self, known: Collection[str]) -> None:
        """Raises Refused for a parameter that there is not: left aside, it would let too much through."""
        for name in self.request.query_params:
            if name not in known:
                listed = ", ".join(sorted(known))
                raise bad_parameter(name, f"there is no parameter {shown(name)}; known are {listed}")

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

    async def page(
        self,
        path: str,
        query: Mapping[str, str],
        read: Callable[[int | None, int], Awaitable[Sequence[T]]],
    ) -> Page[T]:
        """Return a page of the list at *path* that the parameters *query* choose. Raises Refused.

        *read* returns the entries behind a number, None: from the first on, and at most so many.
        """
        listing, size = self.listing(path, query), self.core.page_size
        found = await read(self.position(listing), size + 1)
        if len(found) <= size:
            return found, UNSET, UNSET
        return found[:size], *self.onward(listing, found[size - 1].number, path, query)

    def position(self, listing: str) -> int | None:
        """Return where a list goes on, or None at its beginning. Raises Refused for a foreign token."""
        token = self.query(paging.PARAMETER)
        if token is None:
            return None
        return paging.position_of(self.core.secret, listing, self.caller, token)

    def listing(self, path: str, query: Mapping[str, str]) -> str:
        """Return the name of the list at *path* that these parameters choose."""
        return f"{path}?{urlencode(query)}" if query else path

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
    """*has_preview*: the address has a preview form (`beta=true`), which is this one.

    *starts_job*: it counts among the jobs that its caller starts.
    """

    handle: Handler
    scopes: Scopes
    has_preview: bool = False
    starts_job: bool = False


class Endpoint(AnyEndpoint[Operation]):
    """An address of this face. *kind*: as what its requests are counted."""

    expected = EXPECTED

    def __init__(
        self, core: CoreFace, operations: Mapping[str, Operation], kind: Kind = Kind.REQUESTS
    ) -> None:
        super().__init__(operations)
        self._core = core
        self._kind = kind

    def authenticate(self, request: Request) -> Principal:
        return self._core.verifier.verify(request.headers.getlist("authorization"))

    async def perform(self, operation: Operation, request: Request, id: str, caller: Principal) -> Response:
        meter = self._core.meter
        if meter is not None:
            meter.count(caller, self._kind)
            if operation.starts_job:
                meter.count(caller, Kind.RUNS)
        operation.scopes.check(caller)
        call = Call(self._core, request, id, caller, operation.scopes)
        if not operation.has_preview:
            _refuse_beta(call)
        return await operation.handle(call)

    def answer(self, error: Exception, id: str) -> Response:
        return answer(error, id)

    def dress(self, response: Response, request: Request, id: str) -> None:
        answers.dress(response, id, secure=request.scope["scheme"] == "https")


def _refuse_beta(call: Call) -> None:
    """A caller who wants the preview form of an operation must not get another one unawares."""
    beta = call.query("beta")
    if beta is not None and beta.lower() != "false":
        raise bad_parameter("beta", f"no preview form of this operation exists: beta={shown(beta)}")
