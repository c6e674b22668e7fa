"""What bodies of several requests hold, checked: names, texts, objects, folders."""

from __future__ import annotations

import unicodedata
from typing import Final

import msgspec

from weft.faces.http import bad_body, canonical_uuid, shown

LONGEST_NAME: Final = 256
LINE_BREAKERS: Final = frozenset({"Cc", "Zl", "Zp"})

# What clients send where they mean "no body"; one sends the JSON string "{}" with every call.
NO_BODY: Final = frozenset({b"", b"null", b'"{}"'})


def check_name(text: str, field: str) -> None:
    """Raises Refused."""
    if not text.strip():
        raise bad_body(field, f"{field} is empty")
    check_length(text, field, LONGEST_NAME)
    if any(unicodedata.category(character) in LINE_BREAKERS for character in text):
        raise bad_body(field, f"{field} must not hold control characters, as {shown(text)} does")


def check_length(text: str | None, field: str, longest: int) -> None:
    """*longest* is in characters. Raises Refused."""
    if text is not None and len(text) > longest:
        raise bad_body(field, f"{field} has {len(text)} characters, {longest} are allowed: {shown(text)}")


def check_changes(display_name: str | None, description: str | None, longest: int) -> None:
    """Raises Refused, also where nothing would change."""
    if display_name is None and description is None:
        raise bad_body("displayName", "displayName or description is needed")
    if display_name is not None:
        check_name(display_name, "displayName")
    check_length(description, "description", longest)


def folder_id(given: str | None, field: str) -> str | None:
    """Return None for the top of the workspace, which fabric-cicd calls "". Raises Refused."""
    return canonical_uuid(given, field) if given else None


def json_object(raw: msgspec.Raw, field: str) -> bytes:
    """Return the JSON object *raw*, or `b""` for null. Raises Refused."""
    data = bytes(raw).strip()
    if data == b"null":
        return b""
    if not data.startswith(b"{"):
        found = shown(msgspec.json.decode(data))
        raise bad_body(field, f"{field}: expected `object`, in {found}")
    return data
