"""The options that many commands share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter, Token

from weft.catalog.ids import is_uuid
from weft.cli.errors import Misused


def whole(type: object, tokens: Sequence[Token]) -> int:
    """Read a whole number. Left alone, cyclopts rounds 1.5 to 2."""
    text = tokens[0].value
    if not re.fullmatch("[+-]?[0-9]+", text):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def canonical_id(option: str, given: str) -> str:
    if not is_uuid(given):
        raise Misused(f"{option} must be a UUID, not {given!r}")
    return given.lower()


Data = Annotated[
    Path | None,
    Parameter(name="--data", help="Where weft keeps its data [WEFT_DATA, else ~/.local/share/weft]."),
]
AsJson = Annotated[bool, Parameter(name="--json", help="Print JSON, and nothing else, on stdout.")]
WorkspaceNamed = Annotated[str, Parameter(help="Name or id of the workspace.")]
ItemNamed = Annotated[str, Parameter(help="Name or id of the item.")]
FolderNamed = Annotated[str, Parameter(help="Path or id of the folder, such as sales/2026.")]
JobNamed = Annotated[str, Parameter(help="Id of the job instance.")]
Timeout = Annotated[
    float | None, Parameter(name="--timeout", help="Give up waiting after so many seconds (exit code 6).")
]


def group(name: str, help: str) -> App:
    """Return the application of a group of commands; no flag has a `--no-` twin."""
    return App(name=name, help=help, version_flags=(), default_parameter=Parameter(negative=()))
