"""Reads what stands behind WHERE, by recursive descent of bounded depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from weft.twins.query.limits import Limits
from weft.twins.query.scanner import Scanner
from weft.twins.query.selection import (
    OWN_PATHS,
    All,
    Any,
    Call,
    Collection,
    Compare,
    Comparison,
    Condition,
    Literal,
    Not,
    OneOf,
    Path,
)
from weft.twins.query.tokens import Kind, Token, number, string

DEEPEST_PATH: Final = 64
RESERVED: Final = frozenset(
    ("ALL", "AND", "AS", "ASC", "AVG", "BY", "COUNT", "DESC", "FALSE", "FROM", "GROUP", "IN", "JOIN", "MATCH",
     "MAX", "MIN", "NIN", "NOT", "NULL", "OR", "ORDER", "RELATED", "SELECT", "SUM", "TOP", "TRUE", "WHERE")
)  # fmt: skip

_COMPARISONS: Final = {comparison.value: comparison for comparison in Comparison}
_WORDS: Final[dict[str, Literal]] = {"TRUE": True, "FALSE": False, "NULL": None}


@dataclass(frozen=True, slots=True)
class Source:
    """What the conditions are about: a collection and, where it has one, its name in this query."""

    collection: Collection
    alias: str | None


def condition(scanner: Scanner, source: Source, limits: Limits) -> Condition:
    """Return the condition that begins here. Raises QueryFault."""
    return _Conditions(scanner, source, limits).either(0)


class _Conditions:
    def __init__(self, scanner: Scanner, source: Source, limits: Limits) -> None:
        self._scanner = scanner
        self._source = source
        self._limits = limits
        self._operators = 0

    def either(self, depth: int) -> Condition:
        parts = [self._both(depth)]
        while self._goes_on("OR"):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _both(self, depth: int) -> Condition:
        parts = [self._negation(depth)]
        while self._goes_on("AND"):
            parts.append(self._negation(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _negation(self, depth: int) -> Condition:
        if depth > self._limits.depth:
            raise self._scanner.token.fault(
                f"NOT and parentheses are nested deeper than {self._limits.depth} levels"
            )
        if self._scanner.took("NOT"):
            return Not(self._negation(depth + 1))
        if self._scanner.took("("):
            inner = self.either(depth + 1)
            self._scanner.expect(")")
            return inner
        return self._test()

    def _goes_on(self, operator: str) -> bool:
        token = self._scanner.token
        if not self._scanner.took(operator):
            return False
        self._operators += 1
        if self._operators > self._limits.operators:
            raise token.fault(f"there are more than {self._limits.operators} AND and OR")
        return True

    def _test(self) -> Condition:
        first = self._name()
        if first.kind is Kind.NAME and self._scanner.took("("):
            return self._call(first)
        path = self._path(first)
        operator = self._scanner.token
        if operator.word in _COMPARISONS:
            return self._compare(path, _COMPARISONS[self._scanner.take().word])
        if self._scanner.took("IN"):
            return OneOf(path, self._list())
        if self._scanner.took("NIN"):
            return Not(OneOf(path, self._list()))
        raise self._scanner.unexpected("one of = != < <= > >= IN NIN")

    def _compare(self, path: Path, how: Comparison) -> Compare:
        token = self._scanner.token
        value = self._literal()
        by_order = how not in (Comparison.EQUAL, Comparison.NOT_EQUAL)
        if by_order and (value is None or isinstance(value, bool)):
            raise token.fault(f"{how} compares with a number or a string, not with {token}")
        return Compare(path, how, value)

    def _list(self) -> tuple[Literal, ...]:
        self._scanner.expect("[")
        values = [self._literal()]
        while self._scanner.took(","):
            if len(values) == self._limits.items:
                raise self._scanner.token.fault(f"the list has more than {self._limits.items} items")
            values.append(self._literal())
        self._scanner.expect("]")
        return tuple(values)

    def _literal(self) -> Literal:
        token = self._scanner.token
        if token.kind is Kind.STRING:
            return string(self._scanner.take())
        if token.kind is Kind.NUMBER:
            return number(self._scanner.take())
        if token.word in _WORDS:
            return _WORDS[self._scanner.take().word]
        raise self._scanner.unexpected("a string, a number, true, false or null")

    def _name(self) -> Token:
        token = self._scanner.token
        if token.kind is Kind.QUOTED_NAME:
            return self._scanner.take()
        if token.word in RESERVED:
            raise token.fault(f"{token} is a reserved word; a property of that name is [[{token.text}]]")
        return self._scanner.take_a(Kind.NAME, "a property, a function, NOT or (")

    def _path(self, first: Token) -> Path:
        """Return the path that begins with *first*, without the name of the collection."""
        names = [first.name]
        while self._scanner.took("."):
            names.append(self._member())
            if len(names) > DEEPEST_PATH:
                raise first.fault(f"the property is nested deeper than {DEEPEST_PATH} levels")
        if first.kind is Kind.NAME and names[0] == self._source.alias:
            del names[0]
        if not names:
            raise first.fault(f"{first} is a whole element of the collection, not a property of one")
        return self._allowed(tuple(names), first)

    def _member(self) -> str:
        if self._scanner.token.kind is Kind.QUOTED_NAME:
            return self._scanner.take().name
        return self._scanner.take_a(Kind.NAME, "the name of a property").name

    def _allowed(self, names: tuple[str, ...], first: Token) -> Path:
        own = OWN_PATHS[self._source.collection]
        if any("$" in name for name in names) and names not in own:
            known = ", ".join(sorted(".".join(path) for path in own))
            raise first.fault(
                f"{self._source.collection} are selected by properties and {known} only, "
                f"not by {'.'.join(names)[:60]}"
            )
        return Path(names)

    def _call(self, function: Token) -> Condition:
        """Return the call whose opening parenthesis was just taken."""
        read_arguments = _FUNCTIONS.get(function.word)
        if read_arguments is None:
            raise function.fault(f"there is no function {function}; there are {', '.join(_FUNCTIONS)}")
        path, arguments = read_arguments(self, function)
        self._scanner.expect(")")
        return Call(function.word, path, arguments)

    def _property(self) -> Path:
        return self._path(self._name())

    def nothing_more(self, _: Token) -> Arguments:
        return self._property(), ()

    def text(self, _: Token) -> Arguments:
        path = self._property()
        self._scanner.expect(",")
        return path, (string(self._scanner.take_a(Kind.STRING, "a string")),)

    def value(self, _: Token) -> Arguments:
        path = self._property()
        self._scanner.expect(",")
        return path, (self._literal(),)

    def model(self, function: Token) -> Arguments:
        """Read `[alias,] id [, exact]`."""
        if self._source.collection is not Collection.TWINS:
            raise function.fault(f"{function} is for {Collection.TWINS} only")
        if self._scanner.token.kind is Kind.NAME:
            self._skip_alias()
        id = string(self._scanner.take_a(Kind.STRING, "the id of a model as a string"))
        exact = self._scanner.took(",")
        if exact:
            self._scanner.expect("EXACT")
        return None, (id, exact)

    def _skip_alias(self) -> None:
        token = self._scanner.take()
        if token.text != self._source.alias:
            raise token.fault(f"{token} is not the name of the collection")
        self._scanner.expect(",")


Arguments = tuple[Path | None, tuple[Literal, ...]]

_FUNCTIONS: Final[dict[str, Callable[[_Conditions, Token], Arguments]]] = {
    "ARRAY_CONTAINS": _Conditions.value,
    "CONTAINS": _Conditions.text,
    "ENDSWITH": _Conditions.text,
    "IS_BOOL": _Conditions.nothing_more,
    "IS_DEFINED": _Conditions.nothing_more,
    "IS_NULL": _Conditions.nothing_more,
    "IS_NUMBER": _Conditions.nothing_more,
    "IS_OBJECT": _Conditions.nothing_more,
    "IS_OF_MODEL": _Conditions.model,
    "IS_PRIMITIVE": _Conditions.nothing_more,
    "IS_STRING": _Conditions.nothing_more,
    "STARTSWITH": _Conditions.text,
}
