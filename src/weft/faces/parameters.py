"""Parameters of a request, read as what they are: a number, or true or false."""

from __future__ import annotations

from typing import Final

from weft.faces.http import Refusal, Refused, shown

GREATEST_NUMBER: Final = 2**63 - 1

_MOST_DIGITS: Final = len(str(GREATEST_NUMBER))


def whole_number(text: str, name: str, *, least: int, most: int = GREATEST_NUMBER) -> int:
    """Raises Refused."""
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and least <= int(text) <= most:
        return int(text)
    bounds = f"from {least} on" if most == GREATEST_NUMBER else f"from {least} to {most}"
    raise bad_parameter(name, f"{name} must be a number {bounds}, not {shown(text)}")


def true_or_false(text: str, name: str) -> bool:
    """Read it in any case. Raises Refused."""
    if text.lower() not in ("true", "false"):
        raise bad_parameter(name, f"{name} must be true or false, not {shown(text)}")
    return text.lower() == "true"


def bad_parameter(name: str, message: str) -> Refused:
    return Refused(Refusal.BAD_PARAMETER, name, message)
