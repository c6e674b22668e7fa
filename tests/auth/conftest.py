"""A data directory with keys, a clock that stands still, and a signer that can forge anything."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
CUSTOMER = "853d9f4f-c71b-4420-b6ec-60e503458946"


@dataclass
class StillClock:
    """Stands until it is moved."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def move(self, **how_far: float) -> None:
        self.at += timedelta(**how_far)


def seconds(at: datetime = NOW) -> int:
    return int(at.timestamp())


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


Sign = Callable[[bytes], bytes]


@dataclass
class Forger:
    """Signs what it is told to, with the real key unless told otherwise: it knows nothing of our code."""

    key: rsa.RSAPrivateKey
    kid: str
    header: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.header = {"typ": "JWT", "alg": "RS256", "kid": self.kid}

    def rs256(self, signing_input: bytes) -> bytes:
        return self.key.sign(signing_input, padding.PKCS1v15(), hashes.SHA256())

    def token(self, claims: object, *, sign: Sign | None = None, **header: object) -> str:
        """Return a token over *claims*; a header member given as `...` is left out."""
        members = {name: value for name, value in {**self.header, **header}.items() if value is not ...}
        return self.raw(json.dumps(members).encode(), json.dumps(claims).encode(), sign=sign)

    def raw(self, header: bytes, payload: bytes, *, sign: Sign | None = None) -> str:
        text = f"{base64url(header)}.{base64url(payload)}"
        return f"{text}.{base64url((sign or self.rs256)(text.encode()))}"


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def keys(data: Path) -> Keys:
    return Keys.open(data)


@pytest.fixture(scope="session")
def home(data: Path) -> Home:
    return Home.open(data)


@pytest.fixture(scope="session")
def forger(data: Path, keys: Keys) -> Forger:
    key = load_pem_private_key((data / "keys" / "signing.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return Forger(key, keys.kid)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def issuer(keys: Keys, clock: StillClock, home: Home) -> Issuer:
    return Issuer(keys, clock, home)


def claims_for(home: str, **changed: object) -> dict[str, Any]:
    """Return the claims of a good Core token; a claim given as `...` is left out."""
    claims: dict[str, object] = {
        "aud": "https://api.fabric.microsoft.com",
        "iss": f"https://sts.windows.net/{home}/",
        "tid": home,
        "oid": "2b6e3b6c-7a2c-4f5e-8f8e-6f3f0d7c9a11",
        "ver": "1.0",
        "iat": seconds(),
        "nbf": seconds(),
        "exp": seconds() + 3600,
        "scp": "Item.Read.All Item.Execute.All",
        "appid": "871c010f-5e61-4fb1-83ac-98610a7e9110",
        "name": "Ada",
    }
    return {name: value for name, value in {**claims, **changed}.items() if value is not ...}
