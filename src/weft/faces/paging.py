"""Continuation tokens: opaque, signed, and good only for the list and the caller they were given to."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Final

from weft.catalog.model import Principal
from weft.faces.http import Refused
from weft.faces.parameters import bad_parameter

PARAMETER = "continuationToken"
POSITION_BYTES = 8
SIGNATURE_BYTES = 16

# Of a position that is two numbers: together with the signature no padding, and no bit to spare.
FIRST_BYTES: Final = 9
BOTH_BYTES: Final = FIRST_BYTES + POSITION_BYTES

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def mint(secret: bytes, listing: str, caller: Principal, position: int) -> str:
    """Return a token for the entries of *listing* behind *position*.

    *listing* names the list among those of all faces, and all that the caller chose of it.
    """
    return _signed(secret, listing, caller, position.to_bytes(POSITION_BYTES, "big"))


def position_of(secret: bytes, listing: str, caller: Principal, token: str) -> int:
    """Raises Refused where the token was not given to *caller* for *listing*."""
    return int.from_bytes(_checked(secret, listing, caller, token, POSITION_BYTES), "big")


def mint_pair(secret: bytes, listing: str, caller: Principal, first: int, second: int) -> str:
    """Return a token as mint does, for a list in which a place is two numbers; *first* may be negative."""
    place = first.to_bytes(FIRST_BYTES, "big", signed=True) + second.to_bytes(POSITION_BYTES, "big")
    return _signed(secret, listing, caller, place)


def pair_of(secret: bytes, listing: str, caller: Principal, token: str) -> tuple[int, int]:
    """Raises Refused where the token was not given to *caller* for *listing*."""
    place = _checked(secret, listing, caller, token, BOTH_BYTES)
    first, second = place[:FIRST_BYTES], place[FIRST_BYTES:]
    return int.from_bytes(first, "big", signed=True), int.from_bytes(second, "big")


def number_of(at: datetime) -> int:
    """Return an instant as a number of a position: microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def instant_of(number: int) -> datetime:
    return _EPOCH + number * _MICROSECOND


def _signed(secret: bytes, listing: str, caller: Principal, place: bytes) -> str:
    return urlsafe_b64encode(place + _sign(secret, listing, caller, place)).decode()


def _checked(secret: bytes, listing: str, caller: Principal, token: str, place_bytes: int) -> bytes:
    raw = _decoded(token, place_bytes + SIGNATURE_BYTES)
    place, signature = raw[:place_bytes], raw[place_bytes:]
    if not hmac.compare_digest(signature, _sign(secret, listing, caller, place)):
        raise _foreign()
    return place


def _decoded(token: str, size: int) -> bytes:
    if not re.fullmatch(rf"[A-Za-z0-9_-]{{{size * 4 // 3}}}", token):
        raise _foreign()
    return urlsafe_b64decode(token)


def _sign(secret: bytes, listing: str, caller: Principal, place: bytes) -> bytes:
    owner = f"continuation\n{listing}\n{caller.tenant}\n{caller.id}\n".encode()
    return hmac.digest(secret, owner + place, "sha256")[:SIGNATURE_BYTES]


def _foreign() -> Refused:
    return bad_parameter(PARAMETER, f"{PARAMETER} is not a token that this list has given to you")
