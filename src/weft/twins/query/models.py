"""What is known of the models of a graph, until they change: which extend a model, and what it needs."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from weft.engine.errors import Overloaded
from weft.twins.dtdl.models import ModelSet
from weft.twins.graph import Graph, Model, Section

MODELS_AT_ONCE: Final = 500
MOST_WAITING: Final = 16


class Models:
    """The models as they were at one moment. *numbers*: by id, in the order of numbers."""

    def __init__(self, stored: Sequence[Model]) -> None:
        definitions: list[Mapping[str, Any]] = [json.loads(model.definition) for model in stored]
        self.numbers: Mapping[str, int] = {model.id: model.number for model in stored}
        self.last = stored[-1].number if stored else 0
        self._set = ModelSet.trusted(definitions)
        self._kinds: dict[str, list[str]] = defaultdict(list)
        for id in self.numbers:
            for ancestor in self._set[id].ancestors:
                self._kinds[ancestor].append(id)

    def kinds_of(self, id: str) -> tuple[str, ...]:
        """Return *id* and the ids of all models that extend it; nothing where it is not known."""
        return tuple(self._kinds.get(id, ()))

    def with_dependencies(self, ids: Iterable[str]) -> list[str]:
        """Return *ids*, which are known, and all that they extend and consist of, in the order of numbers."""
        found: set[str] = set()
        waiting = set(ids)
        while waiting:
            id = waiting.pop()
            found.add(id)
            interface = self._set[id]
            waiting |= {*interface.ancestors, *interface.components.values()} - found
        return [id for id in self.numbers if id in found]


class CurrentModels:
    """Reads the models of *graph* again only where there are others than before."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: Models | None = None
        self._learning = asyncio.Lock()
        self._waiting = 0

    async def now(self) -> Models:
        """Raises StoreUnavailable, and Overloaded where too many wait already."""
        if self._waiting > MOST_WAITING:
            raise Overloaded
        self._waiting += 1
        try:
            async with self._learning:  # else many queries at once would all learn the same
                return await self._learnt()
        finally:
            self._waiting -= 1

    async def _learnt(self) -> Models:
        known = self._known
        if known is None or await self._changed(known):
            self._known = known = await asyncio.to_thread(Models, await self._stored())
        return known

    async def _changed(self, known: Models) -> bool:
        # A model never changes, and its number is never used again: as many and none newer are the same ones.
        counts = await self._graph.counts()
        newer = await self._graph.models(after=known.last, limit=1)
        return bool(newer) or counts[Section.MODELS] != len(known.numbers)

    async def _stored(self) -> list[Model]:
        models: list[Model] = []
        while True:
            page = await self._graph.models(after=models[-1].number if models else 0, limit=MODELS_AT_ONCE)
            models.extend(page)
            if len(page) < MODELS_AT_ONCE:
                return models
