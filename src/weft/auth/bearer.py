"""Who calls: the bearer token of a request, verified once and remembered until it expires."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from weft.auth.errors import TokenFault, TokenRefused
from weft.auth.tokens import LONGEST_TOKEN, Claims, Remembered, check_audience, check_times, invalid, verified
from weft.auth.trust import KeySource, with_news
from weft.catalog.model import Principal
from weft.engine.ports import Clock

_SCHEME: Final = "Bearer "


class BearerVerifier:
    """Accepts tokens of any tenant that were signed with one of *keys* for one of *audiences*.

    What a tenant may see is decided by the data: every look-up carries the principal's tenant.
    """

    def __init__(self, keys: KeySource, audiences: Collection[str], clock: Clock) -> None:
        self._keys = keys
        self._audiences = frozenset(audiences)
        self._clock = clock
        self._remembered: Remembered[Principal] = Remembered()

    def verify(self, authorization: Sequence[str]) -> Principal:
        """Return who the `Authorization` headers, all of them, speak for.

        Raises TokenRefused, and KeysUnavailable where the keys are those of an issuer elsewhere.
        """
        if len(authorization) != 1:
            raise _not_one(len(authorization))
        value = authorization[0]
        now = self._clock.now()
        key = (self._keys.generation, value)
        known = self._remembered.get(key, now)
        if known is not None:
            return known
        claims = verified(_token(value), self._keys)
        check_audience(claims, self._audiences)
        principal = _principal(claims)
        check_times(claims, now)
        self._remembered.put(key, principal, claims.ends_at)
        return principal

    async def admit(self, authorization: Sequence[str]) -> Principal:
        """As `verify`, but ask the issuer first for a key that is not known."""
        return await with_news(self._keys, lambda: self.verify(authorization))


def _not_one(count: int) -> TokenRefused:
    if count == 0:
        return TokenRefused(TokenFault.MISSING, "no Authorization header")
    return invalid(f"{count} Authorization headers")


def _token(value: str) -> str:
    if len(value) > len(_SCHEME) + LONGEST_TOKEN or not value.startswith(_SCHEME):
        raise invalid("not a bearer token of at most 16 kB")
    return value[len(_SCHEME) :]


def _principal(claims: Claims) -> Principal:
    is_app = claims.idtyp == "app"
    is_delegated = claims.idtyp in (None, "user") and bool(claims.scopes)
    if not is_delegated and not (is_app and claims.scp is None):
        raise invalid("an access token has either scp or idtyp app")
    return Principal(
        id=claims.oid,
        tenant=claims.tid,
        name=claims.display_name,
        is_app=is_app,
        scopes=claims.scopes,
        upn="" if is_app else claims.sign_in_name,
        client_id=(claims.client or "") if is_app else "",
    )
