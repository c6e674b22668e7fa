"""The definition of a notebook in the format that was asked for, whichever it is kept in.

Source: Microsoft Learn, "Notebook definition": its formats are ipynb and fabricGitSource, the default.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from typing import Final

from msgspec import UNSET

from weft.contracts import core as wire
from weft.faces.core.own_errors import DefinitionNotConvertible
from weft.notebooks import files
from weft.notebooks.conversion import as_git_source, as_ipynb
from weft.notebooks.errors import NotANotebook

IPYNB: Final = "ipynb"
GIT_SOURCE: Final = "fabricGitSource"


def format_named(name: str | None) -> str | None:
    """Return the format that a query names, in any case; the default for none, None for an unknown one."""
    known = {format.lower(): format for format in (IPYNB, GIT_SOURCE)}
    return GIT_SOURCE if name is None else known.get(name.lower())


def is_convertible(definition: wire.ItemDefinition) -> bool:
    """Return whether each format can be asked for: there is a notebook among the parts, or nothing at all."""
    return not definition.parts or _notebook_of(definition) is not None


async def in_format(definition: wire.ItemDefinition, format: str) -> wire.ItemDefinition:
    """Return *definition* with its notebook in *format*; what is no notebook stays as it is.

    In a thread, since a large notebook takes a tenth of a second. Raises DefinitionNotConvertible.
    """
    return await asyncio.to_thread(_in_format, definition, format)


def _in_format(definition: wire.ItemDefinition, format: str) -> wire.ItemDefinition:
    kept = _notebook_of(definition)
    if kept is None or files.is_ipynb(kept.path) == (format == IPYNB):
        return definition
    content = b64decode(kept.payload)
    try:
        made = (files.IPYNB, as_ipynb(kept.path, content)) if format == IPYNB else as_git_source(content)
    except NotANotebook as why:
        raise DefinitionNotConvertible(kept.path, format, str(why)) from None
    part = wire.ItemDefinitionPart(made[0], b64encode(made[1]).decode(), kept.payload_type)
    parts = [part if one is kept else one for one in definition.parts]
    named = IPYNB if format == IPYNB else UNSET  # the published answers do not name the default
    return wire.ItemDefinition(format=named, parts=parts)


def _notebook_of(definition: wire.ItemDefinition) -> wire.ItemDefinitionPart | None:
    path = files.notebook_among(part.path for part in definition.parts)
    return next((part for part in definition.parts if part.path == path), None)
