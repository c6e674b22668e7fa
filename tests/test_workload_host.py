"""A host of workloads as a part of other applications: mounted, as one of its own, stopped and started."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.e2e.hosted_workload import ITEM_TYPE
from tests.workload_calls import client, headers, instance, until_ended
from weft.auth.subject_and_app import resource_id
from weft.host_parts import Trusted
from weft.kit.errors import WorkloadNotLoaded
from weft.kit.workload import load_workload
from weft.stores.errors import StoreLocked
from weft.workload_host import HostApp, host_app
from weft.workloads import ItemTypeTaken

WORKLOAD = "tests.e2e.hosted_workload:workload"
NAME = "Contoso.Hosted"
OTHER = "22222222-2222-4222-8222-222222222222"
MANUAL = {"invokeType": "Manual"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def a_host(data: Path, *workloads: str, **options: Any) -> HostApp:
    return host_app(workloads or (WORKLOAD,), data=data, processes=1, **options)


async def test_a_mounted_host_runs_jobs_below_its_path_alone(data: Path) -> None:
    host = a_host(data)
    app = Starlette(routes=[Mount("/deep/down", host)])
    path = instance(ITEM_TYPE, "quick")

    async with host.running(), client(app) as http:
        sent = headers(data, NAME)
        accepted = await http.post(f"/deep/down{path}", headers=sent, json=MANUAL)
        ended = await until_ended(http, f"/deep/down{path}", sent)
        elsewhere = await http.get(path, headers=sent)

    assert accepted.status_code == 202
    assert ended["status"] == "Completed"
    assert elsewhere.status_code == 404


async def test_a_host_that_does_not_run_says_so_in_the_contracts_words(data: Path) -> None:
    host = a_host(data)
    path = instance(ITEM_TYPE, "quick")

    async with client(host) as http:
        before = await http.post(path, json=MANUAL)
        async with host.running():
            sent = headers(data, NAME)
            during = await http.post(path, headers=sent, json=MANUAL)
        after = await http.get(path)

    assert [answer.status_code for answer in (before, during, after)] == [503, 202, 503]
    assert before.json()["errorCode"] == after.json()["errorCode"] == "ServiceUnavailable"


async def test_nothing_is_opened_before_the_host_runs(data: Path) -> None:
    a_host(data)

    assert not data.exists()


async def test_a_host_that_ran_can_run_again_and_knows_its_jobs(data: Path) -> None:
    host = a_host(data)
    path = instance(ITEM_TYPE, "quick")

    async with client(host) as http:
        async with host.running():
            sent = headers(data, NAME)
            await http.post(path, headers=sent, json=MANUAL)
            first = await until_ended(http, path, sent)
        async with host.running():
            again = (await http.get(path, headers=sent)).json()

    assert again == first


async def test_what_still_runs_at_the_end_of_the_grace_is_stopped_and_lost(
    data: Path, tmp_path: Path
) -> None:
    host = a_host(data, shutdown_grace=timedelta(0))
    path, notes = instance(ITEM_TYPE, "long"), tmp_path / "notes"

    async with client(host) as http:
        async with host.running():
            sent = headers(data, NAME)
            await http.post(path, headers=sent, json={**MANUAL, "creationPayload": {"file": str(notes)}})
            async with asyncio.timeout(30):
                while not notes.exists():
                    await asyncio.sleep(0.01)
        async with host.running():
            state = (await http.get(path, headers=sent)).json()

    assert (state["status"], state["errorDetails"]["errorCode"]) == ("Failed", "WorkerLost")


async def test_a_host_as_an_application_of_its_own_lives_with_its_lifespan(data: Path) -> None:
    host = a_host(data)
    sent, told = asyncio.Queue[Any](), asyncio.Queue[Any]()
    life = asyncio.create_task(host({"type": "lifespan"}, told.get, sent.put))

    await told.put({"type": "lifespan.startup"})
    started = await sent.get()
    async with client(host) as http:
        answer = await http.post(instance(ITEM_TYPE, "quick"), headers=headers(data, NAME), json=MANUAL)
    await told.put({"type": "lifespan.shutdown"})
    stopped = await sent.get()
    await life

    assert (started["type"], stopped["type"]) == ("lifespan.startup.complete", "lifespan.shutdown.complete")
    assert answer.status_code == 202


async def test_a_lifespan_that_cannot_start_says_why(data: Path) -> None:
    host = a_host(data, "no_such_module:workload")
    sent, told = asyncio.Queue[Any](), asyncio.Queue[Any]()
    await told.put({"type": "lifespan.startup"})

    with pytest.raises(WorkloadNotLoaded):
        await host({"type": "lifespan"}, told.get, sent.put)

    failed = await sent.get()
    assert failed["type"] == "lifespan.startup.failed"
    assert "no_such_module" in failed["message"]


async def test_two_hosts_of_one_workload_do_not_share_its_jobs(data: Path) -> None:
    async with a_host(data).running():
        with pytest.raises(StoreLocked):
            async with a_host(data).running():
                raise AssertionError("both run")


async def test_an_item_type_of_two_workloads_is_refused(data: Path) -> None:
    with pytest.raises(ItemTypeTaken, match=r"Contoso\.Hosted\.Thing"):
        async with a_host(data, WORKLOAD, WORKLOAD).running():
            raise AssertionError("it runs")


async def test_a_host_answers_to_the_names_it_was_given_and_to_no_others(data: Path) -> None:
    host = a_host(data, hosts=("workload.example",))
    path = instance(ITEM_TYPE, "quick")

    async with host.running(), client(host) as http:
        sent = headers(data, NAME)
        named = await http.post(path, headers={**sent, "Host": "workload.example"}, json=MANUAL)
        foreign = await http.post(path, headers={**sent, "Host": "evil.example"}, json=MANUAL)

    assert (named.status_code, foreign.status_code) == (202, 421)


async def test_an_audience_and_a_publisher_that_are_given_are_those_that_count(data: Path) -> None:
    async with a_host(data, audience="api://other").running() as host, client(host) as http:
        sent = headers(data, NAME)
        refused = await http.post(instance(ITEM_TYPE, "quick"), headers=sent, json=MANUAL)
    async with a_host(data, publisher_tenant=OTHER).running() as host, client(host) as http:
        foreign = await http.post(instance(ITEM_TYPE, "quick"), headers=sent, json=MANUAL)

    assert (refused.status_code, foreign.status_code) == (401, 401)


def test_the_audience_is_each_workloads_own_unless_one_is_given() -> None:
    workloads = [load_workload(WORKLOAD)]

    assert Trusted(publisher_tenant=OTHER).audiences(workloads) == {ITEM_TYPE: resource_id(OTHER, NAME)}
    given = Trusted(publisher_tenant=OTHER, audience="api://mine", client_id="app")
    assert given.audiences(workloads) == {ITEM_TYPE: "api://mine"}
    assert given.client_ids(given.audiences(workloads)) == {"api://mine": "app"}
