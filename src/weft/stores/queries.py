"""Named SQL statements, read from files beside their driver."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(package: str, file: str) -> Mapping[str, str]:
    """Return the statements of *file*, each under the name that its line `-- name: ...` gives it."""
    text = files(package).joinpath(file).read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    names, statements = parts[::2], [part.strip() for part in parts[1::2]]
    if len(set(names)) != len(names):
        raise ValueError(f"{file} has two statements of one name")
    return MappingProxyType(dict(zip(names, statements, strict=True)))
