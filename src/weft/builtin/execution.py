"""What comes with a run: its parameters as values of Python, checked against the types that they name.

Three forms are understood: `{"day": {"value": "2026-01-01", "type": "string"}}` of notebooks,
`[{"name": "day", "value": .., "type": ..}]` of the job scheduler, and `{"day": "2026-01-01"}` of pipelines.
Source: microsoft/fabric-rest-api-specs, platform/definitions/platform.json, ItemJobParameterType; and
microsoft/fabric-cli, `job run -P`.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from weft.kit.context import JobContext
from weft.kit.errors import JobFailed

PARAMETERS: Final = "parameters"
LONGEST_SHOWN: Final = 100

_INTEGER = re.compile(r"[+-]?\d{1,1000}", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class _Unfit(Exception):
    """The value is not of the type; it says what the type wants."""


def parameters_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters by their name. Raises JobFailed for one that cannot be given to Python."""
    return {name: _value(name, given) for name, given in _given(payload.get(PARAMETERS))}


def as_code(parameters: Mapping[str, Any]) -> str:
    """Return the parameters as assignments of Python."""
    return "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in parameters.items())])


def tell_ignored(ctx: JobContext, payload: Mapping[str, Any], *known: str) -> None:
    """Log once which members of the run's data have no meaning here."""
    ignored = [name for name in payload if name not in (PARAMETERS, *known)]
    if ignored:
        ctx.log.warning("executionData: ignored here: %s", ", ".join(sorted(ignored)))


def _given(parameters: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(parameters, dict):
        yield from parameters.items()
    elif isinstance(parameters, list):
        for index, each in enumerate(parameters):
            if not isinstance(each, dict) or not isinstance(each.get("name"), str) or "value" not in each:
                raise _invalid(f"parameters[{index}] has no name or no value")
            yield each["name"], each
    elif parameters is not None:
        raise _invalid("executionData.parameters must be an object, or a list of name, value and type")


def _value(name: str, given: Any) -> Any:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise _invalid(f"parameter {_shown(name)}: its name cannot be that of a variable")
    if not isinstance(given, dict) or "value" not in given:
        return given
    named = given.get("type", "Automatic")
    read = _READERS.get(named.lower()) if isinstance(named, str) else None
    if read is None:
        raise _invalid(f"parameter {_shown(name)}: {_shown(named)} is no type of a parameter")
    try:
        return read(given["value"])
    except _Unfit as unfit:
        value = _shown(given["value"])
        raise _invalid(f"parameter {_shown(name)} of type {named}: must be {unfit}, not {value}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Unfit("text")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Unfit("a whole number")
    return value


def _number(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        number = float(_text(value))
    except (ValueError, _Unfit):
        number = math.nan
    if not math.isfinite(number):
        raise _Unfit("a number")
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise _Unfit("true or false")
    return value


def _instant(value: Any) -> str:
    try:
        if _INSTANT.fullmatch(_text(value)):
            datetime.fromisoformat(value)
            return str(value)
    except (ValueError, _Unfit):
        pass  # it is told below
    raise _Unfit("an instant as 2026-01-31T12:00:00Z")


def _guid(value: Any) -> str:
    if not isinstance(value, str) or not _GUID.fullmatch(value):
        raise _Unfit("a GUID as 00000000-0000-0000-0000-000000000000")
    return value


def _as_it_is(value: Any) -> Any:
    return value


def _reference(value: Any) -> Any:
    raise _Unfit("of another type here, where there are no variable libraries")


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "string": _text,
    "text": _text,
    "int": _integer,
    "integer": _integer,
    "float": _number,
    "number": _number,
    "bool": _boolean,
    "boolean": _boolean,
    "datetime": _instant,
    "guid": _guid,
    "automatic": _as_it_is,
    "variablereference": _reference,
}


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def _invalid(why: str) -> JobFailed:
    return JobFailed("InvalidParameter", why)
