"""Workloads are told of their items: sixteen faults of each call, refusals as they came, both contracts."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from tests.runners.fault_server import Call, Fault, FaultServer
from tests.runners.items import ADA, ITEM, ITEM_PATH, NOBODY, SETTINGS, TENANT, Noting, telling
from weft.catalog.errors import ItemRefused
from weft.catalog.item_types import Contract, ItemEvent, ItemType
from weft.runners.workload_answers import CONTRACT_ERROR, ERROR_BYTES, UNREACHABLE
from weft.runners.workload_endpoint import Person
from weft.runners.workload_lifecycle import WorkloadLifecycle

REFUSALS = {Fault.STATUS_404: 404, Fault.REDIRECT: 301}
ANSWERED_WITH_SUCCESS = (Fault.RESET, Fault.GARBAGE, Fault.UNKNOWN_STATUS, Fault.DRIP, Fault.OVERSIZED)
SAYS_WHEN = (Fault.STATUS_503, Fault.STATUS_429)
RETRY_AFTER_KEPT_SECONDS = 0.29


async def refusal(call: Coroutine[object, object, object]) -> ItemRefused:
    with pytest.raises(ItemRefused) as refused:
        await call
    return refused.value


def calls_after(fault: Fault) -> int:
    """Return how many requests arrive: those that never left are repeated, successes are not."""
    return (
        1 if fault in (*ANSWERED_WITH_SUCCESS, *REFUSALS, Fault.REFUSED, Fault.NO_NAME, Fault.NO_TLS) else 2
    )


@pytest.mark.parametrize("fault", list(Fault))
async def test_an_item_is_created_in_spite_of_a_fault_or_refused_with_what_was_said(fault: Fault) -> None:
    workload = FaultServer()
    async with telling(workload) as lifecycle:
        workload.expects(Call.ITEM_CREATE)
        workload.will(Call.ITEM_CREATE, fault)

        creating = lifecycle.created(ADA, ITEM, payload=b'{"rows":7}')
        if fault in REFUSALS:
            assert (await refusal(creating)).status == REFUSALS[fault]
        else:
            await creating

        requests = workload.of(Call.ITEM_CREATE)
        assert workload.fired == {(Call.ITEM_CREATE, fault): 1}
        assert len(requests) == len(workload.requests) == calls_after(fault)
        assert len({(request.path, request.body) for request in requests}) == 1
        assert workload.effects[Call.ITEM_CREATE] == (
            0 if fault in REFUSALS else 2 if fault is Fault.TIMEOUT_AFTER else 1
        )
        if fault in SAYS_WHEN:
            first, second = requests
            assert second.at - first.at >= RETRY_AFTER_KEPT_SECONDS


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_delete_is_told_in_spite_of_a_fault_and_never_blocked(
    fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    workload = FaultServer()
    async with telling(workload) as lifecycle:
        workload.expects(Call.ITEM_DELETE)
        workload.will(Call.ITEM_DELETE, fault)

        await lifecycle.deleted(ADA, ITEM)

        assert workload.fired == {(Call.ITEM_DELETE, fault): 1}
        assert len(workload.of(Call.ITEM_DELETE)) == calls_after(fault)
        assert workload.effects[Call.ITEM_DELETE] >= (fault not in REFUSALS)
    told = [record.message for record in caplog.records if "delete" in record.message]
    assert told == (["workload not told of a delete"] if fault is Fault.REDIRECT else [])


@pytest.mark.parametrize("contract", list(Contract))
async def test_a_job_type_and_its_items_are_called_as_their_contract_says(contract: Contract) -> None:
    workload = FaultServer()
    workload.contract = contract
    definition = b'{"parts":[]}'
    async with telling(workload) as lifecycle:
        await lifecycle.created(ADA, ITEM, payload=b'{"rows":7}', definition=definition)
        await lifecycle.updated(ADA, replace(ITEM, description=None), payload=b'{"rows":8}')
        await lifecycle.deleted(ADA, ITEM, is_soft=True)
        await lifecycle.deleted(ADA, ITEM)

    asked = [(request.method, request.path, request.body) for request in workload.requests]
    assert asked == WIRE[contract]


WIRE = {
    Contract.WDK: [
        (
            "POST",
            ITEM_PATH,
            b'{"displayName":"Sales","description":"Of the north","creationPayload":{"rows":7}}',
        ),
        ("PATCH", ITEM_PATH, b'{"displayName":"Sales","updatePayload":{"rows":8}}'),
        ("DELETE", ITEM_PATH, b""),
        ("DELETE", ITEM_PATH, b""),
    ],
    Contract.REMOTE: [
        ("POST", f"{ITEM_PATH}/OnCreateItem", b'{"definition":{"parts":[]}}'),
        ("POST", f"{ITEM_PATH}/OnUpdateItem", b"{}"),
        ("POST", f"{ITEM_PATH}/OnDeleteItem", b'{"deleteType":"Soft"}'),
        ("POST", f"{ITEM_PATH}/OnDeleteItem", b'{"deleteType":"Hard"}'),
    ],
}


async def test_calls_carry_the_headers_of_the_contract() -> None:
    workload = FaultServer()
    async with telling(workload) as lifecycle:
        workload.will(Call.ITEM_CREATE, Fault.STATUS_503)

        await lifecycle.created(ADA, ITEM)

    first, repeat = workload.requests
    assert first.headers["x-ms-client-tenant-id"] == TENANT
    assert first.headers["authorization"].startswith("SubjectAndAppToken1.0 ")
    assert first.headers["content-type"] == "application/json; charset=utf-8"
    assert UUID(first.headers["activityid"]) == UUID(repeat.headers["activityid"])
    assert UUID(first.headers["requestid"]) != UUID(repeat.headers["requestid"])


async def test_a_delete_by_nobody_known_is_called_for_nobody() -> None:
    noting = Noting()
    async with telling(FaultServer(), credentials=noting) as lifecycle:
        await lifecycle.created(ADA, ITEM)
        await lifecycle.created(replace(ADA, name=""), ITEM)
        await lifecycle.deleted(NOBODY, ITEM)

    assert noting.people == [Person(TENANT, ADA.id, "Ada"), Person(TENANT, ADA.id, ADA.id), Person(TENANT)]


async def test_only_events_that_the_workload_wants_are_told() -> None:
    workload = FaultServer()
    workload.told = frozenset({ItemEvent.UPDATE})
    async with telling(workload) as lifecycle:
        await lifecycle.created(ADA, ITEM)
        await lifecycle.updated(ADA, ITEM)
        await lifecycle.deleted(ADA, ITEM)

    assert [request.call for request in workload.requests] == [Call.ITEM_UPDATE]


class Unowned(FaultServer):
    def find(self, name: str) -> ItemType | None:
        return None


async def test_nobody_is_told_of_an_item_that_no_workload_owns() -> None:
    workload = Unowned()
    async with telling(workload) as lifecycle:
        await lifecycle.created(ADA, ITEM)
        await lifecycle.updated(ADA, ITEM)
        await lifecycle.deleted(ADA, ITEM)

        assert await lifecycle.payload(ADA, ITEM) == b""

    assert workload.requests == []


async def test_a_refusal_carries_the_error_its_status_and_the_answer_as_it_came() -> None:
    workload = FaultServer()
    async with telling(workload) as lifecycle:
        workload.will(Call.ITEM_CREATE, Fault.STATUS_404)

        refused = await refusal(lifecycle.created(ADA, ITEM))

    assert (refused.error.code, refused.error.message) == ("InvalidJobType", "no such type")
    assert refused.status == 404
    assert json.loads(refused.body) == {"error_code": "InvalidJobType", "message": "no such type"}


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"x" * 50_000, b"x" * ERROR_BYTES),
        (b"\xffbad", "\ufffdbad".encode()),
        (b"a\x00b", "a\ufffdb".encode()),
    ],
)
async def test_the_answer_is_kept_as_bounded_text(body: bytes, kept: bytes) -> None:
    workload = FaultServer()
    async with telling(workload) as lifecycle:
        workload.will_say(Call.ITEM_UPDATE, 400, body)

        refused = await refusal(lifecycle.updated(ADA, ITEM))

    assert refused.body == kept


@pytest.mark.parametrize("call", [Call.ITEM_CREATE, Call.ITEM_UPDATE])
async def test_a_workload_that_stays_away_refuses_with_no_status(call: Call) -> None:
    workload = FaultServer()
    async with telling(workload) as lifecycle:
        workload.expects(call)
        workload.will(call, *[Fault.REFUSED] * SETTINGS.create_attempts)

        tell = lifecycle.created if call is Call.ITEM_CREATE else lifecycle.updated
        refused = await refusal(tell(ADA, ITEM))

    assert (refused.status, refused.error.code, refused.body) == (None, UNREACHABLE, b"")
    assert workload.fired == {(call, Fault.REFUSED): SETTINGS.create_attempts}
    assert workload.requests == []


async def test_a_workload_that_goes_on_failing_is_asked_only_so_often() -> None:
    workload = FaultServer()
    async with telling(workload) as lifecycle:
        workload.will(Call.ITEM_CREATE, *[Fault.STATUS_500] * 100)

        refused = await refusal(lifecycle.created(ADA, ITEM))

    assert (refused.status, refused.body) == (500, b"Traceback: boom")
    assert len(workload.requests) == SETTINGS.create_attempts


async def test_an_error_that_is_permanent_is_not_asked_for_again() -> None:
    workload = FaultServer()
    async with telling(workload) as lifecycle:
        workload.will_say(Call.ITEM_CREATE, 500, b'{"errorCode":"Broke","message":"m","isPermanent":true}')

        refused = await refusal(lifecycle.created(ADA, ITEM))

    assert (refused.status, refused.error.code) == (500, "Broke")
    assert len(workload.requests) == 1


async def test_all_repeats_of_a_create_are_over_at_the_deadline() -> None:
    workload = FaultServer()
    settings = replace(SETTINGS, call_timeout=timedelta(seconds=60), lifecycle_timeout=timedelta(seconds=0.4))
    loop = asyncio.get_running_loop()
    async with telling(workload, settings) as lifecycle:
        workload.will(Call.ITEM_CREATE, Fault.TIMEOUT_BEFORE)
        began_at = loop.time()

        refused = await refusal(lifecycle.created(ADA, ITEM))

        assert loop.time() - began_at < 10
    assert refused.status is None
    assert len(workload.requests) == 1


async def test_a_call_that_the_deadline_cuts_off_tells_less_than_the_answer_before_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    workload = FaultServer()
    settings = replace(SETTINGS, lifecycle_timeout=timedelta(seconds=1), call_timeout=timedelta(seconds=30))
    async with telling(workload, settings) as lifecycle:
        workload.will(Call.ITEM_DELETE, Fault.STATUS_500, *[Fault.TIMEOUT_BEFORE] * 9)

        async with asyncio.timeout(30):
            await lifecycle.deleted(ADA, ITEM)

    (told,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert told.__dict__["status"] == 500


async def test_a_delete_is_given_up_at_the_deadline_and_logged_without_the_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    workload = FaultServer()
    settings = replace(SETTINGS, lifecycle_timeout=timedelta(seconds=2))
    async with telling(workload, settings) as lifecycle:
        workload.will(Call.ITEM_DELETE, *[Fault.STATUS_500] * 1000)

        async with asyncio.timeout(30):
            await lifecycle.deleted(ADA, ITEM)

    assert len(workload.requests) >= SETTINGS.create_attempts
    (told,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (told.__dict__["item"], told.__dict__["status"]) == (ITEM.id, 500)
    assert "boom" not in str(told.__dict__)


# ---- the payload


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (b'{"itemPayload":{"rows":7}}', b'{"rows":7}'),
        (b'{"ItemPayload":[1, 2]}', b"[1, 2]"),
        (b'{"item_payload":"x"}', b'"x"'),
        (b'{"itemPayload":null}', b""),
        (b"{}", b""),
        (b"", b""),
    ],
)
async def test_what_the_workload_shows_of_an_item_is_returned_as_it_came(body: bytes, payload: bytes) -> None:
    workload = FaultServer()
    workload.payload = body
    async with telling(workload) as lifecycle:
        assert await lifecycle.payload(ADA, ITEM) == payload

    (request,) = workload.requests
    assert (request.method, request.path) == ("GET", f"{ITEM_PATH}/payload")


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"itemPayload":', b"\xff", b'{"itemPayload":{"a":\xff}}']
)
async def test_an_answer_that_is_no_payload_is_refused(body: bytes) -> None:
    workload = FaultServer()
    workload.payload = body
    async with telling(workload) as lifecycle:
        refused = await refusal(lifecycle.payload(ADA, ITEM))

    assert (refused.status, refused.error.code) == (200, CONTRACT_ERROR)


async def test_the_remote_contract_shows_nothing_of_an_item() -> None:
    workload = FaultServer()
    workload.contract = Contract.REMOTE
    async with telling(workload) as lifecycle:
        assert await lifecycle.payload(ADA, ITEM) == b""

    assert workload.requests == []


async def test_an_oversized_payload_is_refused() -> None:
    workload = FaultServer()
    async with telling(workload) as lifecycle:
        workload.will(Call.ITEM_PAYLOAD, Fault.OVERSIZED)

        refused = await refusal(lifecycle.payload(ADA, ITEM))

    assert refused.error.code == CONTRACT_ERROR


async def test_a_call_after_the_end_is_an_answer_too() -> None:
    workload = FaultServer()
    async with telling(workload) as lifecycle:
        closed: WorkloadLifecycle = lifecycle

    refused = await refusal(closed.created(ADA, ITEM))

    assert "stopping" in refused.error.message
