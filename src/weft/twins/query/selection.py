"""What a query asks for, as data. A store compiles it; nothing of a query's text ever becomes SQL."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Collection(StrEnum):
    TWINS = "digitaltwins"
    RELATIONSHIPS = "relationships"


@dataclass(frozen=True, slots=True)
class Path:
    """A property: `T.a.b` is ("a", "b"); `$dtId` and the like are names as any other."""

    names: tuple[str, ...]


Literal = str | int | float | bool | None


class Comparison(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


@dataclass(frozen=True, slots=True)
class Compare:
    path: Path
    how: Comparison
    value: Literal


@dataclass(frozen=True, slots=True)
class OneOf:
    path: Path
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the language that is true or false, by its name in upper case."""

    name: str
    path: Path | None
    arguments: tuple[Literal, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    of: Condition


@dataclass(frozen=True, slots=True)
class All:
    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    of: tuple[Condition, ...]


Condition = Compare | OneOf | Call | Not | All | Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """*counts*: `SELECT COUNT()`. *top*: at most so many in all. *alias*: a column's name in the answer."""

    collection: Collection
    where: Condition | None = None
    counts: bool = False
    top: int | None = None
    alias: str | None = None
