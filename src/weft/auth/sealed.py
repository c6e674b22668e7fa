"""Users' tokens at rest: encrypted, and of no use with any other job."""

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


class SubjectSeal:
    """Keeps the subject token with which a job was created; *secret* is `Keys.secret`."""

    def __init__(self, secret: bytes) -> None:
        self._box = AESGCM(hmac.digest(secret, b"subject tokens of jobs", "sha256"))

    def labels(self, authorization: str, *, tenant: str, user: str, job_id: str) -> dict[str, str]:
        """Return what to add to the labels of a job, whose create call had the verified *authorization*."""
        token = subject_token_of(authorization)
        return {SUBJECT_LABEL: self.sealed(token, _owner(tenant, user, job_id))} if token else {}

    def subject_token(self, labels: Mapping[str, str], job_id: str) -> str:
        """Return the subject token that was kept with a job; "" where there is none that can be opened."""
        kept = labels.get(SUBJECT_LABEL, "")
        return self.opened(kept, _owner(labels.get("tenant", ""), labels.get("user", ""), job_id))

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


def _owner(tenant: str, user: str, job_id: str) -> bytes:
    return f"{tenant}/{user}/{job_id}".encode()
