"""What a client may ask for beside the contract, in headers: a run that is safe to repeat, and patience."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from starlette.types import Scope

from weft.catalog.model import Principal
from weft.engine.jobs import JobKey, NewJob
from weft.faces.http import canonical_json, shown
from weft.faces.parameters import bad_parameter

REPEAT_HEADERS: Final = {
    b"idempotency-key": "Idempotency-Key",
    b"repeatability-request-id": "Repeatability-Request-ID",
}
LONGEST_KEY: Final = 255
LONGEST_WAIT_SECONDS: Final = 300
LONGEST_PREFER: Final = 1024

_KEY = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_KEY}}}")
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*+)"')
_ELEMENT = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*+")++')


@dataclass(frozen=True, slots=True)
class Preferences:
    """What of a `Prefer` header (RFC 7240) is heeded: *represent*, to have a job as the answer's body."""

    wait_seconds: int = 0
    represent: bool = False


NO_PREFERENCES: Final = Preferences()


def preferences(scope: Scope) -> Preferences:
    """What is not understood is passed over, as the RFC asks for."""
    given = [value for name, value in scope["headers"] if name == b"prefer"]
    return _preferences(b",".join(given)) if given else NO_PREFERENCES


def _preferences(header: bytes) -> Preferences:
    if len(header) > LONGEST_PREFER:
        return NO_PREFERENCES
    wishes: dict[str, str] = {}
    for element in _ELEMENT.findall(header.decode("latin-1")):
        name, _, value = element.partition(";")[0].partition("=")
        wishes.setdefault(name.strip().lower(), value.strip().removeprefix('"').removesuffix('"'))
    wait = wishes.get("wait", "")
    seconds = int(wait) if wait.isascii() and wait.isdigit() else 0
    represent = wishes.get("return", "").lower() == "representation"
    return Preferences(min(seconds, LONGEST_WAIT_SECONDS), represent)


def applied(*, wait_seconds: int = 0, represents: bool = False) -> dict[str, str]:
    """Return the header that tells which preferences were heeded."""
    told = [f"wait={wait_seconds}"] if wait_seconds else []
    told += ["return=representation"] if represents else []
    return {"Preference-Applied": ", ".join(told)} if told else {}


@dataclass(frozen=True, slots=True)
class RepeatKey:
    """What a caller calls a run by: whoever sends it again means the same run."""

    header: str
    text: str

    def named(self, new: NewJob, caller: Principal, secret: bytes) -> NewJob:
        """Return *new* under the id that the key stands for, with a digest of what was asked for."""
        owner = "\n".join(("idempotency", caller.tenant, caller.id, new.key.scope, self.text))
        id = UUID(bytes=hmac.digest(secret, owner.encode(), "sha256")[:16], version=4)
        return replace(new, key=JobKey(new.key.scope, str(id)), fingerprint=_fingerprint(new))


def repeat_key(scope: Scope) -> RepeatKey | None:
    """Raises Refused for a key that is none, and for two."""
    given = [(REPEAT_HEADERS[name], value) for name, value in scope["headers"] if name in REPEAT_HEADERS]
    if not given:
        return None
    keys = [RepeatKey(header, _key(header, value.decode("latin-1"))) for header, value in given]
    if len({key.text for key in keys}) > 1 or _is_twice(header for header, _ in given):
        raise bad_parameter(keys[0].header, "a run has one key, not several")
    return keys[0]


def _is_twice(headers: Iterable[str]) -> bool:
    listed = list(headers)
    return len(set(listed)) < len(listed)


def _key(header: str, value: str) -> str:
    """Return the key; in quotes it is a string of structured fields (RFC 9651)."""
    quoted = _QUOTED.fullmatch(value) if value.startswith('"') else None
    text = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value
    if not _KEY.fullmatch(text) or (quoted is None and value.startswith('"')):
        raise bad_parameter(
            header,
            f"{header} must be 1 to {LONGEST_KEY} visible ASCII characters, not {shown(value)}",
        )
    return text


def _fingerprint(new: NewJob) -> bytes:
    """Two requests are the same if their bodies are equal as JSON values, whatever the order of members."""
    payload = canonical_json(new.payload) if new.payload else b""
    asked = "\n".join((new.kind, new.labels.get("rerun_of", ""), ""))
    return hashlib.sha256(asked.encode() + payload).digest()
