"""What the OneLake face works with: the files, who may reach them, and the threads that touch the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final, ParamSpec, Protocol, TypeVar

from weft.catalog.model import Principal
from weft.onelake.access import Access
from weft.onelake.files import Files

P = ParamSpec("P")
T = TypeVar("T")

AUDIENCES: Final = (
    "https://storage.azure.com",
    "https://storage.azure.com/",
    "e406a681-f3d4-42a8-90b6-c2b029497af1",
)
LONGEST_APPEND_BYTES: Final = 100 * 1024 * 1024


class Verifier(Protocol):
    """Says whose token it is."""

    def verify(self, authorization: list[str]) -> Principal:
        """Raises auth.errors.TokenRefused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneLakeFace:
    """*threads*: where the disk is touched, never on the event loop. *body_seconds*: for one append."""

    files: Files
    access: Access
    verifier: Verifier
    threads: Executor
    body_seconds: float = 300.0
    longest_append_bytes: int = LONGEST_APPEND_BYTES
    page_size: int = 5000

    async def on_disk(self, call: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> T:
        """Return what *call* returns, called on one of the threads, to its end whatever becomes of us."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self.threads, lambda: call(*args, **named))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # A thread that still wrote could write into what another has flushed by then.
            await asyncio.gather(future, return_exceptions=True)
            raise
