"""The store in one SQLite file: one writer that shares its commits, readers that never wait for it."""

from weft.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
