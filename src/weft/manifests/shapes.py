"""What an element may hold, as data; and the check of an element against it, which tells every fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from weft.manifests.errors import Report, listed, shown
from weft.manifests.xml import Element

MANY: Final = 10**9

Rule = Callable[[str], str | None]
"""Returns what is wrong with a value, as the end of a sentence that begins with its name."""


@dataclass(frozen=True, slots=True)
class Child:
    shape: Shape
    least: int = 1
    most: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """*attributes* with their rules; those in *optional* may be left out. *text*: None where none may be.

    *is_ordered*: the children come in the order of *children*.
    """

    children: Mapping[str, Child] = field(default_factory=dict)
    attributes: Mapping[str, Rule] = field(default_factory=dict)
    optional: Mapping[str, Rule] = field(default_factory=dict)
    text: Rule | None = None
    is_ordered: bool = True


def check(element: Element, shape: Shape, file: str, report: Report) -> None:
    """Tell *report* of everything in *element* that does not fit *shape*."""
    _check_attributes(element, shape, file, report)
    _check_text(element, shape, file, report)
    _check_counts(element, shape, file, report)
    if shape.is_ordered:
        _check_order(element, shape, file, report)
    for child in element.children:
        if child.name in shape.children:
            check(child, shape.children[child.name].shape, file, report)


def _check_attributes(element: Element, shape: Shape, file: str, report: Report) -> None:
    known = {**shape.attributes, **shape.optional}
    for name in shape.attributes:
        if name not in element.attributes:
            report.error(file, element.line, f"{element.path}@{name}", "is missing")
    for name, value in element.attributes.items():
        fault = known[name](value) if name in known else "is unknown"
        if fault:
            report.error(file, element.line, f"{element.path}@{shown(name)[1:-1]}", fault)


def _check_text(element: Element, shape: Shape, file: str, report: Report) -> None:
    if shape.text is not None:
        fault = shape.text(element.text)
    else:
        fault = f"holds the text {shown(element.text.strip())}" if element.text.strip() else None
    if fault:
        report.error(file, element.line, element.path, fault)


def _check_counts(element: Element, shape: Shape, file: str, report: Report) -> None:
    for name, child in shape.children.items():
        found = element.all(name)
        if len(found) < child.least:
            missing = "is missing" if child.least == 1 else f"is needed {child.least} times, not {len(found)}"
            report.error(file, element.line, f"{element.name}/{name}", missing)
        for extra in found[child.most :]:
            report.error(file, extra.line, extra.path, "is there more than once")
    for one in element.children:
        if one.name not in shape.children:
            report.error(file, one.line, f"{element.name}/{shown(one.name)[1:-1]}", "is unknown")


def _check_order(element: Element, shape: Shape, file: str, report: Report) -> None:
    places = {name: place for place, name in enumerate(shape.children)}
    latest, before = -1, ""
    for child in element.children:
        place = places.get(child.name, latest)
        if place < latest:
            report.error(file, child.line, child.path, f"must come before {before}")
            return
        if place > latest:
            latest, before = place, child.name


# ---- rules of values


def matches(pattern: str, wanted: str, longest: int | None = None) -> Rule:
    regex = re.compile(pattern)

    def rule(value: str) -> str | None:
        if longest is not None and len(value) > longest:
            return f"is longer than {longest} characters: {shown(value)}"
        return None if regex.fullmatch(value) else f"must be {wanted}, not {shown(value)}"

    return rule


def one_of(*values: str) -> Rule:
    return lambda value: None if value in values else f"must be {listed(values)}, not {shown(value)}"


def boolean(value: str) -> str | None:
    return None if value.strip() in _BOOLEANS else f"must be true or false, not {shown(value)}"


def is_true(value: str) -> bool:
    return value.strip() in ("true", "1")


def not_empty(value: str) -> str | None:
    return None if value.strip() else "is empty"


def anything(value: str) -> str | None:
    return None


_BOOLEANS: Final = ("true", "false", "1", "0")
