"""What an issuer elsewhere publishes. The first line is its discovery document, the rest are its keys."""

from __future__ import annotations

from joserfc import jws
from joserfc.errors import JoseError
from yarl import URL

from weft.auth.jwks import MOST_KEYS, Document, read_document, read_keys
from weft.auth.keys import ALGORITHM, LONGEST_KID
from weft.outgoing import Unreachable

ADDRESS = "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration"
DOCUMENT = Document(
    "https://login.microsoftonline.com/{tenantid}/v2.0",
    "https://login.microsoftonline.com/common/discovery/v2.0/keys",
)
TOKEN = b"eyJhbGciOiJSUzI1NiJ9.e30." + b"A" * 342


def run(data: bytes) -> None:
    first, _, rest = data.partition(b"\n")
    document = DOCUMENT
    try:
        document = read_document(first, ADDRESS)
        assert _place(document.jwks_uri) == _place(ADDRESS)
    except Unreachable:
        pass
    try:
        keys = read_keys(rest, document)
    except Unreachable:
        return
    assert 0 < len(keys) <= MOST_KEYS
    for kid, key in keys.items():
        assert 0 < len(kid) <= LONGEST_KID
        assert not key.is_private
        assert _verifies_nothing(key)


def _place(address: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port as the library reads them that asks there."""
    url = URL(address)
    return url.scheme, url.host, url.port


def _verifies_nothing(key: object) -> bool:
    """Use the key as `auth.tokens` does: what it takes for a forged header it takes for a key too."""
    try:
        return not jws.validate_compact(jws.extract_compact(TOKEN), key, algorithms=[ALGORITHM])  # type: ignore[arg-type]  # an RSAKey
    except (JoseError, ValueError, TypeError, AttributeError):
        return True
