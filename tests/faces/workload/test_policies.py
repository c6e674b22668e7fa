"""What a workload says of a job type, and what that means for its jobs: payloads, restarts and queues."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.dump import dump
from tests.faces.workload.house import ITEM_TYPE, JOB, House, Identity, a_house, body_of, path_of
from tests.faces.workload.test_items import told
from weft import JobContext, Workload
from weft.catalog import scopes
from weft.engine.jobs import JobKey, WhenLost


@dataclass
class Forecast:
    series: str
    folds: int = 4


def workload() -> Workload:
    workload = Workload("Contoso.FinanceAnalytics")

    @workload.job(ITEM_TYPE, "typed")
    def typed(ctx: JobContext, payload: Forecast) -> None: ...

    @workload.job(ITEM_TYPE, "resumable", resumable=True)
    def resumable(ctx: JobContext, payload: dict[str, Any]) -> None: ...

    @workload.job(ITEM_TYPE, "narrow", concurrency=1)
    def narrow(ctx: JobContext, payload: dict[str, Any]) -> None: ...

    return workload


@pytest.fixture
async def house(tmp_path: Path, identity: Identity) -> AsyncIterator[House]:
    async with a_house(tmp_path, identity, slots=0, workloads=[workload()]) as house:
        yield house


def key_of(house: House, job_type: str) -> JobKey:
    path = path_of(job_type=job_type).split("/")
    return JobKey("/".join(("workload", house.tenant, path[3], ITEM_TYPE, path[6], job_type)), JOB)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"series": 1}, ".series"),
        ({}, ".series"),
        ({"series": "co2", "folds": "4"}, ".folds"),
    ],
)
async def test_a_payload_that_the_function_does_not_take_is_a_400_in_the_words_of_the_contract(
    payload: object, field: str, house: House
) -> None:
    before = dump(house.database)

    wdk = await house.ask("POST", path_of(job_type="typed"), json.dumps(
        {"invokeType": "Manual", "creationPayload": payload}).encode())  # fmt: skip
    remote = await house.notify(
        "jobs/onCreateJobInstance", {"jobType": "typed", "jobInstanceId": JOB, "executionData": payload}
    )

    for answer, member in ((wdk, "creationPayload"), (remote, "executionData")):
        assert told(answer) == (400, "InvalidParameter")
        assert answer.json()["messageParameters"] == [member + field]
        assert answer.json()["message"].startswith(member + field)
    assert dump(house.database) == before


async def test_a_payload_that_the_function_takes_is_kept_as_it_came(house: House) -> None:
    body = b'{"invokeType":"Manual","creationPayload":{"series":"co2","more":1}}'

    answer = await house.ask("POST", path_of(job_type="TYPED"), body)

    assert answer.status == 202
    assert (await house.engine.get(key_of(house, "typed"))).payload == b'{"series":"co2","more":1}'


@pytest.mark.parametrize(("job_type", "when_lost"), [("resumable", "restart"), ("narrow", "fail")])
async def test_only_a_resumable_job_starts_again_when_it_is_lost(
    job_type: str, when_lost: str, house: House
) -> None:
    await house.ask("POST", path_of(job_type=job_type), body_of())

    assert (await house.engine.get(key_of(house, job_type))).when_lost is WhenLost(when_lost)


async def test_a_job_type_with_a_limit_has_a_queue_of_its_own(house: House) -> None:
    for job_type in ("resumable", "narrow"):
        await house.ask("POST", path_of(job_type=job_type), body_of())

    queues = [(await house.engine.get(key_of(house, name))).queue for name in ("resumable", "narrow")]
    assert queues == [scopes.HOSTED, scopes.own_queue(ITEM_TYPE, "narrow")]
