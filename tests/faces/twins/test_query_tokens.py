"""Tokens of queries: whole, and for their caller, or nothing."""

from __future__ import annotations

import dataclasses

import pytest

from weft.catalog.model import Principal
from weft.faces.twins.errors import ContinuationRefused
from weft.faces.twins.query_tokens import Place, mint, place_of

SECRET = b"secret"
CALLER = Principal(id="a", tenant="t", name="", is_app=False, scopes=frozenset())
PLACES = [
    Place("SELECT * FROM digitaltwins", 17, 3),
    Place("", 0, 0),
    Place("x" * 1000, 2**63 - 1, 2**63 - 1),
    *(Place("ä🚀'" * length, length) for length in range(1, 10)),
]


@pytest.mark.parametrize("place", PLACES)
def test_a_token_tells_its_caller_where_to_go_on(place: Place) -> None:
    assert place_of(SECRET, CALLER, mint(SECRET, CALLER, place)) == place


@pytest.mark.parametrize(("id", "tenant"), [("b", "t"), ("a", "u"), ("t", "a")])
def test_a_token_tells_others_nothing(id: str, tenant: str) -> None:
    token = mint(SECRET, CALLER, PLACES[0])

    with pytest.raises(ContinuationRefused):
        place_of(SECRET, dataclasses.replace(CALLER, id=id, tenant=tenant), token)


def test_a_token_of_another_server_tells_nothing() -> None:
    with pytest.raises(ContinuationRefused):
        place_of(b"another", CALLER, mint(SECRET, CALLER, PLACES[0]))


@pytest.mark.parametrize("place", PLACES)
def test_no_spelling_but_its_own_is_a_token(place: Place) -> None:
    token = mint(SECRET, CALLER, place)
    edited = {
        token[:at] + character + token[at + 1 :]
        for at in range(len(token))
        for character in ("A", "B", "Q", "w", "-", "_", "=", "+", "")
    }

    for spelling in edited - {token} | {token + "=", token + "A", " " + token, token.rstrip("=") + "===="}:
        with pytest.raises(ContinuationRefused):
            place_of(SECRET, CALLER, spelling)
