"""How the caller is woken by the host of the same server, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.direct_store import DirectStore
from tests.engine.virtual_time import VirtualClock, virtually
from weft.catalog import scopes
from weft.catalog.item_types import Backend, ItemType, RunsAs
from weft.contracts.workload import Status
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.jobs import Job, JobKey, NewJob
from weft.hosted import HostedHints, HostedLeftovers, hosted_key, with_builtin
from weft.runners import workload_remote_calls, workload_wdk
from weft.runners.workload_answers import Refused, Reported
from weft.settings import BUILTIN_WORKLOAD, Profile, Settings

LABELS = {"tenant": "t", "workspace": "w", "item_type": "T", "item": "i"}
CALLED = NewJob(key=JobKey("core/w/i", "job"), queue="core", kind="k", labels=LABELS)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DirectStore]:
    store = DirectStore(tmp_path / "weft.db")
    yield store
    store.close()


async def seconds_until_woken(engine: Engine, job: Job) -> float:
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    await HostedHints(engine, lambda item_type: True).wait(job, 10)
    return loop.time() - began_at


async def called_and_hosted(engine: Engine) -> tuple[Job, JobKey]:
    """Return the caller's job and the key of the host's."""
    job = await engine.submit(CALLED)
    key = hosted_key(job)
    await engine.submit(NewJob(key=key, queue="workload", kind="k"))
    return job, key


def test_the_caller_is_woken_when_the_hosted_job_moves(store: DirectStore) -> None:
    async def main() -> None:
        engine = Engine(store, VirtualClock(), Events())
        job, key = await called_and_hosted(engine)
        waiting = asyncio.create_task(seconds_until_woken(engine, job))
        await asyncio.sleep(3)

        await engine.cancel(key)

        assert await waiting == pytest.approx(3)
        assert await seconds_until_woken(engine, job) < 1, "a move that was missed counts too"

    virtually(main())


def test_a_store_that_cannot_be_read_costs_the_caller_a_hint_and_nothing_more(store: DirectStore) -> None:
    async def main() -> None:
        engine = Engine(store, VirtualClock(), Events())
        job, key = await called_and_hosted(engine)
        store.broken = True
        unwoken = await seconds_until_woken(engine, job)
        waiting = asyncio.create_task(seconds_until_woken(engine, job))
        await asyncio.sleep(3)
        store.broken = False

        await engine.cancel(key)

        assert unwoken == pytest.approx(10)
        assert await waiting == pytest.approx(3), "what is told from now on still wakes it"

    virtually(main())


def test_a_job_whose_workload_is_hosted_no_more_is_answered_for_by_the_store(store: DirectStore) -> None:
    async def main() -> None:
        engine = Engine(store, VirtualClock(), Events())
        leftovers = HostedLeftovers(engine)
        job, _ = await called_and_hosted(engine)

        assert await leftovers.answer("read", job) == Reported(Status.NOT_STARTED)
        cancelled = await leftovers.answer("cancel", job)
        again = await leftovers.answer("cancel", job)

        assert isinstance(cancelled, Reported)
        assert cancelled.status is Status.CANCELLED
        assert again == cancelled == await leftovers.answer("read", job)

    virtually(main())


@pytest.mark.parametrize(("call", "status"), [("read", Status.FAILED), ("cancel", Status.CANCELLED)])
def test_a_job_that_never_came_to_its_workload_ends_where_that_is_hosted_no_more(
    store: DirectStore, call: str, status: Status
) -> None:
    async def main() -> None:
        engine = Engine(store, VirtualClock(), Events())
        job = await engine.submit(CALLED)

        answer = await HostedLeftovers(engine).answer(call, job)

        assert isinstance(answer, Reported)
        assert answer.status is status
        assert isinstance(await HostedLeftovers(engine).answer("create", job), Refused)

    virtually(main())


def test_a_job_of_a_mapped_type_bears_the_names_of_the_other_at_its_workload(store: DirectStore) -> None:
    async def main() -> None:
        engine = Engine(store, VirtualClock(), Events())
        labels = {**LABELS, **scopes.labels_of(RunsAs("Other", "spin"))}
        job = await engine.submit(replace(CALLED, labels=labels))

        assert hosted_key(job) == JobKey("workload/t/w/Other/i/spin", "job")
        assert workload_wdk.read(job).path == "/workspaces/w/items/Other/i/jobTypes/spin/instances/job"
        remote = workload_remote_calls.read(job)
        assert remote.path.startswith("/workspaces/w/items/Other/i/jobs/")
        assert b'"jobType":"spin"' in (remote.body or b"")
        assert (job.kind, job.labels["item_type"]) == ("k", "T"), "here it is what was asked for"

    virtually(main())


NOTEBOOK = ItemType(
    name="notebook",
    backend=Backend(workload="W", audience="a", publisher_tenant="t", url="http://127.0.0.1:9"),
)


@pytest.mark.parametrize(
    ("profile", "builtin", "declared", "is_hosted"),
    [
        (Profile.LOCAL, None, (), True),
        (Profile.LOCAL, None, (NOTEBOOK,), False),
        (Profile.LOCAL, True, (NOTEBOOK,), True),
        (Profile.LOCAL, False, (), False),
        (Profile.SERVICE, None, (), False),
        (Profile.SERVICE, True, (), True),
    ],
)
def test_what_the_server_runs_by_itself_is_hosted_where_it_is_wanted(
    tmp_path: Path, profile: Profile, builtin: bool | None, declared: tuple[ItemType, ...], is_hosted: bool
) -> None:
    settings = Settings(data=tmp_path, profile=profile, builtin=builtin)

    hosted = with_builtin(settings, declared)

    assert hosted.workloads == (*settings.workloads, *([BUILTIN_WORKLOAD] if is_hosted else []))
    assert with_builtin(hosted, declared) == hosted
