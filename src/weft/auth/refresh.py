"""Refresh tokens: opaque and sealed, good for one app and one person, until they end."""

from __future__ import annotations

import base64
import hmac
import os
from datetime import datetime, timedelta
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from weft.auth.apps import RegisteredApp
from weft.auth.issuer import Delegate

LIFETIME: Final = timedelta(days=90)
LONGEST: Final = 4096

_PREFIX: Final = "weft1."
_NONCE_BYTES: Final = 12


class RefreshRefused(Exception):
    """A refresh token that we did not give to this app, or that has ended."""

    def __init__(self, *, has_ended: bool) -> None:
        super().__init__("it has ended" if has_ended else "it was not given to this app")
        self.has_ended = has_ended


class _Content(msgspec.Struct, frozen=True, array_like=True):
    tenant: str
    user: str
    name: str
    upn: str
    ends: int


class RefreshTokens:
    """*secret* is the server's, which is there for other things as well."""

    def __init__(self, secret: bytes) -> None:
        self._box = AESGCM(hmac.digest(secret, b"refresh tokens of the local issuer", "sha256"))

    def give(self, app: RegisteredApp, person: Delegate, now: datetime) -> str:
        ends = int((now + LIFETIME).timestamp())
        content = _Content(person.tenant, person.user, person.name, person.upn, ends)
        nonce = os.urandom(_NONCE_BYTES)
        box = self._box.encrypt(nonce, msgspec.json.encode(content), _owner(app))
        return _PREFIX + base64.urlsafe_b64encode(nonce + box).decode()

    def take(self, app: RegisteredApp, token: str, now: datetime) -> Delegate:
        """Return for whom the token was given to *app*. Raises RefreshRefused."""
        content = self._opened(app, token)
        if content.ends <= now.timestamp():
            raise RefreshRefused(has_ended=True)
        return Delegate(tenant=content.tenant, user=content.user, name=content.name, upn=content.upn)

    def _opened(self, app: RegisteredApp, token: str) -> _Content:
        try:
            box = base64.urlsafe_b64decode(token.removeprefix(_PREFIX)[:LONGEST])
            content = self._box.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], _owner(app))
            return msgspec.json.decode(content, type=_Content)
        except (InvalidTag, ValueError):
            raise RefreshRefused(has_ended=False) from None


def _owner(app: RegisteredApp) -> bytes:
    """An app that was deleted and registered anew is another one."""
    return f"{app.client_id}\n{app.secret_hash}".encode()
