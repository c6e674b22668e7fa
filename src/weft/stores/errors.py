"""Why a store could not be opened; each error says what to do in words for the operator."""

from __future__ import annotations

from pathlib import Path


class StoreError(Exception):
    """The root of all reasons not to open a store."""


class StoreLocked(StoreError):
    """Another server has the store open. *holder* is its process id, where it is known."""

    def __init__(self, path: Path, holder: int | None) -> None:
        owner = "another server" if holder is None else f"another server (process {holder})"
        super().__init__(f"{path} is in use by {owner}")
        self.path = path
        self.holder = holder


class StoreTooNew(StoreError):
    """A later version of weft wrote the store."""

    def __init__(self, path: Path, *, written_by: str, store: int, known: int, version: str) -> None:
        super().__init__(
            f"{path} was written by weft {written_by} (store version {store}), "
            f"and this is weft {version}, which knows store versions up to {known}"
        )
        self.written_by = written_by
        self.store = store
        self.known = known


class StoreDamaged(StoreError):
    """The file is no store of weft, or can no longer be read as one."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be read as a store: {reason}")
        self.path = path
        self.reason = reason


class StoreUnsafe(StoreError):
    """The store could not keep its promises here: durability or integrity is not as it must be."""
