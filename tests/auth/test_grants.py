"""The token endpoint's grants: who gets which token, and what everybody else is told."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.auth.conftest import CUSTOMER, Forger, StillClock, claims_for
from weft.auth.apps import Apps, RegisteredApp
from weft.auth.bearer import BearerVerifier
from weft.auth.errors import TokenRefused
from weft.auth.grants import GUESSES_WITHIN, JWT_BEARER, MOST_GUESSES, GrantRefused, Grants, TokenRequest
from weft.auth.home import Home
from weft.auth.issuer import CORE_AUDIENCES, CORE_SCOPES, Issuer, user_id
from weft.auth.keys import Keys
from weft.auth.private_files import private_directory
from weft.auth.refresh import LIFETIME
from weft.auth.resources import STORAGE_AUDIENCE, Resources
from weft.auth.subject_and_app import CONTROL_SCOPE, FABRIC_APP, SubjectAndAppVerifier, resource_id
from weft.auth.tokens import Claims, verified
from weft.catalog.model import Principal

CORE = "https://api.fabric.microsoft.com/.default"
POWER_BI = "https://analysis.windows.net/powerbi/api/.default"
OTHER_TENANT = "00000000-1111-4222-8333-444444444444"


@dataclass
class House:
    """A token endpoint with one app, the backend of a workload."""

    grants: Grants
    apps: Apps
    app: RegisteredApp
    secret: str
    keys: Keys
    home: str
    issuer: Issuer
    clock: StillClock

    def ask(self, tenant: str = "", *, v1: bool = False, **fields: Any) -> dict[str, Any]:
        """Ask as the app; a field given as `...` is left out."""
        asked = {"client_id": self.app.client_id, "client_secret": self.secret, **fields}
        sent = {name: value for name, value in asked.items() if value is not ...}
        return self.grants.token(TokenRequest(tenant=tenant or self.home, fields=sent, v1=v1))

    def as_app(self, scope: str = CORE, tenant: str = "", **fields: Any) -> dict[str, Any]:
        return self.ask(tenant, **{"grant_type": "client_credentials", "scope": scope, **fields})

    def on_behalf(self, assertion: str, scope: str = CORE, tenant: str = "", **fields: Any) -> dict[str, Any]:
        obo = {"grant_type": JWT_BEARER, "requested_token_use": "on_behalf_of", "assertion": assertion}
        return self.ask(tenant, **{**obo, "scope": scope, **fields})

    def renew(self, token: str, scope: str = CORE, tenant: str = "", **fields: Any) -> dict[str, Any]:
        return self.ask(tenant, grant_type="refresh_token", refresh_token=token, scope=scope, **fields)

    def assertion(self, tenant: str = "", user: str = "ada") -> str:
        """The subject token with which Fabric calls the workload for a user."""
        header = self.issuer.subject_and_app("Contoso.X", user, tenant=tenant or self.home)
        return header.split('subjectToken="')[1].split('"')[0]

    def claims(self, answer: dict[str, Any]) -> Claims:
        return verified(answer["access_token"], self.keys)

    def principal(self, answer: dict[str, Any]) -> Principal:
        return BearerVerifier(self.keys, CORE_AUDIENCES, self.clock).verify(
            [f"Bearer {answer['access_token']}"]
        )


@pytest.fixture
def house(tmp_path: Path, keys: Keys, home: Home, issuer: Issuer, clock: StillClock) -> House:
    apps = Apps(private_directory(tmp_path / "data"), home.tenant)
    app, secret = apps.create("backend", workload="Contoso.X")
    resources = Resources(apps, [resource_id(home.tenant, "Contoso.Y")])
    grants = Grants(issuer, keys, home.tenant, clock, apps=apps, resources=resources)
    return House(grants, apps, app, secret, keys, home.tenant, issuer, clock)


def refused(ask: Callable[[], object]) -> GrantRefused:
    with pytest.raises(GrantRefused) as caught:
        ask()
    return caught.value


# ---- client credentials


def test_an_app_gets_a_token_with_which_core_knows_it(house: House) -> None:
    answer = house.as_app()

    assert answer.keys() == {"token_type", "expires_in", "ext_expires_in", "access_token"}
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3599)
    who = house.principal(answer)
    assert (who.id, who.tenant, who.name, who.is_app) == (house.app.object_id, house.home, "backend", True)
    assert house.claims(answer).client == house.app.client_id


def test_it_is_the_principal_that_weft_token_makes_for_the_name(house: House) -> None:
    made = verified(house.issuer.core_token("backend", app=True), house.keys)

    got = house.claims(house.as_app())

    assert (got.oid, got.appid, got.tid) == (made.oid, made.appid, made.tid)


@pytest.mark.parametrize(
    ("scope", "audience"),
    [
        (CORE, CORE_AUDIENCES[0]),
        (POWER_BI, CORE_AUDIENCES[1]),
        ("https://analysis.windows.net/powerbi/api//.default", CORE_AUDIENCES[1]),
        (f"{FABRIC_APP}/.default", CORE_AUDIENCES[1]),
        ("https://storage.azure.com/.default", STORAGE_AUDIENCE),
        ("https://STORAGE.azure.com//.default", STORAGE_AUDIENCE),
        ("https://management.azure.com/.default", "https://management.azure.com"),
        ("https://digitaltwins.azure.net/.default", "https://digitaltwins.azure.net"),
        (f"{CORE} openid offline_access", CORE_AUDIENCES[0]),
    ],
)
def test_the_scope_names_the_audience(house: House, scope: str, audience: str) -> None:
    assert house.claims(house.as_app(scope)).aud == audience


def test_a_registered_app_and_a_hosted_workload_are_audiences(house: House) -> None:
    for audience in (
        f"api://{house.app.client_id}",
        resource_id(house.home, "Contoso.X"),
        resource_id(house.home, "Contoso.Y"),
    ):
        assert house.claims(house.as_app(f"{audience}/.default")).aud == audience


def test_an_app_s_token_never_passes_for_fabric_s_at_a_workload(house: House) -> None:
    audience = resource_id(house.home, "Contoso.X")
    token = house.as_app(f"{audience}/.default")["access_token"]
    verifier = SubjectAndAppVerifier(house.keys, house.home, [audience], house.clock)

    with pytest.raises(TokenRefused):
        verifier.verify(
            [f'SubjectAndAppToken1.0 subjectToken="", appToken="{token}"'], [house.home], needs_subject=False
        )


def test_the_older_endpoint_takes_a_resource_and_answers_in_text(house: House) -> None:
    answer = house.ask(grant_type="client_credentials", resource="https://storage.azure.com/", v1=True)

    now = int(house.clock.now().timestamp())
    assert house.claims(answer).aud == STORAGE_AUDIENCE
    del answer["access_token"]
    assert answer == {
        "token_type": "Bearer",
        "expires_in": "3599",
        "ext_expires_in": "3599",
        "expires_on": str(now + 3599),
        "not_before": str(now),
        "resource": STORAGE_AUDIENCE,
    }


@pytest.mark.parametrize(
    ("fields", "error", "code", "status"),
    [
        ({"client_secret": "wrong"}, "invalid_client", 7000215, 401),
        ({"client_secret": ...}, "invalid_client", 7000218, 401),
        ({"client_secret": ""}, "invalid_client", 7000218, 401),
        ({"client_secret": ..., "client_assertion": "eyJ"}, "invalid_client", 700027, 401),
        ({"client_id": ...}, "invalid_request", 900144, 400),
        ({"client_id": OTHER_TENANT}, "unauthorized_client", 700016, 400),
        ({"client_id": "../../etc/passwd"}, "unauthorized_client", 700016, 400),
        ({"grant_type": ...}, "invalid_request", 900144, 400),
        ({"grant_type": "password"}, "unsupported_grant_type", 70003, 400),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type", 70003, 400),
        ({"scope": ...}, "invalid_request", 900144, 400),
        ({"scope": "openid"}, "invalid_scope", 1002012, 400),
        ({"scope": f"{CORE_AUDIENCES[0]}/Item.Read.All"}, "invalid_scope", 1002012, 400),
        ({"scope": f"{CORE} {POWER_BI}"}, "invalid_scope", 1002012, 400),
        ({"scope": "https://graph.microsoft.com/.default"}, "invalid_resource", 500011, 400),
        (
            {"scope": "https://api.fabric.microsoft.com.evil.example/.default"},
            "invalid_resource",
            500011,
            400,
        ),
        ({"scope": "api://nobody/.default"}, "invalid_resource", 500011, 400),
    ],
)
def test_what_is_wrong_is_told_with_entra_s_code(
    house: House, fields: dict[str, Any], error: str, code: int, status: int
) -> None:
    fault = refused(lambda: house.as_app(**fields))

    assert (fault.error, fault.code, fault.status) == (error, code, status)


def test_a_secret_is_repeated_in_no_message(house: House) -> None:
    fault = refused(lambda: house.as_app(client_secret="swordfish", client_id=house.app.client_id))

    assert "swordfish" not in f"{fault} {fault.message}"


@pytest.mark.parametrize(
    ("tenant", "code"), [(OTHER_TENANT, 90002), ("common", 50059), ("organizations", 50059)]
)
def test_an_app_gets_tokens_at_home_only(house: House, tenant: str, code: int) -> None:
    assert refused(lambda: house.as_app(tenant=tenant)).code == code


def test_credentials_may_come_in_the_header(house: House) -> None:
    fields = {"grant_type": "client_credentials", "scope": CORE}
    basic = (house.app.client_id, house.secret)

    answer = house.grants.token(TokenRequest(tenant=house.home, fields=fields, basic=basic))

    assert house.claims(answer).client == house.app.client_id


@pytest.mark.parametrize("more", [{"client_id": OTHER_TENANT}, {"client_secret": "x"}])
def test_credentials_in_both_places_are_refused(house: House, more: dict[str, str]) -> None:
    asked = TokenRequest(
        tenant=house.home,
        fields={"grant_type": "client_credentials", "scope": CORE, **more},
        basic=(house.app.client_id, house.secret),
    )

    assert refused(lambda: house.grants.token(asked)).error == "invalid_request"


def test_a_deleted_app_gets_no_more_tokens(house: House) -> None:
    house.as_app()

    house.apps.delete("backend")

    assert refused(house.as_app).code == 700016


# ---- guesses


def test_after_too_many_wrong_secrets_not_even_the_right_one_is_looked_at(house: House) -> None:
    for _ in range(MOST_GUESSES):
        assert refused(lambda: house.as_app(client_secret="wrong")).code == 7000215

    fault = refused(house.as_app)

    assert (fault.status, fault.code) == (429, 90055)
    assert 0 < fault.retry_after <= GUESSES_WITHIN.total_seconds() + 1
    house.clock.move(seconds=fault.retry_after)
    assert house.as_app()["token_type"] == "Bearer"


def test_guesses_at_one_app_do_not_keep_another_out(house: House) -> None:
    other, secret = house.apps.create("other")
    for _ in range(MOST_GUESSES):
        refused(lambda: house.as_app(client_secret="wrong"))

    answer = house.as_app(client_id=other.client_id, client_secret=secret)

    assert house.claims(answer).oid == other.object_id


# ---- on behalf of


def test_a_backend_acts_for_the_user_who_called_it(house: House) -> None:
    answer = house.on_behalf(house.assertion())

    who = house.principal(answer)
    assert (who.id, who.tenant, who.name, who.is_app) == (
        user_id(house.home, "ada"),
        house.home,
        "ada",
        False,
    )
    assert who.scopes == frozenset(CORE_SCOPES)
    claims = house.claims(answer)
    assert (claims.client, claims.idtyp) == (house.app.client_id, None)
    assert answer["scope"].split() == [f"{CORE_AUDIENCES[0]}/{scope}" for scope in CORE_SCOPES]
    assert "refresh_token" not in answer


def test_fewer_scopes_are_given_where_fewer_are_asked_for(house: House) -> None:
    base = CORE_AUDIENCES[0]

    answer = house.on_behalf(house.assertion(), f"{base}/item.read.all {base}/Workspace.Read.All")

    assert house.claims(answer).scopes == {"Item.Read.All", "Workspace.Read.All"}


def test_a_user_of_another_tenant_is_acted_for_in_that_tenant(house: House) -> None:
    assertion = house.assertion(CUSTOMER)

    for tenant in (CUSTOMER, "common", "organizations"):
        claims = house.claims(house.on_behalf(assertion, tenant=tenant))
        assert (claims.tid, claims.oid) == (CUSTOMER, user_id(CUSTOMER, "ada"))
    assert refused(lambda: house.on_behalf(assertion)).code == 50020


@pytest.mark.parametrize("audience", ["{client}", "api://{client}"])
def test_an_assertion_may_name_the_app_itself(house: House, forger: Forger, audience: str) -> None:
    aud = audience.format(client=house.app.client_id)

    answer = house.on_behalf(forger.token(claims_for(house.home, aud=aud, scp="x")))

    assert house.principal(answer).name == "Ada"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"aud": "https://api.fabric.microsoft.com"}, 500131),
        ({"aud": "api://someone.else"}, 500131),
        ({"idtyp": "app", "scp": ...}, 7000114),
        ({"idtyp": "app"}, 7000114),
        ({"scp": ...}, 7000114),
        ({"iss": "https://sts.windows.net/00000000-1111-4222-8333-444444444444/"}, 50013),
        ({"iat": 1, "nbf": 1, "exp": 2}, 500133),
        ({"nbf": 9_000_000_000, "exp": 9_000_000_001}, 50013),
    ],
)
def test_an_assertion_that_is_not_for_the_app_is_refused(
    house: House, forger: Forger, changed: dict[str, Any], code: int
) -> None:
    claims = claims_for(house.home, **{"aud": f"api://{house.app.client_id}", "scp": "x", **changed})

    fault = refused(lambda: house.on_behalf(forger.token(claims)))

    assert (fault.error, fault.code) == ("invalid_grant", code)


@pytest.mark.parametrize("assertion", ["eyJ", "a.b.c", "", "x" * 20_000])
def test_what_is_no_token_is_no_assertion(house: House, assertion: str) -> None:
    assert refused(lambda: house.on_behalf(assertion)).code in (50013, 900144)


def test_a_forged_assertion_is_refused(house: House, forger: Forger) -> None:
    claims = claims_for(house.home, aud=house.app.client_id, scp="x")

    assert refused(lambda: house.on_behalf(forger.token(claims, sign=lambda _: b"\0" * 256))).code == 50013
    assert refused(lambda: house.on_behalf(forger.token(claims, alg="none"))).code == 50013


def test_another_app_cannot_use_the_assertion(house: House) -> None:
    other, secret = house.apps.create("other")

    fault = refused(
        lambda: house.on_behalf(house.assertion(), client_id=other.client_id, client_secret=secret)
    )

    assert fault.code == 500131


def test_a_wrong_secret_is_told_before_the_assertion_is_looked_at(house: House) -> None:
    assert refused(lambda: house.on_behalf("nonsense", client_secret="wrong")).code == 7000215


@pytest.mark.parametrize(("use", "code"), [(..., 900144), ("", 900144), ("other", 90023)])
def test_the_use_of_the_assertion_must_be_said(house: House, use: Any, code: int) -> None:
    assert refused(lambda: house.on_behalf(house.assertion(), requested_token_use=use)).code == code


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        ("openid", 70011),
        (f"{CORE} {POWER_BI}", 28000),
        (f"{CORE_AUDIENCES[0]}/Nothing.All", 650053),
        ("User.Read", 500011),
    ],
)
def test_scopes_that_cannot_be_given_are_told(house: House, scope: str, code: int) -> None:
    assert refused(lambda: house.on_behalf(house.assertion(), scope)).code == code


def test_a_token_got_on_behalf_never_passes_for_fabric_s_at_a_workload(house: House) -> None:
    audience = resource_id(house.home, "Contoso.X")
    subject = house.on_behalf(house.assertion(), f"{audience}/{CONTROL_SCOPE}")["access_token"]
    app = house.issuer.subject_and_app("Contoso.X", "ada").split('appToken="')[1].rstrip('"')
    verifier = SubjectAndAppVerifier(house.keys, house.home, [audience], house.clock)

    with pytest.raises(TokenRefused, match="subjectToken is of app"):
        verifier.verify([f'SubjectAndAppToken1.0 subjectToken="{subject}", appToken="{app}"'], [house.home])


def test_an_id_token_says_who_it_is_and_opens_nothing(house: House) -> None:
    answer = house.on_behalf(house.assertion(), f"{CORE} openid profile", client_info="1")

    claims = verified(answer["id_token"], house.keys)
    assert (claims.aud, claims.oid, claims.ver) == (house.app.client_id, user_id(house.home, "ada"), "2.0")
    assert refused(lambda: house.on_behalf(answer["id_token"])).code == 7000114
    with pytest.raises(TokenRefused):
        house.principal({"access_token": answer["id_token"]})
    assert answer["client_info"]


# ---- refresh


def test_a_refresh_token_outlives_the_assertion_and_works_for_any_resource(house: House) -> None:
    first = house.on_behalf(house.assertion(), f"{CORE} offline_access")
    house.clock.move(days=80)

    second = house.renew(first["refresh_token"], "https://storage.azure.com/.default")

    claims = house.claims(second)
    assert (claims.oid, claims.upn, claims.aud) == (
        user_id(house.home, "ada"),
        "ada@weft.local",
        STORAGE_AUDIENCE,
    )
    house.clock.move(days=80)
    assert house.principal(house.renew(second["refresh_token"])).name == "ada"


def test_a_refresh_token_ends(house: House) -> None:
    token = house.on_behalf(house.assertion(), f"{CORE} offline_access")["refresh_token"]

    house.clock.move(seconds=LIFETIME.total_seconds())

    fault = refused(lambda: house.renew(token))
    assert (fault.error, fault.code) == ("invalid_grant", 700082)


def test_a_refresh_token_is_good_for_one_app_and_tenant(house: House) -> None:
    token = house.on_behalf(house.assertion(), f"{CORE} offline_access")["refresh_token"]
    other, secret = house.apps.create("other")

    theirs = refused(lambda: house.renew(token, client_id=other.client_id, client_secret=secret))
    elsewhere = refused(lambda: house.renew(token, tenant=OTHER_TENANT))

    assert (theirs.error, theirs.code, elsewhere.code) == ("invalid_grant", 9002313, 50020)


def test_an_app_registered_anew_cannot_use_the_refresh_tokens_of_the_one_before(house: House) -> None:
    token = house.on_behalf(house.assertion(), f"{CORE} offline_access")["refresh_token"]
    house.apps.delete("backend")
    _, secret = house.apps.create("backend", workload="Contoso.X")

    assert refused(lambda: house.renew(token, client_secret=secret)).code == 9002313


@pytest.mark.parametrize("token", ["x", "weft1.", "weft1.!!!", "weft1." + "A" * 5000, "é"])
def test_what_is_no_refresh_token_is_refused(house: House, token: str) -> None:
    assert refused(lambda: house.renew(token)).code == 9002313


def test_a_bent_refresh_token_is_refused(house: House) -> None:
    token = house.on_behalf(house.assertion(), f"{CORE} offline_access")["refresh_token"]
    middle = len(token) // 2
    bent = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]

    assert refused(lambda: house.renew(bent)).code == 9002313


def test_a_refresh_token_tells_nothing(house: House) -> None:
    token = house.on_behalf(house.assertion(), f"{CORE} offline_access")["refresh_token"]

    raw = base64.urlsafe_b64decode(token.removeprefix("weft1."))

    assert b"ada@weft.local" not in raw
    assert house.home.encode() not in raw
