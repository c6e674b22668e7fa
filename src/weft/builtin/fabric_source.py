"""Notebooks as Fabric keeps them in Git: `notebook-content.py`, a Python file whose comments divide it.

Source: Microsoft Learn, "Notebook definition" (FabricGitSource), and such files in public repositories.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

FIRST_LINE: Final = "# Fabric notebook source"

_HEAD = re.compile(r"# (METADATA|CELL|PARAMETERS CELL|MARKDOWN) \*{20}\s*")
_MAGIC = re.compile(r"^# MAGIC(?: |$)")
_META = re.compile(r"^# META(?: |$)")
_COMMENT = re.compile(r"^# ?")


class NotFabricSource(Exception):
    """What is wrong with the text, and in which line."""


@dataclass(slots=True)
class Block:
    """A cell. *kind* is as its heading names it; *metadata* is what stands below the cell."""

    kind: str
    source: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Part:
    kind: str
    line: int
    lines: list[str]


def blocks_of(text: str) -> tuple[dict[str, Any], list[Block]]:
    """Return the notebook's own metadata and its cells. Raises NotFabricSource."""
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].rstrip() != FIRST_LINE:
        raise NotFabricSource(f"line 1 is not {FIRST_LINE!r}")
    notebook: dict[str, Any] = {}
    blocks: list[Block] = []
    for part in _parts(lines):
        if part.kind != "METADATA":
            blocks.append(Block(part.kind, _source(part)))
        elif blocks:
            blocks[-1].metadata = _metadata(part)
        else:
            notebook = _metadata(part)
    return notebook, blocks


def _parts(lines: list[str]) -> Iterator[_Part]:
    part: _Part | None = None
    for number, line in enumerate(lines, 1):
        head = _HEAD.fullmatch(line)
        if head is None:
            if part is not None:  # else a comment of the file's author, above the first heading
                part.lines.append(line)
            continue
        if part is not None:
            yield part
        part = _Part(head[1], number, [])
    if part is not None:
        yield part


def _source(part: _Part) -> str:
    lines = part.lines
    if part.kind == "MARKDOWN":
        lines = [_COMMENT.sub("", line) for line in lines]
    else:
        lines = [_MAGIC.sub("", line) for line in lines]
    return "\n".join(lines).strip("\n")


def _metadata(part: _Part) -> dict[str, Any]:
    text = "\n".join(_META.sub("", line) for line in part.lines)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise NotFabricSource(f"the metadata of line {part.line} is no JSON object")
    return found
