"""Where the clients cannot be installed, their tests fail at once, and say why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.environments import NotMade, made


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that stands in for uv."""
    path = tmp_path / "uv"
    monkeypatch.setenv("UV", str(path))
    return path


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_what_uv_says_is_told_while_it_works_and_when_it_failed(uv: Path, tmp_path: Path) -> None:
    script(uv, "echo no such package; exit 2")
    told: list[str] = []

    with pytest.raises(NotMade, match=r"fabric are not installed: uv ended with 2\. .*\nno such package"):
        made("fabric", told.append, kept=tmp_path)

    assert told[1:] == ["no such package"]


def test_a_download_that_takes_too_long_is_given_up(uv: Path, tmp_path: Path) -> None:
    script(uv, "exec sleep 1000")

    with pytest.raises(NotMade, match=r"airflow are not installed: not within 0\.1 s"):
        made("airflow", lambda line: None, kept=tmp_path, seconds=0.1)
