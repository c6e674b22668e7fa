"""The blobs of an import as its runner opens them: from the payload, in which their signatures are sealed."""

from __future__ import annotations

from weft.blobs.opening import open_log, pack_config
from weft.blobs.payload import open_payload
from weft.blobs.ports import Log
from weft.blobs.secrets import redacted
from weft.settings import BlobSettings


class ImportBlobs:
    """*key* is the one with which the signatures of the URIs were sealed: see blobs.secrets."""

    def __init__(self, settings: BlobSettings, key: bytes) -> None:
        self._settings = settings
        self._key = key

    def source(self, payload: bytes) -> tuple[str, bytes]:
        """Return the input's URI, redacted, and the config to open it with. Raises BlobFault."""
        input_uri, output_uri = open_payload(payload, self._key)
        return redacted(input_uri), pack_config(self._settings, input_uri, output_uri)

    def open_log(self, payload: bytes) -> Log:
        """Blocks. Raises BlobFault."""
        input_uri, output_uri = open_payload(payload, self._key)
        return open_log(redacted(output_uri), pack_config(self._settings, input_uri, output_uri))
