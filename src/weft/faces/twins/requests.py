"""What a request for a bulk job says, checked beyond its types."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from unicodedata import category

from weft.blobs.secrets import redacted
from weft.faces.http import Refused, decode, shown
from weft.faces.parameters import bad_parameter
from weft.faces.twins.errors import Fault, Faulty

LONGEST_ID = 128
UNFIT_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
INVISIBLE_CATEGORIES = UNFIT_CATEGORIES | {"Cf", "Cn", "Co"}  # two ids that look alike are one to people
SLASHES = frozenset("/\\")  # no path may hold them, so such a job could never be asked for

_SIGNATURE_MEMBER = re.compile(r"'sig'\s*:.*", re.IGNORECASE | re.DOTALL)  # rather too much than too little

INPUT = "inputBlobUri"
OUTPUT = "outputBlobUri"


@dataclass(frozen=True, slots=True)
class ImportRequest:
    input: str
    output: str


def import_request(raw: bytes) -> ImportRequest:
    """Return the two URIs of *raw*; all other members are read-only or unknown, and ignored.

    Raises Refused where the body is no JSON object, and Faulty with every URI that is no string.
    """
    body = decode(raw, dict[str, Any])
    faults = [fault for name in (INPUT, OUTPUT) if (fault := _fault_of(body, name))]
    if faults:
        raise Faulty(faults)
    return ImportRequest(body[INPUT], body[OUTPUT])


def job_id(text: str, field: str) -> str:
    """Return *text*, the id of a job: up to 128 characters, case-sensitive. Raises Refused."""
    if not text.strip():
        raise _bad(field, f"{field} is empty")
    if len(text) > LONGEST_ID:
        raise _bad(field, f"{field} has {len(text)} characters, {LONGEST_ID} are allowed: {shown(text)}")
    if text in {".", ".."} or SLASHES & set(text) or INVISIBLE_CATEGORIES & set(map(category, text)):
        raise _bad(field, f"{field} must not hold slashes or invisible characters, as {shown(text)} does")
    return text


def _fault_of(body: dict[str, Any], name: str) -> Fault | None:
    if name not in body:
        return Fault("MissingMember", f"{name} is missing.")
    if not isinstance(body[name], str):
        return Fault("InvalidMember", f"{name} must be a string, not {_without_secrets(body[name])}.")
    return None


def _without_secrets(value: object) -> str:
    return _SIGNATURE_MEMBER.sub("'sig': REDACTED", redacted(shown(value)))


def _bad(field: str, message: str) -> Refused:
    return bad_parameter(field, message)
