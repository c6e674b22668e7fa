"""Deliveries of webhooks: what is sent, what becomes of the answers, and where nothing is sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from weft.auth.sealed import WebhookSeal
from weft.catalog.webhook_addresses import UrlPolicy
from weft.catalog.webhooks import Webhook
from weft.engine.errors import StoreUnavailable
from weft.engine.jobs import Again, Completed, Failed, Job, JobKey, Outcome, Progress, Stopped, WhenLost
from weft.engine.lifecycle import State
from weft.runners.webhooks import AT_ONCE_OF_ONE, WebhookRunner
from weft.settings import WebhookSettings

SEAL = WebhookSeal(b"s" * 32)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"type":"jobInstance.Completed","data":{"id":"ü"}}'.encode()


class Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Kept:
    """The store of one webhook."""

    webhook_kept: Webhook | None
    fails: bool = False

    async def webhook(self, id: str) -> Webhook | None:
        if self.fails:
            raise StoreUnavailable("disk full")
        return self.webhook_kept

    async def disable_webhook(self, webhook: Webhook, because: str) -> bool:
        kept = self.webhook_kept
        if kept is None or kept.url != webhook.url:
            return False
        self.webhook_kept = replace(kept, enabled=False, disabled_because=because)
        return True


@dataclass
class FakeRun:
    job: Job
    cancel_requested: asyncio.Event = field(default_factory=asyncio.Event)
    told: list[Progress] = field(default_factory=list)

    async def progress(self, progress: Progress) -> None:
        self.told.append(progress)


@dataclass
class WhichStore:
    """Stores by the webhook that they keep."""

    kept: dict[str, Kept]

    async def webhook(self, id: str) -> Webhook | None:
        return await self.kept[id].webhook(id)


def replace_attempt(run: Any, attempt: int) -> Any:
    run.job = replace(run.job, attempt=attempt)
    return run


def a_run(attempt: int = 1, *, webhook: str = "h") -> Any:
    now = datetime.now(UTC)
    job = Job(
        key=JobKey("webhooks/w/h", "d1"),
        queue="webhooks",
        kind="Completed",
        payload=BODY,
        labels={"webhook": webhook, "job": "j"},
        fingerprint=b"",
        submitted_by="",
        when_lost=WhenLost.RESTART,
        state=State.RUNNING,
        submitted_at=now,
        available_at=now,
        attempt=attempt,
        progress=Progress(attempt - 1, 20, "no answer") if attempt > 1 else None,
    )
    return FakeRun(job)


def a_webhook(url: str) -> Webhook:
    return Webhook(
        id="h",
        workspace="w",
        url=url,
        secret=SEAL.sealed(SECRET, "h"),
        item=None,
        states=frozenset(State),
        enabled=True,
        created_by="u",
        created_at=datetime.now(UTC),
    )


class Receiver:
    """A server on loopback that answers as it is told, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
        self.silent = False
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.port = 0
        self.meanwhile: Callable[[], None] = lambda: None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            )
            self.heads.append(head)
            self.bodies.append(await reader.readexactly(length))
            self.meanwhile()
            if self.silent:
                await reader.read()
            writer.write(self.answer)
            await writer.drain()
        finally:
            writer.close()

    @property
    def headers(self) -> dict[str, str]:
        lines = self.heads[-1].decode().split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines) if name}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()
    await server.wait_closed()


async def deliver(
    kept: Kept,
    run: Any | None = None,
    *,
    hosts: tuple[str, ...] = (),
    leads_to: Sequence[str] | None = None,
    attempts: int = 3,
    tls: ssl.SSLContext | None = None,
) -> Outcome:
    async def lookup(host: str, port: int) -> Sequence[str]:
        if leads_to is None:
            raise OSError("no such name")
        return leads_to

    timeout = timedelta(seconds=0.3 if attempts == 1 else 5)
    runner = a_runner(kept, hosts=hosts, attempts=attempts, timeout=timeout, lookup=lookup, tls=tls)
    try:
        return await runner.run(run or a_run())
    finally:
        await runner.close()


def a_runner(
    kept: Any,
    *,
    hosts: tuple[str, ...] = (),
    attempts: int = 3,
    timeout: timedelta,
    lookup: Any = None,
    tls: ssl.SSLContext | None = None,
) -> WebhookRunner:
    """*kept*: the part of a store that a runner uses."""
    return WebhookRunner(
        WebhookSettings(attempts=attempts, timeout=timeout),
        store=kept,
        seal=SEAL,
        policy=UrlPolicy(hosts),
        clock=Clock(),
        lookup=lookup,
        tls=tls,
    )


def at(receiver: Receiver, host: str = "127.0.0.1") -> Kept:
    return Kept(a_webhook(f"http://{host}:{receiver.port}/hook?code=1"))


async def test_a_delivery_is_signed_as_standard_webhooks_says(receiver: Receiver) -> None:
    outcome = await deliver(at(receiver))

    verified = Verifier(SECRET).verify(receiver.bodies[0], receiver.headers)
    assert outcome == Completed(b'{"status":204}')
    assert verified == {"type": "jobInstance.Completed", "data": {"id": "ü"}}
    assert receiver.bodies == [BODY]
    assert receiver.heads[0].startswith(b"POST /hook?code=1 HTTP/1.1\r\n")
    assert receiver.headers["webhook-id"] == "d1"
    assert receiver.headers["content-type"] == "application/json"
    assert "authorization" not in receiver.headers


async def test_the_id_is_the_same_with_each_attempt(receiver: Receiver) -> None:
    await deliver(at(receiver), a_run(1))
    first = receiver.headers["webhook-id"]
    await deliver(at(receiver), a_run(2))

    assert receiver.headers["webhook-id"] == first


@pytest.mark.parametrize("status", [b"500 No", b"404 No", b"429 No", b"301 Moved", b"302 Found"])
async def test_any_other_answer_is_tried_again_after_a_growing_while(
    receiver: Receiver, status: bytes
) -> None:
    receiver.answer = (
        b"HTTP/1.1 " + status + b"\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    )
    runs = [a_run(attempt) for attempt in (1, 2, 13)]

    outcomes = [await deliver(at(receiver), run, attempts=20) for run in runs]

    waits = [outcome.after for outcome in outcomes if isinstance(outcome, Again)]
    assert waits == [timedelta(seconds=1), timedelta(seconds=2), timedelta(hours=1)]
    assert [run.told[0].text for run in runs] == [
        f"The receiver answered with status {status[:3].decode()}."
    ] * 3
    assert len(receiver.heads) == 3  # no redirect was followed


async def test_after_the_last_attempt_it_has_failed(receiver: Receiver) -> None:
    receiver.answer = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"

    outcome = await deliver(at(receiver), a_run(3))

    assert isinstance(outcome, Failed)
    assert outcome.error.message == "The receiver answered with status 500."


async def test_a_receiver_that_is_gone_disables_the_webhook(receiver: Receiver) -> None:
    receiver.answer = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    kept = at(receiver)

    outcome = await deliver(kept)
    later = await deliver(kept)

    assert isinstance(outcome, Failed)
    assert kept.webhook_kept is not None
    assert not kept.webhook_kept.enabled
    assert "410" in kept.webhook_kept.disabled_because
    assert isinstance(later, Failed)
    assert later.error.code == "WebhookDisabled"
    assert len(receiver.heads) == 1


async def test_a_receiver_that_is_gone_says_nothing_of_the_one_that_took_its_place(
    receiver: Receiver,
) -> None:
    receiver.answer = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    kept = at(receiver)
    moved = replace(a_webhook("http://127.0.0.1:1/new"), states=frozenset({State.COMPLETED}))
    receiver.meanwhile = lambda: setattr(kept, "webhook_kept", moved)

    outcome = await deliver(kept)

    assert isinstance(outcome, Again)
    assert kept.webhook_kept == moved


async def test_a_receiver_that_says_nothing_is_left_after_the_time(receiver: Receiver) -> None:
    receiver.silent = True
    run = a_run()

    outcome = await deliver(at(receiver), run, attempts=1)

    assert isinstance(outcome, Failed)
    assert run.told[0].text == "No answer within 0.3 s."


async def test_a_receiver_that_says_nothing_keeps_only_its_own_deliveries_waiting(receiver: Receiver) -> None:
    receiver.silent = True
    silent, swift = at(receiver), Kept(None)
    answering = Receiver()
    server = await asyncio.start_server(answering.serve, "127.0.0.1")
    answering.port = server.sockets[0].getsockname()[1]
    swift.webhook_kept = replace(
        a_webhook(f"http://127.0.0.1:{answering.port}/"), id="other", secret=SEAL.sealed(SECRET, "other")
    )
    runner = a_runner(WhichStore({"h": silent, "other": swift}), timeout=timedelta(seconds=30))
    stuck = [asyncio.create_task(runner.run(a_run())) for _ in range(AT_ONCE_OF_ONE + 2)]

    outcome = await runner.run(a_run(webhook="other"))
    put_off, _ = await asyncio.wait(stuck, timeout=5, return_when=asyncio.FIRST_COMPLETED)

    assert isinstance(outcome, Completed)
    assert [type(task.result()) for task in put_off] == [Again] * len(put_off)
    assert 1 <= len(put_off) <= 2
    for task in stuck:
        task.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)
    await runner.close()
    server.close()


async def test_being_put_off_is_no_attempt(receiver: Receiver) -> None:
    run = a_run(2)

    outcome = await deliver(at(receiver), replace_attempt(run, 9))

    assert isinstance(outcome, Completed)
    assert run.told[-1].done == 2


async def test_a_receiver_that_is_not_there_is_tried_again(receiver: Receiver) -> None:
    outcome = await deliver(Kept(a_webhook("http://127.0.0.1:1/")))

    assert isinstance(outcome, Again)
    assert outcome.error.code == "Unreachable"


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("http://10.0.0.1/", ()),
        ("https://ci.contoso.com/", ()),
        ("http://ci.contoso.com/", ("ci.contoso.com",)),
        ("file:///etc/passwd", ()),
    ],
)
async def test_an_address_that_is_not_allowed_any_more_is_not_asked(url: str, hosts: tuple[str, ...]) -> None:
    outcome = await deliver(Kept(a_webhook(url)), hosts=hosts, leads_to=["127.0.0.1"])

    assert isinstance(outcome, Failed)
    assert outcome.error.code == "UrlNotAllowed"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "168.63.129.16", "::1", "::ffff:10.0.0.1", "fd00::1"],
)
async def test_a_host_that_leads_into_our_own_network_is_not_asked(address: str) -> None:
    kept = Kept(a_webhook("https://ci.contoso.com/"))

    outcome = await deliver(kept, hosts=("ci.contoso.com",), leads_to=["1.1.1.1", address])

    assert isinstance(outcome, Failed)
    assert outcome.error.code == "UrlNotAllowed"
    assert "ci.contoso.com" in outcome.error.message


async def test_localhost_that_leads_elsewhere_is_not_asked(receiver: Receiver) -> None:
    kept = at(receiver, "localhost")

    outcome = await deliver(kept, leads_to=["1.1.1.1"])
    here = await deliver(kept, leads_to=["127.0.0.1"])

    assert isinstance(outcome, Failed)
    assert outcome.error.code == "UrlNotAllowed"
    assert isinstance(here, Completed)


async def test_a_name_that_is_not_known_is_tried_again() -> None:
    outcome = await deliver(Kept(a_webhook("https://ci.contoso.com/")), hosts=("ci.contoso.com",))

    assert isinstance(outcome, Again)


async def test_a_deleted_webhook_is_not_told(receiver: Receiver) -> None:
    outcome = await deliver(Kept(None))

    assert isinstance(outcome, Failed)
    assert outcome.error.code == "WebhookDeleted"


async def test_a_cancelled_delivery_is_not_sent(receiver: Receiver) -> None:
    run = a_run()
    run.cancel_requested.set()

    assert await deliver(at(receiver), run) == Stopped()
    assert receiver.heads == []


async def test_a_secret_of_other_keys_signs_nothing(receiver: Receiver) -> None:
    kept = at(receiver)
    assert kept.webhook_kept is not None
    kept.webhook_kept = replace(kept.webhook_kept, secret=WebhookSeal(b"t" * 32).sealed(SECRET, "h"))

    outcome = await deliver(kept)

    assert isinstance(outcome, Failed)
    assert receiver.heads == []


async def test_a_store_that_is_away_puts_it_off() -> None:
    assert isinstance(await deliver(Kept(None, fails=True)), Again)


async def test_the_proxy_of_the_environment_is_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert isinstance(await deliver(at(receiver)), Completed)
