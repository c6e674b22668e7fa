"""Microsoft's own client for Digital Twins, ready to call a weft server with a token of its local issuer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.digitaltwins.core import DigitalTwinsClient

VALID_SECONDS = 3600


def digital_twins_client(url: str, token: str, certificate: Path | None = None) -> DigitalTwinsClient:
    """Return a client for the server at *url*, which must be https: the client sends no token over http.

    *token*: as `weft token --for twins` prints it. *certificate*: a PEM file to trust, `tls/cert.pem` of the
    server's data directory. Raises ImportError where azure-digitaltwins-core is not installed.
    """
    from azure.digitaltwins.core import DigitalTwinsClient  # noqa: PLC0415 - who does not call this needs none

    verify = True if certificate is None else str(certificate)
    return DigitalTwinsClient(url, _GivenToken(token), connection_verify=verify)


class _GivenToken:
    """A credential that knows one token. It cannot be renewed: make another client when it is over."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        from azure.core.credentials import AccessToken  # noqa: PLC0415 - see above

        return AccessToken(self._token, int(time.time()) + VALID_SECONDS)
