"""What an import needs of a blob: read it as it was when it was opened, and write a log at known places.

All calls block; call them in a thread, or in a process that has nothing else to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class BlobFault(Exception):
    """A blob that cannot be read or written. *message* names the blob, without a signature."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BlobMissing(BlobFault):
    """There is no such blob."""


class BlobForbidden(BlobFault):
    """The storage does not let us."""


class BlobChanged(BlobFault):
    """The blob is no longer what it was when the import first opened it."""


class BlobUnavailable(BlobFault):
    """The storage does not answer, or not as the contract says; it may do later."""


class Source(Protocol):
    """An opened input blob. *size* in bytes; *tag* changes whenever the blob does."""

    @property
    def size(self) -> int: ...

    @property
    def tag(self) -> str: ...

    def read(self, offset: int = 0) -> Iterator[bytes]:
        """Yield the bytes from *offset* to the end in chunks of at most 4 MiB. Raises BlobFault."""

    def close(self) -> None: ...


class Log(Protocol):
    """An output blob that only grows, until it is created anew."""

    def create(self) -> None:
        """Make it, or empty what is there. Raises BlobFault."""

    def write(self, offset: int, data: bytes) -> None:
        """Make *data* durable at *offset*, which is at most the end: what lies there already is the same.

        A writer that was killed may have left a part of it: the call completes it. Raises BlobFault.
        """

    def close(self) -> None: ...
