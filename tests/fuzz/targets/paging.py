"""A continuation token, of a list that the first byte names."""

from __future__ import annotations

from weft.catalog.model import Principal
from weft.faces.http import Refused
from weft.faces.paging import mint, position_of

SECRET = bytes(32)
CALLER = Principal(tenant="t", id="i", name="n", is_app=False, scopes=frozenset())
LISTS = ("/workspaces", "/workspaces/w/items")


def run(data: bytes) -> None:
    listing = LISTS[(data[0] if data else 0) % len(LISTS)]
    token = data[1:].decode("utf-8", "surrogateescape")
    try:
        position = position_of(SECRET, listing, CALLER, token)
    except Refused:
        return
    assert mint(SECRET, listing, CALLER, position) == token
