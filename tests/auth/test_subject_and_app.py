"""The two tokens of a call to a workload: the cases S33 to S38 of the security list, made by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.auth.conftest import CUSTOMER, Forger, StillClock, seconds
from tests.auth.two_tokens import FINANCE, USER, Forge, v2, written
from weft.auth.errors import TokenFault, TokenRefused
from weft.auth.home import Home
from weft.auth.issuer import Issuer, user_id
from weft.auth.keys import Keys
from weft.auth.subject_and_app import (
    FABRIC_APP,
    FABRIC_CLIENT_FOR_WORKLOADS,
    SubjectAndAppVerifier,
    WorkloadCaller,
    resource_id,
)

WEATHER = "Contoso.Weather"


@pytest.fixture
def pair(forger: Forger, home: Home) -> Forge:
    return Forge(forger, home.tenant)


@pytest.fixture
def verifier(keys: Keys, home: Home, clock: StillClock) -> SubjectAndAppVerifier:
    ours = [resource_id(home.tenant, name) for name in (FINANCE, WEATHER)]
    return SubjectAndAppVerifier(keys, home.tenant, ours, clock)


def refusal(
    verifier: SubjectAndAppVerifier, *authorization: str, tenant: str | list[str] = CUSTOMER, **how: Any
) -> str:
    """Return the reason for which the headers are refused."""
    tenants = tenant if isinstance(tenant, list) else [tenant]
    with pytest.raises(TokenRefused) as raised:
        verifier.verify(authorization, tenants, **how)
    assert raised.value.code is TokenFault.AUTH_ERROR
    return raised.value.reason


# What is accepted


def test_the_caller_is_the_subject_of_the_customer_s_tenant(
    verifier: SubjectAndAppVerifier, pair: Forge
) -> None:
    caller = verifier.verify([pair.header()], [CUSTOMER])

    assert caller == WorkloadCaller(tenant=CUSTOMER, user=USER, user_name="Ada", app_id=FABRIC_APP)


@pytest.mark.parametrize(
    "change",
    [
        lambda home: {"app": v2(home), "subject": v2(CUSTOMER)},
        lambda home: {"subject": v2(CUSTOMER)},
        lambda home: {
            "app": {"appid": FABRIC_CLIENT_FOR_WORKLOADS},
            "subject": {"appid": FABRIC_CLIENT_FOR_WORKLOADS},
        },
        lambda home: {"subject": {"scp": "Item1.Read.All FabricWorkloadControl"}},
        lambda home: {"subject": {"exp": seconds() - 59}},
        lambda home: {"app": {"aud": ["x", resource_id(home, FINANCE)]}},
    ],
)
def test_both_versions_and_both_fabric_apps_are_accepted(
    change: Callable[[str], dict[str, Any]], verifier: SubjectAndAppVerifier, pair: Forge, home: Home
) -> None:
    assert verifier.verify([pair.header(**change(home.tenant))], [CUSTOMER]).user == USER


def test_the_tenant_header_may_be_in_upper_case(verifier: SubjectAndAppVerifier, pair: Forge) -> None:
    assert verifier.verify([pair.header()], [CUSTOMER.upper()]).tenant == CUSTOMER


def test_a_v2_audience_is_the_client_id_where_one_is_named(
    keys: Keys, home: Home, clock: StillClock, pair: Forge
) -> None:
    client, resource = "3c0a4bd9-9a31-4a08-8bd2-09b0d1de3c9a", resource_id(home.tenant, FINANCE)
    verifier = SubjectAndAppVerifier(keys, home.tenant, [resource], clock, client_ids={resource: client})
    named = pair.header(app={**v2(home.tenant), "aud": client}, subject={**v2(CUSTOMER), "aud": client})
    unnamed = pair.header(app=v2(home.tenant), subject=v2(CUSTOMER))
    v1_named = pair.header(app={"aud": client}, subject={"aud": client})

    assert verifier.verify([named], [CUSTOMER], audience=resource).user == USER
    assert verifier.verify([pair.header()], [CUSTOMER], audience=resource).user == USER
    assert "aud" in refusal(verifier, unnamed)
    assert "aud" in refusal(verifier, v1_named)


# 1 to 3: headers and grammar


def test_the_authorization_header_must_be_there_once(verifier: SubjectAndAppVerifier, pair: Forge) -> None:
    assert "0 Authorization" in refusal(verifier)
    assert "2 Authorization" in refusal(verifier, pair.header(), pair.header())


@pytest.mark.parametrize(
    "tenant",
    [
        [],
        [CUSTOMER, CUSTOMER],
        "",
        "common",
        "{" + CUSTOMER + "}",
        CUSTOMER.replace("-", ""),
        CUSTOMER + "\n",
        CUSTOMER[:-1] + "\N{FULLWIDTH DIGIT SIX}",
    ],
)
def test_the_tenant_header_must_be_one_uuid(
    tenant: str | list[str], verifier: SubjectAndAppVerifier, pair: Forge
) -> None:
    assert "x-ms-client-tenant-id" in refusal(verifier, pair.header(), tenant=tenant)


@pytest.mark.parametrize(
    "write",
    [
        lambda subject, app: "",
        lambda subject, app: f"Bearer {app}",
        lambda subject, app: f"SubjectAndAppToken1.0 {subject}",
        lambda subject, app: f'subjectandapptoken1.0 subjectToken="{subject}", appToken="{app}"',
        lambda subject, app: f'SubjectAndAppToken1x0 subjectToken="{subject}", appToken="{app}"',
        lambda subject, app: f'SubjectAndAppToken1.0  subjectToken="{subject}", appToken="{app}"',
        lambda subject, app: f'SubjectAndAppToken1.0 subjectToken="{subject}",  appToken="{app}"',
        lambda subject, app: f'SubjectAndAppToken1.0 subjectToken="{subject}",appToken="{app}"',
        lambda subject, app: f'SubjectAndAppToken1.0 appToken="{app}", subjectToken="{subject}"',
        lambda subject, app: f'SubjectAndAppToken1.0 subjectToken="{subject}", appToken="{app}", x="y"',
        lambda subject, app: f'SubjectAndAppToken1.0 subjectToken="{subject}", appToken="{app}',
        lambda subject, app: f'SubjectAndAppToken1.0 subjectToken="{subject}, appToken="{app}"',
        lambda subject, app: f"SubjectAndAppToken1.0 subjectToken={subject}, appToken={app}",
        lambda subject, app: f'SubjectAndAppToken1.0 subjectToken="{subject}", appToken=""',
        lambda subject, app: f'SubjectAndAppToken1.0 subjectToken="{subject}"',
        lambda subject, app: f'SubjectAndAppToken1.0 appToken="{app}"',
        lambda subject, app: f'SubjectAndAppToken1.0 SubjectToken="{subject}", AppToken="{app}"',
        lambda subject, app: written(subject, app) + "\n",
        lambda subject, app: " " + written(subject, app),
        lambda subject, app: written("x" + subject, app),
        lambda subject, app: written(subject + "é", app),
        lambda subject, app: written(subject + "\N{FULLWIDTH DIGIT TWO}", app),
        lambda subject, app: written(subject, app + "="),
    ],
)
def test_only_the_published_grammar_is_read(
    write: Callable[[str, str], str], verifier: SubjectAndAppVerifier, pair: Forge
) -> None:
    reason = refusal(verifier, write(pair.subject(), pair.app()))

    assert reason == "unexpected token format"


@pytest.mark.parametrize(
    "value",
    [
        "a" * 1_000_000,
        'SubjectAndAppToken1.0 subjectToken="eyJ' + "a" * 1_000_000,
        'SubjectAndAppToken1.0 subjectToken="' + "eyJ." * 250_000 + '", appToken="eyJ"',
        'SubjectAndAppToken1.0 subjectToken="eyJ' + "a" * 31_000,
    ],
)
def test_a_long_header_is_refused_at_once(value: str, verifier: SubjectAndAppVerifier) -> None:
    begin = time.perf_counter()

    refusal(verifier, value)

    assert time.perf_counter() - begin < 0.1


# 5 to 7: the app token


def bad_app(home: str) -> dict[str, dict[str, Any]]:
    return {
        "is no app": {"idtyp": ...},
        "is a user": {"idtyp": "user"},
        "writes App": {"idtyp": "App"},
        "has scp": {"scp": "FabricWorkloadControl"},
        "has an empty scp": {"scp": ""},
        "has no appid": {"appid": ...},
        "has an empty appid": {"appid": ""},
        "has azp in v1": {"appid": ..., "azp": FABRIC_APP},
        "has appid in v2": {**v2(home), "appid": FABRIC_APP, "azp": ...},
        "is of another app": {"appid": "871c010f-5e61-4fb1-83ac-98610a7e9110"},
        "is of a look-alike app": {"appid": FABRIC_APP.upper() + " "},
        "is of the customer's tenant": {"tid": CUSTOMER, "iss": f"https://sts.windows.net/{CUSTOMER}/"},
        "has another issuer": {"iss": f"https://sts.windows.net/{CUSTOMER}/"},
        "has no oid": {"oid": ...},
        "has no exp": {"exp": ...},
        "has exp as text": {"exp": str(seconds() + 60)},
        "expired 61 s ago": {"exp": seconds() - 61},
        "begins in 120 s": {"nbf": seconds() + 120},
        "is for Core": {"aud": "https://api.fabric.microsoft.com"},
        "is for an unknown workload": {"aud": resource_id(home, "Contoso.Other")},
        "is for another hosted workload": {"aud": resource_id(home, WEATHER)},
        "has a slash after its audience": {"aud": resource_id(home, FINANCE) + "/"},
        "is of another publisher's workload": {"aud": resource_id(CUSTOMER, FINANCE)},
    }


@pytest.mark.parametrize("case", bad_app(CUSTOMER))
def test_a_call_is_refused_whose_app_token(
    case: str, verifier: SubjectAndAppVerifier, pair: Forge, home: Home
) -> None:
    refusal(verifier, pair.header(app=bad_app(home.tenant)[case]))
    refusal(
        verifier,
        written("", pair.app(**bad_app(home.tenant)[case])),
        audience=resource_id(home.tenant, FINANCE),
        needs_subject=False,
    )


# 8 to 12: the subject token


def bad_subject(home: str) -> dict[str, dict[str, Any]]:
    return {
        "is an app's": {"idtyp": "app"},
        "is an app's with no scope": {"idtyp": "app", "scp": ...},
        "has idtyp user": {"idtyp": "user"},
        "has no scope": {"scp": ...},
        "has another scope": {"scp": "Item1.ReadWrite.All"},
        "has a longer scope": {"scp": "FabricWorkloadControl.All"},
        "has the scope in lower case": {"scp": "fabricworkloadcontrol"},
        "is of the other Fabric app": {"appid": FABRIC_CLIENT_FOR_WORKLOADS},
        "has no appid": {"appid": ...},
        "is of the home tenant": {"tid": home, "iss": f"https://sts.windows.net/{home}/"},
        "has another issuer": {"iss": f"https://sts.windows.net/{home}/"},
        "has v2's issuer in v1": {"iss": f"https://login.microsoftonline.com/{CUSTOMER}/v2.0"},
        "has no oid": {"oid": ...},
        "has no exp": {"exp": ...},
        "expired 61 s ago": {"exp": seconds() - 61},
        "begins in 120 s": {"nbf": seconds() + 120},
        "is for another hosted workload": {"aud": resource_id(home, WEATHER)},
        "is for Core": {"aud": "https://api.fabric.microsoft.com"},
    }


@pytest.mark.parametrize("case", bad_subject(CUSTOMER))
def test_a_call_is_refused_whose_subject_token(
    case: str, verifier: SubjectAndAppVerifier, pair: Forge, home: Home
) -> None:
    refusal(verifier, pair.header(subject=bad_subject(home.tenant)[case]))


def test_the_two_tokens_cannot_take_each_other_s_place(verifier: SubjectAndAppVerifier, pair: Forge) -> None:
    subject, app = pair.subject(), pair.app()

    for value in (written(app, subject), written(app, app), written(subject, subject)):
        refusal(verifier, value)


@pytest.mark.parametrize("place", ["app", "subject"])
@pytest.mark.parametrize(
    ("header", "sign"),
    [
        ({"alg": "none"}, lambda _: b""),
        ({"alg": "HS256"}, None),
        ({"alg": "RS384"}, None),
        ({"kid": "unknown"}, None),
        ({"jku": "https://evil.example"}, None),
        ({}, lambda _: b"x" * 256),
    ],
)
def test_a_forged_token_is_refused_in_either_place(
    place: str,
    header: dict[str, str],
    sign: Callable[[bytes], bytes] | None,
    verifier: SubjectAndAppVerifier,
    pair: Forge,
    forger: Forger,
    home: Home,
) -> None:
    own = {"idtyp": "app"} if place == "app" else {"scp": "FabricWorkloadControl"}
    tenant = home.tenant if place == "app" else CUSTOMER
    claims = {
        "aud": resource_id(home.tenant, FINANCE),
        "iss": f"https://sts.windows.net/{tenant}/",
        "tid": tenant,
        "oid": USER,
        "ver": "1.0",
        "iat": seconds(),
        "nbf": seconds(),
        "exp": seconds() + 60,
        "appid": FABRIC_APP,
        **own,
    }
    forged = forger.token(claims, sign=sign, **header)
    honest = forger.token(claims)

    def value(token: str) -> str:
        return written(pair.subject(), token) if place == "app" else written(token, pair.app())

    assert verifier.verify([value(honest)], [CUSTOMER]).user == USER
    refusal(verifier, value(forged))


def test_an_empty_subject_is_only_allowed_where_none_is_needed(
    verifier: SubjectAndAppVerifier, pair: Forge
) -> None:
    value = written("", pair.app())

    caller = verifier.verify([value], [CUSTOMER], needs_subject=False)

    assert caller == WorkloadCaller(tenant=CUSTOMER, user=None, user_name=None, app_id=FABRIC_APP)
    assert "subjectToken is empty" in refusal(verifier, value)


def test_a_subject_that_is_not_needed_is_checked_all_the_same(
    verifier: SubjectAndAppVerifier, pair: Forge
) -> None:
    refusal(verifier, pair.header(subject={"exp": seconds() - 61}), needs_subject=False)


def test_tokens_for_one_hosted_workload_do_not_open_another(
    verifier: SubjectAndAppVerifier, pair: Forge, home: Home
) -> None:
    value = pair.header()

    for _ in range(2):  # the second time from memory
        assert verifier.verify([value], [CUSTOMER], audience=resource_id(home.tenant, FINANCE)).user == USER
        assert "not for" in refusal(verifier, value, audience=resource_id(home.tenant, WEATHER))


# Remembering


@pytest.mark.parametrize("shorter", ["app", "subject"])
def test_a_remembered_call_ends_with_the_token_that_ends_first(
    shorter: str, verifier: SubjectAndAppVerifier, pair: Forge, clock: StillClock
) -> None:
    ends = {"exp": seconds() + 10}
    value = pair.header(app=ends) if shorter == "app" else pair.header(subject=ends)
    first = verifier.verify([value], [CUSTOMER])

    clock.move(seconds=69)
    again = verifier.verify([value], [CUSTOMER])
    clock.move(seconds=1)

    assert again is first
    assert "expired" in refusal(verifier, value)


def test_a_remembered_call_holds_for_its_tenant_header_only(
    verifier: SubjectAndAppVerifier, pair: Forge, home: Home
) -> None:
    value = pair.header()
    verifier.verify([value], [CUSTOMER])

    assert "the header says" in refusal(verifier, value, tenant=home.tenant)


# The issuer's own values


def test_our_own_value_is_accepted_and_lives_as_published(
    verifier: SubjectAndAppVerifier, issuer: Issuer, home: Home, clock: StillClock
) -> None:
    value = issuer.subject_and_app(FINANCE, "admin")

    caller = verifier.verify([value], [home.tenant])
    clock.move(seconds=4108 + 60)

    assert (caller.user, caller.user_name) == (user_id(home.tenant, "admin"), "admin")
    assert "expired" in refusal(verifier, value, tenant=home.tenant)


def test_our_own_value_speaks_for_the_user_and_tenant_that_are_asked(
    verifier: SubjectAndAppVerifier, issuer: Issuer
) -> None:
    value = issuer.subject_and_app(FINANCE, "Ada", USER, CUSTOMER, timedelta(days=2))

    caller = verifier.verify([value], [CUSTOMER])

    assert (caller.tenant, caller.user, caller.user_name) == (CUSTOMER, USER, "Ada")


def test_a_value_is_given_again_for_half_of_its_life(issuer: Issuer, clock: StillClock) -> None:
    first = issuer.subject_and_app(FINANCE, "admin")

    clock.move(seconds=2053)
    again = issuer.subject_and_app(FINANCE, "admin")
    clock.move(seconds=1)
    later = issuer.subject_and_app(FINANCE, "admin")

    assert again == first != later
    assert issuer.subject_and_app(WEATHER, "admin") != later
