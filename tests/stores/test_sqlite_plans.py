"""No statement of the SQLite store reads a whole table: its cost does not grow with what is kept."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import apsw
import pytest

from weft.engine.lifecycle import State
from weft.stores.sqlite import (
    SqliteStore,
    catalog,
    folders,
    hosted_items,
    jobs,
    operations,
    roles,
    schedules,
    searching,
    watching,
    webhooks,
)

STATEMENTS = {
    **jobs.SQL,
    **schedules.SQL,
    **searching.SQL,
    **catalog.SQL,
    **hosted_items.SQL,
    **roles.SQL,
    **folders.SQL,
    **operations.SQL,
    **watching.SQL,
    **webhooks.SQL,
}


@pytest.fixture
async def db(path: Path) -> AsyncIterator[apsw.Connection]:
    await SqliteStore.open(path, writes_waiting=10).close()
    db = apsw.Connection(str(path))
    yield db
    db.close()


def _plan(db: apsw.Connection, sql: str) -> list[str]:
    bindings = dict.fromkeys(re.findall(r":(\w+)", sql))
    return [str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", bindings)]


# What a statement has made itself and bounded: one row, the scopes above one, the jobs of one worker, the
# lanes of a search, the values of a filter, the labels of one job, the rows that LIMIT left.
HARMLESS = re.compile(
    r"SCAN (CONSTANT ROW|above|below|(above|below|named|lanes|one|had|json_each) VIRTUAL TABLE .*"
    r"|oldest|counted|\(subquery-\d+\))"
)


@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_statement_searches_and_never_scans(db: apsw.Connection, name: str) -> None:
    plan = _plan(db, STATEMENTS[name])

    scans = [step for step in plan if step.startswith("SCAN")]
    assert [scan for scan in scans if not HARMLESS.fullmatch(scan)] == []


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("scopes", "jobs_by_key (id=?)"),
        ("get", "jobs_by_key (id=? AND scope=?)"),
        ("page", "jobs_by_scope (scope=? AND number<?)"),
        ("live", "jobs_live (scope=?)"),
        ("claim", "jobs_by_state (queue=? AND state=?)"),
        ("adopt", "jobs_by_lease (lease_until<?)"),
        ("lost", "jobs_by_lease (lease_until<?)"),
        ("move", "jobs_by_key (id=? AND scope=?)"),
        ("living_twin", "jobs_by_unique_key (unique_key=?)"),
        ("extend", "jobs_by_worker (worker=?)"),
        ("prune", "jobs_by_end (ended_at<?)"),
        ("prune_beyond", "jobs_by_end_in_scope (scope=? AND queue=? AND ended_at>? AND ended_at<?)"),
        ("prune_beyond", "jobs_by_end_in_scope (scope=? AND queue=? AND ended_at>?)"),
        ("count", "jobs_by_state (queue=?)"),
    ],
)
async def test_a_statement_uses_the_index_made_for_it(db: apsw.Connection, name: str, index: str) -> None:
    assert any(step.endswith(index) for step in _plan(db, jobs.SQL[name])), _plan(db, jobs.SQL[name])


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("role", "roles_by_workspace (workspace=? AND principal=?)"),
        ("assignments", "roles_by_number (workspace=? AND assignment>?)"),
        ("change_role", "roles_by_workspace (workspace=? AND principal=?)"),
    ],
)
async def test_a_statement_of_roles_uses_the_index_made_for_it(
    db: apsw.Connection, name: str, index: str
) -> None:
    plan = _plan(db, roles.SQL[name])

    assert any(step.endswith(index) for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("by_start_newest_first", "jobs_by_start_in_family (family=? AND state=? AND <expr>>? AND <expr><?)"),
        ("by_start_oldest_first", "jobs_by_start_in_family (family=? AND state=? AND <expr>>? AND <expr><?)"),
        ("by_end_newest_first", "jobs_by_end_in_family (family=? AND state=? AND ended_at>? AND ended_at<?)"),
        ("by_end_oldest_first", "jobs_by_end_in_family (family=? AND state=? AND ended_at>? AND ended_at<?)"),
        ("of_scope_by_start_newest_first", "jobs_by_start_in_scope (scope=? AND <expr>>? AND <expr><?)"),
        ("of_scope_by_start_oldest_first", "jobs_by_start_in_scope (scope=? AND <expr>>? AND <expr><?)"),
        (
            "of_scope_by_end_newest_first",
            "jobs_by_end_in_scope (scope=? AND queue=? AND ended_at>? AND ended_at<?)",
        ),
        (
            "of_scope_by_end_oldest_first",
            "jobs_by_end_in_scope (scope=? AND queue=? AND ended_at>? AND ended_at<?)",
        ),
        ("known", "jobs_by_key (id=? AND scope=?)"),
    ],
)
async def test_a_search_walks_an_index_in_its_order(db: apsw.Connection, name: str, index: str) -> None:
    plan = _plan(db, searching.SQL[name])

    assert any(step.endswith(index) for step in plan), plan
    sorts = [step for step in plan if "TEMP B-TREE" in step]
    assert [sort for sort in sorts if not sort.endswith("json_group_array(ORDER BY)")] == []  # the lanes


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("schedule", "schedules_by_key (scope=? AND id=?)"),
        ("schedules", "schedules_by_scope (scope=? AND number>?)"),
        ("change_schedule", "schedules_by_key (scope=? AND id=?)"),
        ("due_schedules", "schedules_by_due (next_due<?)"),
        ("go_on", "INTEGER PRIMARY KEY (rowid=?)"),
        ("occurrences", "PRIMARY KEY (schedule=? AND due<?)"),
        ("prune_occurrences", "occurrences_by_due (due<?)"),
    ],
)
async def test_a_statement_of_schedules_uses_the_index_made_for_it(
    db: apsw.Connection, name: str, index: str
) -> None:
    plan = _plan(db, schedules.SQL[name])

    assert any(step.endswith(index) for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


@pytest.mark.parametrize(
    ("sql", "name", "index"),
    [
        (catalog.SQL, "items", "items_by_workspace (workspace=? AND number>?)"),
        (catalog.SQL, "items_of_type", "items_by_type (workspace=? AND type=? AND number>?)"),
        (catalog.SQL, "items_at_top", "items_at_top (workspace=? AND number>?)"),
        (catalog.SQL, "items_in", "items_by_folder (folder=? AND number>?)"),
        (catalog.SQL, "items_below", "items_by_folder (folder=? AND number>?)"),
        (folders.SQL, "folders", "folders_by_workspace (workspace=? AND number>?)"),
        (folders.SQL, "folders_at_top", "folders_at_top (workspace=? AND number>?)"),
        (folders.SQL, "folders_in", "folders_by_parent (parent=? AND number>?)"),
        (folders.SQL, "delete_folder", "items_by_folder (folder=?)"),
        (operations.SQL, "forget_operations", "operations_by_age (created_at<?)"),
    ],
)
async def test_a_list_uses_the_index_made_for_it(
    db: apsw.Connection, sql: Mapping[str, str], name: str, index: str
) -> None:
    assert any(step.endswith(index) for step in _plan(db, sql[name])), _plan(db, sql[name])


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        *((catalog.SQL, name) for name in ("items", "items_of_type", "items_at_top", "items_in")),
        *((folders.SQL, name) for name in ("folders", "folders_at_top", "folders_in")),
    ],
)
async def test_a_list_sorts_nothing(db: apsw.Connection, sql: Mapping[str, str], name: str) -> None:
    assert not any("TEMP B-TREE" in step for step in _plan(db, sql[name])), _plan(db, sql[name])


@pytest.mark.parametrize("name", ["page", "claim", "adopt", "lost"])
async def test_a_limited_statement_sorts_nothing(db: apsw.Connection, name: str) -> None:
    assert not any("TEMP B-TREE" in step for step in _plan(db, jobs.SQL[name])), _plan(db, jobs.SQL[name])


def test_no_statement_names_a_state() -> None:
    sources = [*Path(jobs.__file__).parent.glob("**/*.sql")]

    assert len(sources) >= 4
    for source in sources:
        for state in State:
            assert f"'{state}'" not in source.read_text(), f"{source.name} names {state}"
