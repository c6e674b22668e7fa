"""The two tokens with which a workload calls Fabric: what is accepted, and every way in which one is not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.auth.conftest import CUSTOMER, Forger, StillClock, claims_for, seconds
from weft.auth.errors import TokenFault, TokenRefused
from weft.auth.home import Home
from weft.auth.issuer import CORE_AUDIENCES, Issuer
from weft.auth.keys import Keys
from weft.auth.workload_control import WorkloadControlVerifier, workload_app_id

APP = "5a0f7b3f-1f0e-4c56-8f2e-1d8a4a1c0b22"
OTHER_APP = "5a0f7b3f-1f0e-4c56-8f2e-1d8a4a1c0b33"
PERSON = "2b6e3b6c-7a2c-4f5e-8f8e-6f3f0d7c9a11"


@pytest.fixture
def verifier(keys: Keys, clock: StillClock) -> WorkloadControlVerifier:
    return WorkloadControlVerifier(keys, CORE_AUDIENCES, clock)


def subject(**changed: object) -> dict[str, Any]:
    return claims_for(CUSTOMER, **{"appid": APP, "aud": CORE_AUDIENCES[1], **changed})


def app(home: Home, **changed: object) -> dict[str, Any]:
    claims = {"appid": APP, "aud": CORE_AUDIENCES[1], "idtyp": "app", "scp": ..., "name": ...}
    return claims_for(home.tenant, **{**claims, **changed})


def header(subject_token: str, app_token: str) -> str:
    return f'SubjectAndAppToken1.0 subjectToken="{subject_token}", appToken="{app_token}"'


def test_the_caller_is_a_person_and_the_app_that_calls_for_it(
    verifier: WorkloadControlVerifier, forger: Forger, home: Home
) -> None:
    value = header(forger.token(subject()), forger.token(app(home, appid=APP)))

    caller = verifier.verify([value])

    assert (caller.id, caller.tenant, caller.name, caller.is_app) == (PERSON, CUSTOMER, "Ada", False)
    assert (caller.app_id, caller.app_tenant) == (APP, home.tenant)
    assert caller.scopes == {"Item.Read.All", "Item.Execute.All"}
    assert verifier.verify([value]) is caller, "it is remembered"


@pytest.mark.parametrize("audience", CORE_AUDIENCES)
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_tokens_of_both_versions_for_either_audience_are_accepted(
    verifier: WorkloadControlVerifier, forger: Forger, home: Home, audience: str, version: str
) -> None:
    def of(tenant: str) -> dict[str, object]:
        if version == "1.0":
            return {"aud": audience}
        iss = f"https://login.microsoftonline.com/{tenant}/v2.0"
        return {"aud": audience, "ver": "2.0", "iss": iss, "appid": ..., "azp": APP}

    value = header(forger.token(subject(**of(CUSTOMER))), forger.token(app(home, **of(home.tenant))))

    assert verifier.verify([value]).app_id == APP


SUBJECTS: dict[str, dict[str, object]] = {
    "for another audience": {"aud": "https://storage.azure.com"},
    "for no audience": {"aud": ...},
    "for the audience with a slash": {"aud": f"{CORE_AUDIENCES[1]}/"},
    "of another app": {"appid": OTHER_APP},
    "of no app": {"appid": ...},
    "without scopes": {"scp": ...},
    "with blank scopes": {"scp": " "},
    "app-only": {"idtyp": "app"},
    "of another issuer": {"iss": "https://sts.windows.net/11111111-1111-1111-1111-111111111111/"},
    "without a person": {"oid": ...},
    "not yet valid": {"nbf": seconds() + 61},
    "issued in the future": {"iat": seconds() + 61},
    "without an end": {"exp": ...},
}
APPS: dict[str, dict[str, object]] = {
    "for another audience": {"aud": "api://localdevinstance/x/y"},
    "of another app": {"appid": OTHER_APP},
    "of no app": {"appid": ...},
    "with scopes": {"scp": "Item.Read.All"},
    "not app-only": {"idtyp": ...},
    "of a user": {"idtyp": "user"},
    "of another issuer": {"iss": "https://sts.windows.net/11111111-1111-1111-1111-111111111111/"},
    "not yet valid": {"nbf": seconds() + 61},
}


@pytest.mark.parametrize("fault", SUBJECTS)
def test_a_subject_token_that_is_none_is_refused(
    verifier: WorkloadControlVerifier, forger: Forger, home: Home, fault: str
) -> None:
    value = header(forger.token(subject(**SUBJECTS[fault])), forger.token(app(home)))

    with pytest.raises(TokenRefused) as refused:
        verifier.verify([value])

    assert refused.value.code is TokenFault.INVALID


@pytest.mark.parametrize("fault", APPS)
def test_an_app_token_that_is_none_is_refused(
    verifier: WorkloadControlVerifier, forger: Forger, home: Home, fault: str
) -> None:
    value = header(forger.token(subject()), forger.token(app(home, **APPS[fault])))

    with pytest.raises(TokenRefused) as refused:
        verifier.verify([value])

    assert refused.value.code is TokenFault.INVALID


def test_both_tokens_are_needed_each_in_its_place(
    verifier: WorkloadControlVerifier, forger: Forger, home: Home
) -> None:
    person, own = forger.token(subject()), forger.token(app(home))
    forged = forger.token(app(home), sign=lambda signed: bytes(256))
    wrong = [
        header("", own),
        header(person, ""),
        header(own, person),
        header(own, own),
        header(person, person),
        header(person, forged),
        header(person, own).lower(),
        header(person, own).replace(", ", ","),
        f"Bearer {person}",
        person,
    ]

    for value in wrong:
        with pytest.raises(TokenRefused):
            verifier.verify([value])


def test_tokens_that_name_no_app_at_all_are_refused(
    verifier: WorkloadControlVerifier, forger: Forger, home: Home
) -> None:
    value = header(forger.token(subject(appid=...)), forger.token(app(home, appid=...)))

    with pytest.raises(TokenRefused):
        verifier.verify([value])


def test_one_header_is_needed(verifier: WorkloadControlVerifier, forger: Forger, home: Home) -> None:
    value = header(forger.token(subject()), forger.token(app(home)))

    with pytest.raises(TokenRefused) as missing:
        verifier.verify([])
    with pytest.raises(TokenRefused) as two:
        verifier.verify([value, value])

    assert (missing.value.code, two.value.code) == (TokenFault.MISSING, TokenFault.INVALID)


@pytest.mark.parametrize("which", ["subject", "app"])
def test_the_first_token_to_end_ends_both(
    verifier: WorkloadControlVerifier, forger: Forger, home: Home, clock: StillClock, which: str
) -> None:
    short = {"exp": seconds() + 600}
    person = forger.token(subject(**(short if which == "subject" else {})))
    own = forger.token(app(home, **(short if which == "app" else {})))
    verifier.verify([header(person, own)])

    clock.move(seconds=659)
    verifier.verify([header(person, own)])
    clock.move(seconds=1)
    with pytest.raises(TokenRefused) as refused:
        verifier.verify([header(person, own)])

    assert refused.value.code is TokenFault.EXPIRED


async def test_a_workload_without_an_app_of_its_own_has_that_of_its_name(
    verifier: WorkloadControlVerifier, issuer: Issuer, forger: Forger, home: Home
) -> None:
    named = workload_app_id(home.tenant, "Contoso.Sales")
    own = issuer.core_token("Contoso.Sales", app=True, audience=CORE_AUDIENCES[1])

    caller = await verifier.admit([header(forger.token(subject(appid=named)), own)])

    assert caller.app_id == named
    assert workload_app_id(CUSTOMER, "Contoso.Sales") != named
