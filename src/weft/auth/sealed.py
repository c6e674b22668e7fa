"""Secrets at rest: users' tokens and those of webhooks, encrypted and of no use with any other owner."""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from weft.auth.subject_and_app import subject_token_of
from weft.catalog.tokens import SUBJECT_LABEL

_NONCE_BYTES: Final = 12


class Seal:
    """Keeps secrets of one *purpose*; *secret* is `Keys.secret`."""

    def __init__(self, secret: bytes, purpose: bytes) -> None:
        self._box = AESGCM(hmac.digest(secret, purpose, "sha256"))

    def sealed(self, token: str, owner: bytes) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        # Base 32 has capitals only: whoever looks for tokens in a file finds none by chance.
        return base64.b32encode(nonce + self._box.encrypt(nonce, token.encode(), owner)).decode()

    def opened(self, kept: str, owner: bytes) -> str:
        """Return what was sealed for *owner*, or "" where it is not that, or the key is another."""
        try:
            box = base64.b32decode(kept)
            return self._box.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], owner).decode()
        except (InvalidTag, ValueError):
            return ""


class WebhookSeal:
    """Keeps the secrets with which webhooks are signed. Implements catalog.webhooks.SecretSeal."""

    def __init__(self, secret: bytes) -> None:
        self._seal = Seal(secret, b"secrets of webhooks")

    def sealed(self, secret: str, webhook: str) -> str:
        return self._seal.sealed(secret, webhook.encode())

    def opened(self, kept: str, webhook: str) -> str:
        return self._seal.opened(kept, webhook.encode())


class SubjectSeal(Seal):
    """Keeps the subject token with which a job was created; *secret* is `Keys.secret`."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(secret, b"subject tokens of jobs")

    def labels(self, authorization: str, *, tenant: str, user: str, job_id: str) -> dict[str, str]:
        """Return what to add to the labels of a job, whose create call had the verified *authorization*."""
        token = subject_token_of(authorization)
        return {SUBJECT_LABEL: self.sealed(token, _owner(tenant, user, job_id))} if token else {}

    def subject_token(self, labels: Mapping[str, str], job_id: str) -> str:
        """Return the subject token that was kept with a job; "" where there is none that can be opened."""
        kept = labels.get(SUBJECT_LABEL, "")
        return self.opened(kept, _owner(labels.get("tenant", ""), labels.get("user", ""), job_id))


def _owner(tenant: str, user: str, job_id: str) -> bytes:
    return f"{tenant}/{user}/{job_id}".encode()
