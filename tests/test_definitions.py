"""Whose definition a job is given: its item's, as far as its user may read it, or what its host was told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.runners.support import a_job
from weft.catalog.catalog import Catalog
from weft.catalog.hosted_items import HostedItem, ItemKey
from weft.catalog.model import Item, Principal, Role
from weft.catalog.principals import as_known
from weft.engine.clock import SystemClock
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.jobs import Job, JobError
from weft.hosted import HostedDefinitions, OwnDefinitions
from weft.stores.sqlite import SqliteStore

DEFINITION = b'{"parts":[]}'


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore.open(tmp_path / "weft.db", writes_waiting=100)
    yield store
    await store.close()


def person() -> Principal:
    return Principal(id=str(uuid4()), tenant="t", name="", is_app=False, scopes=frozenset())


def job_of(item: Item, user: Principal) -> Job:
    job = a_job("run", None, item.type)
    job.labels.update(tenant=user.tenant, workspace=item.workspace, item=item.id, user=user.id)  # type: ignore[attr-defined]  # the builder made a dict
    return job


async def test_a_job_reads_the_definition_as_its_user_may(store: SqliteStore) -> None:
    catalog = Catalog(store, Engine(store, SystemClock(), Events()), SystemClock(), stop_seconds=1)
    admin, viewer = person(), person()
    workspace = await catalog.create_workspace(admin, "w")
    await store.give_role(workspace.id, as_known(viewer), Role.VIEWER)
    item = await catalog.create_item(admin, workspace.id, "Notebook", display_name="n", definition=DEFINITION)
    definitions = OwnDefinitions(catalog)

    assert await definitions.definition(job_of(item, admin)) == DEFINITION
    for other in (viewer, person()):
        refused = await definitions.definition(job_of(item, other))
        assert isinstance(refused, JobError)
        assert (refused.code, refused.is_permanent) == ("ItemNotFound", True)


async def test_a_host_on_its_own_gives_what_it_was_told_and_says_so_where_it_was_told_nothing(
    store: SqliteStore,
) -> None:
    job = a_job("run", None, "T")
    labels = job.labels
    key = ItemKey(labels["tenant"], labels["workspace"], "T", labels["item"])
    definitions = HostedDefinitions(store)

    unknown = await definitions.definition(job)
    await store.add_hosted_item(HostedItem(key=key, definition=DEFINITION), SystemClock().now())

    assert isinstance(unknown, JobError)
    assert unknown.code == "DefinitionNotKnown"
    assert await definitions.definition(job) == DEFINITION
