"""The payload of an import job: the URIs of its blobs, with their signatures sealed."""

from __future__ import annotations

import msgspec

from weft.blobs.secrets import Sealed, opened, sealed


class _Payload(msgspec.Struct, frozen=True):
    input: Sealed
    output: Sealed


def seal_payload(input_uri: str, output_uri: str, key: bytes) -> bytes:
    """Return the payload as JSON; for *key* see blobs.secrets."""
    return msgspec.json.encode(_Payload(sealed(input_uri, key), sealed(output_uri, key)))


def open_payload(payload: bytes, key: bytes) -> tuple[str, str]:
    """Return the URIs of input and output, with their signatures. Raises SealBroken."""
    kept = msgspec.json.decode(payload, type=_Payload)
    return opened(kept.input, key), opened(kept.output, key)
