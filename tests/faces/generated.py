"""Requests that schemathesis generates from a published document: each of its operations is asked."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

import hypothesis
import schemathesis
from schemathesis import GenerationMode


@dataclass(frozen=True)
class Generated:
    """*operations*: all that the document must have. Only those *with_body* are asked what is not allowed."""

    operations: Collection[str]
    with_body: Collection[str]
    settings: hypothesis.settings

    def ask(self, document: dict[str, Any], mode: GenerationMode, ask: Callable[[str, Any], object]) -> None:
        """Call *ask* with each operation's name and examples of it."""
        schema = schemathesis.openapi.from_dict(document)
        seen = set()
        for result in schema.get_all_operations():
            operation: Any = result.ok()  # type: ignore[union-attr]  # an invalid schema has none, and fails so
            name = operation.definition.raw["operationId"]
            seen.add(name)
            if mode is GenerationMode.NEGATIVE and name not in self.with_body:
                continue
            self._try(operation.as_strategy(generation_mode=mode), partial(ask, name))
        assert seen == set(self.operations)

    def _try(self, cases: Any, ask: Callable[[Any], object]) -> None:
        @hypothesis.given(case=cases)
        @self.settings
        def try_it(case: Any) -> None:
            ask(case)

        try_it()
