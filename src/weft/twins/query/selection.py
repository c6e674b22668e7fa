"""What a query asks for, as data. A store compiles it; nothing of a query's text ever becomes SQL.

A condition is true, false or *unknown*, and selects what it is true for. As in SQL, NOT of unknown is
unknown; AND and OR are unknown where the other side does not decide. It is unknown where a property is
missing, or is of another type than what it is compared with: types are null, boolean, number, string, object
and array. Text is compared by code points, in its own case. An integer and a real are numbers alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Collection(StrEnum):
    TWINS = "digitaltwins"
    RELATIONSHIPS = "relationships"


MODEL = ("$metadata", "$model")
OWN_PATHS = {
    Collection.TWINS: frozenset({("$dtId",), MODEL}),
    Collection.RELATIONSHIPS: frozenset(
        {("$relationshipId",), ("$sourceId",), ("$targetId",), ("$relationshipName",)}
    ),
}


@dataclass(frozen=True, slots=True)
class Path:
    """A property: `T.a.b` is ("a", "b"), where `b` is a member of the object `a`; arrays have no members.

    The names are words of letters, digits and `_`. Only the OWN_PATHS of a collection have names with `$`.
    """

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
    """Only EQUAL and NOT_EQUAL have a boolean or null as *value*; an integer has at most 64 bit."""

    path: Path
    how: Comparison
    value: Literal


@dataclass(frozen=True, slots=True)
class OneOf:
    """The same as `Any` of `Compare` with EQUAL; there is at least one value, and may be thousands."""

    path: Path
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the language, by its name in upper case, with *arguments* behind the path.

    - STARTSWITH, ENDSWITH, CONTAINS (a string): unknown where the property is no string.
    - ARRAY_CONTAINS (a literal): whether an element equals it, elements of other types do not; unknown where
      the property is no array.
    - IS_DEFINED, IS_NULL, IS_BOOL, IS_NUMBER, IS_STRING, IS_OBJECT: never unknown; a missing property is none
      of them. IS_PRIMITIVE: null, a boolean, a number or a string.
    - IS_OF_MODEL (id, whether exactly it), without a path: `weft.twins.query.queries` replaces it by OneOf,
      so that no store sees it.
    """

    name: str
    path: Path | None
    arguments: tuple[Literal, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    of: Condition


@dataclass(frozen=True, slots=True)
class All:
    """There is at least one."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """There is at least one."""

    of: tuple[Condition, ...]


Condition = Compare | OneOf | Call | Not | All | Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """*counts*: `SELECT COUNT()`. *top*: at most so many in all. *alias*: a column's name in the answer.

    A store looks at *collection* and *where* only: what is counted, cut or named is the caller's.
    """

    collection: Collection
    where: Condition | None = None
    counts: bool = False
    top: int | None = None
    alias: str | None = None
