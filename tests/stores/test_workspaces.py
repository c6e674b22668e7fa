"""The contract of CatalogStore for workspaces that change, and for lists of them by role."""

from __future__ import annotations

import pytest

from tests.catalog.people import a_user
from tests.stores.builders import a_workspace
from tests.stores.conftest import Store
from weft.catalog.errors import NameTaken
from weft.catalog.model import Role


async def test_a_workspace_takes_what_is_given_and_keeps_the_rest(store: Store) -> None:
    await store.add_workspace(a_workspace(display_name="Sales", description="ours"), a_user("ann"))

    renamed = await store.update_workspace("w1", display_name="Plans")
    described = await store.update_workspace("w1", description="")

    assert renamed is not None
    assert described is not None
    assert (renamed.display_name, renamed.description) == ("Plans", "ours")
    assert (described.display_name, described.description) == ("Plans", "")
    assert await store.workspace("w1") == described
    assert await store.update_workspace("w2", display_name="Plans") is None


async def test_a_workspace_takes_no_name_of_another_of_its_tenant(store: Store) -> None:
    await store.add_workspace(a_workspace("w1", display_name="Sales"), a_user("ann"))
    await store.add_workspace(a_workspace("w2", display_name="Stock"), a_user("ann"))
    await store.add_workspace(a_workspace("w3", display_name="Plans", tenant="t2"), a_user("ann"))
    before = await store.workspace("w1")

    with pytest.raises(NameTaken):
        await store.update_workspace("w1", display_name="Stock", description="new")
    unchanged = await store.workspace("w1")
    same = await store.update_workspace("w1", display_name="Sales")
    other_tenants = await store.update_workspace("w1", display_name="Plans")

    assert unchanged == before == same
    assert other_tenants is not None


async def test_a_workspace_is_on_the_capacity_that_it_was_assigned_to_last(store: Store) -> None:
    await store.add_workspace(a_workspace(capacity="c1"), a_user("ann"))

    first = await store.workspace("w1")
    assigned = await store.assign_capacity("w1", "c2")
    second = await store.workspace("w1")
    await store.assign_capacity("w1", None)
    third = await store.workspace("w1")

    assert [known and known.capacity for known in (first, second, third)] == ["c1", "c2", None]
    assert assigned
    assert not await store.assign_capacity("w2", "c1")


async def test_workspaces_are_listed_by_role(store: Store) -> None:
    for id, role in (("w1", Role.VIEWER), ("w2", Role.MEMBER), ("w3", Role.CONTRIBUTOR)):
        await store.add_workspace(a_workspace(id), a_user("bob"))
        await store.give_role(id, a_user("ann"), role)

    async def listed(*roles: Role, after: int = 0) -> list[str]:
        found = await store.workspaces("t1", "ann", roles=roles, after=after, limit=9)
        return [workspace.id for workspace in found]

    assert await listed(Role.VIEWER, Role.CONTRIBUTOR) == ["w1", "w3"]
    assert await listed(Role.MEMBER) == ["w2"]
    assert await listed(Role.ADMIN) == []
    assert await listed() == []
    assert await listed(Role.VIEWER, Role.CONTRIBUTOR, after=1) == ["w3"]
