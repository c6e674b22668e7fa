"""The fuzz makes the same requests from the same seed, and tells a bad answer from a good one."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable

import pytest

from tests.fuzz.answers import Answer, fault, read_answer, unexpected
from tests.fuzz.blobs import Blobs, Secrets
from tests.fuzz.callers import Callers
from tests.fuzz.core import CoreRequests
from tests.fuzz.hosted import HostRequests
from tests.fuzz.judge import Judge
from tests.fuzz.lake import LakeRequests, lake_fault
from tests.fuzz.login import Client, Clients, LoginRequests, login_fault
from tests.fuzz.message import Request
from tests.fuzz.requests import SHARES, Face, Generator
from tests.fuzz.scheduler import SchedulerRequests
from tests.fuzz.twins import TwinsRequests

ITEM = "/v1/workspaces/00000000-0000-4000-8000-000000000001/items/00000000-0000-4000-8000-000000000002"
CALLERS = Callers(owners=("Bearer o",), readers=("Bearer r",), outsiders=("Bearer x",), strangers=("o",))
TENANT = "9c734a2b-625c-488a-a9f2-994133d51c09"
PLACES = {
    "^/jobs/imports", "^/jobs/deletions", "^/models", "^/digitaltwins", "^/query", "^/eventroutes",
    "^/weft/v1/twins", "^/v1/workspaces$", "/items$", "/getDefinition$", "/updateDefinition$",
    "/resolvePermissions$", "/payload$", "/jobTypes/quick/", "/onCreateJobInstance$",
    "/onGetJobInstanceStatus$", "/onCancelJobInstance$", "/OnCreateItem$", "/OnUpdateItem$", "/OnDeleteItem$",
    "/OnRestoreItem$", "^/workload/resolve$", "^/workload/resolve-endpoint$", "^/issuer/.*/token$",
    "^/[^/]*/oauth2/v2.0/token$", "^/[^/]*/oauth2/token$", "/openid-configuration$", "discovery/keys$",
    "^/common/discovery/instance$", "/Files/", "/Tables/", "/schedules$", "/schedules/[^/]+$",
    "/occurrences$", "/upcoming$", "/roleAssignments", "/folders$", "/move$", "/webhooks", "/deliveries$",
    "/rerun$", "/bulkGet$", "/jobs/instances/events$", "/notebooks", "/operations/", "/capacities",
    "^/weft/v1/clock",
}  # fmt: skip
Generate = Callable[[int, int], list[Request]]


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Blobs:
    folder = tmp_path_factory.mktemp("blobs")
    made = Blobs(folder / "root", folder / "outside", "http://127.0.0.1:1/account", "127.0.0.1:2")
    made.write(random.Random(1))
    return made


@pytest.fixture(scope="module")
def clients() -> Clients:
    return Clients(TENANT, (Client("app-1", "secret-1", "assertion-1"),))


def _faces(chance: random.Random, blobs: Blobs, clients: Clients) -> dict[str, Face]:
    headers, others = (("Host", "h"), ("Authorization", "a")), ("Bearer x",)
    core, fabric = (
        CoreRequests(
            chance,
            headers=headers,
            control=(("Authorization", "c"),),
            others=others,
            item=ITEM,
            fabric=fabric,
        )
        for fabric in (False, True)
    )
    return {
        "twins": TwinsRequests(chance, CALLERS, blobs, "h"),
        "workload": HostRequests(chance, headers=headers, hooked=headers, others=others),
        "core": core,
        "fabric": fabric,
        "scheduler": SchedulerRequests(
            chance,
            headers=headers,
            others=others,
            item=ITEM,
            users=[TENANT],
            receiver="http://127.0.0.1:1/hook",
        ),
        "login": LoginRequests(chance, clients, "h"),
        "onelake": LakeRequests(chance, owner="a", others=others, item=ITEM, names=("n",)),
    }


@pytest.fixture(scope="module")
def generate(blobs: Blobs, clients: Clients) -> Generate:
    def generated(seed: int, count: int) -> list[Request]:
        chance = random.Random(seed)
        generator = Generator(chance, _faces(chance, blobs, clients), kept=(ITEM,))
        return [generator.next()[1] for _ in range(count)]

    return generated


def test_a_seed_makes_the_same_requests_again(generate: Generate) -> None:
    assert generate(7, 500) == generate(7, 500)


def test_requests_of_all_faces_and_of_every_bend_are_made(generate: Generate) -> None:
    made = generate(1, 3000)

    assert {request.face for request in made} >= {"core", "workload", "twins", "login", "onelake"}
    assert all(request.encoded().count(b"\r\n\r\n") >= 1 for request in made)
    assert len({request.method for request in made}) == 10


def test_each_face_is_asked_as_often_as_it_should(generate: Generate) -> None:
    asked = Counter(request.face for request in generate(5, 4000))

    shares = {**SHARES, "core": SHARES["core"] + SHARES["scheduler"] + SHARES["fabric"]}
    hundredth = 4000 / sum(SHARES.values())
    for face in ("twins", "workload", "core", "login", "onelake"):
        assert 0.7 < asked[face] / hundredth / shares[face] < 1.4, asked


def test_every_place_is_asked_often(generate: Generate) -> None:
    paths = [request.path for request in generate(2, 7000)]

    asked = Counter(place for path in paths for place in PLACES if re.search(place, path))
    assert min(asked[place] for place in PLACES) >= 8, asked


def test_what_others_need_is_never_deleted(generate: Generate) -> None:
    made = generate(6, 30_000)

    assert any(request.method == "DELETE" and request.path.startswith(f"{ITEM[:20]}") for request in made)
    assert not [
        request for request in made if request.method == "DELETE" and request.path.lower() == ITEM.lower()
    ]


def test_a_bent_request_expects_nothing_and_a_good_one_its_statuses(generate: Generate) -> None:
    made = [request for request in generate(3, 2000) if request.face == "twins"]

    good = [request for request in made if request.expected]
    assert 0.08 < len(good) / len(made) < 0.3
    assert all("api-version=2023-10-31" in request.query or request.expected == (400,) for request in good)


@pytest.mark.parametrize(
    ("path", "status", "headers", "body", "said"),
    [
        ("/v1/workspaces", 500, {}, b"", "a 500"),
        ("/v1/workspaces", 307, {"location": "/x"}, b"", "a redirect"),
        ("/v1/workspaces", 404, {}, b"Not Found", "no envelope"),
        ("/v1/workspaces", 404, {}, b'{"detail": "x"}', "no envelope"),
        ("/v1/workspaces", 404, {}, b'{"errorCode": "E", "message": "m"}', "the header does not say E"),
        ("/workload/x", 404, {}, b'{"errorCode": "E", "message": "m"}', "no source"),
        ("/workload/x", 400, {}, b'{"errorCode": "InvalidRequest", "message": "m"}', "no source"),
    ],
)
def test_a_bad_answer_is_told(
    path: str, status: int, headers: dict[str, str], body: bytes, said: str
) -> None:
    request = Request("GET", path, ())

    assert fault(request, Answer(status, headers, body)).startswith(said)


def test_an_error_in_its_envelope_is_in_order() -> None:
    body = {"errorCode": "E", "message": "m", "source": "System"}
    answer = Answer(404, {"x-ms-public-api-error-code": "E"}, json.dumps(body).encode())

    assert fault(Request("GET", "/v1/workspaces", ()), answer) == ""
    assert fault(Request("GET", "/workload/x", ()), answer) == ""


def test_a_good_request_must_be_answered_as_expected_or_be_told_to_wait() -> None:
    request = Request("GET", "/models", (), expected=(200,))

    assert unexpected(request, Answer(200, {}, b"{}")) == ""
    assert unexpected(request, Answer(429, {"retry-after": "1"}, b"{}")) == ""
    assert unexpected(request, Answer(429, {}, b"{}")).startswith("a good request was answered 429")
    assert unexpected(Request("GET", "/models", ()), Answer(400, {}, b"{}")) == ""


def test_a_path_is_of_the_twins_face_however_it_is_spelt() -> None:
    faces = {
        path: Request("GET", path, ()).face for path in ("/MODELS/x", "/%6dodels", "/modelsx", "/v1/models")
    }

    assert faces == {"/MODELS/x": "twins", "/%6dodels": "twins", "/modelsx": "", "/v1/models": "core"}


def test_what_an_answer_tells_is_asked_for_again(blobs: Blobs) -> None:
    chance = random.Random(4)
    twins = TwinsRequests(chance, CALLERS, blobs, "h")
    asked = Request("GET", "/models", (("Authorization", "Bearer r"),))
    body = {"value": [], "nextLink": "http://h/models?continuationToken=T1", "continuationToken": "T2"}

    twins.hear(asked, Answer(200, {}, json.dumps(body).encode()))
    made = [twins.good() for _ in range(300)]

    onward = [request for request in made if "T1" in request.query or b"T2" in request.body]
    assert {request.path for request in onward} == {"/models", "/query"}
    assert all(request.header("authorization") == ["Bearer r"] for request in onward)


def test_the_host_says_which_face_of_the_second_listener_is_meant() -> None:
    named = {
        "login.microsoftonline.com": "login",
        "STS.windows.net:443": "login",
        "onelake.dfs.fabric.microsoft.com": "onelake",
        "api.fabric.microsoft.com": "core",
        "evil.example": "core",
    }

    faces = {host: Request("GET", "/x", (("Host", host),), fabric=True).face for host in named}

    assert faces == named
    assert Request("GET", "/x", (), fabric=True).face == "core"


TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJhIn0xx." + "A" * 50
ENTRA = {
    "error": "e", "error_description": "AADSTS7: m", "error_codes": [7],
    "timestamp": "t", "trace_id": "i", "correlation_id": "c",
}  # fmt: skip
GRANT = {"token_type": "Bearer", "access_token": TOKEN}
NOT_KEPT = {"cache-control": "no-store"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (500, {}, ENTRA, "a 500"),
        (302, {}, ENTRA, "a 302"),
        (400, {}, {"error": {"code": "x"}}, "no envelope"),
        (400, {}, {**ENTRA, "error_codes": []}, "no code"),
        (400, {}, {**ENTRA, "error_codes": [8]}, "the description does not say 8"),
        (400, {}, {**ENTRA, "trace_id": None}, "no trace"),
        (400, {}, {**ENTRA, "error_uri": "secret-1"}, "a secret is told"),
        (400, {}, {**ENTRA, "error_uri": TOKEN}, "a secret is told"),
        (200, {}, GRANT, "a 200 that may be kept"),
        (200, NOT_KEPT, {}, "no token"),
        (200, NOT_KEPT, GRANT, "a token is given to somebody without a secret"),
        (400, {}, ENTRA, ""),
    ],
)
def test_an_answer_of_the_sign_in_service_is_judged(
    status: int, headers: dict[str, str], body: object, said: str, clients: Clients
) -> None:
    request = Request(
        "POST", "/common/oauth2/v2.0/token", (("Host", "login.windows.net"),), b"a=b", fabric=True
    )

    told = login_fault(request, Answer(status, headers, json.dumps(body).encode()), clients)

    assert told.startswith(said)
    assert bool(told) == bool(said)


def test_a_token_is_given_to_who_shows_the_secret(clients: Clients) -> None:
    answer = Answer(200, NOT_KEPT, json.dumps(GRANT).encode())
    form = Request("POST", "/issuer/t/oauth2/token", (), b"client_secret=secret%2D1")
    basic = Request("POST", "/issuer/t/oauth2/token", (("Authorization", "Basic YTpzZWNyZXQtMQ=="),))

    assert login_fault(form, answer, clients) == ""
    assert login_fault(basic, answer, clients) == ""


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (503, {"x-ms-request-id": "i"}, {}, "a 503"),
        (404, {}, {}, "no x-ms-request-id"),
        (404, {"x-ms-request-id": "i"}, {"errorCode": "x"}, "no envelope"),
        (404, {"x-ms-request-id": "i"}, {"error": {"code": "", "message": "m"}}, "no code"),
        (404, {"x-ms-request-id": "i"}, {"error": {"code": "x", "message": "m"}}, "the header says None"),
        (404, {"x-ms-request-id": "i", "x-ms-error-code": "x"}, {"error": {"code": "x", "message": "m"}}, ""),
    ],
)
def test_an_answer_of_onelake_is_judged(
    status: int, headers: dict[str, str], body: object, said: str
) -> None:
    request = Request("GET", "/w/i/Files/x", (("Host", "onelake.dfs.fabric.microsoft.com"),), fabric=True)

    told = lake_fault(request, Answer(status, headers, json.dumps(body).encode()))

    assert told.startswith(said)
    assert bool(told) == bool(said)


def test_what_is_no_http_may_be_told_so_whichever_host_it_names() -> None:
    body = {"errorCode": "InvalidRequest", "message": "the request is not HTTP/1.1"}
    answer = Answer(400, {}, json.dumps(body).encode())
    headers = (("Host", "onelake.dfs.fabric.microsoft.com"),)

    assert lake_fault(Request("GET", "${jndi:x}", headers, b"", fabric=True), answer) == ""
    assert lake_fault(Request("GET", "/lake/file", headers, b"", fabric=True), answer) != ""


@pytest.mark.parametrize("path", ["/v1/workspaces", "/workload/x"])
def test_who_has_no_right_is_given_nothing(path: str, clients: Clients) -> None:
    judge = Judge(
        CALLERS,
        clients,
        Secrets(),
        {"core": frozenset(("Bearer c",)), "workload": frozenset(("w", "Bearer c"))},
    )
    good = Request("GET", path, (("Authorization", "Bearer c"),))
    twice = Request("GET", path, (("Authorization", "Bearer c"),) * 2)

    assert judge.wrong(good, Answer(200, {}, b"{}")) == ""
    assert judge.wrong(twice, Answer(200, {}, b"{}")).startswith("somebody without a right")
    assert judge.wrong(Request("GET", path, ()), Answer(200, {}, b"{}")).startswith(
        "somebody without a right"
    )
    assert judge.wrong(good, Answer(200, {}, TOKEN.encode())).startswith("a token or a secret is told")


def test_only_a_host_may_say_that_a_hook_is_busy() -> None:
    body = b'{"errorCode": "ItemHookFailed", "message": "m", "source": "System"}'
    busy = Answer(503, {"retry-after": "1"}, body)

    assert fault(Request("POST", "/workload/x", ()), busy) == ""
    assert fault(Request("POST", "/workload/x", ()), Answer(503, {}, body)) == "a 503"
    assert fault(Request("POST", "/v1/x", ()), busy) == "a 503"


def test_what_was_appended_is_flushed_where_it_ends() -> None:
    lake = LakeRequests(random.Random(8), owner="a", others=("b",), item=ITEM, names=("n",))
    appended = Request("PATCH", "/w/i/Files/x", (), b"12345", "action=append&position=4")

    lake.hear(appended, Answer(202, {}, b""))
    made = [lake.good() for _ in range(200)]

    flushes = [request for request in made if request.query.startswith("action=flush&position=9&")]
    assert flushes
    assert {request.path for request in flushes} == {"/w/i/Files/x"}


def test_a_refresh_token_is_used_by_the_app_that_was_given_it(clients: Clients) -> None:
    login = LoginRequests(random.Random(9), clients, "h")
    asked = Request("POST", "/t/oauth2/v2.0/token", (), b"client_id=app-1")

    login.hear(asked, Answer(200, {}, b'{"refresh_token": "weft1.REMEMBERED"}'))
    made = [request for request in (login.good() for _ in range(200)) if b"REMEMBERED" in request.body]

    assert made
    assert all(b"client_id=app-1" in request.body for request in made)


def test_an_item_that_was_made_is_asked_for_and_deleted() -> None:
    chance = random.Random(10)
    core = CoreRequests(chance, headers=(), control=(), others=("b",), item=ITEM)
    id = "00000000-0000-4000-8000-00000000abcd"
    made = Request("POST", f"{ITEM.rpartition('/')[0]}", ())

    core.hear(made, Answer(201, {}, json.dumps({"id": id}).encode()))
    asked = [core.good() for _ in range(400)]

    assert {request.method for request in asked if request.path.endswith(id)} == {"GET", "PATCH", "DELETE"}
    assert not [request for request in asked if request.method == "DELETE" and request.path == ITEM]


def _scheduler() -> SchedulerRequests:
    return SchedulerRequests(
        random.Random(11),
        headers=(("Authorization", "a"),),
        others=("b",),
        item=ITEM,
        users=[TENANT],
        receiver="http://127.0.0.1:1/hook",
    )


def test_what_the_scheduler_made_is_asked_for_again() -> None:
    scheduler = _scheduler()
    id = "00000000-0000-4000-8000-00000000abcd"
    path = f"{ITEM}/jobs/quick/schedules"

    scheduler.hear(Request("POST", path, ()), Answer(201, {"location": f"http://h{path}/{id}"}, b"{}"))
    made = [scheduler.good() for _ in range(600)]

    asked = {
        (request.method, request.path.partition(id)[2].rpartition("/")[2])
        for request in made
        if id in request.path
    }
    assert asked == {("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "occurrences"), ("GET", "upcoming")}


def test_a_stream_goes_on_where_it_was_left() -> None:
    scheduler = _scheduler()
    stream = Answer(200, {"content-type": "text/event-stream"}, b"retry: 1000\nid: WzEsW11d\n\n")

    scheduler.hear(Request("GET", "/v1/jobs/instances/events", ()), stream)
    made = [scheduler.good() for _ in range(600)]

    assert [request for request in made if request.header("Last-Event-ID") == ["WzEsW11d"]]


def test_two_jobs_of_one_key_are_a_fault() -> None:
    scheduler = _scheduler()
    path = f"{ITEM}/jobs/quick/instances"
    run = Request("POST", path, (("Authorization", "a"), ("Idempotency-Key", "k")), b"{}")
    other = Request("POST", path, (("Authorization", "b"), ("Idempotency-Key", "k")), b"{}")

    for request, id in ((run, "1"), (run, "1"), (other, "2")):
        scheduler.hear(request, Answer(202, {"location": f"http://h{ITEM}/jobs/instances/{id}"}, b""))
    assert scheduler.faults == []

    scheduler.hear(run, Answer(202, {"location": f"http://h{ITEM}/jobs/instances/3"}, b""))
    assert len(scheduler.faults) == 1


@pytest.mark.parametrize(
    ("status", "body", "is_fault"),
    [
        (201, {"url": "http://127.0.0.1:1/h", "secret": "whsec_a"}, False),
        (201, {"url": "https://evil.example/h", "secret": "whsec_a"}, True),
        (200, {"url": "http://127.0.0.1:1/h", "secret": "whsec_a"}, True),
    ],
)
def test_a_webhook_that_leads_away_and_a_secret_that_is_told_again_are_faults(
    status: int, body: object, is_fault: bool
) -> None:
    scheduler = _scheduler()
    path = f"{ITEM.partition('/items/')[0]}/webhooks"

    scheduler.hear(Request("POST", path, ()), Answer(status, {}, json.dumps(body).encode()))

    assert bool(scheduler.faults) == is_fault


async def test_a_stream_is_read_up_to_its_first_event() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 1\n\nid: 2")

    answer = await read_answer(reader, Request("GET", "/v1/jobs/instances/events", ()))

    assert answer is not None
    assert answer.body == b"id: 1\n\n"
    assert answer.headers["connection"] == "close"
