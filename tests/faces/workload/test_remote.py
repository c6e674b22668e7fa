"""Jobs and endpoint resolution as the Fabric Extensibility Toolkit has them: the same jobs as the WDK's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dump import dump
from tests.faces.workload.house import ITEM_TYPE, JOB, JOB_TYPE, House, Identity, a_house
from tests.faces.workload.test_items import told
from tests.faces.workload.test_jobs import key_in
from weft.settings import HostSettings

NAMED = {"jobType": JOB_TYPE, "jobInstanceId": JOB}


def asked(do: str = "wait", **more: Any) -> dict[str, Any]:
    return {**NAMED, "executionData": {"do": do}, **more}


async def test_a_job_is_created_read_and_cancelled(house: House) -> None:
    made = await house.notify("jobs/onCreateJobInstance", asked())
    await house.until("InProgress")
    running = await house.notify("jobs/onGetJobInstanceStatus", NAMED)
    cancelled = await house.notify("jobs/onCancelJobInstance", NAMED)

    assert (made.status, made.json()["status"]) == (201, "NotStarted")
    assert (running.status, running.json()["status"]) == (200, "InProgress")
    assert (cancelled.status, cancelled.json()["status"]) == (200, "Cancelled")
    job = await house.engine.get(key_in(house))
    assert job.payload == b'{"do":"wait"}'
    assert job.labels["invoke_type"] == ""


async def test_a_job_of_one_contract_is_the_same_job_in_the_other(house: House) -> None:
    await house.notify("jobs/ONCREATEJOBINSTANCE", asked())
    await house.until("InProgress")

    assert (await house.get()).body == (await house.notify("jobs/onGetJobInstanceStatus", NAMED)).body
    assert (await house.cancel()).json()["status"] == "Cancelled"
    again = await house.notify("jobs/onCreateJobInstance", asked())
    assert (again.status, again.json()["status"]) == (201, "Cancelled")
    assert told(await house.create()) == (409, "JobInstanceConflict")


async def test_a_job_of_the_wdk_is_read_and_cancelled_here(house: House) -> None:
    await house.create()
    await house.until("InProgress")

    got = await house.notify("jobs/onGetJobInstanceStatus", NAMED)
    cancelled = await house.notify("jobs/onCancelJobInstance", NAMED)

    assert got.json()["status"] == "InProgress"
    assert cancelled.json()["status"] == "Cancelled"


async def test_an_unknown_job_is_cancelled_for_good(house: House) -> None:
    assert told(await house.notify("jobs/onGetJobInstanceStatus", NAMED)) == (404, "JobInstanceNotFound")
    assert (await house.notify("jobs/onCancelJobInstance", NAMED)).json()["status"] == "Cancelled"

    late = await house.notify("jobs/onCreateJobInstance", asked("return"))

    assert (late.status, late.json()["status"]) == (201, "Cancelled")
    assert house.script.ran == []


async def test_types_are_found_in_any_case(house: House) -> None:
    body = {**asked("return"), "jobType": JOB_TYPE.upper(), "jobInstanceId": JOB.upper()}

    made = await house.notify("jobs/onCreateJobInstance", body, item_type=ITEM_TYPE.upper())

    assert made.status == 201
    await house.until("Completed")


async def test_a_definition_comes_along_and_data_need_not(house: House) -> None:
    part = {"path": "a", "payload": "AA==", "payloadType": "InlineBase64"}

    made = await house.notify("jobs/onCreateJobInstance", {**NAMED, "definition": {"parts": [part]}})

    assert made.status == 201
    assert (await house.engine.get(key_in(house))).payload == b""


# ---- endpoint resolution

RESOLVED = b'{"url":"http://127.0.0.1:7431/workload","ttlInMinutes":60}'
CONTEXT = b'{"context":[{"name":"EndpointName","value":"Workload"},{"name":"TenantId","value":"x"}]}'


@pytest.mark.parametrize("path", ["/workload/resolve", "/workload/Resolve-Endpoint"])
@pytest.mark.parametrize("body", [CONTEXT, b'{"context":[]}'])
async def test_the_host_names_itself_to_who_shows_no_tenant_and_no_user(
    path: str, body: bytes, house: House
) -> None:
    nobody = house.identity.issuer.subject_and_app("Contoso.FinanceAnalytics", "")
    before = dump(house.database)

    for tokens in (nobody, house.tokens(), house.tokens("Contoso.Other")):
        answer = await house.ask("POST", path, body, credentials=[("Authorization", tokens)])
        assert (answer.status, answer.body) == (200, RESOLVED)
    assert (await house.ask("POST", path, body)).body == RESOLVED

    assert dump(house.database) == before


async def test_a_setting_says_what_is_resolved_and_for_how_long(tmp_path: Path, identity: Identity) -> None:
    hosting = HostSettings(url="https://be.contoso.com/workload", resolved_for=timedelta(minutes=5))
    async with a_house(tmp_path, identity, hosting=hosting) as house:
        answer = await house.ask("POST", "/workload/resolve", CONTEXT)

    assert answer.json() == {"url": "https://be.contoso.com/workload", "ttlInMinutes": 5}


async def test_a_forwarding_header_resolves_nothing(house: House) -> None:
    headers = [("Content-Type", "application/json"), ("X-Forwarded-Host", "evil"), ("Forwarded", "host=evil")]

    assert (await house.ask("POST", "/workload/resolve", CONTEXT, headers=headers)).body == RESOLVED
