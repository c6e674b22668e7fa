"""What an issuer publishes: its discovery document and its keys, of which only sound ones are taken.

Source: OpenID Connect Discovery 1.0, RFC 7517; contracts/workload.md 2 for Entra's forms.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from weft.auth.keys import ALGORITHM, KEY_BITS, LONGEST_KID
from weft.catalog.addresses import AddressRefused, checked, origin_of
from weft.catalog.ids import CANONICAL
from weft.outgoing import Unreachable

T = TypeVar("T")

WELL_KNOWN: Final = "/.well-known/openid-configuration"
MOST_KEYS: Final = 100
MOST_KEY_BITS: Final = 8192

_TENANT = rf"(?:\{{tenantid\}}|{CANONICAL})"
_ENTRA = re.compile(
    rf"https://(?:login\.microsoftonline\.com/({_TENANT})/v2\.0|sts\.windows\.net/({_TENANT})/)"
)
_ANY_TENANT = "{tenantid}"
_LARGEST_EXPONENT = 2**32


class Document(msgspec.Struct, frozen=True):
    issuer: str
    jwks_uri: str


class Jwk(msgspec.Struct, frozen=True):
    """A key as published; *issuer* is Entra's own word for whose tokens it signs."""

    kty: str = ""
    kid: str = ""
    use: str = ""
    n: str = ""
    e: str = ""
    alg: str | None = None
    issuer: str | None = None


class Jwks(msgspec.Struct, frozen=True):
    keys: list[Any]


def discovery_address(issuer: str) -> str:
    """Return where the discovery document of the configured *issuer* is. Raises AddressRefused."""
    checked(issuer)
    base = issuer.removesuffix(WELL_KNOWN).rstrip("/")
    return base + WELL_KNOWN


def read_document(body: bytes, address: str) -> Document:
    """Return the discovery document that was at *address*; its keys must be where it is itself.

    Raises Unreachable.
    """
    found = _decoded(body, Document)
    if not (_ENTRA.fullmatch(found.issuer) or found.issuer.rstrip("/") == address.removesuffix(WELL_KNOWN)):
        raise Unreachable("the document's issuer is neither Entra's nor its own address")
    try:
        keys_at = checked(found.jwks_uri)
    except AddressRefused:
        raise Unreachable("jwks_uri is no address") from None
    if origin_of(keys_at) != origin_of(checked(address)):
        raise Unreachable("jwks_uri is on another server than the document")
    return found


def read_keys(body: bytes, document: Document) -> Mapping[str, RSAKey]:
    """Return the sound keys by their id. Raises Unreachable where there is none, or too many of any kind."""
    listed = _decoded(body, Jwks).keys
    if len(listed) > MOST_KEYS:
        raise Unreachable(f"{len(listed)} keys, more than {MOST_KEYS}")
    sound = _sound(listed, document)
    if not sound:
        raise Unreachable(f"none of {len(listed)} keys is an RSA key for signatures")
    return sound


def _sound(listed: Sequence[object], document: Document) -> dict[str, RSAKey]:
    """Return the first key of each id: no later one can take its place."""
    keys: dict[str, RSAKey] = {}
    for raw in listed:
        try:
            jwk = msgspec.convert(raw, Jwk)
        except msgspec.ValidationError:
            continue
        key = _key(jwk) if _is_wanted(jwk, document) else None
        if key is not None:
            keys.setdefault(jwk.kid, key)
    return keys


def _is_wanted(jwk: Jwk, document: Document) -> bool:
    return (
        jwk.kty == "RSA"
        and jwk.use == "sig"
        and jwk.alg in (None, ALGORITHM)
        and 0 < len(jwk.kid) <= LONGEST_KID
        and _signs_for(jwk.issuer, document)
    )


def _signs_for(issuer: str | None, document: Document) -> bool:
    """Whether a key is good for all tokens of the document's issuer.

    Entra's common document also lists keys of single tenants, with which no other's tokens are signed.
    """
    if issuer is None or issuer == document.issuer:
        return True
    entra = _ENTRA.fullmatch(issuer)
    return entra is not None and _ANY_TENANT in entra.groups()


def _key(jwk: Jwk) -> RSAKey | None:
    """Only the numbers are taken: nothing else that a key says of itself has a meaning here."""
    try:
        if not _are_sound(n=_number(jwk.n), e=_number(jwk.e)):
            return None
        numbers = {"kty": "RSA", "n": jwk.n, "e": jwk.e}
        return RSAKey.import_key({**numbers, "kid": jwk.kid, "use": "sig", "alg": ALGORITHM})
    except (JoseError, ValueError, TypeError):
        return None


def _are_sound(*, n: int, e: int) -> bool:
    return KEY_BITS <= n.bit_length() <= MOST_KEY_BITS and e < _LARGEST_EXPONENT


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _decoded(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unreachable("the answer is not the JSON that was asked for") from None
