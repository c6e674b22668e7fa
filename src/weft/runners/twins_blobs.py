"""The blobs of an import between its submit and its end: kept with their signatures sealed, and opened."""

from __future__ import annotations

import msgspec

from weft.blobs.opening import open_log, pack_config
from weft.blobs.ports import Log
from weft.blobs.secrets import Sealed, opened, redacted
from weft.settings import BlobSettings


class ImportPayload(msgspec.Struct, frozen=True):
    """The payload of an import job."""

    input: Sealed
    output: Sealed


class ImportBlobs:
    """*key* is the one with which the signatures of the URIs were sealed: see blobs.secrets."""

    def __init__(self, settings: BlobSettings, key: bytes) -> None:
        self._settings = settings
        self._key = key

    def source(self, payload: bytes) -> tuple[str, bytes]:
        """Return the input's URI, redacted, and the config to open it with. Raises BlobFault."""
        input_uri, output_uri = self._uris(payload)
        return redacted(input_uri), pack_config(self._settings, input_uri, output_uri)

    def open_log(self, payload: bytes) -> Log:
        """Blocks. Raises BlobFault."""
        input_uri, output_uri = self._uris(payload)
        return open_log(redacted(output_uri), pack_config(self._settings, input_uri, output_uri))

    def _uris(self, payload: bytes) -> tuple[str, str]:
        blobs = msgspec.json.decode(payload, type=ImportPayload)
        return opened(blobs.input, self._key), opened(blobs.output, self._key)
