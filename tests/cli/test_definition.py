"""`weft item definition`, and items that are made with one: directories and files become parts, and back."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Weft, weft_at
from tests.cli.workload import ITEM_TYPE
from tests.client.scripted import Say, scripted
from tests.client.test_client import AN_ITEM, ITEM, W

Place = tuple[str, str]

GET = ("item", "definition", "get", W, ITEM)


def files_in(directory: Path) -> dict[str, bytes]:
    return {
        file.relative_to(directory).as_posix(): file.read_bytes()
        for file in directory.rglob("*")
        if file.is_file()
    }


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    directory = tmp_path / "parts"
    (directory / "below").mkdir(parents=True)
    (directory / "a.json").write_bytes(b"{}")
    (directory / "below" / ".platform").write_bytes(b"\x00\xff")
    (directory / "secret").symlink_to("/etc/hostname")
    return directory


def test_a_directory_becomes_a_definition_and_files_again(
    weft: Weft, place: Place, parts: Path, tmp_path: Path
) -> None:
    given = weft("item", "definition", "set", *place, str(parts))
    got = weft("item", "definition", "get", *place, str(tmp_path / "got"))

    assert (given.code, given.out, got.code) == (0, "", 0)
    assert got.out.splitlines() == [str(tmp_path / "got" / name) for name in ("a.json", "below/.platform")]
    assert files_in(tmp_path / "got") == {"a.json": b"{}", "below/.platform": b"\x00\xff"}


def test_an_item_is_made_with_a_definition(weft: Weft, place: Place, parts: Path) -> None:
    made = weft("item", "create", place[0], "with parts", "--type", ITEM_TYPE, "--definition", str(parts))
    got = weft("item", "definition", "get", place[0], "with parts")

    assert made.code == 0
    assert [part["path"] for part in json.loads(got.out)["parts"]] == ["a.json", "below/.platform"]


async def test_a_notebook_file_gets_the_name_that_fabric_gives_it(tmp_path: Path) -> None:
    (tmp_path / "mine.ipynb").write_bytes(b'{"cells": []}')
    async with scripted(Say(201, AN_ITEM)) as server:
        code, _, _ = await weft_at(
            server.url, "item", "create", W, "n", "--type", "T", "--definition", f"{tmp_path}/mine.ipynb"
        )

    [part] = (definition := json.loads(server.heard[0].body)["definition"])["parts"]
    assert code == 0
    assert (definition["format"], part["path"]) == ("ipynb", "notebook-content.ipynb")
    assert b64decode(part["payload"]) == b'{"cells": []}'


async def test_a_notebook_is_read_in_the_format_that_is_asked_for() -> None:
    async with scripted(Say(body=a_definition("notebook-content.ipynb"))) as server:
        code, out, _ = await weft_at(server.url, *GET, "--format", "ipynb")

    assert (code, server.heard[0].query) == (0, {"format": "ipynb"})
    assert json.loads(out) == a_definition("notebook-content.ipynb")["definition"]


@pytest.mark.parametrize("what", ["nothing", "an empty directory"])
def test_a_definition_that_is_not_there_is_a_wrong_use(
    weft: Weft, place: Place, tmp_path: Path, what: str
) -> None:
    path = tmp_path / "parts"
    if what == "an empty directory":
        path.mkdir()

    done = weft("item", "definition", "set", *place, str(path))

    assert (done.code, done.out) == (2, "")
    assert str(path) in done.err


def test_a_directory_that_is_not_empty_is_left_alone(weft: Weft, place: Place, parts: Path) -> None:
    weft("item", "definition", "set", *place, str(parts))
    before = files_in(parts)

    done = weft("item", "definition", "get", *place, str(parts))

    assert (done.code, done.out) == (1, "")
    assert "is not empty" in done.err
    assert files_in(parts) == before


def a_definition(path: str, payload: str = "e30=") -> dict[str, Any]:
    return {"definition": {"parts": [{"path": path, "payload": payload, "payloadType": "InlineBase64"}]}}


LEADS_OUT = ["../out", "/tmp/out", "a/../../out", "..", "", "a\\..\\out", "a\0b"]


@pytest.mark.parametrize("path", LEADS_OUT, ids=range(len(LEADS_OUT)))
async def test_a_part_that_leads_out_is_not_written(tmp_path: Path, path: str) -> None:
    async with scripted(Say(body=a_definition(path))) as server:
        code, out, err = await weft_at(server.url, *GET, str(tmp_path / "in" / "got"))

    assert (code, out) == (1, "")
    assert "has no path below a directory" in err
    assert list(tmp_path.iterdir()) == []


async def test_a_payload_that_is_no_base64_is_not_written(tmp_path: Path) -> None:
    async with scripted(Say(body=a_definition("a", "e30"))) as server:
        code, _, err = await weft_at(server.url, *GET, str(tmp_path / "got"))

    assert (code, err) == (1, "weft: the part 'a' of the definition is not Base64\n")
