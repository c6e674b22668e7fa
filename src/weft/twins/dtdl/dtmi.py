"""Digital twin model identifiers, as users may write them in DTDL 2 and 3."""

from __future__ import annotations

import re

_SEGMENT = "[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?"
_PATH = rf"dtmi:{_SEGMENT}(?::{_SEGMENT})*"
_SYNTAX = {
    2: re.compile(rf"{_PATH};[1-9][0-9]{{0,8}}"),
    3: re.compile(rf"{_PATH}(?:;[1-9][0-9]{{0,8}}(?:\.[1-9][0-9]{{0,5}})?)?"),
}
_RESERVED = ("dtmi:dtdl:", "dtmi:standard:")
LONGEST = 2048
LONGEST_OF_INTERFACE = 128


def is_dtmi(text: object, version: int) -> bool:
    """Return whether *text* follows the syntax of the language version."""
    return isinstance(text, str) and len(text) <= LONGEST and _SYNTAX[version].fullmatch(text) is not None


def is_versioned(text: str) -> bool:
    """Return whether *text* is an identifier with a version, as contexts must be."""
    return ";" in text and is_dtmi(text, 3)


def is_reserved(text: str) -> bool:
    """Return whether the identifier belongs to the language, so that no model may take it."""
    return text.startswith(_RESERVED)


def without_version(text: str) -> str:
    return text.partition(";")[0]
