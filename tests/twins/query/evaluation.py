"""What a condition is for one element of the graph, as plainly as can be: what stores are compared with."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any as Json

from weft.twins.query.selection import (
    All,
    Any,
    Call,
    Compare,
    Comparison,
    Condition,
    Literal,
    Not,
    OneOf,
    Path,
)

MISSING = object()
COMPARED: Mapping[Comparison, Callable[[Json, Json], bool]] = {
    Comparison.EQUAL: operator.eq,
    Comparison.NOT_EQUAL: operator.ne,
    Comparison.LESS: operator.lt,
    Comparison.LESS_OR_EQUAL: operator.le,
    Comparison.GREATER: operator.gt,
    Comparison.GREATER_OR_EQUAL: operator.ge,
}
TEXT_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "STARTSWITH": str.startswith,
    "ENDSWITH": str.endswith,
    "CONTAINS": operator.contains,
}
TYPE_TESTS = {
    "IS_NULL": {"null"},
    "IS_BOOL": {"boolean"},
    "IS_NUMBER": {"number"},
    "IS_STRING": {"string"},
    "IS_OBJECT": {"object"},
    "IS_PRIMITIVE": {"null", "boolean", "number", "string"},
    "IS_DEFINED": {"null", "boolean", "number", "string", "object", "array"},
}


def truth(condition: Condition, element: Mapping[str, Json]) -> bool | None:
    """Return whether *condition* holds for *element*, None where that is unknown.

    `$kinds` of an element are its model and all that the model extends.
    """
    match condition:
        case Not(of=one):
            inner = truth(one, element)
            return None if inner is None else not inner
        case Any(of=several):
            return _any([truth(one, element) for one in several])
        case All(of=several):
            denied = _any([truth(Not(one), element) for one in several])
            return None if denied is None else not denied
    return _tested(condition, element)


def _tested(test: Compare | OneOf | Call, element: Mapping[str, Json]) -> bool | None:
    match test:
        case Compare(path=path, how=how, value=value):
            return _compared(_at(element, path), how, value)
        case OneOf(path=path, values=values):
            return _any([_compared(_at(element, path), Comparison.EQUAL, value) for value in values])
        case Call(path=None, arguments=(id, exact)):
            return bool(element["$metadata"]["$model"] == id if exact else id in element["$kinds"])
        case Call(name=name, path=Path() as path, arguments=arguments):
            return _called(name, _at(element, path), arguments)
    raise AssertionError(test)


def _any(truths: list[bool | None]) -> bool | None:
    if True in truths:
        return True
    return None if None in truths else False


def _at(element: Json, path: Path) -> Json:
    for name in path.names:
        if not isinstance(element, dict) or name not in element:
            return MISSING
        element = element[name]
    return element


def _type(value: Json) -> str:
    if value is MISSING:
        return "missing"
    if isinstance(value, bool):
        return "boolean"
    known = {type(None): "null", int: "number", float: "number", str: "string", dict: "object", list: "array"}
    return known[type(value)]


def _compared(found: Json, how: Comparison, value: Literal) -> bool | None:
    return COMPARED[how](found, value) if _type(found) == _type(value) else None


def _called(name: str, found: Json, arguments: tuple[Literal, ...]) -> bool | None:
    if name in TYPE_TESTS:
        return _type(found) in TYPE_TESTS[name]
    if name == "ARRAY_CONTAINS":
        if _type(found) != "array":
            return None
        return any(_compared(one, Comparison.EQUAL, arguments[0]) for one in found)
    return TEXT_TESTS[name](found, str(arguments[0])) if _type(found) == "string" else None
