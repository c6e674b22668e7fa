"""`weft doctor`: says what is wrong, and only then exits with 1."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Done, Weft


def wrong(done: Done) -> list[str]:
    """Return what was found to be wrong."""
    return [finding["what"] for finding in json.loads(done.out) if finding["ok"] is False]


def test_nothing_is_wrong_with_a_running_server(weft: Weft) -> None:
    done = weft("doctor")

    assert done.code == 0, done.out
    assert "answers" in done.out
    assert "held by the server" in done.out
    assert re.search(r"^ok +tenant +[0-9a-f-]{36}$", done.out, re.MULTILINE)


def test_nothing_is_wrong_where_nothing_has_been_started_yet(weft: Weft, tmp_path: Path) -> None:
    done = weft("doctor", "--data", str(tmp_path / "data"))

    assert done.code == 0, done.out
    assert not (tmp_path / "data").exists()


def test_a_directory_that_is_open_to_others_is_wrong(weft: Weft, tmp_path: Path) -> None:
    tmp_path.chmod(0o750)

    done = weft("doctor", "--data", str(tmp_path), "--json")

    assert done.code == 1
    assert wrong(done) == ["data"]


@pytest.mark.parametrize("name", ["tenant", "weft.db"])
def test_a_file_that_is_open_to_others_is_wrong(weft: Weft, tmp_path: Path, name: str) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / name).touch(mode=0o644)

    assert wrong(weft("doctor", "--data", str(tmp_path), "--json")) == ["data"]


def test_a_server_that_lives_and_does_not_answer_is_wrong(weft: Weft, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "server.json").write_text(
        f'{{"url": "http://127.0.0.1:1", "pid": {os.getpid()}, "version": "0"}}'
    )

    assert wrong(weft("doctor", "--data", str(tmp_path), "--json")) == ["server", "store lock"]


def test_a_clock_that_was_set_back_is_wrong(weft: Weft, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    store = tmp_path / "weft.db"
    store.touch(mode=0o600)
    tomorrow = time.time() + 86_400
    os.utime(store, (tomorrow, tomorrow))

    assert wrong(weft("doctor", "--data", str(tmp_path), "--json")) == ["clock"]
