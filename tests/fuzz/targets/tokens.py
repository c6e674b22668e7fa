"""What comes in `Authorization`: the header of both kits, and tokens of every shape, forged and signed.

The first byte says what the rest is: a header, a token, or claims that we sign ourselves, so that what is
behind a right signature is reached too.
"""

from __future__ import annotations

from datetime import UTC, datetime

from joserfc import jws
from joserfc.jwk import RSAKey

from weft.auth.bearer import BearerVerifier
from weft.auth.errors import TokenRefused
from weft.auth.keys import ALGORITHM, KEY_BITS, Keys
from weft.auth.subject_and_app import SubjectAndAppVerifier
from weft.auth.tokens import verified
from weft.auth.workload_control import WorkloadControlVerifier

TENANT = "6f1e5a1c-0c3e-4f3f-9d1c-2f0a4b1d7e11"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
AUDIENCE = "api://a"
KEY = RSAKey.generate_key(KEY_BITS, auto_kid=False)


class _Clock:
    def now(self) -> datetime:
        return NOW


KEYS = Keys(KEY, bytes(32))
HOST = SubjectAndAppVerifier(KEYS, TENANT, [AUDIENCE], _Clock())
CONTROL = WorkloadControlVerifier(KEYS, [AUDIENCE], _Clock())
BEARER = BearerVerifier(KEYS, [AUDIENCE], _Clock())


def run(data: bytes) -> None:
    kind, rest = data[:1], data[1:]
    text = rest.decode("latin-1")
    match kind:
        case b"h":
            _ask(text)
        case b"t":
            _ask(f'SubjectAndAppToken1.0 subjectToken="", appToken="{text}"')
            _verify(text)
        case b"p":
            subject, _, app = rest.partition(b"\n")
            token = _signed(app)
            given = _signed(subject) if subject else ""
            _ask(f'SubjectAndAppToken1.0 subjectToken="{given}", appToken="{token}"')
            _ask(f"Bearer {token}")
        case _:
            return


def accepts(data: bytes) -> bool:
    """Return whether the claims of an input of kind `p` let its caller in."""
    subject, _, app = data[1:].partition(b"\n")
    value = f'SubjectAndAppToken1.0 subjectToken="{_signed(subject)}", appToken="{_signed(app)}"'
    try:
        HOST.verify([value], [TENANT])
    except TokenRefused:
        return False
    return True


def _signed(payload: bytes) -> str:
    header = {"typ": "JWT", "alg": ALGORITHM, "kid": KEYS.kid}
    return jws.serialize_compact(header, payload, KEY, algorithms=[ALGORITHM])


def _ask(value: str) -> None:
    for needs in (True, False):
        try:
            caller = HOST.verify([value], [TENANT], needs_subject=needs, needs_tenant=needs)
        except TokenRefused:
            continue
        assert caller.tenant == TENANT
        assert caller.user or not needs
    for verifier in (CONTROL, BEARER):
        try:
            assert verifier.verify([value]).id
        except TokenRefused:
            continue


def _verify(token: str) -> None:
    try:
        verified(token, KEYS)
    except TokenRefused:
        return
