"""How long and how deep a query may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """*operators*: AND and OR together; *items*: of one list; *depth*: of NOT and parentheses."""

    characters: int
    operators: int
    items: int
    depth: int = 64


# MicrosoftDocs/azure-docs, includes/digital-twins-limits.md
SERVICE: Final = Limits(characters=8_000, operators=50, items=50)
LOCAL: Final = Limits(characters=64_000, operators=500, items=1_000)
