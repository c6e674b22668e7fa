"""Every way in which the two tokens of a call can be right or wrong: one table, a row is one request.

The order is that of contracts/workload.md 2: the headers, their grammar, the claims of the two tokens, their
places, and how they are signed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.auth.conftest import CUSTOMER, base64url, seconds
from tests.auth.two_tokens import SCHEME, USER, Forge, v2, written
from tests.faces.workload.house import FINANCE, OTHER
from weft.auth.subject_and_app import FABRIC_APP, FABRIC_CLIENT_FOR_WORKLOADS, resource_id

Headers = list[tuple[str, str]]
POWER_BI = "871c010f-5e61-4fb1-83ac-98610a7e9110"


Of = Callable[[Forge], Headers]


@dataclass(frozen=True)
class Case:
    """*ask* is a key of CALLS in the test. *of*: the headers that are shown, and no others."""

    name: str
    status: int
    of: Of
    ask: str = "create"


def shown(authorization: str, tenant: str = CUSTOMER) -> Headers:
    return [("Authorization", authorization), ("x-ms-client-tenant-id", tenant)]


def pair(subject: Mapping[str, Any] | None = None, app: Mapping[str, Any] | None = None) -> Of:
    return lambda f: shown(written(f.subject(**(subject or {})), f.app(**(app or {}))))


def for_tenant(tenant: str) -> Of:
    return lambda f: shown(written(f.subject(), f.app()), tenant)


def spelt(write: Callable[[str, str], str]) -> Of:
    return lambda f: shown(write(f.subject(), f.app()))


def app_alone(changed: Mapping[str, Any]) -> Of:
    return lambda f: shown(written("", f.app(**changed)))


def with_audience(place: str, audience: Callable[[Forge], str]) -> Of:
    return lambda f: pair(**{place: {"aud": audience(f)}})(f)


# ---- accepted


def good() -> Iterator[Case]:
    yield Case("both tokens are good", 202, pair())
    yield Case("read", 404, pair(), "get")
    yield Case("cancel", 200, pair(), "cancel")
    yield Case("make an item", 200, pair(), "make")
    yield Case(
        "the tenant is in upper case", 202, lambda f: shown(written(f.subject(), f.app()), CUSTOMER.upper())
    )
    yield Case("version 2 subject", 202, pair(v2(CUSTOMER)))
    yield Case("version 2 app", 202, lambda f: shown(written(f.subject(), f.app(**v2(f.publisher)))))
    other = {"appid": FABRIC_CLIENT_FOR_WORKLOADS}
    yield Case("the other app of Fabric", 202, pair(other, other))
    yield Case("more scopes", 202, pair({"scp": "Item1.Read.All FabricWorkloadControl"}))
    yield Case("more audiences", 202, lambda f: shown(
        written(f.subject(), f.app(aud=["x", resource_id(f.publisher, FINANCE)]))))  # fmt: skip
    yield Case("expired 59 s ago", 202, pair({"exp": seconds() - 59}, {"exp": seconds() - 59}))
    yield Case("begins in 59 s", 202, pair({"nbf": seconds() + 59}))
    yield Case("no subject at a delete", 200, lambda f: shown(written("", f.app())), "delete")
    yield Case("no subject at OnDeleteItem", 200, lambda f: shown(written("", f.app())), "OnDeleteItem")
    yield Case("no subject at a resolution", 200, lambda f: shown(written("", f.app())), "resolve")
    yield Case("no tenant at a resolution", 200, lambda f: shown(written("", f.app()))[:1], "resolve")
    yield Case("a subject and no tenant at a resolution", 200,
               lambda f: shown(written(f.subject(), f.app()))[:1], "resolve-endpoint")  # fmt: skip


# ---- 1, 2 and 3: the headers and their grammar


def headers() -> Iterator[Case]:
    yield Case("no headers", 401, lambda f: [])
    yield Case("no Authorization", 401, lambda f: shown("")[1:])
    yield Case("an empty Authorization", 401, lambda f: shown(""))
    yield Case(
        "two Authorizations", 401, lambda f: 2 * shown(written(f.subject(), f.app()))[:1] + shown("")[1:]
    )
    yield Case("no tenant", 401, lambda f: shown(written(f.subject(), f.app()))[:1])
    yield Case("two tenants", 401, lambda f: shown(written(f.subject(), f.app())) + shown("")[1:])
    for name, tenant in {
        "empty": "", "common": "common", "in braces": "{" + CUSTOMER + "}",
        "without hyphens": CUSTOMER.replace("-", ""), "of another": USER,
    }.items():  # fmt: skip
        yield Case(f"tenant {name}", 401, for_tenant(tenant))
    yield Case("a bearer token", 401, lambda f: shown(f"Bearer {f.app()}"))
    yield Case("no tenant at a delete", 401, lambda f: shown(written("", f.app()))[:1], "delete")
    yield Case(
        "a bad tenant at a resolution", 401, lambda f: shown(written("", f.app()), "common"), "resolve"
    )


GRAMMAR: dict[str, Callable[[str, str], str]] = {
    "scheme in lower case": lambda s, a: written(s, a).replace("Subject", "subject", 1),
    "scheme with another dot": lambda s, a: written(s, a).replace("1.0", "1x0"),
    "version 1.1": lambda s, a: written(s, a).replace("1.0", "1.1"),
    "no scheme": lambda s, a: written(s, a).removeprefix(SCHEME + " "),
    "two spaces after the scheme": lambda s, a: written(s, a).replace("1.0 ", "1.0  "),
    "a tab after the scheme": lambda s, a: written(s, a).replace("1.0 ", "1.0\t"),
    "two spaces after the comma": lambda s, a: written(s, a).replace(", ", ",  "),
    "no space after the comma": lambda s, a: written(s, a).replace(", ", ","),
    "no comma": lambda s, a: written(s, a).replace(", ", " "),
    "swapped order": lambda s, a: f'{SCHEME} appToken="{a}", subjectToken="{s}"',
    "a field more": lambda s, a: written(s, a) + ', x="y"',
    "a quote less": lambda s, a: written(s, a)[:-1],
    "no quotes": lambda s, a: written(s, a).replace('"', ""),
    "single quotes": lambda s, a: written(s, a).replace('"', "'"),
    "names in another case": lambda s, a: written(s, a).replace("subjectToken", "SubjectToken"),
    "no app token": lambda s, a: written(s, ""),
    "only a subject": lambda s, a: f'{SCHEME} subjectToken="{s}"',
    "only an app": lambda s, a: f'{SCHEME} appToken="{a}"',
    "padded": lambda s, a: written(s, a + "="),
    "not a JWT": lambda s, a: written("x" + s, a),
    "a byte beyond ASCII": lambda s, a: written(s + "\u00e9", a),
    "30 kB": lambda s, a: f'{SCHEME} subjectToken="eyJ' + "a" * 30_000,
}


def grammar() -> Iterator[Case]:
    for name, write in GRAMMAR.items():
        yield Case(f"grammar: {name}", 401, spelt(write))
    yield Case("grammar: 100 kB", 431, lambda f: shown("a" * 100_000))


# ---- 5 to 12: the claims

BOTH: dict[str, dict[str, Any]] = {
    "has no exp": {"exp": ...},
    "has exp as text": {"exp": str(seconds() + 60)},
    "has exp in the far future": {"exp": 10**18},
    "expired 61 s ago": {"exp": seconds() - 61},
    "begins in 120 s": {"nbf": seconds() + 120},
    "is issued in an hour": {"iat": seconds() + 3600},
    "has no oid": {"oid": ...},
    "has no tid": {"tid": ...},
    "has no appid": {"appid": ...},
    "has azp in version 1": {"appid": ..., "azp": FABRIC_APP},
    "has no version": {"ver": ...},
    "has version 3.0": {"ver": "3.0"},
    "has no audience": {"aud": ...},
    "is for Core": {"aud": "https://api.fabric.microsoft.com"},
    "is for storage": {"aud": "https://storage.azure.com"},
    "has an issuer of another tenant": {"iss": f"https://sts.windows.net/{USER}/"},
    "has an issuer with more": {"iss": f"https://sts.windows.net/{CUSTOMER}/evil"},
    "has version 2's issuer in version 1": {"iss": f"https://login.microsoftonline.com/{CUSTOMER}/v2.0"},
    "is of an app that is not Fabric's": {"appid": POWER_BI},
}
APP: dict[str, dict[str, Any]] = {
    "is no app's": {"idtyp": ...},
    "is a user's": {"idtyp": "user"},
    "has a scope": {"scp": "FabricWorkloadControl"},
    "has an empty scope": {"scp": ""},
    "is of the customer's tenant": {"tid": CUSTOMER, "iss": f"https://sts.windows.net/{CUSTOMER}/"},
}
SUBJECT: dict[str, dict[str, Any]] = {
    "is an app's": {"idtyp": "app"},
    "has no scope": {"scp": ...},
    "has another scope": {"scp": "Item1.ReadWrite.All"},
    "has a longer scope": {"scp": "FabricWorkloadControl.All"},
    "has the scope in lower case": {"scp": "fabricworkloadcontrol"},
    "is of the other app of Fabric": {"appid": FABRIC_CLIENT_FOR_WORKLOADS},
    "is of another tenant": {"tid": USER, "iss": f"https://sts.windows.net/{USER}/"},
}


def claims() -> Iterator[Case]:
    for name, changed in (BOTH | APP).items():
        yield Case(f"the app token {name}", 401, pair(app=changed))
        yield Case(f"without a subject, the app token {name}", 401,
                   app_alone(changed), "delete")  # fmt: skip
    for name, changed in (BOTH | SUBJECT).items():
        yield Case(f"the subject token {name}", 401, pair(changed))
    for ask in ("delete", "OnDeleteItem", "resolve"):
        yield Case(f"a subject that has expired, at {ask}", 401, pair({"exp": seconds() - 61}), ask)
    for place in ("app", "subject"):
        yield Case(f"the {place} token is for another workload", 401,
                   with_audience(place, _theirs))  # fmt: skip
        yield Case(f"the audience of the {place} token has a slash at the end", 401,
                   with_audience(place, lambda f: _ours(f) + "/"))  # fmt: skip
    for ask in ("create", "get", "cancel", "make", "delete", "OnDeleteItem"):
        yield Case(f"both tokens are for another workload, at {ask}", 401,
                   lambda f: pair({"aud": _theirs(f)}, {"aud": _theirs(f)})(f), ask)  # fmt: skip


def _ours(f: Forge) -> str:
    return resource_id(f.publisher, FINANCE)


def _theirs(f: Forge) -> str:
    return resource_id(f.publisher, OTHER)


# ---- the two in each other's place


def places() -> Iterator[Case]:
    yield Case("swapped", 401, lambda f: shown(written(f.app(), f.subject())))
    yield Case("the app token twice", 401, lambda f: shown(written(f.app(), f.app())))
    yield Case("the subject token twice", 401, lambda f: shown(written(f.subject(), f.subject())))
    yield Case("the subject token as the app's, at a delete", 401,
               lambda f: shown(written("", f.subject())), "delete")  # fmt: skip
    for ask in ("create", "get", "cancel", "make", "update", "payload", "OnCreateItem", "OnRestoreItem",
                "onGetJobInstanceStatus"):  # fmt: skip
        yield Case(f"no subject at {ask}", 401, lambda f: shown(written("", f.app())), ask)


# ---- algorithms and keys

_STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_CURVE = ec.generate_private_key(ec.SECP256R1())


def _pem(f: Forge) -> bytes:
    return f.forger.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


SIGNED: dict[str, Callable[[Forge], tuple[dict[str, Any], Callable[[bytes], bytes] | None]]] = {
    "alg none": lambda f: ({"alg": "none"}, lambda _: b""),
    "alg nOnE": lambda f: ({"alg": "nOnE"}, lambda _: b""),
    "no alg": lambda f: ({"alg": ...}, None),
    "HS256 with our public key": lambda f: (
        {"alg": "HS256"}, lambda text: hmac.new(_pem(f), text, hashlib.sha256).digest(),
    ),
    "RS384": lambda f: (
        {"alg": "RS384"}, lambda t: f.forger.key.sign(t, padding.PKCS1v15(), hashes.SHA384()),
    ),
    "PS256": lambda f: (
        {"alg": "PS256"},
        lambda t: f.forger.key.sign(t, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
    ),
    "ES256": lambda f: ({"alg": "ES256"}, lambda t: _CURVE.sign(t, ec.ECDSA(hashes.SHA256()))),
    "another key": lambda f: ({}, lambda t: _STRANGER.sign(t, padding.PKCS1v15(), hashes.SHA256())),
    "no signature": lambda f: ({}, lambda _: b""),
    "an unknown kid": lambda f: ({"kid": "unknown"}, None),
    "no kid": lambda f: ({"kid": ...}, None),
    "a kid that is a path": lambda f: ({"kid": "../../dev/null"}, None),
    "a kid that is SQL": lambda f: ({"kid": "' OR 1=1 --"}, None),
    "jku": lambda f: ({"jku": "https://127.0.0.1:9/keys"}, None),
    "x5u": lambda f: ({"x5u": "https://127.0.0.1:9/cert"}, None),
    "jwk": lambda f: ({"jwk": {"kty": "oct", "k": "AA"}}, None),
    "crit": lambda f: ({"crit": ["weft"], "weft": 1}, None),
    "b64 false": lambda f: ({"b64": False, "crit": ["b64"]}, None),
}  # fmt: skip


def signed() -> Iterator[Case]:
    for name, how in SIGNED.items():

        def of_app(f: Forge, how: Any = how) -> Headers:
            header, sign = how(f)
            return shown(written(f.subject(), f.app(header, sign)))

        def of_subject(f: Forge, how: Any = how) -> Headers:
            header, sign = how(f)
            return shown(written(f.subject(header, sign), f.app()))

        yield Case(f"the app token is signed with {name}", 401, of_app)
        yield Case(f"the subject token is signed with {name}", 401, of_subject)
    yield Case("a claim was changed after signing", 401, _changed)


def _changed(f: Forge) -> Headers:
    head, _, signature = f.subject().split(".")
    other = base64url(json.dumps(f.claims(CUSTOMER, oid=CUSTOMER, scp="FabricWorkloadControl")).encode())
    return shown(written(f"{head}.{other}.{signature}", f.app()))


CASES = [*good(), *headers(), *grammar(), *claims(), *places(), *signed()]
