"""Bearer tokens: the cases S17 to S32 of the security list, each with a token made by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.auth.conftest import CUSTOMER, Forger, StillClock, base64url, claims_for, seconds
from weft.auth.bearer import BearerVerifier
from weft.auth.errors import TokenFault, TokenRefused
from weft.auth.home import Home
from weft.auth.issuer import CORE_AUDIENCES, Issuer, app_object_id, user_id
from weft.auth.keys import Keys
from weft.auth.tokens import LONGEST_TOKEN, Remembered
from weft.catalog.model import Principal


@pytest.fixture
def verifier(keys: Keys, clock: StillClock) -> BearerVerifier:
    return BearerVerifier(keys, CORE_AUDIENCES, clock)


def refused(verifier: BearerVerifier, *authorization: str) -> TokenFault:
    with pytest.raises(TokenRefused) as raised:
        verifier.verify(authorization)
    return raised.value.code


def bearer(token: str) -> str:
    return f"Bearer {token}"


# What is accepted


def test_a_user_is_known_by_tenant_object_id_name_and_scopes(
    verifier: BearerVerifier, forger: Forger, home: Home
) -> None:
    principal = verifier.verify([bearer(forger.token(claims_for(home.tenant)))])

    assert principal == Principal(
        id="2b6e3b6c-7a2c-4f5e-8f8e-6f3f0d7c9a11",
        tenant=home.tenant,
        name="Ada",
        is_app=False,
        scopes=frozenset({"Item.Read.All", "Item.Execute.All"}),
    )


def test_an_app_has_no_scopes(verifier: BearerVerifier, forger: Forger, home: Home) -> None:
    claims = claims_for(home.tenant, scp=..., idtyp="app", name=..., app_displayname="pipeline")

    principal = verifier.verify([bearer(forger.token(claims))])

    assert (principal.is_app, principal.scopes, principal.name) == (True, frozenset(), "pipeline")


@pytest.mark.parametrize(
    ("changed", "upn", "client_id"),
    [
        ({"upn": "ada@contoso.com", "unique_name": "other"}, "ada@contoso.com", ""),
        ({"unique_name": "ada@contoso.com"}, "ada@contoso.com", ""),
        ({"preferred_username": "ada@contoso.com"}, "ada@contoso.com", ""),
        ({}, "", ""),
        ({"scp": ..., "idtyp": "app", "upn": "no@one"}, "", "871c010f-5e61-4fb1-83ac-98610a7e9110"),
        ({"scp": ..., "idtyp": "app", "appid": ...}, "", ""),
    ],
)
def test_a_user_is_known_by_the_sign_in_name_and_an_app_by_its_client_id(
    verifier: BearerVerifier, forger: Forger, home: Home, changed: dict[str, Any], upn: str, client_id: str
) -> None:
    principal = verifier.verify([bearer(forger.token(claims_for(home.tenant, **changed)))])

    assert (principal.upn, principal.client_id) == (upn, client_id)


def good(home: str) -> dict[str, dict[str, Any]]:
    return {
        "the other Core audience": claims_for(home, aud="https://analysis.windows.net/powerbi/api"),
        "an audience list that holds ours": claims_for(home, aud=["https://x.example", CORE_AUDIENCES[0]]),
        "version 2.0": claims_for(
            home,
            ver="2.0",
            iss=f"https://login.microsoftonline.com/{home}/v2.0",
            appid=...,
            azp="871c010f-5e61-4fb1-83ac-98610a7e9110",
        ),
        "another tenant of ours": claims_for(CUSTOMER),
        "expired 59 s ago": claims_for(home, exp=seconds() - 59),
        "valid in 60 s": claims_for(home, nbf=seconds() + 60, iat=seconds() + 60),
        "a claim we do not know": claims_for(home, xms_cc=["CP1"], wids=[]),
        "no client": claims_for(home, appid=...),
    }


@pytest.mark.parametrize("case", good(CUSTOMER))
def test_a_token_is_accepted_with(case: str, verifier: BearerVerifier, forger: Forger, home: Home) -> None:
    claims = good(home.tenant)[case]

    assert verifier.verify([bearer(forger.token(claims))]).tenant == claims["tid"]


# The header (S17, S18)


def test_no_header_is_a_missing_token(verifier: BearerVerifier) -> None:
    assert refused(verifier) is TokenFault.MISSING


@pytest.mark.parametrize(
    "write",
    [
        lambda token: "",
        lambda token: "Bearer",
        lambda token: "Bearer ",
        lambda token: token,
        lambda token: f"bearer {token}",
        lambda token: f"BEARER {token}",
        lambda token: f"Bearer  {token}",
        lambda token: f"Bearer\t{token}",
        lambda token: f" Bearer {token}",
        lambda token: f"Bearer {token} ",
        lambda token: f"Bearer {token},Bearer {token}",
        lambda token: f'Bearer "{token}"',
        lambda token: f"Basic {token}",
        lambda token: f"Bearer {token}\n",
        lambda token: f"Bearer {token}=",
        lambda token: f"Bearer {token}.",
        lambda token: f"Bearer {token[:-1]}\N{FULLWIDTH LATIN SMALL LETTER A}",
        lambda token: f"Bearer {token.rpartition('.')[0]}",
        lambda token: f"Bearer {token.rpartition('.')[0]}.",
        lambda token: "Bearer " + ".".join(token.split(".")[1:]),
        lambda token: "Bearer eyJ.eyJ.eyJ",
        lambda token: "Bearer é.ü.ö",
    ],
)
def test_only_the_exact_header_is_read(
    write: Callable[[str], str], verifier: BearerVerifier, forger: Forger, home: Home
) -> None:
    assert refused(verifier, write(forger.token(claims_for(home.tenant)))) is TokenFault.INVALID


def test_two_headers_are_refused_even_if_both_are_good(
    verifier: BearerVerifier, forger: Forger, home: Home
) -> None:
    value = bearer(forger.token(claims_for(home.tenant)))

    assert refused(verifier, value, value) is TokenFault.INVALID


def test_a_header_of_a_megabyte_is_refused_at_once(verifier: BearerVerifier) -> None:
    begin = time.perf_counter()

    assert refused(verifier, bearer("a" * 1_000_000)) is TokenFault.INVALID
    assert refused(verifier, bearer("eyJ." * 250_000)) is TokenFault.INVALID
    assert time.perf_counter() - begin < 0.1


def test_a_signed_token_over_the_size_limit_is_refused(
    verifier: BearerVerifier, forger: Forger, home: Home
) -> None:
    token = forger.token(claims_for(home.tenant, padding="x" * LONGEST_TOKEN))

    assert refused(verifier, bearer(token)) is TokenFault.INVALID


# Algorithms and keys (S19 to S25)


@pytest.mark.parametrize("name", ["none", "nOnE", "None", "NONE", ""])
def test_an_unsigned_token_is_refused(
    name: str, verifier: BearerVerifier, forger: Forger, home: Home
) -> None:
    claims = claims_for(home.tenant)
    unsigned = forger.token(claims, sign=lambda _: b"", alg=name)
    signed = forger.token(claims, alg=name)

    assert refused(verifier, bearer(unsigned)) is TokenFault.INVALID
    assert refused(verifier, bearer(signed)) is TokenFault.INVALID


def test_a_public_key_is_no_shared_secret(verifier: BearerVerifier, forger: Forger, home: Home) -> None:
    public = forger.key.public_key()
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps({"kty": "RSA", "kid": forger.kid}).encode(),
        b"",
    ]

    for secret in secrets:
        for name, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512), ("RS256", hashlib.sha256)):

            def mac(text: bytes, secret: bytes = secret, digest: Any = digest) -> bytes:
                return hmac.new(secret, text, digest).digest()

            token = forger.token(claims_for(home.tenant), sign=mac, alg=name)
            assert refused(verifier, bearer(token)) is TokenFault.INVALID


@pytest.mark.parametrize(
    "name", ["RS384", "RS512", "PS256", "rs256", "RS256 ", "ES256", "HS256", 256, None, ["RS256"], {}]
)
def test_no_other_algorithm_is_read_even_with_a_right_signature(
    name: object, verifier: BearerVerifier, forger: Forger, home: Home
) -> None:
    assert refused(verifier, bearer(forger.token(claims_for(home.tenant), alg=name))) is TokenFault.INVALID


def test_our_key_under_another_algorithm_is_refused(
    verifier: BearerVerifier, forger: Forger, home: Home
) -> None:
    def rs384(text: bytes) -> bytes:
        return forger.key.sign(text, padding.PKCS1v15(), hashes.SHA384())

    def ps256(text: bytes) -> bytes:
        return forger.key.sign(text, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())

    for name, sign in (("RS384", rs384), ("RS256", rs384), ("PS256", ps256), ("RS256", ps256)):
        token = forger.token(claims_for(home.tenant), sign=sign, alg=name)
        assert refused(verifier, bearer(token)) is TokenFault.INVALID


def test_another_key_under_our_name_is_refused(verifier: BearerVerifier, forger: Forger, home: Home) -> None:
    stranger = Forger(rsa.generate_private_key(65537, 2048), forger.kid)

    assert refused(verifier, bearer(stranger.token(claims_for(home.tenant)))) is TokenFault.INVALID


def test_an_elliptic_key_is_refused(verifier: BearerVerifier, forger: Forger, home: Home) -> None:
    key = ec.generate_private_key(ec.SECP256R1())

    token = forger.token(
        claims_for(home.tenant), sign=lambda text: key.sign(text, ec.ECDSA(hashes.SHA256())), alg="ES256"
    )

    assert refused(verifier, bearer(token)) is TokenFault.INVALID


@pytest.mark.parametrize(
    "kid",
    [
        ...,
        None,
        "",
        "unknown",
        "../../dev/null",
        "/dev/null",
        "' OR 1=1 --",
        "\0",
        "x" * 10_000,
        "https://evil.example/key",
        0,
        True,
        ["kid"],
        {"kid": 1},
    ],
)
def test_a_key_is_only_found_by_its_own_name(
    kid: object, verifier: BearerVerifier, forger: Forger, home: Home
) -> None:
    assert refused(verifier, bearer(forger.token(claims_for(home.tenant), kid=kid))) is TokenFault.INVALID


def test_the_key_s_name_in_a_list_or_another_case_is_unknown(
    verifier: BearerVerifier, forger: Forger, home: Home
) -> None:
    for kid in ([forger.kid], forger.kid.swapcase(), forger.kid + " ", forger.kid + "\0"):
        token = forger.token(claims_for(home.tenant), kid=kid)
        assert refused(verifier, bearer(token)) is TokenFault.INVALID


@pytest.mark.parametrize(
    "header",
    [
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["MIIB"]},
        {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}},
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"b64": True},
        {"crit": ["unknown"], "unknown": 1},
        {"unknown": 1},
        {"typ": 7},
    ],
)
def test_a_header_that_steers_the_check_is_refused_under_a_right_signature(
    header: dict[str, Any], verifier: BearerVerifier, forger: Forger, home: Home
) -> None:
    assert refused(verifier, bearer(forger.token(claims_for(home.tenant), **header))) is TokenFault.INVALID


@pytest.mark.parametrize(
    "header",
    [b"", b"{", b"[]", b"null", b'"RS256"', b"5", b"\xff\xfe", b"[" * 5000, b'{"alg":"RS256"}', b"{}"],
)
def test_a_header_that_is_no_object_is_refused(
    header: bytes, verifier: BearerVerifier, forger: Forger, home: Home
) -> None:
    token = forger.raw(header, json.dumps(claims_for(home.tenant)).encode())

    assert refused(verifier, bearer(token)) is TokenFault.INVALID


def test_a_changed_claim_breaks_the_signature(verifier: BearerVerifier, forger: Forger, home: Home) -> None:
    header, _, signature = forger.token(claims_for(home.tenant)).split(".")
    changed = base64url(json.dumps(claims_for(home.tenant, name="Eve")).encode())

    assert refused(verifier, bearer(f"{header}.{changed}.{signature}")) is TokenFault.INVALID


# Claims (S26 to S32)


def bad(home: str) -> dict[str, dict[str, Any]]:
    v1, v2 = f"https://sts.windows.net/{home}/", f"https://login.microsoftonline.com/{home}/v2.0"
    audience = CORE_AUDIENCES[0]
    return {
        "exp missing": claims_for(home, exp=...),
        "exp null": claims_for(home, exp=None),
        "exp string": claims_for(home, exp=str(seconds() + 3600)),
        "exp true": claims_for(home, exp=True),
        "exp fraction": claims_for(home, exp=seconds() + 3600.5),
        "exp 10^18": claims_for(home, exp=10**18),
        "exp 10^30": claims_for(home, exp=10**30),
        "exp 1e300": claims_for(home, exp=1e300),
        "exp negative": claims_for(home, exp=-1),
        "exp list": claims_for(home, exp=[seconds() + 3600]),
        "nbf missing": claims_for(home, nbf=...),
        "nbf string": claims_for(home, nbf=str(seconds())),
        "nbf in 61 s": claims_for(home, nbf=seconds() + 61),
        "nbf in 120 s": claims_for(home, nbf=seconds() + 120),
        "nbf negative": claims_for(home, nbf=-(10**12)),
        "iat missing": claims_for(home, iat=...),
        "iat string": claims_for(home, iat=str(seconds())),
        "iat in an hour": claims_for(home, iat=seconds() + 3600),
        "iat in 61 s": claims_for(home, iat=seconds() + 61),
        "aud missing": claims_for(home, aud=...),
        "aud null": claims_for(home, aud=None),
        "aud empty": claims_for(home, aud=[]),
        "aud other": claims_for(home, aud="https://storage.azure.com"),
        "aud with a slash": claims_for(home, aud=audience + "/"),
        "aud upper case": claims_for(home, aud=audience.upper()),
        "aud prefix": claims_for(home, aud=audience[:-1]),
        "aud list of others": claims_for(home, aud=["https://storage.azure.com", audience + "/"]),
        "aud list of lists": claims_for(home, aud=[[audience]]),
        "aud object": claims_for(home, aud={audience: 1}),
        "aud of Twins": claims_for(home, aud="https://digitaltwins.azure.net"),
        "aud of a workload": claims_for(home, aud=f"api://localdevinstance/{home}/Contoso.X"),
        "iss missing": claims_for(home, iss=...),
        "iss of another tenant": claims_for(home, iss=f"https://sts.windows.net/{CUSTOMER}/"),
        "iss v2 with ver 1.0": claims_for(home, iss=v2),
        "iss v1 with ver 2.0": claims_for(home, ver="2.0"),
        "iss without slash": claims_for(home, iss=v1[:-1]),
        "iss upper case": claims_for(home, iss=v1.upper()),
        "iss longer": claims_for(home, iss=v1 + "x"),
        "iss embedded": claims_for(home, iss=f"https://evil.example/?{v1}"),
        "iss list": claims_for(home, iss=[v1]),
        "tid missing": claims_for(home, tid=...),
        "tid other": claims_for(home, tid=CUSTOMER),
        "tid upper case": claims_for(home, tid=CUSTOMER.upper(), iss=f"https://sts.windows.net/{CUSTOMER.upper()}/"),
        "tid no id": claims_for(home, tid="common", iss="https://sts.windows.net/common/"),
        "tid empty": claims_for(home, tid="", iss="https://sts.windows.net//"),
        "oid missing": claims_for(home, oid=...),
        "oid no id": claims_for(home, oid="admin"),
        "oid upper case": claims_for(home, oid="2B6E3B6C-7A2C-4F5E-8F8E-6F3F0D7C9A11"),
        "oid number": claims_for(home, oid=7),
        "ver missing": claims_for(home, ver=...),
        "ver 3.0": claims_for(home, ver="3.0"),
        "ver number": claims_for(home, ver=1.0),
        "an id token": claims_for(home, scp=..., nonce="n"),
        "scp empty": claims_for(home, scp=""),
        "scp blank": claims_for(home, scp="  "),
        "scp list": claims_for(home, scp=["Item.Read.All"]),
        "an app with scp": claims_for(home, idtyp="app"),
        "an app with empty scp": claims_for(home, idtyp="app", scp=""),
        "idtyp unknown": claims_for(home, idtyp="device"),
        "idtyp App": claims_for(home, idtyp="App", scp=...),
    }  # fmt: skip


@pytest.mark.parametrize("case", bad(CUSTOMER))
def test_a_token_is_refused_with(case: str, verifier: BearerVerifier, forger: Forger, home: Home) -> None:
    assert refused(verifier, bearer(forger.token(bad(home.tenant)[case]))) is TokenFault.INVALID


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"iss": "\xff"}', b"[" * 3000, b'{"exp": NaN}', b'"aaaaaaaaaaaa"'],
)
def test_claims_that_are_no_object_are_refused(
    payload: bytes, verifier: BearerVerifier, forger: Forger
) -> None:
    token = forger.raw(json.dumps(forger.header).encode(), payload)

    assert refused(verifier, bearer(token)) is TokenFault.INVALID


@pytest.mark.parametrize("ago", [60, 61, 3600, 10**9])
def test_a_token_past_its_end_is_expired(
    ago: int, verifier: BearerVerifier, forger: Forger, home: Home
) -> None:
    token = forger.token(claims_for(home.tenant, exp=seconds() - ago))

    assert refused(verifier, bearer(token)) is TokenFault.EXPIRED


def test_expired_is_only_said_of_a_token_that_was_good(
    verifier: BearerVerifier, forger: Forger, home: Home
) -> None:
    past = seconds() - 3600
    forged = forger.token(claims_for(home.tenant, exp=past), sign=lambda _: b"x" * 256)
    foreign = forger.token(claims_for(home.tenant, exp=past, aud="https://storage.azure.com"))

    assert refused(verifier, bearer(forged)) is TokenFault.INVALID
    assert refused(verifier, bearer(foreign)) is TokenFault.INVALID


# Remembering


def test_a_remembered_token_expires_on_time(
    verifier: BearerVerifier, forger: Forger, home: Home, clock: StillClock
) -> None:
    value = bearer(forger.token(claims_for(home.tenant, exp=seconds() + 100)))
    first = verifier.verify([value])

    clock.move(seconds=159)
    again = verifier.verify([value])
    clock.move(seconds=1)

    assert again is first
    assert refused(verifier, value) is TokenFault.EXPIRED
    assert refused(verifier, value) is TokenFault.EXPIRED


def test_a_refused_token_is_not_remembered(
    verifier: BearerVerifier, forger: Forger, home: Home, clock: StillClock
) -> None:
    value = bearer(forger.token(claims_for(home.tenant, nbf=seconds() + 120)))
    assert refused(verifier, value) is TokenFault.INVALID

    clock.move(seconds=60)

    assert verifier.verify([value]).name == "Ada"


def test_what_is_remembered_is_bounded_and_the_least_used_goes_first(clock: StillClock) -> None:
    remembered: Remembered[str] = Remembered(size=2)
    later = clock.now() + timedelta(seconds=1)

    for key in ("a", "b"):
        remembered.put(key, key.upper(), later)
    remembered.get("a", clock.now())
    remembered.put("c", "C", later)

    assert [remembered.get(key, clock.now()) for key in "abc"] == ["A", None, "C"]
    assert len(remembered) == 2


def test_what_has_ended_is_forgotten(clock: StillClock) -> None:
    remembered: Remembered[str] = Remembered()
    remembered.put("a", "A", clock.now() + timedelta(seconds=1))

    clock.move(seconds=1)

    assert remembered.get("a", clock.now()) is None
    assert len(remembered) == 0


# The issuer's own tokens


def test_our_own_user_token_has_all_scopes_of_core(
    verifier: BearerVerifier, issuer: Issuer, home: Home
) -> None:
    principal = verifier.verify([bearer(issuer.core_token("admin"))])

    assert (principal.id, principal.tenant, principal.name) == (
        user_id(home.tenant, "admin"),
        home.tenant,
        "admin",
    )
    assert {"Item.Execute.All", "Item.ReadWrite.All", "Workspace.ReadWrite.All"} <= principal.scopes


def test_our_own_token_carries_what_is_asked(verifier: BearerVerifier, issuer: Issuer) -> None:
    token = issuer.core_token("eve", CUSTOMER, ["Item.Read.All"], audience=CORE_AUDIENCES[1])

    principal = verifier.verify([bearer(token)])

    assert (principal.id, principal.tenant) == (user_id(CUSTOMER, "eve"), CUSTOMER)
    assert principal.scopes == {"Item.Read.All"}


def test_an_app_and_a_user_of_one_name_are_two_principals(
    verifier: BearerVerifier, issuer: Issuer, home: Home
) -> None:
    principal = verifier.verify([bearer(issuer.core_token("admin", app=True))])

    assert (principal.is_app, principal.name) == (True, "admin")
    assert principal.id == app_object_id(home.tenant, "admin") != user_id(home.tenant, "admin")


def test_our_own_token_lives_as_long_as_is_asked(
    verifier: BearerVerifier, issuer: Issuer, clock: StillClock
) -> None:
    value = bearer(issuer.core_token("admin", lifetime=timedelta(seconds=10)))

    clock.move(seconds=69)
    verifier.verify([value])
    clock.move(seconds=1)

    assert refused(verifier, value) is TokenFault.EXPIRED


def test_a_token_for_twins_is_none_for_core(
    verifier: BearerVerifier, issuer: Issuer, keys: Keys, clock: StillClock
) -> None:
    value = bearer(issuer.twins_token("admin"))

    assert refused(verifier, value) is TokenFault.INVALID
    twins = BearerVerifier(keys, ("https://digitaltwins.azure.net",), clock)
    assert twins.verify([value]).scopes == {"Read.Write"}


def test_a_core_token_has_the_claims_clients_read(issuer: Issuer, home: Home) -> None:
    payload = issuer.core_token("admin").split(".")[1]

    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))

    assert claims["iss"] == f"https://sts.windows.net/{home.tenant}/"
    assert (claims["ver"], claims["aud"]) == ("1.0", "https://api.fabric.microsoft.com")
    assert claims["exp"] - claims["iat"] == 3600
    assert {"oid", "tid", "sub", "upn", "unique_name", "name", "scp", "appid", "nbf"} <= claims.keys()


def test_the_public_documents_name_entra_s_issuer_and_our_addresses(issuer: Issuer, home: Home) -> None:
    here = f"http://127.0.0.1:7431/issuer/{home.tenant}"

    document = issuer.discovery("http://127.0.0.1:7431", home.tenant)

    assert document["issuer"] == f"https://login.microsoftonline.com/{home.tenant}/v2.0"
    assert document["jwks_uri"] == f"{here}/discovery/v2.0/keys"
    assert document["token_endpoint"] == f"{here}/oauth2/v2.0/token"
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]


def test_the_key_set_holds_the_public_half_only(issuer: Issuer, keys: Keys) -> None:
    (key,) = issuer.jwks()["keys"]

    assert key.keys() == {"kty", "kid", "use", "alg", "n", "e"}
    assert (key["kid"], key["alg"], key["use"]) == (keys.kid, "RS256", "sig")
