"""Reads queries against a graph: what a query says of models is put in terms of those that are stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from weft.twins.query import selection as asked
from weft.twins.query.limits import Limits
from weft.twins.query.models import CurrentModels, Models
from weft.twins.query.parser import parse

IS_OF_MODEL: Final = "IS_OF_MODEL"


class Queries:
    def __init__(self, models: CurrentModels, limits: Limits) -> None:
        self._models = models
        self._limits = limits

    async def read(self, text: str) -> asked.Selection:
        """Return a selection that a store understands. Raises QueryFault and StoreUnavailable."""
        selection = parse(text, self._limits)
        if selection.where is None or not any(_models_in(selection.where)):
            return selection
        return replace(selection, where=_in_terms_of(await self._models.now(), selection.where))


def _models_in(condition: asked.Condition) -> Iterator[asked.Call]:
    match condition:
        case asked.Call(name=name) if name == IS_OF_MODEL:
            yield condition
        case asked.Not(of=one):
            yield from _models_in(one)
        case asked.All(of=several) | asked.Any(of=several):
            for one in several:
                yield from _models_in(one)


def _in_terms_of(models: Models, condition: asked.Condition) -> asked.Condition:
    """Return *condition* with every IS_OF_MODEL as a list of ids."""
    match condition:
        case asked.Call(name=name, arguments=(id, exact)) if name == IS_OF_MODEL:
            kinds = () if exact else models.kinds_of(str(id))
            return asked.OneOf(asked.Path(asked.MODEL), kinds or (id,))
        case asked.Not(of=one):
            return asked.Not(_in_terms_of(models, one))
        case asked.All(of=several):
            return asked.All(tuple(_in_terms_of(models, one) for one in several))
        case asked.Any(of=several):
            return asked.Any(tuple(_in_terms_of(models, one) for one in several))
    return condition
