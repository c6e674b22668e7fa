"""Notebooks as Jupyter keeps them: version 4 of its format, as JSON. Outputs are neither read nor written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from weft.notebooks.errors import NotIpynb

CODE: Final = "code"
MARKDOWN: Final = "markdown"
RAW: Final = "raw"
KINDS: Final = (CODE, MARKDOWN, RAW)
VERSION: Final = 4


@dataclass(slots=True)
class Cell:
    """*kind* is one of KINDS."""

    kind: str
    source: str
    metadata: dict[str, Any] = field(default_factory=dict)


def cells_of(text: bytes) -> tuple[dict[str, Any], list[Cell]]:
    """Return the notebook's own metadata and its cells. Raises NotIpynb."""
    try:
        found = msgspec.json.decode(text.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        raise NotIpynb("it is no JSON text in UTF-8") from None
    if not isinstance(found, dict):
        raise NotIpynb("it is no JSON object")
    if found.get("nbformat") != VERSION:
        raise NotIpynb(f"its nbformat is not {VERSION}")
    cells = found.get("cells")
    if not isinstance(cells, list):
        raise NotIpynb("cells is no list")
    return _metadata(found, "metadata"), [_cell(cell, number) for number, cell in enumerate(cells, 1)]


def text_of(notebook: Mapping[str, Any], cells: Iterable[Cell]) -> bytes:
    written = {
        "cells": list(_written(cells)),
        "metadata": notebook,
        "nbformat": VERSION,
        "nbformat_minor": 5,
    }
    return msgspec.json.format(msgspec.json.encode(written), indent=1) + b"\n"


def _cell(cell: object, number: int) -> Cell:
    if not isinstance(cell, dict):
        raise NotIpynb(f"cell {number} is no JSON object")
    kind = cell.get("cell_type")
    if kind not in KINDS:
        raise NotIpynb(f"the cell_type of cell {number} is none of {', '.join(KINDS)}")
    return Cell(kind, _source(cell.get("source"), number), _metadata(cell, f"the metadata of cell {number}"))


def _source(given: object, number: int) -> str:
    lines = [given] if isinstance(given, str) else given
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise NotIpynb(f"the source of cell {number} is neither a text nor a list of texts")
    return "".join(lines)


def _metadata(of: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = of.get("metadata", {})
    if not isinstance(found, dict):
        raise NotIpynb(f"{name} is no JSON object")
    return found


def _written(cells: Iterable[Cell]) -> Iterator[dict[str, Any]]:
    for number, cell in enumerate(cells, 1):
        lines = cell.source.split("\n")
        source = [f"{line}\n" for line in lines[:-1]] + [line for line in lines[-1:] if line]
        run: dict[str, Any] = {"execution_count": None, "outputs": []} if cell.kind == CODE else {}
        yield {
            "cell_type": cell.kind,
            "id": f"cell-{number}",
            "metadata": cell.metadata,
            **run,
            "source": source,
        }
