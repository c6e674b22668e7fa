"""What somebody who looks for job instances asks for: read from the parameters of the request."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from weft.contracts.core import InvokeType, Status
from weft.engine.lifecycle import State
from weft.engine.ports import Span
from weft.faces import paging
from weft.faces.core.calls import Call
from weft.faces.core.mapping import STATUS
from weft.faces.http import canonical_uuid, shown
from weft.faces.parameters import bad_parameter

MOST_VALUES: Final = 100
MOST_RESULTS: Final = 1000
DEFAULT_RESULTS: Final = 100
LONGEST_VALUE: Final = 256

FILTERS: Final = (
    "workspaceId",
    "itemId",
    "itemType",
    "jobType",
    "status",
    "invokeType",
    "startedAfter",
    "startedBefore",
    "endedAfter",
    "endedBefore",
    "text",
    "sort",
)
KNOWN: Final = frozenset({*FILTERS, "maxResults", paging.PARAMETER, "beta"})

# By their end, and oldest first?
SORTS: Final[Mapping[str, tuple[bool, bool]]] = {
    "-startTimeUtc": (False, False),
    "startTimeUtc": (False, True),
    "-endTimeUtc": (True, False),
    "endTimeUtc": (True, True),
}

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which instances; a filter that is empty lets all through. *given*: the parameters that chose them."""

    given: Mapping[str, str]
    workspaces: frozenset[str]
    items: frozenset[str]
    item_types: tuple[str, ...]
    job_types: tuple[str, ...]
    states: frozenset[State]
    invoke_types: tuple[str, ...]
    started: Span
    ended: Span
    text: str
    by_end: bool
    oldest_first: bool
    most: int


def wanted(call: Call) -> Wanted:
    """Raises Refused, also for a parameter that there is not."""
    call.check_parameters(KNOWN)
    by_end, oldest_first = SORTS[_word(call, "sort", tuple(SORTS)) or "-startTimeUtc"]
    statuses = _words(call, "status", tuple(Status))
    return Wanted(
        given={name: value for name in FILTERS if (value := call.query(name)) is not None},
        workspaces=_ids(call, "workspaceId"),
        items=_ids(call, "itemId"),
        item_types=tuple(call.core.directory.item_type(name) or name for name in _values(call, "itemType")),
        job_types=tuple(_values(call, "jobType")),
        states=frozenset(state for state, status in STATUS.items() if status in statuses),
        invoke_types=_words(call, "invokeType", tuple(InvokeType)),
        started=Span(_instant(call, "startedAfter"), _instant(call, "startedBefore")),
        ended=Span(_instant(call, "endedAfter"), _instant(call, "endedBefore")),
        text=_text(call, "text") or "",
        by_end=by_end,
        oldest_first=oldest_first,
        most=call.number("maxResults", DEFAULT_RESULTS, least=1, most=MOST_RESULTS),
    )


def _values(call: Call, name: str) -> list[str]:
    """Return the values of a parameter, which commas separate."""
    text = _text(call, name, longest=MOST_VALUES * (LONGEST_VALUE + 1))
    if text is None:
        return []
    values = [value.strip() for value in text.split(",")]
    if len(values) > MOST_VALUES:
        raise bad_parameter(name, f"{name} has {len(values)} values, {MOST_VALUES} are allowed")
    if "" in values:
        raise bad_parameter(name, f"{name} has an empty value: {shown(text)}")
    if any(len(value) > LONGEST_VALUE for value in values):
        raise bad_parameter(
            name, f"{name} has a value of more than {LONGEST_VALUE} characters: {shown(text)}"
        )
    return values


def _words(call: Call, name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return values that are among *known* in any case, as they are spelled there."""
    by_lower = {word.lower(): word for word in known}
    values = _values(call, name)
    for value in values:
        if value.lower() not in by_lower:
            raise bad_parameter(name, f"{name} must be one of {', '.join(known)}, not {shown(value)}")
    return tuple(by_lower[value.lower()] for value in values)


def _word(call: Call, name: str, known: tuple[str, ...]) -> str | None:
    words = _words(call, name, known)
    if len(words) > 1:
        raise bad_parameter(name, f"{name} must be one of {', '.join(known)}, not {len(words)} of them")
    return words[0] if words else None


def _ids(call: Call, name: str) -> frozenset[str]:
    return frozenset(canonical_uuid(value, name) for value in _values(call, name))


def _text(call: Call, name: str, longest: int = LONGEST_VALUE) -> str | None:
    text = call.query(name)
    if text is None:
        return None
    if not text.strip():
        raise bad_parameter(name, f"{name} is empty")
    if len(text) > longest:
        raise bad_parameter(name, f"{name} has {len(text)} characters, {longest} are allowed: {shown(text)}")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        raise bad_parameter(name, f"{name} must not hold control characters, as {shown(text)} does")
    return text


def _instant(call: Call, name: str) -> datetime | None:
    """Read RFC 3339; without an offset it is UTC, as the times of an instance are."""
    text = call.query(name)
    if text is None:
        return None
    found = _INSTANT.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        second, fraction, offset = found.groups()
        micros = (fraction or "")[:6].ljust(6, "0")
        return datetime.fromisoformat(f"{second}.{micros}{offset or 'Z'}".upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_parameter(
            name, f"{name} must be a time such as 2026-01-31T07:30:00Z, not {shown(text)}"
        ) from None
