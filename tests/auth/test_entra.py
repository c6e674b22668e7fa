"""Tokens through MSAL, from an issuer on loopback that notes what it is asked, and has faults on demand."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.auth.conftest import CUSTOMER, NOW, StillClock
from tests.auth.issuer_server import Answer, Fault, IssuerServer, NoNames, Part
from tests.auth.test_on_behalf import a_job
from weft.auth.certificate import Certificate
from weft.auth.entra import ENTRA, EntraApp, EntraTokens, authority_of
from weft.auth.errors import EntraMissing
from weft.auth.sealed import SubjectSeal
from weft.catalog.addresses import AddressRefused
from weft.catalog.tokens import Token
from weft.engine.jobs import Job, JobError

SCOPE = "https://storage.azure.com/.default"
OTHER_SCOPE = "https://analysis.windows.net/powerbi/api/.default"
PUBLISHER = "aaaaaaaa-c71b-4420-b6ec-60e503458946"
CLIENT = "1f69e392-f14d-43fb-a185-0d89e5cef766"
SECRET = "a-secret-of-the-app~8Q"
SUBJECT = "eyJhbGciOiJub25lIn0.eyJvaWQiOiJ1In0.signature-of-the-subject"
QUICK_SECONDS = 0.5
SEAL = SubjectSeal(b"s" * 32)
OBO = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'


def job_of(clock: StillClock, subject: str = SUBJECT, user: str = "u-1") -> Job:
    job = a_job(clock, user=user)
    header = f'SubjectAndAppToken1.0 subjectToken="{subject}", appToken="eyJapp"'
    kept = SEAL.labels(header, tenant=CUSTOMER, user=user, job_id=job.key.id)
    return replace(job, labels={**job.labels, **kept})


class Entra:
    """What the token endpoint gives: access tokens that are numbered, and refresh tokens."""

    def __init__(self) -> None:
        self.count = 0
        self.expires_in = 3600
        self.refreshes = True
        self.errors: dict[str, Answer] = {}

    def give(self, form: dict[str, str]) -> Answer:
        grant = form["grant_type"]
        if grant in self.errors:
            return self.errors[grant]
        self.count += 1
        answer: dict[str, Any] = {
            "token_type": "Bearer",
            "scope": form["scope"],
            "expires_in": self.expires_in,
            "ext_expires_in": self.expires_in,
            "access_token": f"eyJaccess.{self.count}.x",
        }
        if grant != "client_credentials":
            about = json.dumps({"uid": "u-1", "utid": CUSTOMER}).encode()
            answer["client_info"] = base64.urlsafe_b64encode(about).decode().rstrip("=")
            if self.refreshes:
                answer["refresh_token"] = f"refresh-{self.count}"
        return 200, answer


@asynccontextmanager
async def getting(
    server: IssuerServer, entra: Entra | None = None, *, authority: str = "", **options: Any
) -> AsyncIterator[EntraTokens]:
    server.give = (entra or Entra()).give
    app = EntraApp(
        client_id=CLIENT,
        client_secret=SECRET,
        tenant=PUBLISHER,
        authority=authority or server.authority,
    )
    tokens = EntraTokens(app, SEAL, StillClock(), seconds=QUICK_SECONDS, **options)
    await tokens.start()
    try:
        yield tokens
    finally:
        await tokens.close()


async def text_of(tokens: EntraTokens, job: Job, scope: str = SCOPE, *, as_app: bool = False) -> str:
    given = await tokens.token(job, scope, as_app)
    assert isinstance(given, Token), given
    return given.text


async def error_of(tokens: EntraTokens, job: Job, scope: str = SCOPE, *, as_app: bool = False) -> JobError:
    given = await tokens.token(job, scope, as_app)
    assert isinstance(given, JobError), given
    return given


def refused(error: str, description: str, **more: object) -> Answer:
    return 400, {"error": error, "error_description": description, "error_codes": [1], **more}


# ---- the two grants


async def test_on_behalf_of_the_user_the_subject_token_is_exchanged(clock: StillClock) -> None:
    async with IssuerServer() as server, getting(server) as tokens:
        given = await tokens.token(job_of(clock), SCOPE, False)

        assert given == Token("eyJaccess.1.x", NOW + timedelta(seconds=3600))
        (form,) = server.forms()
        assert form["grant_type"] == OBO
        assert form["requested_token_use"] == "on_behalf_of"
        assert form["assertion"] == SUBJECT
        assert form["client_id"] == CLIENT
        assert form["client_secret"] == SECRET
        assert SCOPE in form["scope"].split()
        assert "offline_access" in form["scope"].split()
        paths = [asked.path for asked in server.asked]
        assert paths == [
            f"/issuer/{CUSTOMER}/v2.0/.well-known/openid-configuration",
            f"/issuer/{CUSTOMER}/oauth2/v2.0/token",
        ]


async def test_as_the_app_its_credentials_are_shown_in_the_publishers_tenant(clock: StillClock) -> None:
    async with IssuerServer() as server, getting(server) as tokens:
        assert await text_of(tokens, job_of(clock), as_app=True) == "eyJaccess.1.x"
        assert await text_of(tokens, job_of(clock, user="u-2"), as_app=True) == "eyJaccess.1.x"

        (form,) = server.forms()
        assert form["grant_type"] == "client_credentials"
        assert form["scope"] == SCOPE
        assert "assertion" not in form
        assert server.asked[-1].path == f"/issuer/{PUBLISHER}/oauth2/v2.0/token"


async def test_a_token_that_lives_long_enough_is_not_asked_for_again(clock: StillClock) -> None:
    async with IssuerServer() as server, getting(server) as tokens:
        job = job_of(clock)

        assert await text_of(tokens, job) == await text_of(tokens, job)

        assert len(server.forms()) == 1


async def test_a_token_about_to_expire_is_renewed_with_the_refresh_token(clock: StillClock) -> None:
    entra = Entra()
    entra.expires_in = 299
    async with IssuerServer() as server, getting(server, entra) as tokens:
        job = job_of(clock)
        first = await text_of(tokens, job)
        entra.errors[OBO] = refused("invalid_grant", "AADSTS500133: Assertion is not within its valid time")

        second = await text_of(tokens, job)

        assert first != second
        assert [form["grant_type"] for form in server.forms()] == [OBO, "refresh_token"]
        assert server.forms()[1]["refresh_token"] == "refresh-1"


async def test_another_scope_needs_no_second_use_of_the_subject_token(clock: StillClock) -> None:
    async with IssuerServer() as server, getting(server) as tokens:
        job = job_of(clock)
        await text_of(tokens, job)

        await text_of(tokens, job, OTHER_SCOPE)

        assert server.forms()[1]["grant_type"] == "refresh_token"
        assert OTHER_SCOPE in server.forms()[1]["scope"].split()


async def test_where_the_refresh_token_is_no_longer_good_the_subject_token_is_used_again(
    clock: StillClock,
) -> None:
    entra = Entra()
    entra.expires_in = 10
    async with IssuerServer() as server, getting(server, entra) as tokens:
        job = job_of(clock)
        await text_of(tokens, job)
        entra.errors["refresh_token"] = refused("invalid_grant", "AADSTS700082: the refresh token expired")

        assert await text_of(tokens, job)

        assert [form["grant_type"] for form in server.forms()] == [OBO, "refresh_token", OBO]


async def test_without_a_refresh_token_the_subject_token_is_used_again(clock: StillClock) -> None:
    entra = Entra()
    entra.expires_in, entra.refreshes = 10, False
    async with IssuerServer() as server, getting(server, entra) as tokens:
        job = job_of(clock)
        await text_of(tokens, job)

        assert await text_of(tokens, job)

        assert [form["grant_type"] for form in server.forms()] == [OBO, OBO]


async def test_what_is_remembered_of_one_user_is_never_given_to_another(clock: StillClock) -> None:
    async with IssuerServer() as server, getting(server) as tokens:
        one = await text_of(tokens, job_of(clock, f"{SUBJECT}1", "u-1"))
        other = await text_of(tokens, job_of(clock, f"{SUBJECT}2", "u-2"))

        assert one != other
        assert [form["assertion"] for form in server.forms()] == [f"{SUBJECT}1", f"{SUBJECT}2"]
        assert server.count(Part.DOCUMENT) == 1, "they are of one tenant"


async def test_many_jobs_of_a_user_that_ask_at_once_cause_one_request(clock: StillClock) -> None:
    async with IssuerServer() as server, getting(server) as tokens:
        asking = [text_of(tokens, job_of(clock)) for _ in range(20)]

        assert len(set(await asyncio.gather(*asking))) == 1

        assert len(server.forms()) == 1


async def test_the_authority_may_be_entra_itself_and_nothing_else_is_then_asked(clock: StillClock) -> None:
    names = NoNames()
    async with IssuerServer() as server, getting(server, authority=ENTRA, resolver=names) as tokens:
        error = await error_of(tokens, job_of(clock))

        assert error.code == "TokenUnavailable"
        assert names.asked == ["login.microsoftonline.com"]
        assert not server.asked


async def test_a_document_that_names_another_token_endpoint_is_not_followed(clock: StillClock) -> None:
    async with IssuerServer() as server, getting(server) as tokens:
        server.document = {"token_endpoint": f"https://evil.example/{CUSTOMER}/oauth2/v2.0/token"}

        error = await error_of(tokens, job_of(clock))

        assert error.code == "TokenUnavailable"
        assert "beside the configured authority" in error.message
        assert not server.forms()


# ---- what there is in place of a token


@pytest.mark.parametrize("error", ["invalid_grant", "interaction_required"])
async def test_a_missing_consent_is_told_with_its_scopes(clock: StillClock, error: str) -> None:
    entra = Entra()
    entra.errors[OBO] = refused(error, "AADSTS65001: The user has not consented", suberror="consent_required")
    async with IssuerServer() as server, getting(server, entra) as tokens:
        told = await error_of(tokens, job_of(clock))

    assert (told.code, told.source, told.is_permanent) == ("AuthUIRequired", "System", False)
    assert told.message.startswith("AADSTS65001: ")
    assert told.details[0].code == error
    assert told.details[0].extra == (("additionalScopesToConsent", SCOPE),)


async def test_a_missing_consent_names_its_code_also_where_the_issuer_does_not(clock: StillClock) -> None:
    entra = Entra()
    entra.errors[OBO] = refused("invalid_grant", "no consent", suberror="consent_required")
    async with IssuerServer() as server, getting(server, entra) as tokens:
        told = await error_of(tokens, job_of(clock))

    assert told.message == "AADSTS65001: no consent"


async def test_a_conditional_access_policy_is_told_with_its_claims_in_both_spellings(
    clock: StillClock,
) -> None:
    entra = Entra()
    entra.errors[OBO] = refused(
        "interaction_required", "AADSTS50079: enroll in MFA", suberror="basic_action", claims=CLAIMS
    )
    async with IssuerServer() as server, getting(server, entra) as tokens:
        told = await error_of(tokens, job_of(clock))

    assert told.code == "AuthUIRequired"
    assert "AADSTS65001" not in told.message
    assert dict(told.details[0].extra) == {
        "additionalScopesToConsent": SCOPE,
        "claimsForCondtionalAccessPolicy": CLAIMS,
        "claimsForConditionalAccessPolicy": CLAIMS,
    }


async def test_a_wrong_secret_is_told_without_it(clock: StillClock) -> None:
    entra = Entra()
    description = f"AADSTS7000215: Invalid client secret {SECRET} for {SUBJECT}"
    entra.errors["client_credentials"] = (
        401,
        {"error": "invalid_client", "error_description": description},
    )
    async with IssuerServer() as server, getting(server, entra) as tokens:
        told = await error_of(tokens, job_of(clock), as_app=True)

    assert (told.code, told.is_permanent) == ("TokenRefused", True)
    assert "AADSTS7000215" in told.message
    assert SECRET not in str(told)
    assert SUBJECT not in str(told)


async def test_a_job_whose_subject_token_is_not_kept_is_told_to_sign_in(clock: StillClock) -> None:
    async with IssuerServer() as server, getting(server) as tokens:
        told = await error_of(tokens, a_job(clock))

        assert (told.code, told.details[0].code) == ("AuthUIRequired", "login_required")
        assert not server.forms()


async def test_a_job_of_nobody_gets_tokens_as_the_app_only(clock: StillClock) -> None:
    async with IssuerServer() as server, getting(server) as tokens:
        job = a_job(clock, user="")

        assert (await error_of(tokens, job)).code == "NoUser"
        assert await text_of(tokens, job, as_app=True)


@pytest.mark.parametrize("scope", ["", "x", "/", f"{SCOPE} {OTHER_SCOPE}", "openid", f"{SCOPE} openid"])
async def test_what_is_no_scope_of_one_resource_is_refused_without_asking(
    clock: StillClock, scope: str
) -> None:
    async with IssuerServer() as server, getting(server) as tokens:
        assert (await error_of(tokens, job_of(clock), scope)).code == "InvalidScope"

        assert not server.asked


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"access_token": "eyJx"},
        {"access_token": 7, "expires_in": 3600},
        {"access_token": "", "expires_in": 3600},
        {"access_token": "eyJx", "expires_in": "soon"},
        {"error": ["a", "list"]},
        {"error": {"an": "object"}, "error_description": 7},
    ],
)
async def test_an_answer_that_is_none_of_the_protocols_is_an_error(
    clock: StillClock, answer: dict[str, Any]
) -> None:
    async with IssuerServer() as server, getting(server) as tokens:
        server.give = lambda form: (200, answer)

        told = await error_of(tokens, job_of(clock))

        assert told.code in ("TokenUnavailable", "TokenRefused")
        assert len(server.forms()) == 1


@pytest.mark.parametrize("body", [b'{"access_token":"eyJcut-off-token', b'["eyJcut-off-token"]'])
async def test_an_answer_that_is_cut_off_is_not_written_into_the_log(
    clock: StillClock, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with IssuerServer() as server, getting(server) as tokens:
        server.give = lambda form: (200, body)

        told = await error_of(tokens, job_of(clock))

        assert len(server.forms()) == 1
    assert told.code == "TokenUnavailable"
    said = f"{told} " + " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "eyJcut-off-token" not in said


# ---- faults


@pytest.mark.parametrize("as_app", [False, True])
@pytest.mark.parametrize("fault", list(Fault))
async def test_a_fault_of_the_token_endpoint_is_a_clear_error_in_time(
    clock: StillClock, tmp_path: Path, fault: Fault, as_app: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    names = NoNames()
    tls = Certificate.open(tmp_path / "data", host="localhost", now=NOW).server_context()
    async with IssuerServer(tls=tls if fault is Fault.UNTRUSTED else None) as server:
        authority = server.authority
        if fault is Fault.REFUSED:
            authority = server.hole
        elif fault is Fault.NAME_UNKNOWN:
            authority = "https://issuer.example/issuer"
        elif fault is not Fault.UNTRUSTED:
            server.will(Part.TOKEN, fault)
        async with getting(server, authority=authority, resolver=names) as tokens:
            began = time.monotonic()

            told = await error_of(tokens, job_of(clock), as_app=as_app)

            assert time.monotonic() - began < 2 * QUICK_SECONDS + 2

        assert (told.source, told.is_permanent) == ("System", fault is Fault.STATUS_404)
        assert told.code == ("TokenRefused" if fault is Fault.STATUS_404 else "TokenUnavailable")
        if fault is Fault.UNTRUSTED:
            assert "Certificate" in told.message
            assert not server.asked
        elif fault is Fault.NAME_UNKNOWN:
            assert names.asked == ["issuer.example"]
        elif fault is Fault.REFUSED:
            assert "ClientConnector" in told.message
            assert not server.asked
        else:
            assert server.fired == {(Part.TOKEN, fault): 1}
    said = " ".join(str(record.__dict__) for record in caplog.records)
    assert SECRET not in said + str(told)
    assert SUBJECT not in said + str(told)


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.RESET, Fault.GARBAGE, Fault.REDIRECT, Fault.DRIP])
async def test_after_a_fault_the_next_question_is_answered(clock: StillClock, fault: Fault) -> None:
    async with IssuerServer() as server, getting(server) as tokens:
        server.will(Part.TOKEN, fault)
        job = job_of(clock)
        await error_of(tokens, job)

        assert await text_of(tokens, job)


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.STATUS_500, Fault.GARBAGE, Fault.OVERSIZED])
async def test_a_fault_of_the_discovery_document_is_a_clear_error_too(
    clock: StillClock, fault: Fault
) -> None:
    async with IssuerServer() as server, getting(server) as tokens:
        server.will(Part.DOCUMENT, fault)
        job = job_of(clock)

        told = await error_of(tokens, job)

        assert told.code == "TokenUnavailable"
        assert server.fired == {(Part.DOCUMENT, fault): 1}
        assert await text_of(tokens, job)


async def test_closing_does_not_wait_for_an_issuer_that_is_silent(clock: StillClock) -> None:
    async with IssuerServer() as server:
        server.will(Part.TOKEN, Fault.TIMEOUT)
        app = EntraApp(client_id=CLIENT, client_secret=SECRET, tenant=PUBLISHER, authority=server.authority)
        tokens = EntraTokens(app, SEAL, clock, seconds=60)
        await tokens.start()
        asking = asyncio.create_task(tokens.token(job_of(clock), SCOPE, False))
        async with asyncio.timeout(20):
            while not server.fired:
                await asyncio.sleep(0.005)

            await tokens.close()

            told = await asking
    assert isinstance(told, JobError)
    assert told.code == "TokenUnavailable"


# ---- configuration


async def test_without_the_library_the_start_says_what_to_install(
    clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "msal", None)
    app = EntraApp(client_id=CLIENT, client_secret=SECRET, tenant=PUBLISHER)
    tokens = EntraTokens(app, SEAL, clock)

    with pytest.raises(EntraMissing, match=r"weft\[entra\]"):
        await tokens.start()

    assert (await error_of(tokens, job_of(clock))).code == "TokenUnavailable"
    await tokens.close()


def test_the_secret_is_shown_by_nothing_that_shows_the_app() -> None:
    app = EntraApp(client_id=CLIENT, client_secret=SECRET, tenant=PUBLISHER)

    assert CLIENT in repr(app)
    assert SECRET not in repr(app)


@pytest.mark.parametrize("authority", ["http://login.example", "ftp://127.0.0.1", "login.example", ""])
def test_a_secret_is_never_sent_in_the_clear(clock: StillClock, authority: str) -> None:
    app = EntraApp(client_id=CLIENT, client_secret=SECRET, tenant=PUBLISHER, authority=authority)

    with pytest.raises(AddressRefused):
        EntraTokens(app, SEAL, clock)


@pytest.mark.parametrize(
    ("issuer", "authority"),
    [
        ("https://login.microsoftonline.com/common", ENTRA),
        ("https://login.microsoftonline.com/common/v2.0/", ENTRA),
        ("https://login.microsoftonline.com/common/.well-known/openid-configuration", ENTRA),
        ("https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration", ENTRA),
        (f"http://127.0.0.1:8080/issuer/{CUSTOMER}/v2.0", "http://127.0.0.1:8080/issuer"),
    ],
)
def test_the_authority_is_what_stands_before_the_tenant_of_the_issuer(issuer: str, authority: str) -> None:
    assert authority_of(issuer) == authority
