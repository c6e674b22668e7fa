"""The contract of RoleStore: what every store does with roles."""

from __future__ import annotations

import apsw
import pytest

from tests.catalog.people import a_user, an_app
from tests.stores.builders import a_workspace
from tests.stores.conftest import Store
from weft.catalog.errors import LastAdmin, WorkspaceNotFound
from weft.catalog.model import Role
from weft.stores.sqlite.database import migrations


@pytest.fixture(autouse=True)
async def workspace(store: Store) -> str:
    await store.add_workspace(a_workspace(), a_user("ann"))
    return "w1"


async def test_a_role_is_read_back_with_whose_it_is(store: Store) -> None:
    given = await store.give_role("w1", an_app("robot"), Role.MEMBER)

    kept = await store.assignment("w1", "robot")
    assert given
    assert kept is not None
    assert (kept.workspace, kept.principal, kept.role) == ("w1", "robot", Role.MEMBER)
    assert kept.known == an_app("robot")
    assert await store.role("w1", "robot") is Role.MEMBER
    assert await store.assignment("w1", "bob") is None
    assert await store.assignment("w2", "robot") is None


async def test_who_adds_a_workspace_is_known_as_its_admin(store: Store) -> None:
    kept = await store.assignment("w1", "ann")

    assert kept is not None
    assert (kept.role, kept.known) == (Role.ADMIN, a_user("ann"))


async def test_a_role_is_given_once(store: Store) -> None:
    await store.give_role("w1", a_user("bob"), Role.VIEWER)

    again = await store.give_role("w1", an_app("bob"), Role.MEMBER)

    kept = await store.assignment("w1", "bob")
    assert not again
    assert kept is not None
    assert (kept.role, kept.known) == (Role.VIEWER, a_user("bob"))


async def test_nobody_has_a_role_in_a_workspace_that_is_not_there(store: Store) -> None:
    with pytest.raises(WorkspaceNotFound):
        await store.give_role("w2", a_user("bob"), Role.ADMIN)

    assert await store.role("w2", "bob") is None


async def test_roles_are_listed_page_by_page_as_they_were_given(store: Store) -> None:
    await store.add_workspace(a_workspace("w2"), a_user("eve"))
    for id in ("zoe", "bob"):
        await store.give_role("w1", a_user(id), Role.VIEWER)

    first = await store.assignments("w1", after=0, limit=2)
    await store.take_role("w1", first[-1].principal)
    second = await store.assignments("w1", after=first[-1].number, limit=2)

    assert [one.principal for one in first] == ["ann", "zoe"]
    assert [one.principal for one in second] == ["bob"]


async def test_a_changed_role_is_returned_as_it_is_then(store: Store) -> None:
    await store.give_role("w1", a_user("bob"), Role.VIEWER)

    changed = await store.change_role("w1", "bob", Role.MEMBER)

    assert changed is not None
    assert (changed.role, changed.known) == (Role.MEMBER, a_user("bob"))
    assert await store.assignment("w1", "bob") == changed
    assert await store.change_role("w1", "eve", Role.MEMBER) is None


async def test_a_role_that_was_taken_is_gone(store: Store) -> None:
    await store.give_role("w1", a_user("bob"), Role.VIEWER)

    taken = await store.take_role("w1", "bob")
    again = await store.take_role("w1", "bob")

    assert (taken, again) == (True, False)
    assert await store.role("w1", "bob") is None


async def test_the_last_admin_stays_one(store: Store) -> None:
    await store.give_role("w1", a_user("bob"), Role.MEMBER)
    await store.add_workspace(a_workspace("w2"), a_user("eve"))

    with pytest.raises(LastAdmin):
        await store.take_role("w1", "ann")
    with pytest.raises(LastAdmin):
        await store.change_role("w1", "ann", Role.MEMBER)
    same = await store.change_role("w1", "ann", Role.ADMIN)

    assert same is not None
    assert await store.role("w1", "ann") is Role.ADMIN


async def test_an_admin_beside_another_goes(store: Store) -> None:
    await store.give_role("w1", a_user("bob"), Role.ADMIN)

    changed = await store.change_role("w1", "ann", Role.VIEWER)
    with pytest.raises(LastAdmin):
        await store.take_role("w1", "bob")

    assert changed is not None
    assert await store.take_role("w1", "ann")


def test_roles_of_before_are_kept_without_whose_they_are() -> None:
    db = apsw.Connection(":memory:")
    for migration in migrations():
        if migration.number == 7:
            db.execute(
                "INSERT INTO workspaces (id, tenant, display_name, created_at) VALUES ('w', 't', 'W', 1);"
                "INSERT INTO roles VALUES ('w', 'ann', 4), ('w', 'bob', 1)"
            )
        db.execute(migration.script)

    kept = db.execute("SELECT workspace, principal, role, kind, name FROM roles").fetchall()

    assert kept == [("w", "ann", 4, None, None), ("w", "bob", 1, None, None)]
