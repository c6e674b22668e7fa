"""The words and signs of a query's text, in time that grows no faster than the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from weft.twins.query.faults import QueryFault, shown


class Kind(StrEnum):
    NAME = "name"
    QUOTED_NAME = "quoted_name"
    NUMBER = "number"
    STRING = "string"
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """*text* is as it is written; *start* counts from 0."""

    kind: Kind
    text: str
    start: int

    @property
    def word(self) -> str:
        """The name in upper case, or the sign; empty for what can be neither keyword nor sign."""
        return self.text.upper() if self.kind in (Kind.NAME, Kind.SIGN) else ""

    @property
    def name(self) -> str:
        return self.text[2:-2] if self.kind is Kind.QUOTED_NAME else self.text

    def fault(self, message: str) -> QueryFault:
        return QueryFault(message, self.start + 1)

    def __str__(self) -> str:
        return "the end of the query" if self.kind is Kind.END else shown(self.text)


# Possessive, and no two alternatives begin alike but the brackets: nothing is ever read a second time.
_TOKEN: Final = re.compile(
    r"""
    (?P<name> [A-Za-z_$][A-Za-z0-9_$]*+ )
    | (?P<quoted_name> \[\[[A-Za-z_][A-Za-z0-9_]*+\]\] )
    | (?P<number> -?[0-9]++(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+ )
    | (?P<string> '(?:[^'\\]++|\\.)*+' )
    | (?P<sign> [<>!]=|[=<>(),.*\[\]] )
    """,
    re.VERBOSE | re.DOTALL,
)
_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {
    "'": "'",
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of *text* as they are asked for, and END for ever after. Raises QueryFault."""
    at = _after_space(text, 0)
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text, at)
        yield Token(Kind(str(match.lastgroup)), match[0], at)
        at = _after_space(text, match.end())
    while True:
        yield Token(Kind.END, "", at)


def string(token: Token) -> str:
    """Return what a STRING says. Raises QueryFault for an escape that is none."""

    def meant(escape: re.Match[str]) -> str:
        character = _ESCAPED.get(escape[1])
        if character is None:
            raise QueryFault(f"{shown(escape[0])} is no escape", token.start + escape.start() + 2)
        return character

    return _ESCAPE.sub(meant, token.text[1:-1])


def number(token: Token) -> int | float:
    """Return what a NUMBER says. Raises QueryFault for one beyond 64 bit."""
    digits = token.text.lstrip("-")
    if digits.isdigit() and len(digits) <= 19 and -(2**63) <= int(token.text) < 2**63:
        return int(token.text)
    real = float(token.text) if not digits.isdigit() else float("inf")
    if real in (float("inf"), float("-inf")):
        raise token.fault(f"the number {token} is beyond 64 bit")
    return real


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()


def _unreadable(text: str, at: int) -> QueryFault:
    if text[at] == "'":
        return QueryFault("the string has no end", at + 1)
    return QueryFault(f"the character {shown(text[at])} is not understood", at + 1)
