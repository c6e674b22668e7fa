"""The blobs that a caller names: checked, shown without their signatures, and kept with them sealed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from weft.blobs.payload import seal_payload
from weft.blobs.policy import Policy
from weft.blobs.secrets import redacted


@dataclass(frozen=True, slots=True)
class AdmittedBlobs:
    """*input* and *output* may be shown to everybody; *payload*: see blobs.payload."""

    input: str
    output: str
    payload: bytes


class Blobs:
    """*key* seals signatures: see blobs.secrets."""

    def __init__(self, policy: Policy, key: bytes) -> None:
        self._policy = policy
        self._key = key

    async def admit(self, input_uri: str, output_uri: str) -> AdmittedBlobs:
        """Raises blobs.policy.UriRefused."""
        await asyncio.to_thread(self._policy.check, input_uri, output_uri)
        payload = seal_payload(input_uri, output_uri, self._key)
        return AdmittedBlobs(redacted(input_uri), redacted(output_uri), payload)
