"""The blobs that a caller names: checked, shown without their signatures, and kept with them sealed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec

from weft.blobs.policy import Policy
from weft.blobs.secrets import Sealed, redacted, sealed


class ImportPayload(msgspec.Struct, frozen=True):
    """The payload of an import job, as JSON: what opens its blobs."""

    input: Sealed
    output: Sealed


@dataclass(frozen=True, slots=True)
class AdmittedBlobs:
    """*input* and *output* may be shown to everybody; *payload* is an ImportPayload."""

    input: str
    output: str
    payload: bytes


class Blobs:
    """*key* seals signatures, and opens them again: see blobs.secrets."""

    def __init__(self, policy: Policy, key: bytes) -> None:
        self._policy = policy
        self._key = key

    async def admit(self, input_uri: str, output_uri: str) -> AdmittedBlobs:
        """Raises blobs.policy.UriRefused."""
        await asyncio.to_thread(self._policy.check, input_uri, output_uri)
        payload = ImportPayload(sealed(input_uri, self._key), sealed(output_uri, self._key))
        return AdmittedBlobs(redacted(input_uri), redacted(output_uri), msgspec.json.encode(payload))
