"""Blobs in Azure Blob Storage, or in what speaks like it. Needs the extra `weft[azure]`; import it late.

Errors of the libraries below hold URLs with signatures, so they are never chained to ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import requests
from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobClient, BlobProperties, ExponentialRetry

from weft.blobs.account import Account
from weft.blobs.addresses import connectable
from weft.blobs.names import AzureName
from weft.blobs.patience import Patience
from weft.blobs.ports import BlobChanged, BlobFault, BlobForbidden, BlobMissing, BlobUnavailable
from weft.blobs.transport import BLOCK_BYTES, session

T = TypeVar("T")

_BY_STATUS: dict[int, type[BlobFault]] = {
    401: BlobForbidden,
    403: BlobForbidden,
    404: BlobMissing,
    410: BlobMissing,
    412: BlobChanged,
    416: BlobChanged,
}
# Codes that say more than their status: Microsoft Learn, "Blob Storage error codes".
_BY_CODE: dict[str, type[BlobFault]] = {
    "PublicAccessNotPermitted": BlobForbidden,
    "LeaseIdMissing": BlobForbidden,
    "InvalidBlobType": BlobChanged,
}
_CODE = re.compile(r"[A-Za-z]{1,60}")


class AzureSource:
    """A blob as it was when it was opened, known by its ETag, read in ranges."""

    def __init__(
        self, name: AzureName, account: Account | None, patience: Patience, tag: str | None = None
    ) -> None:
        """Look at it; where *tag* is given and is not its ETag, raise BlobChanged."""
        self._blob = _Blob(name, account, patience)
        try:
            self._size, self._tag = self._blob.size_and_tag()
            if tag not in {None, self._tag}:
                raise self._blob.changed()
        except BlobFault:
            self.close()
            raise

    @property
    def size(self) -> int:
        return self._size

    @property
    def tag(self) -> str:
        return self._tag

    def read(self, offset: int = 0) -> Iterator[bytes]:
        while offset < self._size:
            chunk = self._blob.range(offset, min(BLOCK_BYTES, self._size - offset), self._tag)
            offset += len(chunk)
            yield chunk

    def close(self) -> None:
        self._blob.close()


class AzureLog:
    """An append blob. Each block is appended on the condition that it comes to lie where it belongs.

    A blob takes 50,000 blocks: each call of `write` makes one for every 4 MiB begun.
    """

    def __init__(self, name: AzureName, account: Account | None, patience: Patience) -> None:
        self._blob = _Blob(name, account, patience)

    def create(self) -> None:
        self._blob.create()

    def write(self, offset: int, data: bytes) -> None:
        for start in range(0, len(data), BLOCK_BYTES):
            self._append(offset + start, data[start : start + BLOCK_BYTES])

    def close(self) -> None:
        self._blob.close()

    def _append(self, offset: int, block: bytes) -> None:
        try:
            self._blob.append(offset, block)
        except BlobChanged:
            # Something lies there: from a writer that was killed, or from a request whose answer was lost.
            there = self._there(offset, block)
            if there < len(block):
                self._blob.append(offset + there, block[there:])

    def _there(self, offset: int, block: bytes) -> int:
        """Return how many bytes of *block* lie at *offset*; raises BlobChanged where others do."""
        size, tag = self._blob.size_and_tag()
        there = min(size - offset, len(block))
        if there < 0 or (there and self._blob.range(offset, there, tag) != block[:there]):
            raise self._blob.changed()
        return there


class _Blob:
    """The requests we make of one blob; each raises BlobFault."""

    def __init__(self, name: AzureName, account: Account | None, patience: Patience) -> None:
        self._name = name
        address = connectable(name.base.host, name.base.port)
        self._session = session(name.base, address, patience)
        self._client = _client(name, account, patience, self._session)

    def size_and_tag(self) -> tuple[int, str]:
        found: BlobProperties = self._ask(self._client.get_blob_properties)
        size: int | None = found.size  # their types promise it; an answer may still lack it
        if size is None or not found.etag:
            raise BlobUnavailable(f"{self._name.shown}: the storage does not tell size and ETag")
        return size, found.etag

    def range(self, offset: int, length: int, tag: str) -> bytes:
        """Read as many bytes, of the blob whose ETag is *tag*."""
        found, data = self._ask(lambda: self._download(offset, length, tag))
        if found != tag:
            raise self.changed()
        if len(data) != length:
            raise BlobUnavailable(
                f"{self._name.shown}: the storage answered {len(data)} bytes where {length} were asked for"
            )
        return data

    def create(self) -> None:
        self._ask(self._client.create_append_blob)

    def append(self, offset: int, block: bytes) -> None:
        self._ask(lambda: self._client.append_block(block, length=len(block), appendpos_condition=offset))

    def changed(self) -> BlobChanged:
        return BlobChanged(f"{self._name.shown} has changed since the import first opened it")

    def close(self) -> None:
        self._session.close()

    def _download(self, offset: int, length: int, tag: str) -> tuple[str | None, bytes]:
        found = self._client.download_blob(
            offset,
            length,
            etag=tag,
            match_condition=MatchConditions.IfNotModified,
            max_concurrency=1,
        )
        return found.properties.etag, found.readall()

    def _ask(self, request: Callable[[], T]) -> T:
        try:
            return request()
        except (AzureError, ValueError, LookupError) as error:  # the two: headers that the client cannot read
            fault = self._fault(error)
        raise fault  # outside of the handler, so that the error is not even its context

    def _fault(self, error: Exception) -> BlobFault:
        if not isinstance(error, HttpResponseError) or not error.status_code:
            return BlobUnavailable(f"{self._name.shown}: {_why(error)}")
        code = _code_of(error)
        kind = _BY_CODE.get(code) or _BY_STATUS.get(error.status_code, BlobUnavailable)
        return kind(f"{self._name.shown}: the storage answered {error.status_code} {code}".rstrip())


def _code_of(error: HttpResponseError) -> str:
    """Return the storage's own code, or nothing where that is not a plain word."""
    code = getattr(error, "error_code", None)
    text = str(getattr(code, "value", code))  # an enumeration, for the codes that the library knows
    return text if code and _CODE.fullmatch(text) else ""


def _why(error: Exception) -> str:
    """Say what went wrong without the words of the library, which quote the URL."""
    if isinstance(error, ServiceRequestTimeoutError | ServiceResponseTimeoutError):
        return "the storage does not answer in time"
    if isinstance(error, AzureError) and isinstance(error.inner_exception, requests.exceptions.SSLError):
        return "the certificate of the storage is not to be trusted"
    if isinstance(error, AzureError):
        return "the connection to the storage fails"
    return "the answer of the storage cannot be understood"


def _client(
    name: AzureName, account: Account | None, patience: Patience, connection: requests.Session
) -> BlobClient:
    return BlobClient(
        name.base.url,
        name.container,
        name.blob,
        credential=AzureNamedKeyCredential(account.name, account.key) if account else name.query or None,
        transport=RequestsTransport(
            session=connection,
            connection_timeout=patience.connect_seconds,
            read_timeout=patience.read_seconds,
        ),
        retry_policy=_retries(patience),
        permit_redirects=False,
        max_single_get_size=BLOCK_BYTES,
        max_chunk_get_size=BLOCK_BYTES,
    )


def _retries(patience: Patience) -> ExponentialRetry:
    return ExponentialRetry(
        initial_backoff=0,
        increment_base=patience.pause_seconds,
        retry_total=patience.retries,
        random_jitter_range=0,
    )
