"""A selection becomes one statement of SQL: its text is put together of fixed parts, all values are bound."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

import apsw
import msgspec

from weft.stores.queries import load
from weft.stores.sqlite.graph import keys, reading
from weft.twins.errors import QueryTooLong
from weft.twins.graph import Relationship, Section, Twin
from weft.twins.query.selection import (
    MODEL,
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
    Selection,
)

PARTS = load("weft.stores.sqlite.graph", "query.sql")

MOST_SECONDS = 5.0

# So many steps of SQLite take about a millisecond.
STEPS_BETWEEN_LOOKS = 20_000

_OPERATORS = {
    Comparison.EQUAL: "=",
    Comparison.NOT_EQUAL: "<>",
    Comparison.LESS: "<",
    Comparison.LESS_OR_EQUAL: "<=",
    Comparison.GREATER: ">",
    Comparison.GREATER_OR_EQUAL: ">=",
}
_TEXT_FUNCTIONS = {"STARTSWITH", "ENDSWITH", "CONTAINS"}
_TRUE_OF_TEXT = {"IS_DEFINED", "IS_STRING", "IS_PRIMITIVE"}


def select(
    db: apsw.Connection, store: str, selection: Selection, page: tuple[int, int], most_seconds: float
) -> Sequence[Twin | Relationship]:
    """*page* is: after which number, and how many. Raises QueryTooLong."""
    sql, bindings = compiled(selection, "select")
    row_to = reading.twin_of if selection.collection is Collection.TWINS else reading.relationship_of
    with _at_most(db, most_seconds):
        rows = db.execute(sql, {**bindings, "after": page[0], "limit": page[1]})
        return [row_to(store, row) for row in rows]


def count(db: apsw.Connection, selection: Selection, most_seconds: float) -> int:
    """Raises QueryTooLong."""
    if selection.where is None:
        is_of_twins = selection.collection is Collection.TWINS
        return reading.counts(db)[Section.TWINS if is_of_twins else Section.RELATIONSHIPS]
    sql, bindings = compiled(selection, "count")
    with _at_most(db, most_seconds):
        return int(db.execute(sql, bindings).get)


def compiled(selection: Selection, verb: str) -> tuple[str, Mapping[str, str | int | float]]:
    """Return the statement for *verb*, `select` or `count`, and what it binds.

    `select` binds `after` and `limit` besides.
    """
    is_of_twins = selection.collection is Collection.TWINS
    compiler = _Compiler(_OWN[selection.collection], "body" if is_of_twins else "properties")
    where = PARTS["true"] if selection.where is None else compiler.condition(selection.where)
    name = f"{verb}_twins" if is_of_twins else f"{verb}_relationships"
    return PARTS[name].format(where=where), compiler.bindings


@contextlib.contextmanager
def _at_most(db: apsw.Connection, seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    db.set_progress_handler(lambda: time.monotonic() > end, STEPS_BETWEEN_LOOKS)
    try:
        yield
    except apsw.InterruptError:
        raise QueryTooLong(seconds) from None
    finally:
        db.set_progress_handler(None)


@dataclass(frozen=True, slots=True)
class _Own:
    """A column, which is always text: *text* is the part that gives it, *is_one_of* the one that finds."""

    text: str
    is_one_of: str


_OWN: Mapping[Collection, Mapping[tuple[str, ...], _Own]] = {
    Collection.TWINS: {
        ("$dtId",): _Own("twins.id", PARTS["twin_is_one_of"]),
        MODEL: _Own(PARTS["model"], PARTS["model_is_one_of"]),
    },
    Collection.RELATIONSHIPS: {
        ("$relationshipId",): _Own("relationships.id", PARTS["relationship_is_one_of"]),
        ("$sourceId",): _Own(PARTS["source"], PARTS["source_is_one_of"]),
        ("$targetId",): _Own(PARTS["target"], PARTS["target_is_one_of"]),
        ("$relationshipName",): _Own(PARTS["relationship_name"], PARTS["name_is_one_of"]),
    },
}


class _Compiler:
    def __init__(self, own: Mapping[tuple[str, ...], _Own], document: str) -> None:
        self.bindings: dict[str, str | int | float] = {}
        self._own = own
        self._document = document

    def condition(self, condition: Condition) -> str:
        match condition:
            case Compare():
                return self._compare(condition)
            case OneOf():
                return self._one_of(condition)
            case Call():
                return self._call(condition)
            case Not():
                return PARTS["not"].format(of=self.condition(condition.of))
            case All():
                return _joined("and", [self.condition(part) for part in condition.of])
            case Any():
                return _joined("or", [self.condition(part) for part in condition.of])
            case _:
                assert_never(condition)

    # ---- comparisons

    def _compare(self, compare: Compare) -> str:
        own = self._own.get(compare.path.names)
        if own is not None:
            return self._compare_own(own, compare)
        operator = _OPERATORS[compare.how]
        value = compare.value
        if isinstance(value, str):
            text = self._at(compare.path, "text_at")
            then = PARTS["compare"].format(text=text, operator=operator, value=self._bind(value))
            return self._at(compare.path, "if_text", then=then)
        part, bound = _json_word(value)
        return self._at(compare.path, f"compare_{part}", operator=operator, value=self._bind(bound))

    def _compare_own(self, own: _Own, compare: Compare) -> str:
        if not isinstance(compare.value, str):
            return PARTS["unknown"]
        if compare.how is Comparison.EQUAL:
            return self._own_is_one_of(own, [compare.value])
        if compare.how is Comparison.NOT_EQUAL:
            return PARTS["not"].format(of=self._own_is_one_of(own, [compare.value]))
        operator = _OPERATORS[compare.how]
        return PARTS["compare"].format(text=own.text, operator=operator, value=self._bind(compare.value))

    def _one_of(self, one_of: OneOf) -> str:
        texts = [value for value in one_of.values if isinstance(value, str)]
        own = self._own.get(one_of.path.names)
        if own is not None:
            found = [self._own_is_one_of(own, texts)] if texts else []
            return _joined("or", found + [PARTS["unknown"]] * (len(texts) < len(one_of.values)))
        numbers = [value for value in one_of.values if _is_number(value)]
        parts = [
            self._compare(Compare(one_of.path, Comparison.EQUAL, word)) for word in _words(one_of.values)
        ]
        if texts:
            parts.append(self._at(one_of.path, "text_is_one_of", values=self._bind(_json(texts))))
        if numbers:
            parts.append(self._at(one_of.path, "number_is_one_of", values=self._bind(_json(numbers))))
        return _joined("or", parts)

    def _own_is_one_of(self, own: _Own, values: Sequence[str]) -> str:
        if "{keys}" in own.is_one_of:
            return own.is_one_of.format(keys=self._bind(_json([_key_word(value) for value in values])))
        return own.is_one_of.format(values=self._bind(_json(values)))

    # ---- functions

    def _call(self, call: Call) -> str:
        if call.path is None:
            raise ValueError(f"a store does not know the function {call.name}")
        own = self._own.get(call.path.names)
        if own is not None:
            return self._call_of_text(own, call)
        if call.name in _TEXT_FUNCTIONS:
            text = self._at(call.path, "text_at")
            then = PARTS[call.name].format(text=text, value=self._bind_text(call))
            return self._at(call.path, "if_text", then=then)
        if call.name == "ARRAY_CONTAINS":
            return self._array_contains(call.path, call.arguments[0])
        return self._at(call.path, call.name)

    def _call_of_text(self, own: _Own, call: Call) -> str:
        if call.name in _TEXT_FUNCTIONS:
            return PARTS[call.name].format(text=own.text, value=self._bind_text(call))
        if call.name == "ARRAY_CONTAINS":
            return PARTS["unknown"]
        return PARTS["true" if call.name in _TRUE_OF_TEXT else "false"]

    def _array_contains(self, path: Path, value: Literal) -> str:
        if isinstance(value, str):
            return self._at(path, "array_contains_text", value=self._bind(value))
        word, bound = _json_word(value)
        part = "array_contains_number" if word == "number" else "array_contains_type"
        return self._at(path, part, value=self._bind(bound))

    # ---- parts

    def _at(self, path: Path, part: str, **places: str) -> str:
        where = self._bind("$" + "".join(f'."{name}"' for name in path.names))
        return PARTS[part].format(document=self._document, path=where, **places)

    def _bind_text(self, call: Call) -> str:
        (text,) = call.arguments
        if not isinstance(text, str):
            raise ValueError(f"{call.name} takes a string")
        return self._bind(text)

    def _bind(self, value: str | float) -> str:
        """Return the name of a parameter with this value."""
        name = f"v{len(self.bindings)}"
        self.bindings[name] = value
        return f":{name}"


def _joined(word: str, parts: Sequence[str]) -> str:
    """Join as a balanced tree: SQLite bounds the depth of an expression."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    one, other = _joined(word, parts[:middle]), _joined(word, parts[middle:])
    return PARTS[word].format(one=one, other=other)


def _json_word(value: float | None) -> tuple[str, str | float]:
    """Return what a literal that is no text is compared as, and SQLite's word for it, or the number."""
    if value is None:
        return "null", "null"
    if isinstance(value, bool):
        return "boolean", "true" if value else "false"
    return "number", value


def _is_number(value: Literal) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(values: Sequence[Literal]) -> list[bool | None]:
    return [word for word in (None, False, True) if any(value is word for value in values)]


def _key_word(id: str) -> tuple[bool, str]:
    key = keys.of_twin(id)
    return (True, key.hex()) if isinstance(key, bytes) else (False, key)


def _json(values: Sequence[object]) -> str:
    return msgspec.json.encode(values).decode()
