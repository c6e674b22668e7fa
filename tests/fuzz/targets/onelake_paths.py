"""The path of a file of an item, as a request to OneLake names it."""

from __future__ import annotations

from pathlib import Path

from weft.onelake.errors import BadPath
from weft.onelake.paths import Place, names_of

ROOT = Path("/root-of-files")


def run(data: bytes) -> None:
    try:
        names = names_of(data.decode("utf-8", "surrogateescape"))
    except BadPath as bad:
        str(bad).encode()
        return
    place = Place("w", "i", names).below(ROOT)
    assert place.is_relative_to(ROOT / "w" / "i")
    assert ".." not in place.parts
    place.as_posix().encode()
