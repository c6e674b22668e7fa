"""Where a backend is, as its endpoint resolution service says: checked, remembered, never just believed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.engine.virtual_time import VirtualClock, virtually
from tests.runners import items
from tests.runners.fault_server import Call, Fault, FaultServer
from tests.runners.items import ADA, ITEM, TENANT, Noting, telling
from tests.runners.test_remote_faults import calling
from weft.catalog.errors import ItemRefused
from weft.catalog.item_types import Backend
from weft.engine.lifecycle import State
from weft.runners import workload_resolution
from weft.runners.workload_answers import UNREACHABLE, Said, Silence
from weft.runners.workload_endpoint import Person
from weft.runners.workload_request import Request
from weft.runners.workload_resolution import Resolutions, UrlRefused, checked_url, seconds_of_ttl
from weft.settings import CallerSettings

ALL = ("EndpointName", "TenantRegion", "WorkspaceRegion", "TenantId")
SERVICE = "https://where.contoso.com/resolve"
BACKEND = Backend(
    workload="Contoso", audience="api://contoso", publisher_tenant="", url=SERVICE, resolves=("TenantId",)
)
SETTINGS = CallerSettings(resolved_hosts=("be.contoso.com",))


def resolving(faults: tuple[Fault, ...] = ()) -> FaultServer:
    workload = FaultServer()
    workload.resolves = ALL
    workload.expects(Call.RESOLVE)
    workload.will(Call.RESOLVE, *faults)
    return workload


# ---- over HTTP


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_job_survives_a_fault_of_the_resolution_of_its_endpoint(tmp_path: Path, fault: Fault) -> None:
    async with calling(tmp_path, server=resolving((fault,))) as caller:
        await caller.submit()
        job = await caller.end()

        workload = caller.workload
        assert job.state is State.COMPLETED
        assert workload.job.starts == 1
        assert workload.fired == {(Call.RESOLVE, fault): 1}
        never_arrived = fault in (Fault.REFUSED, Fault.NO_NAME, Fault.NO_TLS)
        assert len(workload.of(Call.RESOLVE)) == 2 - never_arrived
        assert len(workload.of(Call.CREATE)) == 1
        assert workload.requests.index(workload.of(Call.CREATE)[0]) == 2 - never_arrived


@pytest.mark.parametrize("fault", list(Fault))
async def test_an_item_is_created_in_spite_of_a_fault_of_the_resolution(fault: Fault) -> None:
    workload = resolving((fault,))
    async with telling(workload) as lifecycle:
        await lifecycle.created(ADA, ITEM)

    assert workload.fired == {(Call.RESOLVE, fault): 1}
    assert workload.effects[Call.ITEM_CREATE] == 1


async def test_a_service_is_asked_as_the_contract_says() -> None:
    workload = resolving()
    async with telling(workload) as lifecycle:
        await lifecycle.created(ADA, ITEM)
        await lifecycle.deleted(ADA, ITEM)

    asked, *calls = workload.requests
    assert [request.call for request in calls] == [Call.ITEM_CREATE, Call.ITEM_DELETE]
    assert (asked.method, asked.path) == ("POST", "/workload/resolve")
    assert json.loads(asked.body) == {
        "context": [
            {"name": "EndpointName", "value": "Workload"},
            {"name": "TenantRegion", "value": "local"},
            {"name": "WorkspaceRegion", "value": "local"},
            {"name": "TenantId", "value": TENANT},
        ]
    }
    assert {"authorization", "activityid", "requestid"} <= asked.headers.keys()
    assert "x-ms-client-tenant-id" not in asked.headers
    assert all(request.headers["x-ms-client-tenant-id"] == TENANT for request in calls)


async def test_a_service_is_asked_for_nobody_and_a_workload_for_the_caller() -> None:
    workload = resolving()
    noting = Noting()
    async with telling(workload, credentials=noting) as lifecycle:
        await lifecycle.created(ADA, ITEM)

    assert noting.people == [Person(TENANT), Person(TENANT, ADA.id, ADA.name)]


async def test_a_backend_that_moved_is_found_by_the_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload_resolution, "SHORTEST_SECONDS", 0.0)
    workload = resolving()
    workload.will_say(Call.RESOLVE, 200, b'{"url":"http://nowhere.invalid","ttlInMinutes":60}')
    workload.will_fire(Call.ITEM_CREATE, Fault.NO_NAME)
    async with telling(workload, replace(items.SETTINGS, resolved_hosts=("*.invalid",))) as lifecycle:
        await lifecycle.created(ADA, ITEM)

    assert workload.fired == {(Call.ITEM_CREATE, Fault.NO_NAME): 1}
    assert [request.call for request in workload.requests] == [Call.RESOLVE, Call.RESOLVE, Call.ITEM_CREATE]


async def test_a_service_that_never_answers_well_fails_a_job_as_unreachable(tmp_path: Path) -> None:
    async with calling(tmp_path, server=resolving((Fault.STATUS_404,) * 10)) as caller:
        await caller.submit()
        job = await caller.end()

    assert job.state is State.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.message) == (
        UNREACHABLE,
        "The workload could not be reached: no endpoint was resolved: it answered 404.",
    )
    assert caller.workload.of(Call.CREATE) == []


async def test_an_item_is_refused_where_no_endpoint_can_be_resolved() -> None:
    async with telling(resolving((Fault.GARBAGE,) * 10)) as lifecycle:
        with pytest.raises(ItemRefused) as refused:
            await lifecycle.created(ADA, ITEM)

    assert (refused.value.status, refused.value.error.code) == (None, UNREACHABLE)


# ---- what is remembered


@dataclass
class Service:
    """An endpoint resolution service that answers from a list, the last answer again and again."""

    answers: list[Said | Silence]
    takes_seconds: float = 0.0
    asked: list[tuple[str, float]] = field(default_factory=list)

    async def __call__(self, backend: Backend, tenant: str, request: Request, *, by: float) -> Said | Silence:
        self.asked.append((tenant, now()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await asyncio.sleep(self.takes_seconds)
        return answer


def found(url: str = "https://be.contoso.com", ttl: object = 10) -> Said:
    return Said(200, json.dumps({"url": url, "ttlInMinutes": ttl}).encode())


def now() -> float:
    return asyncio.get_running_loop().time()


Steps = Callable[[Resolutions], Coroutine[Any, Any, None]]


def resolve_with(service: Service, steps: Steps) -> None:
    async def main() -> None:
        resolutions = Resolutions(SETTINGS, clock=VirtualClock(), ask=service)
        await steps(resolutions)
        await resolutions.close()

    virtually(main())


async def base_url(resolutions: Resolutions, *, tenant: str = "t", within: float = 30) -> str | Silence:
    return await resolutions.base_url(BACKEND, tenant, by=now() + within)


@pytest.mark.parametrize(
    ("ttl", "seconds"), [(10, 600), (0, 60), (-5, 60), (10**9, 86_400), (None, 60), ("7", 60), (1.5, 90)]
)
def test_an_answer_is_kept_as_long_as_it_says_within_limits(ttl: object, seconds: float) -> None:
    service = Service([found(ttl=ttl)])

    async def steps(resolutions: Resolutions) -> None:
        await base_url(resolutions)
        await asyncio.sleep(seconds - 1)
        await base_url(resolutions)
        assert len(service.asked) == 1
        await asyncio.sleep(2)
        assert await base_url(resolutions) == "https://be.contoso.com"
        assert len(service.asked) == 2

    resolve_with(service, steps)


@pytest.mark.parametrize(
    ("minutes", "seconds"), [(True, 60), (10**400, 86_400), (float("inf"), 86_400), ([], 60)]
)
def test_a_time_to_live_that_is_none_is_short(minutes: object, seconds: float) -> None:
    assert seconds_of_ttl(minutes) == seconds


def test_each_tenant_is_resolved_for_itself() -> None:
    service = Service([found("https://be.contoso.com/a"), found("https://be.contoso.com/b")])

    async def steps(resolutions: Resolutions) -> None:
        assert await base_url(resolutions, tenant="a") == "https://be.contoso.com/a"
        assert await base_url(resolutions, tenant="b") == "https://be.contoso.com/b"
        assert await base_url(resolutions, tenant="a") == "https://be.contoso.com/a"

    resolve_with(service, steps)

    assert [tenant for tenant, _ in service.asked] == ["a", "b"]


@pytest.mark.parametrize("answer", [found(), Said(503, b"", "7"), Silence("reset")])
def test_many_calls_at_once_ask_once(answer: Said | Silence) -> None:
    service = Service([answer], takes_seconds=5)

    async def steps(resolutions: Resolutions) -> None:
        answers = await asyncio.gather(*(base_url(resolutions) for _ in range(50)))
        assert len(set(answers)) == 1

    resolve_with(service, steps)

    assert len(service.asked) == 1


def test_a_call_waits_no_longer_than_it_may_and_others_go_on_waiting() -> None:
    service = Service([found()], takes_seconds=10)

    async def steps(resolutions: Resolutions) -> None:
        patient = asyncio.create_task(base_url(resolutions))
        hurried = await base_url(resolutions, within=2)
        assert now() == pytest.approx(2)
        assert isinstance(hurried, Silence)
        assert not hurried.arrived
        assert await patient == "https://be.contoso.com"

    resolve_with(service, steps)

    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Said(503, b"", "7"), "it answered 503"),
        (Said(401, b""), "it answered 401"),
        (Said(301, b""), "it answered 301"),
        (Said(200, None), "its answer is no JSON object of a fitting size"),
        (Said(200, b"[]"), "its answer is no JSON object of a fitting size"),
        (Said(200, b"{}"), "its url is no absolute http or https URL without user, query and fragment"),
    ],
)
def test_trouble_with_a_service_never_counts_as_a_call_that_arrived(answer: Said, reason: str) -> None:
    async def steps(resolutions: Resolutions) -> None:
        silence = await base_url(resolutions)
        assert silence == Silence(
            f"no endpoint was resolved: {reason}",
            arrived=False,
            retry_after=7.0 if answer.retry_after else None,
        )

    resolve_with(Service([answer]), steps)


def test_silence_of_a_service_never_counts_as_a_call_that_arrived() -> None:
    async def steps(resolutions: Resolutions) -> None:
        assert await base_url(resolutions) == Silence("reset", arrived=False)

    resolve_with(Service([Silence("reset", arrived=True)]), steps)


def test_a_failure_is_not_remembered() -> None:
    async def steps(resolutions: Resolutions) -> None:
        await base_url(resolutions)
        assert await base_url(resolutions) == "https://be.contoso.com"

    resolve_with(Service([Said(500, b""), found()]), steps)


def test_a_backend_that_cannot_be_reached_is_resolved_again_and_may_have_moved() -> None:
    service = Service([found("https://be.contoso.com/old"), found("https://be.contoso.com/new")])

    async def steps(resolutions: Resolutions) -> None:
        await base_url(resolutions)
        await asyncio.sleep(61)
        resolutions.doubt(BACKEND, "t")
        assert await base_url(resolutions) == "https://be.contoso.com/new"

    resolve_with(service, steps)


def test_what_is_known_stays_valid_where_asking_again_fails() -> None:
    service = Service([found(ttl=10), Said(500, b"")])

    async def steps(resolutions: Resolutions) -> None:
        await base_url(resolutions)
        await asyncio.sleep(61)
        for _ in range(5):
            resolutions.doubt(BACKEND, "t")
            assert await base_url(resolutions) == "https://be.contoso.com"
        assert len(service.asked) == 2  # a service is not asked again at every call
        await asyncio.sleep(600)
        assert isinstance(await base_url(resolutions), Silence)

    resolve_with(service, steps)


def test_doubt_within_a_minute_asks_nothing() -> None:
    service = Service([found()])

    async def steps(resolutions: Resolutions) -> None:
        await base_url(resolutions)
        await asyncio.sleep(30)
        resolutions.doubt(BACKEND, "t")
        resolutions.doubt(BACKEND, "unknown")
        await base_url(resolutions)

    resolve_with(service, steps)

    assert len(service.asked) == 1


def test_closing_ends_a_question_under_way() -> None:
    service = Service([found()], takes_seconds=1000)

    async def steps(resolutions: Resolutions) -> None:
        waiting = asyncio.create_task(base_url(resolutions))
        await asyncio.sleep(1)
        await resolutions.close()
        assert isinstance(await waiting, Silence)
        assert now() == pytest.approx(1)

    resolve_with(service, steps)


# ---- what is believed


@pytest.mark.parametrize(
    ("url", "service", "base"),
    [
        ("https://where.contoso.com", SERVICE, "https://where.contoso.com"),
        ("https://WHERE.contoso.com:8443/base/", SERVICE, "https://WHERE.contoso.com:8443/base"),
        ("https://where.contoso.com./x", SERVICE, "https://where.contoso.com./x"),
        ("https://be.contoso.com/w", SERVICE, "https://be.contoso.com/w"),
        ("https://eu.be.contoso.net/w", SERVICE, "https://eu.be.contoso.net/w"),
        ("http://127.0.0.1:5000/workload", "http://localhost:5000/resolve", "http://127.0.0.1:5000/workload"),
        ("http://[::1]:5000", "http://127.0.0.2/resolve", "http://[::1]:5000"),
        ("http://backend:5000", "http://backend:5000/resolve", "http://backend:5000"),
        ("https://10.0.0.1", "https://10.0.0.1/resolve", "https://10.0.0.1"),
    ],
)
def test_a_base_url_of_a_known_host_is_believed(url: str, service: str, base: str) -> None:
    assert checked_url(url, service=service, listed=("be.contoso.com", "*.contoso.net")) == base


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        ["https://where.contoso.com"],
        "",
        "where.contoso.com",
        "/workload",
        "//where.contoso.com",
        "ftp://where.contoso.com",
        "file:///etc/passwd",
        "https://",
        "https:where.contoso.com",
        "https://user@where.contoso.com",
        "https://where.contoso.com@evil.example",
        "https://where.contoso.com:443@evil.example",
        "https://evil.example\\@where.contoso.com",
        "https://where.contoso.com?x=1",
        "https://where.contoso.com/?x=1",
        "https://where.contoso.com/#x",
        "https://where.contoso.com/a b",
        "https://where.contoso.com/\r\nHost: evil",
        "https://where.contoso.com\n",
        " https://where.contoso.com",
        "https://where.contoso.com:99999",
        "https://where.contoso.com:0",
        "https://where.contoso.com:",
        "https://where.contoso.com/" + "x" * 3000,
        "https://wh\u0435re.contoso.com",
        "https://where.contoso.com/\u2028",
        # another host
        "https://evil.example",
        "https://" + "x" * 300,
        "https://contoso.com",
        "https://where.contoso.com.evil.example",
        "https://evilwhere.contoso.com",
        "https://contoso.net",
        "https://evilcontoso.net",
        "http://10.0.0.1",
        "https://10.0.0.1",
        "http://127.0.0.1:22",
        "http://localhost",
        "http://[::1]",
        "http://169.254.169.254/latest",
        "http://2130706433",
        "http://0x7f.1",
        # tokens without TLS
        "http://where.contoso.com",
        "http://be.contoso.com",
    ],
)
def test_every_other_address_is_refused(url: object) -> None:
    with pytest.raises(UrlRefused) as refused:
        checked_url(url, service=SERVICE, listed=("be.contoso.com", "*.contoso.net"))

    told = str(refused.value)
    assert told.isprintable()
    assert len(told) < 250
    assert "user@" not in told


async def test_a_token_is_not_sent_to_a_host_that_a_service_made_up() -> None:
    elsewhere = FaultServer()
    async with elsewhere:
        workload = resolving()
        port = elsewhere.base_url.rpartition(":")[2]
        workload.resolution = {"url": f"http://contoso.test:{port}"}
        async with telling(workload) as lifecycle:
            with pytest.raises(ItemRefused, match="neither its own host nor one of caller"):
                await lifecycle.created(ADA, ITEM)

    assert elsewhere.requests == []
    assert {request.call for request in workload.requests} == {Call.RESOLVE}


async def test_a_resolution_by_a_listed_host_is_followed() -> None:
    settings = replace(
        CallerSettings(), resolved_hosts=("*.invalid",), create_attempts=1, call_timeout=timedelta(seconds=2)
    )
    workload = resolving()
    workload.resolution = {"url": "http://nowhere.invalid"}
    workload.will_fire(Call.ITEM_CREATE, Fault.NO_NAME)
    async with telling(workload, settings) as lifecycle:
        with pytest.raises(ItemRefused):
            await lifecycle.created(ADA, ITEM)

    assert workload.fired == {(Call.ITEM_CREATE, Fault.NO_NAME): 1}
