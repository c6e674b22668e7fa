"""The continuation of a query: opaque, signed, and good only for the caller whom it was given to.

It holds the query itself: the published document lets a client send the token alone.
"""

from __future__ import annotations

import hmac
import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import msgspec

from weft.catalog.model import Principal
from weft.faces.twins.errors import ContinuationRefused

SIGNATURE_BYTES: Final = 16
LONGEST: Final = 1024 * 1024

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]++={0,2}")


class Place(msgspec.Struct, array_like=True, frozen=True):
    """Where a query goes on: behind the entry *after*, when *given* were answered already."""

    query: str
    after: int = 0
    given: int = 0


def mint(secret: bytes, caller: Principal, place: Place) -> str:
    packed = zlib.compress(msgspec.json.encode(place))
    return urlsafe_b64encode(_sign(secret, caller, packed) + packed).decode()


def place_of(secret: bytes, caller: Principal, token: str) -> Place:
    """Raises ContinuationRefused where the token was not given to *caller*."""
    raw = _decoded(token)
    signature, packed = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _sign(secret, caller, packed)):
        raise ContinuationRefused
    return msgspec.json.decode(zlib.decompress(packed), type=Place)  # it is ours, and as long as we made it


def _decoded(token: str) -> bytes:
    if len(token) > LONGEST or len(token) % 4 or not _TOKEN.fullmatch(token):
        raise ContinuationRefused
    raw = urlsafe_b64decode(token)
    if urlsafe_b64encode(raw).decode() != token:  # bits to spare were set
        raise ContinuationRefused
    return raw


def _sign(secret: bytes, caller: Principal, packed: bytes) -> bytes:
    owner = f"twins query\n{caller.tenant}\n{caller.id}\n".encode()
    return hmac.digest(secret, owner + packed, "sha256")[:SIGNATURE_BYTES]
