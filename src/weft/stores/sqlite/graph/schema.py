"""What the file of the graph holds, and how much of it a connection keeps in memory."""

from __future__ import annotations

from weft.stores.sqlite.database import Schema

GRAPH = Schema("weft.stores.sqlite.graph", writer_cache=48 * 1024, reader_cache=8 * 1024)
