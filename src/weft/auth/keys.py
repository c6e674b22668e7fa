"""The key that signs local tokens, and the secret beside it: made once, kept in the data directory."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from msgspec import json

from weft.auth.errors import DataRefused
from weft.auth.private_files import made_once, private_directory

ALGORITHM: Final = "RS256"
KEY_BITS: Final = 2048
LONGEST_KID: Final = 256
SECRET_BYTES: Final = 32


class Keys:
    """One RSA key, named by its thumbprint (RFC 7638), and 32 random bytes for what only we must read."""

    def __init__(self, key: RSAKey, secret: bytes) -> None:
        self.secret = secret
        self.kid = key.thumbprint()
        self._key = key
        self._public = RSAKey.import_key(key.as_dict(private=False, kid=self.kid, use="sig", alg=ALGORITHM))

    @classmethod
    def open(cls, data: Path) -> Self:
        """Return the keys of the data directory, made now if there are none; raises DataRefused."""
        directory = private_directory(private_directory(data) / "keys")
        pem = directory / "signing.pem"
        secret = directory / "secret"
        return cls(_loaded(pem, made_once(pem, _new_key)), _whole(secret, made_once(secret, _new_secret)))

    def sign(self, claims: Mapping[str, Any], *, header: Mapping[str, Any] | None = None) -> str:
        """Return a compact JWS over *claims*; members of *header* replace our own."""
        protected = {"typ": "JWT", "alg": ALGORITHM, "kid": self.kid, **(header or {})}
        return jws.serialize_compact(protected, json.encode(claims), self._key, algorithms=[ALGORITHM])

    @property
    def generation(self) -> int:
        """Of these keys none is ever taken away."""
        return 0

    def public(self, kid: object) -> RSAKey | None:
        """Return the key to verify with: a look-up in what we know, never a file name, address or query."""
        return self._public if kid == self.kid else None

    async def refreshed(self) -> bool:
        """Return False: there are no news of our own keys."""
        return False

    def jwks(self) -> dict[str, Any]:
        """Return the public key set as published at the issuer's `discovery/v2.0/keys`."""
        return {"keys": [self._public.as_dict(private=False)]}


def _new_key() -> bytes:
    return RSAKey.generate_key(KEY_BITS, auto_kid=False).as_pem(private=True)


def _new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def _loaded(path: Path, pem: bytes) -> RSAKey:
    try:
        key = RSAKey.import_key(pem)
    except (JoseError, ValueError, TypeError):
        raise DataRefused(f"{path} holds no RSA key; move it away and a new one is made") from None
    if not key.is_private or key.private_key is None or key.private_key.key_size < KEY_BITS:
        raise DataRefused(f"{path} holds no private RSA key of at least {KEY_BITS} bits")
    return key


def _whole(path: Path, secret: bytes) -> bytes:
    if len(secret) != SECRET_BYTES:
        raise DataRefused(f"{path} must hold {SECRET_BYTES} bytes; move it away and a new one is made")
    return secret
