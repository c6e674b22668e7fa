"""Definitions of items as files: a directory whose files are the parts, or one file."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from pathlib import Path, PurePosixPath
from typing import Final

from weft.cli.errors import CommandFailed, Misused
from weft.contracts.core import ItemDefinition, ItemDefinitionPart

INLINE: Final = "InlineBase64"
NOTEBOOK: Final = "notebook-content.ipynb"
NOTEBOOK_FORMAT: Final = "ipynb"


def read_definition(path: Path) -> ItemDefinition:
    """Return what lies in a directory, or in one file; a single notebook gets the name that Fabric gives it.

    Raises Misused.
    """
    try:
        if path.is_dir():
            files = sorted(_files(path))
            parts = [_part(file.relative_to(path).as_posix(), file) for file in files]
        elif path.suffix == ".ipynb":
            return ItemDefinition(format=NOTEBOOK_FORMAT, parts=[_part(NOTEBOOK, path)])
        else:
            parts = [_part(path.name, path)]
    except OSError as unreadable:
        raise Misused(f"cannot read the definition {str(path)!r}: {unreadable.strerror}") from None
    if not parts:
        raise Misused(f"the definition {str(path)!r} holds no file")
    return ItemDefinition(parts=parts)


def write_definition(definition: ItemDefinition, directory: Path) -> list[Path]:
    """Write each part into *directory*, which is new or empty; return the files. Raises CommandFailed."""
    for part in definition.parts:
        _check(part)
    written = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise CommandFailed(f"{str(directory)!r} is not empty")
        for part in definition.parts:
            file = directory.joinpath(*PurePosixPath(part.path).parts)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_content(part))
            written.append(file)
    except OSError as failed:
        raise CommandFailed(f"cannot write to {str(directory)!r}: {failed.strerror}") from None
    return written


def _files(directory: Path) -> list[Path]:
    """Links are left out: they may lead to what nobody meant to hand in."""
    return [
        Path(folder, name)
        for folder, _, names in os.walk(directory)
        for name in names
        if Path(folder, name).is_file() and not Path(folder, name).is_symlink()
    ]


def _part(name: str, file: Path) -> ItemDefinitionPart:
    return ItemDefinitionPart(name, b64encode(file.read_bytes()).decode(), INLINE)


def _content(part: ItemDefinitionPart) -> bytes:
    try:
        return b64decode(part.payload, validate=True)
    except ValueError:
        raise CommandFailed(f"the part {part.path!r} of the definition is not Base64") from None


def _check(part: ItemDefinitionPart) -> None:
    """Refuse a path that leads out of the directory. Raises CommandFailed."""
    steps = PurePosixPath(part.path)
    if (
        steps.is_absolute()
        or ".." in steps.parts
        or not steps.parts
        or "\\" in part.path
        or "\0" in part.path
    ):
        raise CommandFailed(f"the part {part.path!r} of the definition has no path below a directory")
