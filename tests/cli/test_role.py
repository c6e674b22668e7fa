"""`weft user` and `weft role` against a real server: who is registered may be let in."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.conftest import Weft

Place = tuple[str, str]


@pytest.fixture
def name(weft: Weft) -> str:
    """A registered user."""
    name = f"user {uuid4()}"
    assert weft("user", "create", name).code == 0
    return name


def held(weft: Weft, workspace: str) -> dict[str, str]:
    found = json.loads(weft("role", "list", workspace, "--json").out)
    return {one["principal"]["displayName"]: one["role"] for one in found}


def test_a_registered_user_is_listed_with_the_one_that_is_built_in(weft: Weft) -> None:
    name = f"user {uuid4()}"

    made = weft("user", "create", name, "--upn", f"{uuid4()}@contoso.com", "--json")
    listed = json.loads(weft("user", "list", "--json").out)
    shown = weft("user", "list")

    assert json.loads(made.out) in listed
    assert "admin" in [one["name"] for one in listed]
    assert name in shown.out


def test_a_user_is_given_a_role_another_one_and_none(weft: Weft, place: Place, name: str) -> None:
    given = weft("role", "give", place[0], name, "Viewer")
    first = held(weft, place[0])
    changed = weft("role", "give", place[0], name, "Contributor")
    second = held(weft, place[0])
    table = weft("role", "list", place[0])
    taken = weft("role", "take", place[0], name)

    assert (given.code, changed.code, taken.code) == (0, 0, 0)
    assert first == {"admin": "Admin", name: "Viewer"}
    assert second == {"admin": "Admin", name: "Contributor"}
    assert [line.split()[0] for line in table.out.splitlines()][:2] == ["NAME", "admin"]
    assert held(weft, place[0]) == {"admin": "Admin"}


def test_an_app_is_found_by_its_name_too(weft: Weft, place: Place) -> None:
    name = f"app {uuid4()}"
    assert weft("app", "create", name).code == 0

    given = weft("role", "give", place[0], name, "Member")

    assert given.code == 0
    assert held(weft, place[0])[name] == "Member"


def test_without_a_server_a_role_is_given_by_nobody_and_no_data_directory_is_made(
    weft: Weft, tmp_path: Path
) -> None:
    done = weft("role", "give", "sales", "ann", "Viewer", "--data", str(tmp_path / "typo"))

    assert (done.code, done.out) == (1, "")
    assert "no server runs on" in done.err
    assert not (tmp_path / "typo").exists()


def test_who_is_forgotten_keeps_the_role_until_it_is_taken(weft: Weft, place: Place, name: str) -> None:
    weft("role", "give", place[0], name, "Viewer")

    forgotten = weft("user", "delete", name)
    unknown = weft("role", "give", place[0], name, "Member")
    before = held(weft, place[0])
    taken = weft("role", "take", place[0], name)

    assert (forgotten.code, unknown.code, taken.code) == (0, 1, 0)
    assert unknown.err.startswith(f"weft: no user and no app {name!r} is registered")
    assert before[name] == "Viewer"
    assert held(weft, place[0]) == {"admin": "Admin"}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("role", "give", "{w}", str(uuid4()), "Viewer"), 1, "The provided principal was not found"),
        (("role", "take", "{w}", "nobody at all"), 1, "nobody named 'nobody at all' has a role"),
        (("role", "take", "{w}", "admin"), 1, "last Admin"),
        (("role", "give", "{w}", "admin", "Owner"), 2, "Owner"),
        (("user", "create", "admin"), 2, "a user 'admin' is registered already"),
        (("user", "create", "ann", "--upn", "ann"), 2, "must be as ann@contoso.com, not 'ann'"),
        (("user", "delete", "admin"), 2, "the user 'admin' is built in"),
        (("user", "delete", "nobody at all"), 2, "no user 'nobody at all' is registered"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_done_is_told(
    weft: Weft, place: Place, arguments: tuple[str, ...], code: int, told: str
) -> None:
    done = weft(*(argument.format(w=place[0]) for argument in arguments))

    assert (done.code, told in done.err) == (code, True), done.err
    assert held(weft, place[0]) == {"admin": "Admin"}
