"""How requests go to a storage: to one checked address, past proxies and redirects, with bounded answers."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Mapping

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse

from weft.blobs.names import Base
from weft.blobs.patience import Patience
from weft.blobs.secrets import redacted

BLOCK_BYTES = 4 * 1024 * 1024
_ERROR_BYTES = 64 * 1024
_PIECE_BYTES = 64 * 1024

Verify = bool | str
Timeout = float | tuple[float | None, float | None] | None


class _Redacting(logging.Filter):
    """urllib3 logs each request line at DEBUG, with the query."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_Redacting())


def session(base: Base, address: str, patience: Patience) -> requests.Session:
    """Return a session that can reach *base* at *address*, and nothing else."""
    made = requests.Session()
    made.trust_env = False
    made.headers["Accept-Encoding"] = "identity"
    made.adapters.clear()
    made.mount(f"{base.origin}/", _CheckedAdapter(base, address, patience.answer_seconds))
    return made


class _CheckedAdapter(HTTPAdapter):
    """Connects to *address* and speaks to *base* there: in the Host header, and in TLS, whose check stays on.

    Answers are read at once, as they are sent, without undoing a Content-Encoding.
    """

    def __init__(self, base: Base, address: str, answer_seconds: float) -> None:
        self._base = base
        self._address = address
        self._answer_seconds = answer_seconds
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: Verify,
        proxies: Mapping[str, str] | None = None,
        cert: str | tuple[str, str] | None = None,
    ) -> HTTPConnectionPool:
        _, tls = self.build_connection_pool_key_attributes(request, verify, cert)
        if self._base.scheme == "https":
            tls["server_hostname"] = self._base.host.strip("[]")
        return self.poolmanager.connection_from_host(
            self._address, self._base.port, self._base.scheme, pool_kwargs=tls
        )

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Timeout = None,
        verify: Verify = True,
        cert: str | tuple[str, str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        until = time.monotonic() + self._answer_seconds
        request.headers["Host"] = self._base.netloc
        response = super().send(request, stream=True, timeout=timeout, verify=verify, cert=cert)
        most = BLOCK_BYTES if response.ok else _ERROR_BYTES
        response.raw = _held(response.raw, most, until)
        return response


def _held(raw: BaseHTTPResponse, most_bytes: int, until: float) -> HTTPResponse:
    """Read *raw* to its end, and return it without headers, so that nobody decodes it."""
    try:
        body = _read(raw, most_bytes, until)
    except ReadTimeoutError as fault:
        raise requests.ReadTimeout(fault) from fault
    except HTTPError as fault:
        raise requests.ConnectionError(fault) from fault
    finally:
        raw.close()
    return HTTPResponse(io.BytesIO(body), status=raw.status, preload_content=False)


def _read(raw: BaseHTTPResponse, most_bytes: int, until: float) -> bytes:
    body = bytearray()
    while piece := raw.read1(_PIECE_BYTES, decode_content=False):
        body += piece
        if len(body) > most_bytes:
            raise requests.ConnectionError(f"the answer is longer than {most_bytes} bytes")
        if time.monotonic() > until:
            raise requests.ReadTimeout("the answer takes too long")
    return bytes(body)
