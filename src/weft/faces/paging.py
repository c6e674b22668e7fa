"""Continuation tokens: opaque, signed, and good only for the list and the caller they were given to."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from weft.catalog.model import Principal
from weft.faces.http import Refusal, Refused

PARAMETER = "continuationToken"
POSITION_BYTES = 8
SIGNATURE_BYTES = 16
TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")  # 24 bytes in base64: no padding, and no bit to spare


def mint(secret: bytes, listing: str, caller: Principal, position: int) -> str:
    """Return a token for the entries of *listing* behind *position*.

    *listing* names the list among those of all faces, and all that the caller chose of it.
    """
    place = position.to_bytes(POSITION_BYTES, "big")
    return urlsafe_b64encode(place + _sign(secret, listing, caller, place)).decode()


def position_of(secret: bytes, listing: str, caller: Principal, token: str) -> int:
    """Raises Refused where the token was not given to *caller* for *listing*."""
    raw = _decoded(token)
    place, signature = raw[:POSITION_BYTES], raw[POSITION_BYTES:]
    if not hmac.compare_digest(signature, _sign(secret, listing, caller, place)):
        raise _foreign()
    return int.from_bytes(place, "big")


def _decoded(token: str) -> bytes:
    if not TOKEN.fullmatch(token):
        raise _foreign()
    return urlsafe_b64decode(token)


def _sign(secret: bytes, listing: str, caller: Principal, place: bytes) -> bytes:
    owner = f"continuation\n{listing}\n{caller.tenant}\n{caller.id}\n".encode()
    return hmac.digest(secret, owner + place, "sha256")[:SIGNATURE_BYTES]


def _foreign() -> Refused:
    return Refused(
        Refusal.BAD_PARAMETER, PARAMETER, f"{PARAMETER} is not a token that this list has given to you"
    )
