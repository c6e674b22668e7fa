"""What a workload may answer, however it is spelled: bytes of strangers become one of a few plain answers.

Three spellings of the contract's objects are in the wild (camelCase, PascalCase, snake_case), beside
`{"detail": ..}` of FastAPI, `{"error": ..}` and plain text. Only the members named here are ever copied, each
bounded, and without the tokens that were sent: who is asked may repeat them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from weft.catalog.tokens import without_tokens
from weft.contracts.workload import ErrorSource, Status
from weft.engine.jobs import ErrorDetail, JobError

ERROR_BYTES = 16 * 1024
"""How much of an error of a workload is kept."""

TEXT_CHARACTERS = 500
"""How much of an answer that is no error of any known shape is told."""

COMPLAINTS = 10
"""How many of the faults that FastAPI lists are told."""

UNREACHABLE = "WorkloadUnreachable"
CONTRACT_ERROR = "WorkloadContractError"

STATUSES = frozenset(status.value for status in Status)
SOURCES = tuple(source.value for source in ErrorSource)


@dataclass(frozen=True, slots=True)
class Said:
    """What came back over HTTP. *body* is None where it was too large or compressed."""

    status: int
    body: bytes | None
    retry_after: str | None = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Accepted:
    """The workload took the job (any 2xx to a create call; what it says beside is not read)."""


@dataclass(frozen=True, slots=True)
class Reported:
    """The job's state in the workload's words. Instants are UTC, not yet checked against ours."""

    status: Status
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: JobError | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """The workload does not know the job (404 to a read or a cancel)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The workload will not do it, and asking again would not help: 4xx but 429, or a redirect."""

    status: int
    error: JobError


@dataclass(frozen=True, slots=True)
class Busy:
    """The workload could not do it this time: 429 or 5xx. *retry_after* in seconds, where it named some."""

    status: int
    error: JobError
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer came. *arrived* is False only where the request was provably never sent.

    *retry_after* in seconds, where the service that knows the workload's address named some.
    """

    reason: str
    arrived: bool = True
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Faulty:
    """An answer that breaks the contract: no state can be read from it."""

    reason: str


Answer = Accepted | Reported | Missing | Refused | Busy | Silence | Faulty


def told(answer: Answer) -> dict[str, object]:
    """Return what a log may say of an answer: never a body, which may hold anything."""
    if isinstance(answer, Silence | Faulty):
        return {"reason": answer.reason}
    if isinstance(answer, Refused | Busy):
        return {"status": answer.status}
    return {"status": 404} if isinstance(answer, Missing) else {}


def trouble(answer: Answer) -> JobError:
    """Return what to tell of a call that brought nothing."""
    if isinstance(answer, Busy | Refused):
        return answer.error
    reason = answer.reason if isinstance(answer, Silence | Faulty) else "no answer"
    return JobError(UNREACHABLE, f"The workload could not be reached: {reason}.", is_permanent=False)


def wait_asked_for(answer: Answer) -> float | None:
    """Return for how many seconds nothing should be asked, where the answer says so."""
    return answer.retry_after if isinstance(answer, Busy | Silence) else None


def created(status: int, body: bytes, retry_after: str | None, *, now: datetime) -> Answer:
    """Read the answer to a create call."""
    if 200 <= status < 300:
        return Accepted()
    error = refusal(status, body)
    if status == 429 or status >= 500:
        return Busy(status, error, seconds_of(retry_after, now))
    return Refused(status, error)


def reported(status: int, body: bytes, retry_after: str | None, *, now: datetime) -> Answer:
    """Read the answer to a read or a cancel."""
    if 200 <= status < 300:
        return state(body)
    if status == 404:
        return Missing()
    if status == 429 or status >= 500:
        return Busy(status, refusal(status, body), seconds_of(retry_after, now))
    if status in (401, 403):
        return Refused(status, refusal(status, body))
    return Faulty(f"status {status}")


def state(body: bytes) -> Reported | Faulty:
    """Read an ItemJobInstanceState."""
    members = members_of(body)
    if members is None:
        return Faulty("the body is not a JSON object")
    named = members.get("status")
    if not isinstance(named, str) or named not in STATUSES:
        return Faulty(f"unknown status {_short(repr(named), 60)}")
    return Reported(
        status=Status(named),
        started_at=instant(members.get("starttimeutc")),
        ended_at=instant(members.get("endtimeutc")),
        error=error_of(members.get("errordetails")),
    )


def members_of(body: bytes) -> Mapping[str, Any] | None:
    """Return the members of a JSON object by their name without case and underscores; None: it is none."""
    return _members(_content(body))


def payload_of_item(body: bytes) -> bytes | None:
    """Read GetItemPayloadResponse: the payload as it came, b"" for none; None where it is no such answer."""
    if not body:
        return b""
    try:
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        payload = next((bytes(raw) for name, raw in members.items() if _plain(name) == "itempayload"), b"")
        is_nothing = not payload or msgspec.json.decode(payload) is None
    except (ValueError, RecursionError):  # invalid UTF-8 is no DecodeError
        return None
    return b"" if is_nothing else payload


def kept(body: bytes) -> bytes:
    """Return what is kept of an error as it came: text, bounded."""
    return _Room(ERROR_BYTES).take(body[:ERROR_BYTES].decode(errors="replace")).encode()


def refusal(status: int, body: bytes) -> JobError:
    """Read why a call was refused, from whatever the workload sent along."""
    content = _content(body)
    return _envelope(content) or _foreign(content) or _spoken(status, body)


def error_of(content: object) -> JobError | None:
    """Read ErrorDetails; None where there are none."""
    if isinstance(content, str) and content:
        return JobError("", _Room(ERROR_BYTES).take(content))
    return _envelope(content)


def instant(value: object) -> datetime | None:
    """Read an RFC 3339 instant with an offset; None for everything else."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    # Some writers give seven fraction digits (.NET ticks), some none and no offset (it is UTC by its name).
    match = _INSTANT.fullmatch(value)
    if match is None:
        return None
    fraction = (match["fraction"] or "")[:6].ljust(6, "0")
    try:
        return datetime.fromisoformat(f"{match['second']}.{fraction}{match['offset'] or 'Z'}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def seconds_of(retry_after: str | None, now: datetime) -> float | None:
    """Read a Retry-After header: seconds, or a date."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())


_INSTANT = re.compile(
    r"(?P<second>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?(?P<offset>Z|[+-]\d\d:\d\d)?",
    re.ASCII,
)


class _Room:
    """How many bytes of an error may still be kept."""

    def __init__(self, bytes_: int) -> None:
        self._left = bytes_

    def take(self, value: object) -> str:
        text = value if isinstance(value, str) else "" if value is None else _json(value)
        kept = without_tokens(text).replace("\x00", "\ufffd").encode()[: self._left].decode(errors="ignore")
        self._left -= len(kept.encode())
        return kept

    @property
    def is_used_up(self) -> bool:
        return self._left <= 0


def _envelope(content: object) -> JobError | None:
    members = _members(content)
    if members is None or not ({"errorcode", "message"} & members.keys()):
        return None
    room = _Room(ERROR_BYTES)
    permanent = members.get("ispermanent")
    return JobError(
        code=room.take(members.get("errorcode")),
        message=room.take(members.get("message")),
        source=_source(members.get("source")),
        is_permanent=permanent if isinstance(permanent, bool) else None,
        parameters=_texts(members.get("messageparameters"), room),
        details=_details(members.get("moredetails"), room),
    )


def _details(content: object, room: _Room) -> tuple[ErrorDetail, ...]:
    details = []
    for item in content if isinstance(content, list) else ():
        members = _members(item)
        if members is None or room.is_used_up:
            continue
        details.append(
            ErrorDetail(
                code=room.take(members.get("errorcode")),
                message=room.take(members.get("message")),
                parameters=_texts(members.get("messageparameters"), room),
                extra=_pairs(members.get("additionalparameters"), room),
            )
        )
    return tuple(details)


def _texts(content: object, room: _Room) -> tuple[str, ...]:
    if not isinstance(content, list):
        return ()
    return tuple(room.take(item) for item in content if not room.is_used_up)


def _pairs(content: object, room: _Room) -> tuple[tuple[str, str], ...]:
    pairs = (_members(item) for item in (content if isinstance(content, list) else ()))
    return tuple(
        (room.take(pair.get("name")), room.take(pair.get("value")))
        for pair in pairs
        if pair is not None and not room.is_used_up
    )


def _source(content: object) -> str:
    if isinstance(content, str) and content in SOURCES:
        return content
    if isinstance(content, int) and not isinstance(content, bool) and 0 <= content < len(SOURCES):
        return SOURCES[content]  # the C# sample writes its enumeration as a number
    return ErrorSource.EXTERNAL


def _foreign(content: object) -> JobError | None:
    """Read FastAPI's `detail` and the `error` of others."""
    members = _members(content)
    if members is None:
        return None
    inner = members.get("error") or members.get("detail")
    if not inner:
        return None
    fields = _members(inner) or {}
    code = _short(str(fields.get("code") or ""), 100)
    known = _envelope(inner)
    if known is not None:
        return replace(known, code=known.code or code)
    message = inner if isinstance(inner, str) else _complaints(inner) or _json(inner)
    return JobError(code, _short(message), source=ErrorSource.EXTERNAL)


def _complaints(content: object) -> str:
    """Return FastAPI's list of what is wrong with a request as a sentence; "": it is no such list."""
    told = []
    for complaint in content[:COMPLAINTS] if isinstance(content, list) else ():
        members = _members(complaint) or {}
        message, place = members.get("msg"), members.get("loc")
        if not isinstance(message, str):
            return ""
        where = ".".join(str(step) for step in place) if isinstance(place, list) else ""
        told.append(f"{where}: {message}" if where else message)
    return "; ".join(told)


def _spoken(status: int, body: bytes) -> JobError:
    text = _short(body[: 8 * TEXT_CHARACTERS].decode(errors="replace"))
    told = f"The workload answered {status}" + (f": {text}" if text else ".")
    return JobError("", told, source=ErrorSource.EXTERNAL)


def _members(content: object) -> Mapping[str, Any] | None:
    """Return the members of an object by their name without case and underscores."""
    if not isinstance(content, dict):
        return None
    return {_plain(name): value for name, value in content.items()}


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _content(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):  # invalid UTF-8 is no DecodeError
        return None


def _short(text: str, most: int = TEXT_CHARACTERS) -> str:
    """Return *text* on one line, without control characters, cut after *most*."""
    told = without_tokens(text[: 8 * most])
    plain = " ".join("".join(c if c.isprintable() else " " for c in told[: 4 * most]).split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
