"""Tokens that the local issuer gives to running jobs, and users' tokens at rest."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.auth.conftest import CUSTOMER, StillClock
from weft.auth.apps import Apps
from weft.auth.bearer import BearerVerifier
from weft.auth.home import Home
from weft.auth.issuer import CORE_AUDIENCES, CORE_SCOPES, Issuer
from weft.auth.keys import Keys
from weft.auth.on_behalf import LocalTokens
from weft.auth.resources import Resources
from weft.auth.sealed import SubjectSeal
from weft.auth.subject_and_app import subject_token_of
from weft.auth.tokens import verified
from weft.auth.workload_control import WorkloadControlVerifier, workload_app_id
from weft.catalog.item_types import Backend, ItemType
from weft.catalog.tokens import SUBJECT_LABEL, Token, without_secrets
from weft.engine.jobs import Job, JobError, JobKey, WhenLost
from weft.engine.lifecycle import State

USER = "2b6e3b6c-7a2c-4f5e-8f8e-6f3f0d7c9a11"
WORKLOAD = "Contoso.Weather"
TYPE = f"{WORKLOAD}.Forecast"
FABRIC = "https://analysis.windows.net/powerbi/api/.default"
STORAGE = "https://storage.azure.com/.default"


def a_job(clock: StillClock, **labels: str) -> Job:
    known = {"tenant": CUSTOMER, "user": USER, "item_type": TYPE}
    return Job(
        key=JobKey("workload/x", str(uuid4())),
        queue="workload",
        kind="t",
        payload=b"",
        labels={**known, **labels},
        fingerprint=b"",
        submitted_by=USER,
        when_lost=WhenLost.FAIL,
        state=State.RUNNING,
        submitted_at=clock.at,
        available_at=clock.at,
    )


@pytest.fixture
def resources(home: Home, tmp_path: Path) -> Resources:
    return Resources(Apps(tmp_path / "data", home.tenant))


def item_type(home: Home, app_id: str = "") -> ItemType:
    backend = Backend(workload=WORKLOAD, audience="api://x", publisher_tenant=home.tenant)
    return ItemType(name=TYPE, backend=backend, app_id=app_id)


@pytest.fixture
def tokens(issuer: Issuer, resources: Resources, home: Home, clock: StillClock) -> LocalTokens:
    return LocalTokens(issuer, resources, {TYPE: item_type(home)}.get, clock)


async def text_of(tokens: LocalTokens, job: Job, scope: str, *, as_app: bool = False) -> str:
    given = await tokens.token(job, scope, as_app)
    assert isinstance(given, Token), given
    return given.text


async def error_of(tokens: LocalTokens, job: Job, scope: str, *, as_app: bool = False) -> JobError:
    given = await tokens.token(job, scope, as_app)
    assert isinstance(given, JobError)
    return given


async def test_a_token_on_behalf_of_the_user_is_accepted_by_core(
    tokens: LocalTokens, keys: Keys, clock: StillClock
) -> None:
    token = await text_of(tokens, a_job(clock, user_name="Ada"), FABRIC)

    who = BearerVerifier(keys, CORE_AUDIENCES, clock).verify([f"Bearer {token}"])

    assert (who.id, who.tenant, who.name, who.is_app) == (USER, CUSTOMER, "Ada", False)
    assert who.scopes == frozenset(CORE_SCOPES)


async def test_a_token_of_the_app_is_one_of_the_workload_in_its_publishers_tenant(
    tokens: LocalTokens, keys: Keys, clock: StillClock, home: Home
) -> None:
    token = await text_of(tokens, a_job(clock), FABRIC, as_app=True)

    claims = verified(token, keys)

    assert claims.tid == home.tenant
    assert claims.client == workload_app_id(home.tenant, WORKLOAD)
    assert (claims.idtyp, claims.scp) == ("app", None)


async def test_both_together_are_accepted_by_workload_control(
    tokens: LocalTokens, keys: Keys, clock: StillClock, home: Home
) -> None:
    job = a_job(clock)
    subject = await text_of(tokens, job, FABRIC)
    app = await text_of(tokens, job, FABRIC, as_app=True)

    header = f'SubjectAndAppToken1.0 subjectToken="{subject}", appToken="{app}"'
    caller = WorkloadControlVerifier(keys, CORE_AUDIENCES, clock).verify([header])

    assert (caller.id, caller.tenant) == (USER, CUSTOMER)
    assert (caller.app_id, caller.app_tenant) == (workload_app_id(home.tenant, WORKLOAD), home.tenant)


async def test_the_app_is_the_one_that_the_manifest_names(
    issuer: Issuer, resources: Resources, home: Home, keys: Keys, clock: StillClock
) -> None:
    named = item_type(home, "1F69E392-F14D-43FB-A185-0D89E5CEF766")
    tokens = LocalTokens(issuer, resources, {TYPE: named}.get, clock)

    for as_app in (True, False):
        claims = verified(await text_of(tokens, a_job(clock), FABRIC, as_app=as_app), keys)
        assert claims.client == "1f69e392-f14d-43fb-a185-0d89e5cef766"


@pytest.mark.parametrize(
    ("scope", "audience", "scp"),
    [
        (STORAGE, "https://storage.azure.com", "user_impersonation"),
        ("https://storage.azure.com//.default", "https://storage.azure.com", "user_impersonation"),
        (f"{CORE_AUDIENCES[0]}/Item.Read.All", CORE_AUDIENCES[0], "Item.Read.All"),
        (
            f"{CORE_AUDIENCES[0]}/Item.Read.All {CORE_AUDIENCES[0]}/Item.Execute.All",
            CORE_AUDIENCES[0],
            "Item.Read.All Item.Execute.All",
        ),
    ],
)
async def test_the_audience_is_the_resource_of_the_scope(
    tokens: LocalTokens, keys: Keys, clock: StillClock, scope: str, audience: str, scp: str
) -> None:
    claims = verified(await text_of(tokens, a_job(clock), scope), keys)

    assert (claims.aud, claims.scp) == (audience, scp)


@pytest.mark.parametrize("as_app", [False, True])
async def test_a_token_lives_an_hour(
    tokens: LocalTokens, keys: Keys, clock: StillClock, as_app: bool
) -> None:
    given = await tokens.token(a_job(clock), STORAGE, as_app)

    assert isinstance(given, Token)
    assert given.expires_at == clock.at + timedelta(hours=1)
    assert verified(given.text, keys).exp == int(given.expires_at.timestamp())
    assert given.text not in repr(given)


@pytest.mark.parametrize("as_app", [False, True])
@pytest.mark.parametrize("scope", ["x", "https://nobody.example/.default", f"{STORAGE} {FABRIC}", "/", " "])
async def test_what_is_no_scope_of_a_known_resource_is_refused_in_words(
    tokens: LocalTokens, clock: StillClock, scope: str, as_app: bool
) -> None:
    error = await error_of(tokens, a_job(clock), scope, as_app=as_app)

    assert (error.code, error.source, error.is_permanent) == ("InvalidScope", "User", True)


@pytest.mark.parametrize("missing", ["user", "tenant"])
async def test_a_job_of_nobody_gets_tokens_as_the_app_only(
    tokens: LocalTokens, clock: StillClock, missing: str
) -> None:
    job = a_job(clock, **{missing: ""})

    assert (await error_of(tokens, job, STORAGE)).code == "NoUser"
    assert await text_of(tokens, job, STORAGE, as_app=True)


async def test_a_job_of_an_unknown_item_type_gets_none(tokens: LocalTokens, clock: StillClock) -> None:
    error = await error_of(tokens, a_job(clock, item_type="Contoso.Other.Item"), STORAGE)

    assert error.code == "TokensNotConfigured"


# ---- at rest


def header(subject: str) -> str:
    return f'SubjectAndAppToken1.0 subjectToken="{subject}", appToken="eyJapp"'


def test_a_sealed_token_comes_back_for_its_job_only() -> None:
    seal = SubjectSeal(b"s" * 32)
    labels = seal.labels(header("eyJsubject"), tenant="t", user="u", job_id="j")
    kept = {"tenant": "t", "user": "u", **labels}

    assert seal.subject_token(kept, "j") == "eyJsubject"
    assert seal.subject_token(kept, "other job") == ""
    assert seal.subject_token({**kept, "user": "other"}, "j") == ""
    assert seal.subject_token({**kept, "tenant": "other"}, "j") == ""
    assert SubjectSeal(b"o" * 32).subject_token(kept, "j") == ""


@pytest.mark.parametrize("kept", ["", "eyJsubject", "no base64 !", "AAAA", "A" * 64])
def test_what_was_never_sealed_opens_as_nothing(kept: str) -> None:
    assert SubjectSeal(b"s" * 32).subject_token({SUBJECT_LABEL: kept}, "j") == ""


def test_a_sealed_token_says_nothing_of_what_it_holds_and_never_the_same_twice() -> None:
    seal = SubjectSeal(b"s" * 32)
    twice = [seal.labels(header("eyJsubject"), tenant="t", user="u", job_id="j") for _ in range(2)]

    assert twice[0] != twice[1]
    assert "eyJ" not in f"{twice}"
    assert without_secrets({"tenant": "t", **twice[0]}) == {"tenant": "t"}


def test_a_call_for_nobody_keeps_nothing() -> None:
    assert SubjectSeal(b"s" * 32).labels(header(""), tenant="t", user="", job_id="j") == {}


@pytest.mark.parametrize(
    ("value", "token"),
    [
        (header("eyJsubject"), "eyJsubject"),
        (header(""), ""),
        ("", ""),
        ("Bearer eyJx", ""),
        (header("eyJ") + "\n", ""),
    ],
)
def test_the_subject_token_is_read_from_a_whole_header_only(value: str, token: str) -> None:
    assert subject_token_of(value) == token
