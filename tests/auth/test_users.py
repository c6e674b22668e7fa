"""Registered users and whom roles can be given to: what is kept, who is refused, and changes seen at once."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from tests.auth.conftest import CUSTOMER
from weft.auth import users as users_module
from weft.auth.apps import Apps
from weft.auth.issuer import user_id
from weft.auth.principals import RegisteredPrincipals
from weft.auth.private_files import private_directory
from weft.auth.users import UserRefused, Users
from weft.catalog.principals import KnownPrincipal, PrincipalKind

OTHER = "7b3f1f0e-5a0f-4c56-8f2e-1d8a4a1c0b11"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return private_directory(tmp_path / "data")


@pytest.fixture
def users(data: Path) -> Users:
    return Users(data, CUSTOMER)


@pytest.fixture
def principals(data: Path) -> RegisteredPrincipals:
    """As another process has them."""
    return RegisteredPrincipals(Users(data, CUSTOMER), Apps(data, CUSTOMER), CUSTOMER)


def test_a_user_is_the_one_that_tokens_are_made_for_by_name(users: Users, data: Path) -> None:
    made = users.create("ann")

    assert (made.object_id, made.upn) == (user_id(CUSTOMER, "ann"), "ann@weft.local")
    assert users.find(made.object_id) == made
    assert stat.S_IMODE((data / "users.json").stat().st_mode) == 0o600


def test_the_admin_is_built_in(users: Users, data: Path) -> None:
    [admin] = users.all()

    assert (admin.name, admin.upn) == ("admin", "admin@weft.local")
    assert users.find(user_id(CUSTOMER, "admin")) == admin
    assert not (data / "users.json").exists()


def test_users_are_listed_by_name_and_forgotten_by_name_or_id(users: Users) -> None:
    ann, bob = users.create("Ann"), users.create("bob", upn="bob@contoso.com")

    assert [user.name for user in users.all()] == ["Ann", "admin", "bob"]
    assert users.delete("Ann") == ann
    assert users.delete(bob.object_id) == bob
    assert [user.name for user in users.all()] == ["admin"]


@pytest.mark.parametrize(
    ("name", "upn", "told"),
    [
        ("", None, "1 to 256 printable characters, not ''"),
        ("a\nb", None, "printable characters"),
        ("x" * 257, None, "printable characters"),
        ("admin", None, "a user 'admin' is registered already"),
        ("bob", None, "a user 'bob' is registered already"),
        ("rob", "BOB@weft.local", "is that of the user 'bob'"),
        ("rob", "rob", "must be as ann@contoso.com, not 'rob'"),
        ("rob", "@contoso.com", "not '@contoso.com'"),
        ("rob", "rob@", "not 'rob@'"),
        ("rob", "r b@contoso.com", "not 'r b@contoso.com'"),
        ("rob", "r@b@c", "not 'r@b@c'"),
        ("rob", f"{'x' * 256}@c", "must be as"),
    ],
)
def test_what_cannot_be_a_user_is_told(users: Users, name: str, upn: str | None, told: str) -> None:
    users.create("bob")

    with pytest.raises(UserRefused) as refused:
        users.create(name, upn=upn)

    assert told in str(refused.value)
    assert len(users.all()) == 2


@pytest.mark.parametrize("named", ["admin", user_id(CUSTOMER, "admin"), "nobody", ""])
def test_who_is_built_in_or_not_known_is_not_forgotten(users: Users, named: str) -> None:
    with pytest.raises(UserRefused):
        users.delete(named)


def test_there_are_only_so_many_users(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users_module, "MOST_USERS", 2)
    users.create("a")
    users.create("b")

    with pytest.raises(UserRefused, match="delete one first"):
        users.create("c")

    assert len(users.all()) == 3


def test_users_made_at_once_are_all_kept(users: Users, data: Path) -> None:
    def make(name: str) -> None:
        Users(data, CUSTOMER).create(name)

    threads = [threading.Thread(target=make, args=(f"user {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(users.all()) == 9


# ---- whom roles can be given to


def test_users_and_apps_are_known_with_their_kind(
    users: Users, principals: RegisteredPrincipals, data: Path
) -> None:
    ann = users.create("ann", upn="ann@contoso.com")
    robot, _ = Apps(data, CUSTOMER).create("robot")

    assert principals.find(CUSTOMER, ann.object_id) == KnownPrincipal(
        id=ann.object_id, name="ann", kind=PrincipalKind.USER, upn="ann@contoso.com"
    )
    assert principals.find(CUSTOMER, robot.object_id) == KnownPrincipal(
        id=robot.object_id, name="robot", kind=PrincipalKind.APP, app_id=robot.client_id
    )
    assert principals.find(CUSTOMER, robot.client_id) is None


def test_a_change_of_another_process_is_seen_at_once(users: Users, principals: RegisteredPrincipals) -> None:
    before = principals.find(CUSTOMER, user_id(CUSTOMER, "ann"))
    users.create("ann")
    made = principals.find(CUSTOMER, user_id(CUSTOMER, "ann"))
    users.delete("ann")
    after = principals.find(CUSTOMER, user_id(CUSTOMER, "ann"))

    assert (before, after) == (None, None)
    assert made is not None


def test_nobody_is_known_of_another_tenant(users: Users, principals: RegisteredPrincipals) -> None:
    ann = users.create("ann").object_id

    assert principals.find(OTHER, ann) is None
    assert principals.find(OTHER, user_id(OTHER, "admin")) is None


def test_a_file_that_cannot_be_read_knows_nobody(
    users: Users, principals: RegisteredPrincipals, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ann = users.create("ann").object_id
    (data / "users.json").write_bytes(b"{}}")

    assert principals.find(CUSTOMER, ann) is None
    assert "registered users and apps are not known" in caplog.text
