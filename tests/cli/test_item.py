"""`weft item` against a real server: create with a payload, update, delete."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.conftest import Weft, weft_at
from tests.cli.workload import ITEM_TYPE, OTHER_TYPE
from tests.client.scripted import Say, scripted
from tests.client.test_client import AN_ITEM, ITEM, W

Place = tuple[str, str]


def shown(weft: Weft, workspace: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(weft("item", "list", workspace, "--json").out)
    return found


@pytest.mark.parametrize("in_a_file", [False, True])
async def test_a_payload_reaches_the_server_as_it_was_given(tmp_path: Path, in_a_file: bool) -> None:
    payload = '{"colour":"blue"}'
    (tmp_path / "payload.json").write_text(payload)
    given = f"@{tmp_path}/payload.json" if in_a_file else payload
    async with scripted(Say(201, AN_ITEM)) as server:
        code, out, _ = await weft_at(server.url, "item", "create", W, "n", "--type", "T", "--payload", given)

    assert (code, out) == (0, f"{ITEM}\n")
    assert json.loads(server.heard[0].body)["creationPayload"] == {"colour": "blue"}


def test_an_item_is_created_with_a_payload(weft: Weft, place: Place) -> None:
    name = f"i {uuid4()}"

    done = weft("item", "create", place[0], name, "--type", ITEM_TYPE, "--payload", "{}")

    assert done.code == 0
    assert name in [item["displayName"] for item in shown(weft, place[0])]


@pytest.mark.parametrize("payload", ["[]", "5", "{", "@/no/such/file"])
def test_a_payload_that_is_no_object_is_a_wrong_use(weft: Weft, place: Place, payload: str) -> None:
    done = weft("item", "create", place[0], "another", "--type", ITEM_TYPE, "--payload", payload)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("weft: --payload")
    assert [item["displayName"] for item in shown(weft, place[0])] == [place[1]]


def test_an_item_is_renamed_and_described(weft: Weft, place: Place) -> None:
    [before] = shown(weft, place[0])

    renamed = weft("item", "update", *place, "--name", "the other thing")
    described = weft("item", "update", place[0], before["id"], "--description", "ours", "--json")

    assert (renamed.code, renamed.out) == (0, f"{before['id']}\n")
    assert json.loads(described.out) == {**before, "displayName": "the other thing", "description": "ours"}
    assert shown(weft, place[0]) == [json.loads(described.out)]


def test_an_update_of_nothing_is_a_wrong_use(weft: Weft, place: Place) -> None:
    done = weft("item", "update", *place)

    assert (done.code, done.err) == (2, "weft: --name or --description is needed\n")


def test_a_name_of_another_item_is_not_taken(weft: Weft, place: Place) -> None:
    assert weft("item", "create", place[0], "taken", "--type", ITEM_TYPE).code == 0

    done = weft("item", "update", *place, "--name", "taken")

    assert done.code == 1
    assert done.err.startswith("weft: ItemDisplayNameAlreadyInUse: ")


def test_a_deleted_item_is_gone_with_its_jobs(weft: Weft, place: Place) -> None:
    assert weft("item", "create", place[0], "stays", "--type", OTHER_TYPE).code == 0
    assert weft("job", "run", *place, "hang").code == 0

    done = weft("item", "delete", *place)
    again = weft("item", "delete", *place)

    assert (done.code, done.out) == (0, "")
    assert [item["displayName"] for item in shown(weft, place[0])] == ["stays"]
    assert (again.code, again.err) == (1, "weft: no item is named 'the thing'\n")
