"""What is wrong with models: the element, the rule it breaks, and a sentence for the person who wrote it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from weft.twins.dtdl.elements import Element

MOST_FAULTS = 100
LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class ModelFault:
    """*model* is the interface it is in, if that has an id; *element* is the id or the path of the element.

    *rule* is the name of the rule, in the words of the DTDL specification where it has any.
    """

    model: str | None
    element: str
    rule: str
    message: str


class ModelsRefused(Exception):
    """None of the models was taken. *faults*: the first hundred, and the first of each model; never none."""

    def __init__(self, faults: tuple[ModelFault, ...]) -> None:
        super().__init__("; ".join(f"{fault.element}: {fault.message}" for fault in faults[:3]))
        self.faults = faults


class FaultList:
    """Collects faults, as many as anybody reads, and at least one of each model that has any."""

    def __init__(self) -> None:
        self._faults: list[ModelFault] = []
        self._models: set[str | None] = set()

    def add(self, element: Element, rule: str, message: str) -> None:
        if len(self._faults) < MOST_FAULTS or element.model not in self._models:
            self._models.add(element.model)
            self._faults.append(ModelFault(element.model, element.place, rule, message))

    def __len__(self) -> int:
        return len(self._faults)

    def raise_if_any(self) -> None:
        """Raises ModelsRefused."""
        if self._faults:
            raise ModelsRefused(tuple(self._faults))


def shown(value: object) -> str:
    """Return *value* for a message: short, on one line, and in ASCII whatever is in it."""
    if isinstance(value, str):
        return json.dumps(value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "...")
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return repr(value) if abs(value) < 1e18 else "a number that large"
    return "an array" if isinstance(value, list) else "an object"
