"""The keys of an issuer elsewhere: S39 of the security list, its faults, and S21 to S25 with its keys."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from joserfc.jwk import RSAKey

from tests.auth.conftest import NOW, Forger, StillClock, base64url, claims_for
from tests.auth.issuer_server import OF_CONNECTIONS, TENANT, Fault, IssuerServer, NoNames, Part
from weft import outgoing
from weft.auth import remote_keys
from weft.auth.bearer import BearerVerifier
from weft.auth.certificate import Certificate
from weft.auth.errors import KeysUnavailable, TokenRefused
from weft.auth.jwks import MOST_KEYS
from weft.auth.keys import Keys
from weft.auth.remote_keys import MOST_WAITING, RemoteKeys
from weft.catalog.addresses import AddressRefused
from weft.catalog.model import Principal

AUDIENCE = "https://api.fabric.microsoft.com"
QUICK_SECONDS = 0.4
KEYS = [rsa.generate_private_key(65537, 2048) for _ in range(3)]


def forger_of(key: rsa.RSAPrivateKey = KEYS[0], kid: str = "one") -> Forger:
    return Forger(key, kid)


def jwk_of(key: rsa.RSAPrivateKey = KEYS[0], kid: object = "one", **changed: object) -> dict[str, Any]:
    """Return a key as Entra publishes it; a member given as `...` is left out."""
    numbers = key.public_key().public_numbers()
    made = {
        "kty": "RSA",
        "use": "sig",
        "kid": kid,
        "x5t": kid,
        "n": base64url(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8)),
        "e": base64url(numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8)),
        "x5c": ["MIIC"],
        "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
        **changed,
    }
    return {name: value for name, value in made.items() if value is not ...}


class Trusting:
    """A verifier that trusts an issuer elsewhere."""

    def __init__(self, keys: RemoteKeys, clock: StillClock) -> None:
        self.keys = keys
        self.clock = clock
        self.verifier = BearerVerifier(keys, [AUDIENCE], clock)

    async def admit(self, token: str) -> Principal:
        return await self.verifier.admit([f"Bearer {token}"])

    async def admitted(self, token: str) -> None:
        assert (await self.admit(token)).tenant == TENANT

    async def refusal(self, token: str) -> TokenRefused:
        with pytest.raises(TokenRefused) as caught:
            await self.admit(token)
        return caught.value


@asynccontextmanager
async def trusting(issuer: str, *, seconds: float = QUICK_SECONDS, **options: Any) -> AsyncIterator[Trusting]:
    """Give a verifier whose keys have been asked for once."""
    clock = StillClock()
    keys = RemoteKeys(issuer, clock, seconds=seconds, **options)
    await keys.start()
    try:
        await keys.refreshed()
        yield Trusting(keys, clock)
    finally:
        await keys.close()


def a_token(forger: Forger | None = None, clock: StillClock | None = None, **header: Any) -> str:
    at = int((NOW if clock is None else clock.at).timestamp())
    claims = claims_for(TENANT, iat=at, nbf=at, exp=at + 3600, uti=uuid4().hex)
    return (forger or forger_of()).token(claims, **header)


def forged(**header: Any) -> str:
    return forger_of().token(claims_for(TENANT), **header)


# ---- what is trusted


@pytest.mark.parametrize(
    "ending", ["", "/", "/.well-known/openid-configuration"], ids=["issuer", "with a slash", "document"]
)
async def test_a_token_that_a_key_of_the_issuer_signed_is_accepted(ending: str) -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer + ending) as trusted:
        assert (await trusted.admit(a_token())).tenant == TENANT


async def test_a_token_of_another_weft_is_accepted(keys: Keys, forger: Forger) -> None:
    async with IssuerServer() as server:
        server.keys = keys.jwks()
        async with trusting(server.issuer) as trusted:
            assert (await trusted.admit(a_token(forger))).tenant == TENANT


async def test_our_own_key_is_not_trusted_where_an_issuer_elsewhere_is(forger: Forger) -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer) as trusted:
        await trusted.refusal(a_token(forger))


async def test_the_first_token_may_come_before_the_first_keys() -> None:
    async with IssuerServer([jwk_of()]) as server:
        clock = StillClock()
        keys = RemoteKeys(server.issuer, clock, seconds=QUICK_SECONDS)
        await keys.start()

        admitted = await Trusting(keys, clock).admit(a_token())

        await keys.close()
    assert admitted.tenant == TENANT
    assert server.count(Part.KEYS) == 1


@pytest.mark.parametrize(
    "issuer",
    [
        "http://login.microsoftonline.com/common",
        "http://192.168.1.7/issuer/x/v2.0",
        "http://127.0.0.1.example/x",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "https://user:pass@login.microsoftonline.com/common",
        "https://login.microsoftonline.com/common?x=1",
        "https://login.microsoftonline.com/common#x",
        "https://[::1/x",
        "https://a:99999/x",
        "https:///x",
        "login.microsoftonline.com/common",
        "",
    ],
)
def test_an_issuer_without_https_beyond_this_machine_is_refused_when_it_is_configured(issuer: str) -> None:
    with pytest.raises(AddressRefused):
        RemoteKeys(issuer, StillClock())


@pytest.mark.parametrize(
    "issuer",
    ["https://login.microsoftonline.com/common", "http://localhost:8/i/t/v2.0", "http://[::1]:8/i/t/v2.0"],
)
def test_entra_and_this_machine_can_be_configured(issuer: str) -> None:
    RemoteKeys(issuer, StillClock())


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"},
        {"issuer": f"https://sts.windows.net/{TENANT}/"},
        {"issuer": "https://sts.windows.net/{tenantid}/"},
        {"issuer": "its own address"},
        {"more": {"members": ["than", "we", "know"]}},
    ],
)
async def test_the_issuer_of_the_document_is_entras_or_its_own_address(document: dict[str, Any]) -> None:
    async with IssuerServer([jwk_of(issuer=...)]) as server:
        server.document = {
            name: server.issuer if value == "its own address" else value for name, value in document.items()
        }
        async with trusting(server.issuer) as trusted:
            assert (await trusted.admit(a_token())).tenant == TENANT


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://login.microsoftonline.com.evil.example/{tenantid}/v2.0"},
        {"issuer": "https://evil.example/{tenantid}/v2.0"},
        {"issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0/more"},
        {"issuer": "https://login.microsoftonline.com/common/v2.0"},
        {"issuer": ""},
        {"issuer": 7},
        {"issuer": None},
        {"jwks_uri": "http://127.0.0.1:9/keys"},
        {"jwks_uri": "https://evil.example/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "/keys"},
        {"jwks_uri": "http://169.254.169.254/latest"},
        {"jwks_uri": None},
    ],
)
async def test_a_document_that_leads_elsewhere_is_not_followed(document: dict[str, Any]) -> None:
    async with IssuerServer([jwk_of()]) as server:
        server.document = document
        async with trusting(server.issuer) as trusted:
            with pytest.raises(KeysUnavailable):
                await trusted.admit(a_token())

        assert server.count(Part.DOCUMENT) == 1
        assert server.count(Part.KEYS) == 0


# ---- which keys are taken


def small() -> dict[str, Any]:
    return jwk_of(rsa.generate_private_key(65537, 1024))


@pytest.mark.parametrize(
    "jwk",
    [
        jwk_of(use="enc"),
        jwk_of(use=...),
        jwk_of(alg="RS384"),
        jwk_of(alg="PS256"),
        jwk_of(alg="none"),
        jwk_of(kty="oct", k=base64url(b"x" * 32)),
        jwk_of(kty="EC"),
        jwk_of(kid=...),
        jwk_of(kid=""),
        jwk_of(kid="k" * 300),
        jwk_of(kid=7),
        jwk_of(n="not base64!"),
        jwk_of(n=""),
        jwk_of(e=""),
        jwk_of(e=base64url(b"\x02")),
        jwk_of(e=base64url(b"\xff" * 64)),
        jwk_of(n=base64url(b"\xff" * 2000)),
        jwk_of(issuer="https://evil.example/{tenantid}/v2.0"),
        jwk_of(issuer="https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"),
        "a word",
        None,
        [],
        small(),
    ],
)
async def test_a_key_that_is_not_for_our_signatures_is_not_taken(jwk: Any) -> None:
    other = jwk_of(KEYS[1], "two")
    async with IssuerServer([jwk, other]) as server, trusting(server.issuer) as trusted:
        await trusted.admitted(a_token(forger_of(KEYS[1], "two")))
        await trusted.refusal(a_token())


async def test_the_first_key_of_an_id_counts_and_no_later_one_takes_its_place() -> None:
    twice = [jwk_of(KEYS[0]), jwk_of(KEYS[1])]
    async with IssuerServer(twice) as server, trusting(server.issuer) as trusted:
        await trusted.admitted(a_token())
        await trusted.refusal(a_token(forger_of(KEYS[1])))


def signers() -> dict[str, Any]:
    """Other algorithms, made with the very key that the issuer publishes, or with what it publishes of it."""
    key = KEYS[0]
    public = RSAKey.import_key(jwk_of(x5c=..., x5t=..., issuer=...)).as_pem(private=False)
    curve = ec.generate_private_key(ec.SECP256R1())
    return {
        "RS384": lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA384()),
        "PS256": lambda data: key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
        "ES256": lambda data: curve.sign(data, ec.ECDSA(hashes.SHA256())),
        "HS256": lambda data: hmac.digest(public, data, "sha256"),
        "none": lambda data: b"",
    }


@pytest.mark.parametrize("algorithm", list(signers()))
async def test_another_algorithm_is_refused_also_where_the_key_itself_asks_for_it(algorithm: str) -> None:
    keys = [jwk_of(), jwk_of(KEYS[0], "other", alg=algorithm)]
    async with IssuerServer(keys) as server, trusting(server.issuer) as trusted:
        trusted.clock.move(seconds=30)
        for kid in ("one", "other"):
            token = a_token(forger_of(), alg=algorithm, kid=kid, sign=signers()[algorithm])
            await trusted.refusal(token)

        assert server.count(Part.KEYS) == 1, "a token of another algorithm is no reason to ask for keys"


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c", "crit", "b64"])
async def test_a_header_that_points_elsewhere_causes_no_request(name: str) -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer) as trusted:
        before = len(server.asked)
        trusted.clock.move(minutes=5)
        where = f"{server.origin}/evil"

        for kid in ("one", "unknown"):
            await trusted.refusal(forged(kid=kid, **{name: where}))

        assert len(server.asked) == before


@pytest.mark.parametrize(
    "kid", ["../../dev/null", "' OR 1=1", "k" * 10_000, "\x00", "", None, 7, ["one"], {}]
)
async def test_a_strange_key_id_is_only_a_refusal(kid: object) -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer) as trusted:
        await trusted.refusal(a_token(kid=kid))

        assert {asked.path.rpartition("/")[2] for asked in server.asked} <= {"keys", "openid-configuration"}


# ---- rotation


async def test_a_new_key_is_accepted_at_once_where_nobody_asked_for_half_a_minute() -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer) as trusted:
        await trusted.admitted(a_token())
        server.keys = {"keys": [jwk_of(), jwk_of(KEYS[1], "two")]}
        trusted.clock.move(seconds=30)

        await trusted.admitted(a_token(forger_of(KEYS[1], "two"), trusted.clock))

        assert server.count(Part.KEYS) == 2
        assert server.count(Part.DOCUMENT) == 1


async def test_a_new_key_is_accepted_within_half_a_minute_whatever_others_asked_for() -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer) as trusted:
        trusted.clock.move(seconds=31)
        await trusted.refusal(a_token(kid="nobody's"))
        server.keys = {"keys": [jwk_of(KEYS[1], "two")]}
        new = a_token(forger_of(KEYS[1], "two"), trusted.clock)

        await trusted.refusal(new)
        trusted.clock.move(seconds=30)

        await trusted.admitted(new)


async def test_a_key_that_was_taken_away_is_trusted_no_longer_not_even_for_a_known_token() -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer) as trusted:
        token = a_token()
        await trusted.admitted(token)
        server.keys = {"keys": [jwk_of(KEYS[1], "two")]}
        trusted.clock.move(seconds=30)
        await trusted.admitted(a_token(forger_of(KEYS[1], "two"), trusted.clock))

        await trusted.refusal(token)


async def test_a_clock_that_is_set_back_keeps_nobody_from_asking() -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer) as trusted:
        trusted.clock.move(hours=-1)

        assert await trusted.keys.refreshed()


async def test_thousands_of_unknown_keys_cause_two_requests_a_minute() -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer) as trusted:
        before = len(server.asked)
        for _ in range(60):
            trusted.clock.move(seconds=1)
            for _ in range(100):
                await trusted.refusal(a_token_of_nobody())

        assert 1 <= len(server.asked) - before <= 2
        await trusted.admitted(a_token(None, trusted.clock))


def a_token_of_nobody() -> str:
    head = base64url(json.dumps({"alg": "RS256", "kid": uuid4().hex}).encode())
    return f"{head}.{base64url(b'{}')}.{base64url(b'no signature')}"


async def test_those_who_wait_for_one_answer_share_it_and_are_not_too_many() -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer, seconds=60) as trusted:
        trusted.clock.move(seconds=30)
        server.will(Part.KEYS, Fault.TIMEOUT)

        waiting = [asyncio.create_task(trusted.keys.refreshed()) for _ in range(MOST_WAITING + 10)]
        async with asyncio.timeout(20):
            while not server.fired or sum(task.done() for task in waiting) < 10:
                await asyncio.sleep(0.005)

        assert [task.result() for task in waiting if task.done()] == [False] * 10
        assert server.count(Part.KEYS) == 2
        await ended(*waiting)


async def ended(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


# ---- an issuer that is away, or worse


async def test_while_the_issuer_is_away_its_keys_are_good_for_a_day_and_no_longer() -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer) as trusted:
        server.will(Part.KEYS, *[Fault.STATUS_503] * 9)
        server.will(Part.DOCUMENT, *[Fault.STATUS_503] * 9)
        trusted.clock.move(hours=23, minutes=59)

        assert not await trusted.keys.refreshed()
        await trusted.admitted(a_token(None, trusted.clock))
        trusted.clock.move(minutes=1)
        with pytest.raises(KeysUnavailable):
            await trusted.admit(a_token(None, trusted.clock))
        server.recover()
        trusted.clock.move(minutes=1)
        await trusted.admitted(a_token(None, trusted.clock))

        assert server.fired[Part.KEYS, Fault.STATUS_503] == 1
        assert server.fired[Part.DOCUMENT, Fault.STATUS_503] == 1


@pytest.mark.parametrize("part", [Part.DOCUMENT, Part.KEYS])
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in OF_CONNECTIONS])
async def test_a_fault_of_the_issuer_is_told_in_time_and_leaves_the_keys_that_are_known(
    fault: Fault, part: Part, caplog: pytest.LogCaptureFixture
) -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer) as trusted:
        if part is Part.DOCUMENT:  # it is only asked for again where the keys cannot be had
            server.will(Part.KEYS, Fault.STATUS_500)
            trusted.clock.move(seconds=30)
            await trusted.keys.refreshed()
        server.will(part, fault)
        trusted.clock.move(seconds=30)
        caplog.clear()
        began = time.monotonic()

        assert not await trusted.keys.refreshed()

        assert time.monotonic() - began < QUICK_SECONDS + 2
        assert server.fired[part, fault] == 1
        assert [record.getMessage() for record in caplog.records] == ["keys of the issuer not renewed"]
        await trusted.admitted(a_token(None, trusted.clock))
        trusted.clock.move(seconds=30)
        assert await trusted.keys.refreshed(), "it does not recover"


@pytest.mark.parametrize("fault", list(Fault))
async def test_where_the_keys_were_never_had_a_fault_is_no_verdict_on_a_token(
    fault: Fault, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    resolver = NoNames()
    tls = Certificate.open(tmp_path / "data", host="localhost", now=NOW).server_context()
    async with IssuerServer([jwk_of()], tls if fault is Fault.UNTRUSTED else None) as server:
        issuer = server.issuer
        if fault is Fault.REFUSED:
            issuer = f"{server.hole}/{TENANT}/v2.0"
        elif fault is Fault.NAME_UNKNOWN:
            issuer = f"https://issuer.example/{TENANT}/v2.0"
        elif fault is not Fault.UNTRUSTED:
            server.will(Part.DOCUMENT, fault)
        async with trusting(issuer, resolver=resolver) as trusted:
            began = time.monotonic()
            with pytest.raises(KeysUnavailable):
                await trusted.admit(a_token())

            assert time.monotonic() - began < QUICK_SECONDS + 2

        reason = caplog.records[0].__dict__["reason"]
        if fault is Fault.UNTRUSTED:
            assert "Certificate" in reason
            assert not server.asked
        elif fault is Fault.NAME_UNKNOWN:
            assert resolver.asked == ["issuer.example"]
        elif fault is Fault.REFUSED:
            assert "ClientConnector" in reason
            assert not server.asked
        else:
            assert server.fired[Part.DOCUMENT, fault] == 1


@pytest.mark.parametrize(
    "keys",
    [
        {"keys": [{"kid": str(number)} for number in range(10_000)]},
        {"keys": [jwk_of(kid=f"{number}") for number in range(MOST_KEYS + 1)]},
        {"keys": []},
        {"keys": [jwk_of(use="enc")]},
        {"keys": {}},
        {},
        [],
        "keys",
        None,
        7,
        {"keys": [[[[[]]]]]},
    ],
    ids=lambda keys: str(keys)[:40],
)
async def test_an_answer_without_good_keys_or_with_too_many_leaves_those_that_are_known(keys: Any) -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer) as trusted:
        server.keys = keys
        trusted.clock.move(seconds=30)

        assert not await trusted.keys.refreshed()

        assert server.count(Part.KEYS) == 2
        await trusted.admitted(a_token(None, trusted.clock))


@pytest.mark.parametrize("status", [201, 206, 301, 404, 500, 503])
async def test_keys_are_only_taken_from_an_answer_that_is_a_success(status: int) -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer) as trusted:
        server.keys = {"keys": [jwk_of(KEYS[1], "two")]}
        server.keys_status = status
        trusted.clock.move(seconds=30)

        await trusted.refusal(a_token(forger_of(KEYS[1], "two"), trusted.clock))

        assert server.count(Part.KEYS) == 2


async def test_good_keys_in_more_than_a_mebibyte_are_not_taken() -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer) as trusted:
        server.keys = {"keys": [jwk_of(KEYS[1], "two")], "padding": " " * outgoing.ANSWER_BYTES}
        trusted.clock.move(seconds=30)

        assert not await trusted.keys.refreshed()

        assert server.count(Part.KEYS) == 2


async def test_a_document_never_leads_to_the_keys_of_another_server() -> None:
    async with IssuerServer([jwk_of()]) as other, IssuerServer([jwk_of()]) as server:
        server.document = {"jwks_uri": f"{other.issuer}/keys"}
        async with trusting(server.issuer) as trusted:
            with pytest.raises(KeysUnavailable):
                await trusted.admit(a_token())

        assert not other.asked


async def test_the_service_answers_while_the_issuer_does_not() -> None:
    async with IssuerServer([jwk_of()]) as server, trusting(server.issuer, seconds=60) as trusted:
        server.will(Part.KEYS, Fault.DRIP)
        trusted.clock.move(seconds=30)
        waiting = asyncio.create_task(trusted.admit(a_token_of_nobody()))
        async with asyncio.timeout(20):
            while not server.fired:
                await asyncio.sleep(0.005)

        await trusted.admitted(a_token(None, trusted.clock))

        assert not waiting.done()
        await ended(waiting)


async def test_closing_does_not_wait_for_the_issuer() -> None:
    async with IssuerServer([jwk_of()]) as server:
        server.will(Part.DOCUMENT, Fault.TIMEOUT)
        keys = RemoteKeys(server.issuer, StillClock(), seconds=60)
        await keys.start()
        async with asyncio.timeout(10):
            while not server.fired:
                await asyncio.sleep(0.005)
            await keys.close()


async def test_the_log_of_a_fault_holds_nothing_that_the_issuer_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "eyJ" + hashlib.sha256(b"x").hexdigest()
    async with IssuerServer() as server:
        server.keys = {"keys": [{"kid": secret, "kty": secret}]}
        async with trusting(server.issuer) as trusted:
            with pytest.raises(KeysUnavailable):
                await trusted.admit(a_token())

    said = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "none of 1 keys" in said
    assert secret not in said
    assert base64.b64encode(secret.encode()).decode() not in said


def test_the_numbers_that_are_promised() -> None:
    assert timedelta(seconds=30) == remote_keys.REFETCH_AFTER
    assert timedelta(hours=24) == remote_keys.GOOD_FOR
    assert outgoing.ANSWER_SECONDS == 5
    assert outgoing.ANSWER_BYTES == 1024 * 1024
