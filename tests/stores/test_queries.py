"""SQL lies in files, each statement under a name."""

from __future__ import annotations

from pathlib import Path

import pytest

import weft.stores.queries
from weft.stores.queries import load


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(weft.stores.queries, "files", lambda _: tmp_path)
    return tmp_path


def test_each_statement_is_found_by_its_name(package: Path) -> None:
    (package / "q.sql").write_text("-- a note\n\n-- name: one\nSELECT 1\n\n-- name: two\nSELECT\n    2\n")

    assert load("any", "q.sql") == {"one": "SELECT 1", "two": "SELECT\n    2"}


def test_two_statements_of_one_name_are_a_mistake(package: Path) -> None:
    (package / "q.sql").write_text("-- name: one\nSELECT 1\n-- name: one\nSELECT 2\n")

    with pytest.raises(ValueError, match=r"q\.sql"):
        load("any", "q.sql")
