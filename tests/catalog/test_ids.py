"""Ids as the contracts write them."""

from __future__ import annotations

import pytest

from weft.catalog.ids import is_canonical, is_uuid

ID = "63f77191-432d-4ee6-9c5f-31a1a6987072"


def test_a_uuid_has_one_spelling_in_two_cases() -> None:
    assert is_canonical(ID)
    assert is_uuid(ID)
    assert is_uuid(ID.upper())
    assert not is_canonical(ID.upper())


@pytest.mark.parametrize(
    "text",
    ["", ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}", f"{ID}\n", f" {ID}", ID[:-1], f"{ID}0",
     ID.replace("6", "g"), ID.replace("6", "\u0666")],
)  # fmt: skip
def test_no_other_spelling_of_a_uuid_is_one(text: str) -> None:
    assert not is_uuid(text)
    assert not is_canonical(text)
