"""Signatures of blob URIs: never shown, and stored encrypted only."""

from __future__ import annotations

import base64
import hmac
import os
import re

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from weft.blobs.ports import BlobFault

_NONCE_BYTES = 12


def _any_spelling(word: str) -> str:
    """Match *word* in any case, each letter plain or percent-encoded, once or more often."""
    codes = [(re.escape(letter), ord(letter), ord(letter.upper())) for letter in word]
    return "".join(rf"(?:{plain}|%(?:25)*(?:{lower:02x}|{upper:02x}))" for plain, lower, upper in codes)


_SIGNATURE = re.compile(rf"{_any_spelling('sig')}{_any_spelling('=')}[^&]*", re.IGNORECASE)
_ACCOUNT_KEY = re.compile(r"AccountKey\s*=[^;]*", re.IGNORECASE)
_USER = re.compile(r"://[^/?#]*@")


class SealBroken(BlobFault):
    """What was sealed cannot be opened with this key, or is no longer what was sealed."""


class Sealed(msgspec.Struct, frozen=True):
    """A URI at rest. *uri* is redacted; *secret*: the whole of it, encrypted, or empty if *uri* says all."""

    uri: str
    secret: str = ""


def redacted(uri: str) -> str:
    """Return *uri* with `sig=REDACTED`; keys of accounts and users of hosts are hidden likewise.

    All up to the next `&` is taken for the signature: rather too much than too little.
    """
    hidden = _SIGNATURE.sub("sig=REDACTED", uri)
    return _USER.sub("://REDACTED@", _ACCOUNT_KEY.sub("AccountKey=REDACTED", hidden))


def key_from(secret: bytes) -> bytes:
    """Return the key that goes with the server's *secret*, which is there for other things as well."""
    return hmac.digest(secret, b"signatures of blob URIs", "sha256")


def sealed(uri: str, key: bytes) -> Sealed:
    """Encrypt *uri* with AES-GCM where it holds a secret; *key*: see key_from."""
    shown = redacted(uri)
    if shown == uri:
        return Sealed(uri)
    nonce = os.urandom(_NONCE_BYTES)
    box = nonce + AESGCM(key).encrypt(nonce, uri.encode(), shown.encode())
    return Sealed(shown, base64.b64encode(box).decode())


def opened(stored: Sealed, key: bytes) -> str:
    """Return the URI that was sealed, with its secret. Raises SealBroken."""
    if not stored.secret:
        return stored.uri
    try:
        box = base64.b64decode(stored.secret, validate=True)
        return AESGCM(key).decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], stored.uri.encode()).decode()
    except (InvalidTag, ValueError):
        raise SealBroken(f"the signature of {stored.uri} was stored under another key") from None
