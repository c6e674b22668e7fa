"""The graph of twins in one SQLite file of its own, with its own writer and readers."""

from weft.stores.sqlite.graph.known import open_known
from weft.stores.sqlite.graph.store import SqliteGraph

__all__ = ["SqliteGraph", "open_known"]
