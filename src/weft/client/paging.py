"""Lists that come page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, TypeVar

from msgspec import UnsetType

from weft.client.transport import Transport

E_co = TypeVar("E_co", covariant=True)


class Page(Protocol[E_co]):
    @property
    def value(self) -> Sequence[E_co]: ...

    @property
    def continuation_token(self) -> str | UnsetType: ...


async def each(
    transport: Transport, path: str, page: type[Page[E_co]], query: Mapping[str, str] | None = None
) -> AsyncIterator[E_co]:
    """Yield the entries of all pages. Only the token is followed: the URI could point anywhere."""
    asked = dict(query or {})
    while True:
        read = (await transport.call("GET", path, query=asked)).read(page)
        for entry in read.value:
            yield entry
        if not isinstance(read.continuation_token, str):
            return
        asked["continuationToken"] = read.continuation_token
