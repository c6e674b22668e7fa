"""Check decoded JSON values against schemas: each schema becomes one function, made once and fast.

Source: the table of primitive schemas in DTDL.v3.md, and the instance cases of DTDLParser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date

from weft.twins.dtdl.faults import shown
from weft.twins.dtdl.schemas import Array, Enum, Map, Primitive, Schema

Checker = Callable[[object], str | None]

_LARGEST_DOUBLE = 1.7976931348623157e308
_LARGEST_FLOAT = 3.4028234663852886e38
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_DAY = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_IS_DATE = re.compile(_DAY).fullmatch
_IS_DATE_TIME = re.compile(f"{_DAY}T{_CLOCK}").fullmatch
_IS_TIME = re.compile(_CLOCK).fullmatch
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_IS_DURATION = re.compile(
    rf"P(?!$)(?:(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}D)?|{_NUMBER}W(?:{_NUMBER}D)?)"
    rf"(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
).fullmatch
_HAS_LATE_FRACTION = re.compile(r"[^.]*(?:\.[0-9]+[A-Z])?").fullmatch


def checker(schema: Schema) -> Checker:
    """Return a function that says in a short sentence what is wrong with a value, or None where nothing is.

    A value is what a JSON decoder makes of a text: whole numbers are int, others float, objects dict.
    """
    return _compiled(schema, {})


def _compiled(schema: Schema, made: dict[Schema, Checker]) -> Checker:
    if schema not in made:
        made[schema] = _compile(schema, made)
    return made[schema]


def _compile(schema: Schema, made: dict[Schema, Checker]) -> Checker:
    if isinstance(schema, Primitive):
        return _PRIMITIVE[schema.name]
    if isinstance(schema, Enum):
        return _enum(schema.values)
    if isinstance(schema, Array):
        return _array(_compiled(schema.element, made))
    if isinstance(schema, Map):
        return _map(_compiled(schema.value, made))
    return _object({name: _compiled(field, made) for name, field in schema.fields.items()})


def _must_be(what: str, value: object) -> str:
    return f"must be {what}, not {shown(value)}"


def _boolean(value: object) -> str | None:
    return None if type(value) is bool else _must_be("a boolean", value)


def _string(value: object) -> str | None:
    return None if type(value) is str else _must_be("a string", value)


def _whole(name: str, size_bytes: int) -> Checker:
    end = 2 ** (8 * size_bytes - 1)
    what = f"{name} (a whole number of {size_bytes} bytes)"

    def check(value: object) -> str | None:
        return None if type(value) is int and -end <= value < end else _must_be(what, value)

    return check


def _real(name: str, largest: float) -> Checker:
    what = f"a {name} (a finite number)"

    def check(value: object) -> str | None:
        if (type(value) is float or type(value) is int) and -largest <= value <= largest:
            return None
        return _must_be(what, value)

    return check


def _date(value: object) -> str | None:
    if type(value) is str and _IS_DATE(value) and _is_in_calendar(value):
        return None
    return _must_be("a date, such as 2023-10-31", value)


def _date_time(value: object) -> str | None:
    if type(value) is str and _IS_DATE_TIME(value) and _is_in_calendar(value[:10]):
        return None
    return _must_be("a dateTime, such as 2023-10-31T12:00:00Z", value)


def _is_in_calendar(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


def _time(value: object) -> str | None:
    if type(value) is str and _IS_TIME(value):
        return None
    return _must_be("a time, such as 12:00:00Z", value)


def _duration(value: object) -> str | None:
    """ISO 8601: weeks go with days only, and only the last number may have a fraction."""
    if type(value) is str and _IS_DURATION(value) and _HAS_LATE_FRACTION(value):
        return None
    return _must_be("a duration, such as P1DT12H", value)


_PRIMITIVE: dict[str, Checker] = {
    "boolean": _boolean,
    "date": _date,
    "dateTime": _date_time,
    "double": _real("double", _LARGEST_DOUBLE),
    "duration": _duration,
    "float": _real("float", _LARGEST_FLOAT),
    "integer": _whole("an integer", 4),
    "long": _whole("a long", 8),
    "string": _string,
    "time": _time,
}


def _enum(values: tuple[str | int, ...]) -> Checker:
    allowed = frozenset((type(value), value) for value in values)
    what = "one of the values of its Enum, such as " + ", ".join(shown(value) for value in values[:3])

    def check(value: object) -> str | None:
        is_literal = type(value) is str or type(value) is int
        return None if is_literal and (type(value), value) in allowed else _must_be(what, value)

    return check


def _array(check_element: Checker) -> Checker:
    def check(value: object) -> str | None:
        if type(value) is not list:
            return _must_be("an array", value)
        for index, element in enumerate(value):
            fault = check_element(element)
            if fault is not None:
                return f"at [{index}]: {fault}"
        return None

    return check


def _map(check_value: Checker) -> Checker:
    def check(value: object) -> str | None:
        if type(value) is not dict:
            return _must_be("an object", value)
        for key, item in value.items():
            fault = check_value(item)
            if fault is not None:
                return f"at {shown(key)}: {fault}"
        return None

    return check


def _object(fields: Mapping[str, Checker]) -> Checker:
    def check(value: object) -> str | None:
        if type(value) is not dict:
            return _must_be("an object", value)
        for name, item in value.items():
            check_field = fields.get(name)
            if check_field is None:
                return f"has no field {shown(name)}"
            fault = check_field(item)
            if fault is not None:
                return f"at {shown(name)}: {fault}"
        return None

    return check
