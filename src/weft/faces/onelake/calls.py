"""One call of the OneLake face: who calls, which path is meant, and what its query and headers ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from weft.catalog.model import Principal
from weft.faces.endpoint import Endpoint as AnyEndpoint
from weft.faces.endpoint import EndpointNotFound
from weft.faces.http import Refusal, Refused, shown
from weft.faces.onelake.errors import EXPECTED, Unsupported, answer
from weft.faces.onelake.face import OneLakeFace
from weft.onelake.errors import BadPath, ConditionNotMet, PathExists
from weft.onelake.files import Entry, Guard
from weft.onelake.paths import Place, names_of

VERSION: Final = "2023-11-03"
GREATEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose caller is known. *names*: workspace, item, and what follows, as they were given."""

    lake: OneLakeFace
    request: Request
    caller: Principal
    names: tuple[str, ...]

    def query(self, name: str) -> str | None:
        """Raises Refused where the parameter is given twice."""
        given = self.request.query_params.getlist(name)
        if len(given) > 1:
            raise refused(name, f"the parameter {name} is given {len(given)} times")
        return given[0] if given else None

    def flag(self, name: str) -> bool:
        given = (self.query(name) or "false").lower()
        if given not in ("true", "false"):
            raise refused(name, f"{name} must be true or false, not {shown(given)}")
        return given == "true"

    def number(self, name: str) -> int | None:
        given = self.query(name)
        if given is None:
            return None
        if not (given.isascii() and given.isdigit() and len(given) < 20 and int(given) <= GREATEST):
            raise refused(name, f"{name} must be a whole number, not {shown(given)}")
        return int(given)

    def header(self, name: str) -> str | None:
        """Raises Refused where the header is there twice."""
        given = self.request.headers.getlist(name)
        if len(given) > 1:
            raise refused(name, f"the header {name} is there {len(given)} times")
        return given[0] if given else None

    async def place(self, *, writes: bool) -> Place:
        """Return where the path lies. Raises FilesystemNotFound, NotPermitted, PathNotFound, BadPath."""
        return await self.place_of(self.names, writes=writes)

    async def place_of(self, names: tuple[str, ...], *, writes: bool) -> Place:
        if len(names) < 2:
            raise Unsupported("Workspaces and items are made and deleted through Core, not here.")
        workspace = await self.lake.access.workspace(self.caller, names[0], writes=writes)
        item = await self.lake.access.item(self.caller, workspace, names[1])
        return Place(workspace, item, names[2:])

    @property
    def guard(self) -> Guard:
        """Return the check of the conditional headers, for an operation that changes something."""
        conditions = self._conditions()

        def check(entry: Entry | None) -> None:
            _check(conditions, entry, reads=False)

        return check

    def guard_creation(self, entry: Entry | None) -> None:
        """As `guard`; what must not exist and does is told by its own name."""
        if entry is not None and self.header("if-none-match") == "*":
            raise PathExists
        self.guard(entry)

    def check_reading(self, entry: Entry) -> None:
        _check(self._conditions(), entry, reads=True)

    def _conditions(self) -> _Conditions:
        return _Conditions(
            match=_tags(self.header("if-match")),
            none_match=_tags(self.header("if-none-match")),
            modified_since=_instant("If-Modified-Since", self.header("if-modified-since")),
            unmodified_since=_instant("If-Unmodified-Since", self.header("if-unmodified-since")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conditions:
    match: tuple[str, ...] | None
    none_match: tuple[str, ...] | None
    modified_since: datetime | None
    unmodified_since: datetime | None


def _check(conditions: _Conditions, entry: Entry | None, *, reads: bool) -> None:
    etag = entry.etag if entry else None
    modified = datetime.fromtimestamp((entry.modified if entry else 0) // 10**9, UTC)
    match, none_match = conditions.match, conditions.none_match
    if match is not None and (etag is None or not ("*" in match or etag in match)):
        raise ConditionNotMet
    if none_match is not None and etag is not None and ("*" in none_match or etag in none_match):
        raise ConditionNotMet(unchanged=reads)
    if entry and conditions.unmodified_since and modified > conditions.unmodified_since:
        raise ConditionNotMet
    if entry and conditions.modified_since and modified <= conditions.modified_since:
        raise ConditionNotMet(unchanged=reads)


Handler = Callable[[Call], Awaitable[Response]]


class Endpoint(AnyEndpoint[Handler]):
    """Every path of this face: which operation is meant stands in the method, the query and the headers."""

    expected = EXPECTED

    def __init__(self, lake: OneLakeFace, operations: Mapping[str, Handler]) -> None:
        super().__init__(operations)
        self._lake = lake

    def authenticate(self, request: Request) -> Principal:
        return self._lake.verifier.verify(request.headers.getlist("authorization"))

    async def perform(self, operation: Handler, request: Request, id: str, caller: Principal) -> Response:
        names = names_of(request.scope["path"].removeprefix("/"))
        if not names:
            raise EndpointNotFound
        return await operation(Call(self._lake, request, caller, names))

    def answer(self, error: Exception, id: str) -> Response:
        return answer(error, id)

    def dress(self, response: Response, request: Request, id: str) -> None:
        headers = response.headers
        headers["x-ms-request-id"] = id
        headers["x-ms-version"] = VERSION
        headers["Cache-Control"] = "no-store"
        headers["X-Content-Type-Options"] = "nosniff"
        client = request.headers.get("x-ms-client-request-id", "")
        if client and len(client) <= 1024 and client.isascii() and client.isprintable():
            headers["x-ms-client-request-id"] = client


def names_in(path: str) -> tuple[str, ...]:
    """Return the names of a path that stands in a header, as `names_of` does of the request's own."""
    names = names_of(path.removeprefix("/"))
    if not names:
        raise BadPath("The path is empty.")
    return names


def refused(field: str, message: str) -> Refused:
    return Refused(Refusal.BAD_PARAMETER, field, message)


def _tags(value: str | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(tag.strip() for tag in value.split(","))


def _instant(name: str, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        instant = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        raise refused(name, f"{name} must be a date, not {shown(value)}") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
