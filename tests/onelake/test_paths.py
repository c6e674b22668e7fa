"""Names of files: none leads anywhere but down."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.onelake.errors import BadPath
from weft.onelake.paths import Place, names_of


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("", ()),
        ("w", ("w",)),
        ("w/i/Files/", ("w", "i", "Files")),
        ("w/.hidden/...", ("w", ".hidden", "...")),
        ("w/späte Ernte%2f", ("w", "späte Ernte%2f")),
    ],
)
def test_a_path_is_its_names(path: str, names: tuple[str, ...]) -> None:
    assert names_of(path) == names


@pytest.mark.parametrize(
    "path",
    ["/", "//", "a//b", "/a", ".", "..", "a/..", "a/./b", "a\0", "a\n", "\x7f", "a\\b", "\ud800", "a" * 256,
     "ä" * 128, "a" * 1025, "a/" * 61],
)  # fmt: skip
def test_a_path_that_no_file_can_have_is_refused(path: str) -> None:
    with pytest.raises(BadPath):
        names_of(path)


@given(st.text(max_size=40) | st.lists(st.sampled_from(["..", ".", "", "a", "\\"])).map("/".join))
def test_no_path_leads_out(path: str) -> None:
    try:
        names = names_of(path)
    except BadPath:
        return

    below = Place("w", "i", names).below(Path("/root"))

    assert below.parts == ("/", "root", "w", "i", *names)
    assert ".." not in below.parts
