"""Looks at a query's text one token at a time."""

from __future__ import annotations

from weft.twins.query.faults import QueryFault
from weft.twins.query.tokens import Kind, Token, tokens


class Scanner:
    """*token* is the one at hand. Every call may raise QueryFault."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self.token = next(self._tokens)

    def take(self) -> Token:
        taken = self.token
        self.token = next(self._tokens)
        return taken

    def took(self, word: str) -> bool:
        """Take the keyword or sign *word* if it is at hand."""
        if self.token.word != word:
            return False
        self.take()
        return True

    def expect(self, word: str) -> None:
        if not self.took(word):
            raise self.unexpected(word)

    def take_a(self, kind: Kind, called: str) -> Token:
        if self.token.kind is not kind:
            raise self.unexpected(called)
        return self.take()

    def unexpected(self, expected: str) -> QueryFault:
        return self.token.fault(f"{expected} is expected, not {self.token}")
