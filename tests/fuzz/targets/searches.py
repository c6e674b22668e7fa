"""What somebody who looks for job instances asks for, a query string; and where the list goes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from starlette.requests import Request

from weft.catalog.model import Principal
from weft.faces import paging
from weft.faces.core.access import Scopes
from weft.faces.core.calls import Call
from weft.faces.core.face import CoreFace
from weft.faces.core.finding import LONGEST_VALUE, MOST_RESULTS, MOST_VALUES, Wanted, wanted
from weft.faces.http import Refused

SECRET = bytes(32)
CALLER = Principal(tenant="t", id="i", name="n", is_app=False, scopes=frozenset())
CORE = cast(CoreFace, SimpleNamespace(directory=SimpleNamespace(item_type={"notebook": "Notebook"}.get)))


def _call(query: bytes) -> Call:
    request = Request({"type": "http", "query_string": query, "headers": []})
    return Call(CORE, request, "i", CALLER, Scopes(frozenset()))


def asked(query: bytes) -> Wanted | None:
    try:
        return wanted(_call(query))
    except Refused:
        return None


def run(data: bytes) -> None:
    call = _call(data)
    try:
        found = wanted(call)
        listing = call.listing("/jobs/instances", found.given)
        token = call.query(paging.PARAMETER)
    except Refused:
        return
    assert 1 <= found.most <= MOST_RESULTS
    for several in (found.workspaces, found.items, found.item_types, found.job_types, found.invoke_types):
        assert len(several) <= MOST_VALUES
        assert all(0 < len(value) <= LONGEST_VALUE for value in several)
    for span in (found.started, found.ended):
        assert all(at is None or at.utcoffset() is not None for at in (span.since, span.until))
    _check_token(listing, token or "")


def _check_token(listing: str, token: str) -> None:
    try:
        first, second = paging.pair_of(SECRET, listing, CALLER, token)
    except Refused:
        return
    assert paging.mint_pair(SECRET, listing, CALLER, first, second) == token
