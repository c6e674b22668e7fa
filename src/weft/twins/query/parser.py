"""Reads a query: its text becomes a selection, or a fault that says what is not understood, and where.

    query    = SELECT what FROM collection [[AS] alias] [WHERE either]
    what     = TOP ( n ) | [TOP ( n )] ( * | alias ) | COUNT ( )
    either   = both { OR both }
    both     = negation { AND negation }
    negation = NOT negation | ( either ) | function ( ... ) | path = literal | path IN [ literal, ... ] | ...

Keywords, functions and collections are read in any case, all other names in their own. Source: the reference
of the Azure Digital Twins query language; of it, JOIN, MATCH and columns are not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weft.twins.query.conditions import RESERVED, Source, condition
from weft.twins.query.faults import QueryFault
from weft.twins.query.limits import SERVICE, Limits
from weft.twins.query.scanner import Scanner
from weft.twins.query.selection import Collection, Selection
from weft.twins.query.tokens import Kind, Token, number

_COLLECTIONS: Final = {collection.upper(): collection for collection in Collection}
_UNREAD: Final = frozenset(("JOIN", "MATCH", "ORDER", "GROUP"))


@dataclass(frozen=True, slots=True)
class _Projection:
    """*column* is the one that is asked for, which must be the collection's alias; None for `*` and COUNT."""

    top: int | None
    counts: bool
    column: Token | None


def parse(text: str, limits: Limits = SERVICE) -> Selection:
    """Return what *text* asks for. Raises QueryFault."""
    if len(text) > limits.characters:
        raise QueryFault(f"the query is longer than {limits.characters} characters", limits.characters + 1)
    scanner = Scanner(text)
    projection = _projection(scanner)
    source = _source(scanner)
    _check_column(projection.column, source)
    where = condition(scanner, source, limits) if scanner.took("WHERE") else None
    _check_end(scanner)
    return Selection(
        collection=source.collection,
        where=where,
        counts=projection.counts,
        top=projection.top,
        alias=None if projection.column is None else projection.column.name,
    )


def _projection(scanner: Scanner) -> _Projection:
    scanner.expect("SELECT")
    top = _top(scanner)
    counts, column = False, None
    if top is None and scanner.took("COUNT"):
        scanner.expect("(")
        scanner.expect(")")
        counts = True
    elif not scanner.took("*") and not (top and scanner.token.word == "FROM"):
        column = _column(scanner)
    return _Projection(top, counts, column)


def _top(scanner: Scanner) -> int | None:
    if not scanner.took("TOP"):
        return None
    scanner.expect("(")
    token = scanner.take_a(Kind.NUMBER, "a number")
    top = number(token)
    if not isinstance(top, int) or top < 1:
        raise token.fault(f"TOP takes a whole number from 1 on, not {token}")
    scanner.expect(")")
    return top


def _column(scanner: Scanner) -> Token:
    if scanner.token.word in RESERVED:
        raise scanner.unexpected("*, COUNT(), TOP(n) or the name of the collection")
    column = scanner.take_a(Kind.NAME, "*, COUNT(), TOP(n) or the name of the collection")
    if scanner.token.word != "FROM":
        raise scanner.token.fault(f"FROM is expected, not {scanner.token}: columns cannot be selected yet")
    return column


def _source(scanner: Scanner) -> Source:
    scanner.expect("FROM")
    token = scanner.take_a(Kind.NAME, "a collection")
    collection = _COLLECTIONS.get(token.word)
    if collection is None:
        raise token.fault(f"there is no collection {token}; there are {' and '.join(Collection)}")
    named = scanner.took("AS")
    if named or (scanner.token.kind is Kind.NAME and scanner.token.word not in RESERVED):
        return Source(collection, _alias(scanner))
    return Source(collection, None)


def _alias(scanner: Scanner) -> str:
    token = scanner.take_a(Kind.NAME, "a name for the collection")
    if token.word in RESERVED or "$" in token.text:
        raise token.fault(f"{token} cannot be the name of a collection")
    return token.text


def _check_column(column: Token | None, source: Source) -> None:
    if column is not None and column.text != source.alias:
        raise column.fault(f"{column} is not the name of the collection: columns cannot be selected yet")


def _check_end(scanner: Scanner) -> None:
    if scanner.token.word in _UNREAD:
        raise scanner.token.fault(f"{scanner.token.word} is not understood yet")
    if scanner.token.kind is not Kind.END:
        raise scanner.unexpected("WHERE, AND, OR or the end of the query")
