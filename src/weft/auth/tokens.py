"""What is checked of every token, whoever sent it: its signature, its times, its issuer and its audience.

A token is trusted because a key that we know signed it. Nothing in it can bring another key, algorithm or
address.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, TypeVar

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from weft.auth.errors import TokenFault, TokenRefused
from weft.auth.keys import ALGORITHM, LONGEST_KID
from weft.auth.trust import KeySource
from weft.catalog.ids import is_canonical

T = TypeVar("T")

SKEW: Final = timedelta(seconds=60)
LONGEST_TOKEN: Final = 16 * 1024
REMEMBERED_TOKENS: Final = 4096

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_9000: Final = 221845392000
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_STEERING: Final = ("crit", "b64", "jku", "jwk", "x5u", "x5c")


class Claims(msgspec.Struct, frozen=True):
    """The claims we read, in Entra's two versions: v1 has `appid`, v2 has `azp`."""

    iss: str
    aud: str | list[str]
    tid: str
    oid: str
    ver: str
    iat: int
    nbf: int
    exp: int
    scp: str | None = None
    idtyp: str | None = None
    appid: str | None = None
    azp: str | None = None
    name: str | None = None
    upn: str | None = None
    unique_name: str | None = None
    preferred_username: str | None = None
    app_displayname: str | None = None

    @property
    def client(self) -> str | None:
        return self.azp if self.ver == "2.0" else self.appid

    @property
    def audiences(self) -> list[str]:
        return [self.aud] if isinstance(self.aud, str) else self.aud

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset((self.scp or "").split())

    @property
    def display_name(self) -> str:
        names = (self.name, self.app_displayname, self.upn, self.unique_name, self.preferred_username)
        return next((name for name in (*names, self.client) if name), self.oid)

    @property
    def sign_in_name(self) -> str:
        """Return the user's principal name, "" where no claim says it."""
        return self.upn or self.unique_name or self.preferred_username or ""

    @property
    def ends_at(self) -> datetime:
        """From this instant on the token is expired, for our clocks may differ by the skew."""
        return _EPOCH + timedelta(seconds=self.exp) + SKEW


_CLAIMS: Final = msgspec.json.Decoder(Claims)


def issuer_of(tenant: str, version: str) -> str:
    """Return Entra's issuer for *tenant* in tokens of *version* "1.0" or "2.0"."""
    if version == "2.0":
        return f"https://login.microsoftonline.com/{tenant}/v2.0"
    return f"https://sts.windows.net/{tenant}/"


def verified(token: str, keys: KeySource) -> Claims:
    """Return the claims of a token that one of *keys* signed and whose issuer is that of its tenant.

    Raises TokenRefused; neither audience nor times are looked at yet.
    """
    claims = _decoded(_signed_payload(token, keys))
    if claims.ver not in ("1.0", "2.0"):
        raise invalid(f"ver {claims.ver!r}")
    if not (is_canonical(claims.tid) and is_canonical(claims.oid)):
        raise invalid("tid or oid is no canonical id")
    if claims.iss != issuer_of(claims.tid, claims.ver):
        raise invalid(f"iss {claims.iss!r} is not that of tid {claims.tid} in version {claims.ver}")
    return claims


def check_audience(claims: Claims, audiences: Collection[str]) -> None:
    if not any(audience in audiences for audience in claims.audiences):
        raise invalid(f"aud {claims.aud!r}")


def check_times(claims: Claims, now: datetime) -> None:
    """Refuse a token that is not valid yet or, last of all checks, one that is no longer."""
    if not all(0 <= seconds < _YEAR_9000 for seconds in (claims.iat, claims.nbf, claims.exp)):
        raise invalid("iat, nbf or exp is no time")
    if _EPOCH + timedelta(seconds=max(claims.iat, claims.nbf)) > now + SKEW:
        raise invalid("iat or nbf lies in the future")
    if claims.ends_at <= now:
        raise TokenRefused(TokenFault.EXPIRED, f"expired at {claims.exp}")


def invalid(reason: str) -> TokenRefused:
    return TokenRefused(TokenFault.INVALID, reason)


class Remembered(Generic[T]):
    """What was verified, by the text it came in, until it ends; the least used is forgotten first."""

    def __init__(self, size: int = REMEMBERED_TOKENS) -> None:
        self._size = size
        self._entries: OrderedDict[object, tuple[T, datetime]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: object, now: datetime) -> T | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        value, ends_at = entry
        if ends_at <= now:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return value

    def put(self, key: object, value: T, ends_at: datetime) -> None:
        self._entries[key] = (value, ends_at)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)


def _signed_payload(token: str, keys: KeySource) -> bytes:
    if len(token) > LONGEST_TOKEN or not _COMPACT.fullmatch(token):
        raise invalid("not a compact token of at most 16 kB")
    try:
        signed = jws.extract_compact(token.encode())
        header: dict[str, Any] = signed.headers()
        if header.get("alg") != ALGORITHM or any(name in header for name in _STEERING):
            raise invalid("the header does not name our algorithm, or names more")
        kid = header.get("kid")
        key = keys.public(kid)
        if key is None:
            raise _of_unknown_key(kid)
        if jws.validate_compact(signed, key, algorithms=[ALGORITHM]):
            return signed.payload
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as fault:
        raise invalid(f"{type(fault).__name__}") from None  # whatever a forged header makes a parser raise
    raise invalid("the signature is not that of the key")


def _of_unknown_key(kid: object) -> TokenRefused:
    """A `kid` that no issuer would give a key is no reason to ask for news."""
    plausible = isinstance(kid, str) and 0 < len(kid) <= LONGEST_KID
    return TokenRefused(TokenFault.INVALID, "the key is not known", key_unknown=plausible)


def _decoded(payload: bytes) -> Claims:
    try:
        return _CLAIMS.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise invalid(f"claims: {fault}") from None
