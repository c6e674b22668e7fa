"""Notebooks as Fabric keeps them in Git: `notebook-content.py`, a Python file whose comments divide it.

Source: Microsoft Learn, "Notebook definition" (FabricGitSource), and such files in public repositories.
Notebooks in other languages are kept alike, with the comments of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import msgspec

from weft.notebooks.errors import NotFabricSource

CELL: Final = "CELL"
PARAMETERS_CELL: Final = "PARAMETERS CELL"
MARKDOWN: Final = "MARKDOWN"

_METADATA = "METADATA"
_STARS = "*" * 20


@dataclass(slots=True)
class Block:
    """A cell. *kind* is as its heading names it; *metadata* is what stands below the cell.

    *is_magic*: its lines are marked as not being of the file's language; only for writing.
    """

    kind: str
    source: str
    metadata: dict[str, Any] = field(default_factory=dict)
    is_magic: bool = field(default=False, compare=False)


@dataclass(slots=True)
class _Part:
    kind: str
    line: int
    lines: list[str]


class _Marks:
    """How a file whose comments begin with *comment* marks its lines."""

    def __init__(self, comment: str) -> None:
        begin = re.escape(comment)
        self.comment = comment
        self.first_line = f"{comment} Fabric notebook source"
        self.head = re.compile(rf"{begin} (METADATA|CELL|PARAMETERS CELL|MARKDOWN) \*{{20}}\s*")
        self.magic = re.compile(rf"^{begin} MAGIC(?: |$)")
        self.meta = re.compile(rf"^{begin} META(?: |$)")
        self.text = re.compile(rf"^{begin} ?")

    def head_of(self, line: str) -> re.Match[str] | None:
        return self.head.fullmatch(line) if line.startswith(self.comment) else None

    def is_mark(self, line: str) -> bool:
        """Return whether a line of code would be read as something else."""
        return line.startswith(self.comment) and bool(self.magic.match(line) or self.head.fullmatch(line))


_marks = cache(_Marks)


# ---- reading


def blocks_of(text: str, comment: str = "#") -> tuple[dict[str, Any], list[Block]]:
    """Return the notebook's own metadata and its cells. Raises NotFabricSource."""
    marks = _marks(comment)
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != marks.first_line:
        raise NotFabricSource(f"line 1 is not {marks.first_line!r}")
    notebook: dict[str, Any] = {}
    blocks: list[Block] = []
    for part in _parts(lines, marks):
        if part.kind != _METADATA:
            blocks.append(Block(part.kind, _source(part, marks)))
        elif blocks:
            blocks[-1].metadata = _metadata(part, marks)
        else:
            notebook = _metadata(part, marks)
    return notebook, blocks


def _parts(lines: list[str], marks: _Marks) -> Iterator[_Part]:
    part: _Part | None = None
    for number, line in enumerate(lines, 1):
        head = marks.head_of(line)
        if head is None:
            if part is not None:  # else a comment of the file's author, above the first heading
                part.lines.append(line)
            continue
        if part is not None:
            yield part
        part = _Part(head[1], number, [])
    if part is not None:
        yield part


def _source(part: _Part, marks: _Marks) -> str:
    """Return the lines without what marks them, and without the empty one on either side of all."""
    lines = part.lines
    if lines and not lines[0].strip():
        lines = lines[1:]
    if lines and not lines[-1].strip():
        lines = lines[:-1]
    mark = marks.text if part.kind == MARKDOWN else marks.magic
    return "\n".join(mark.sub("", line) if line.startswith(marks.comment) else line for line in lines)


def _metadata(part: _Part, marks: _Marks) -> dict[str, Any]:
    text = "\n".join(marks.meta.sub("", line) for line in part.lines)
    try:
        found = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise NotFabricSource(f"the metadata of line {part.line} is no JSON object")
    return found


# ---- writing


def text_of(notebook: Mapping[str, Any], blocks: Iterable[Block], comment: str = "#") -> str:
    """Return the text of which blocks_of() makes the same again."""
    marks = _marks(comment)
    parts = [marks.first_line]
    if notebook:
        parts.append(_written(_METADATA, _meta_lines(notebook, marks), marks))
    for block in blocks:
        parts.append(_written(block.kind, _source_lines(block, marks), marks))
        if block.metadata:
            parts.append(_written(_METADATA, _meta_lines(block.metadata, marks), marks))
    return "\n\n".join(parts) + "\n"


def _written(kind: str, lines: Iterable[str], marks: _Marks) -> str:
    return "\n".join([f"{marks.comment} {kind} {_STARS}", "", *lines])


def _meta_lines(metadata: Mapping[str, Any], marks: _Marks) -> Iterator[str]:
    text = msgspec.json.format(msgspec.json.encode(metadata), indent=2).decode()
    return (f"{marks.comment} META {line}" for line in text.split("\n"))


def _source_lines(block: Block, marks: _Marks) -> Iterator[str]:
    for line in block.source.split("\n"):
        if block.kind == MARKDOWN:
            commented = f"{marks.comment} {line}"
            # A line that would divide the file is written so that it does not, and is read back as it was.
            yield commented if marks.head_of(commented) is None else f"{marks.comment}{line}"
        elif block.is_magic or marks.is_mark(line):
            yield f"{marks.comment} MAGIC {line}"
        else:
            yield line
