"""What is wrong with the text of a query."""

from __future__ import annotations

SHOWN_CHARACTERS = 60


class QueryFault(Exception):
    """*message* is a sentence for the person who asks; *position* counts the characters from 1."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message}, at character {position}")
        self.message = message
        self.position = position


def shown(text: str) -> str:
    """Return *text* fit for a message: quoted, printable and short."""
    return ascii(text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}...")
