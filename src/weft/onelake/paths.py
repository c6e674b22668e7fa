"""Where a file lies: checked names below the folder of an item, which no name can leave."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weft.onelake.errors import BadPath

LONGEST_NAME_BYTES: Final = 255
LONGEST_PATH: Final = 1024
DEEPEST: Final = 60
FOLDERS: Final = ("Files", "Tables")


@dataclass(frozen=True, slots=True)
class Place:
    """*workspace* and *item* are ids; *names* lead on from the item, none: the item itself."""

    workspace: str
    item: str
    names: tuple[str, ...] = ()

    @property
    def is_managed(self) -> bool:
        """Whether it belongs to the item itself: it is always there, and stays."""
        return len(self.names) < 2

    def is_within(self, other: Place) -> bool:
        """Whether it is *other*, or lies below it."""
        same = (self.workspace, self.item) == (other.workspace, other.item)
        return same and self.names[: len(other.names)] == other.names

    def below(self, root: Path) -> Path:
        return root.joinpath(self.workspace, self.item, *self.names)


def names_of(path: str) -> tuple[str, ...]:
    """Return the names that *path* consists of; one slash may end it. Raises BadPath."""
    if len(path) > LONGEST_PATH:
        raise BadPath(f"A path may have {LONGEST_PATH} characters at most.")
    names = tuple(path.removesuffix("/").split("/")) if path else ()
    if len(names) > DEEPEST:
        raise BadPath(f"A path may be {DEEPEST} names deep at most.")
    for name in names:
        _check(name)
    return names


def _check(name: str) -> None:
    if name in ("", ".", ".."):
        raise BadPath(f"A path cannot hold the name {name!r}.")
    if any(ord(character) < 32 or character in "\x7f\\" for character in name):
        raise BadPath("A path cannot hold control characters or backslashes.")
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise BadPath("A path cannot hold half a surrogate pair.") from None
    if length > LONGEST_NAME_BYTES:
        raise BadPath(f"A name may have {LONGEST_NAME_BYTES} bytes at most.")
