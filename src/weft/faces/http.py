"""What all faces share about HTTP: strict JSON bodies, typed decoding, canonical ids and the Host.

What a face needs to answer is raised as `Refused`; each face turns its kind into a status and an envelope in
its own table. The rules of a body come from promises.md 4.4: what any JSON reader of ours or of a database
would read differently, or not at all, is refused here, before anything else sees it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Hashable, Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Never, TypeVar, cast

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.types import Scope

from weft.catalog.ids import is_uuid

T = TypeVar("T")

DEEPEST: Final = 64
SMALLEST_INTEGER: Final = -(2**63)
GREATEST_INTEGER: Final = 2**64 - 1
SHOWN_CHARACTERS: Final = 100

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SOUND_ESCAPES = re.compile(
    rb"(?:[^\\]++"
    rb"|\\[^u]"
    rb"|\\u(?!0000|[dD][89a-fA-F])[0-9a-fA-F]{4}"
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+",
    re.DOTALL,
)
_ONLY_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_AT = re.compile(r"(.*) - at `(?:key in )?\$\.?([^`]*)`", re.DOTALL)
_NAMED = re.compile(r"field `([^`]*)`")


class Refusal(StrEnum):
    BAD_BODY = "bad_body"
    BODY_TOO_LARGE = "body_too_large"
    BODY_TOO_SLOW = "body_too_slow"
    MEDIA_TYPE = "media_type"
    BAD_PARAMETER = "bad_parameter"


class Refused(Exception):
    """A request that cannot be accepted. *field* is a JSON path, a parameter, a header or "body"."""

    def __init__(self, kind: Refusal, field: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.field = field
        self.message = message


def shown(value: object) -> str:
    """Return *value* fit for a message: quoted, without control characters, at most 100 characters."""
    text = ascii(value[: SHOWN_CHARACTERS + 1] if isinstance(value, str) else value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


async def read_json(request: Request, *, limit_bytes: int, seconds: float, heard_out_bytes: int = 0) -> bytes:
    """Return the body, which is strict JSON text, or `b""` where there is none.

    Nothing is read on once the body is known to be later than *seconds* or longer than *limit_bytes*; one of
    up to *heard_out_bytes* is read all the same before it is refused: the server cuts off longer ones only.
    Raises Refused, and ClientDisconnect where the client went away.
    """
    media_type, length = _described(request.scope["headers"])
    most_bytes = max(limit_bytes, heard_out_bytes)
    if length is not None and length > most_bytes:
        raise _too_large(limit_bytes)
    try:
        async with asyncio.timeout(seconds):
            raw = await _receive(request, most_bytes)
    except TimeoutError:
        raise Refused(
            Refusal.BODY_TOO_SLOW, "body", f"the body did not arrive within {seconds:g} seconds"
        ) from None
    if len(raw) > limit_bytes:
        raise _too_large(limit_bytes)
    if raw:
        _check_media_type(media_type)
        check_json(raw)
    return raw


def decode(raw: bytes, type: type[T]) -> T:
    """Return *raw* as *type*; raises Refused naming the field and the value that do not fit."""
    if not raw:
        raise bad_body("body", "the request needs a JSON body")
    try:
        value: T = _decoder(cast(Hashable, type)).decode(raw)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as fault:
        raise _misfit(raw, str(fault)) from None
    return value


def canonical_uuid(text: str, field: str) -> str:
    """Return *text* in lower case if it is a UUID in its one spelling, hexadecimal and hyphens."""
    if is_uuid(text):
        return text.lower()
    raise Refused(
        Refusal.BAD_PARAMETER, field, f"{field} must be a UUID such as 63f77191-432d-4ee6-9c5f-31a1a6987072, "
        f"not {shown(text)}"
    )  # fmt: skip


def canonical_json(raw: bytes) -> bytes:
    """Return one spelling of *raw*, which is checked JSON: sorted keys, no spaces, and 1.0 as 1."""
    return msgspec.json.encode(_AS_VALUE.decode(raw), order="deterministic")


def check_json(raw: bytes) -> None:
    """Refuse what is not strict JSON text: see the module's first lines and promises.md 4.4."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as fault:
        raise bad_body("body", f"the body is not UTF-8: byte {fault.start} does not fit") from None
    if text.startswith("\ufeff"):
        raise bad_body("body", "the body begins with a byte order mark")
    try:
        value = _STRICT.decode(text)
    except json.JSONDecodeError as fault:
        raise bad_body("body", f"the body is not JSON: {fault.msg} at character {fault.pos}") from None
    except RecursionError:
        raise _too_deep() from None
    _check_depth(raw)
    if b"\\u" in raw and not _SOUND_ESCAPES.fullmatch(raw):
        raise _unsound_text(value)


def authority(scope: Scope) -> str:
    """Return the Host that the caller named; forwarding headers are never believed."""
    for name, value in scope["headers"]:
        if name == b"host":
            host: str = value.decode("latin-1")
            return host
    address, port = scope["server"]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _described(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes | None, int | None]:
    """Return the media type and the length that the headers announce; refuse an encoded body."""
    media_type: bytes | None = None
    length: int | None = None
    for name, value in headers:
        if name == b"content-type":
            media_type = value
        elif name == b"content-length":
            length = int(value) if value.isdigit() else None
        elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            encoding = value.decode("latin-1")
            raise Refused(
                Refusal.MEDIA_TYPE, "Content-Encoding", f"Content-Encoding {shown(encoding)} is not accepted"
            )
    return media_type, length


def _check_media_type(value: bytes | None) -> None:
    if value is None or value == b"application/json":
        return
    name, _, parameters = value.partition(b";")
    charset = parameters.replace(b" ", b"").replace(b'"', b"").lower()
    if name.strip().lower() == b"application/json" and (
        not charset.startswith(b"charset=") or charset in (b"charset=utf-8", b"charset=utf8")
    ):
        return
    raise Refused(
        Refusal.MEDIA_TYPE,
        "Content-Type",
        f"Content-Type must be application/json in UTF-8, not {shown(value.decode('latin-1'))}",
    )


async def _receive(request: Request, limit_bytes: int) -> bytes:
    message = await request.receive()
    chunks: list[bytes] = []
    received = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        received += len(chunk)
        if received > limit_bytes:
            raise _too_large(limit_bytes)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        message = await request.receive()


def _check_depth(raw: bytes) -> None:
    """Refuse JSON that is nested too deep: each round takes away the innermost brackets."""
    if raw.count(b"[") + raw.count(b"{") <= DEEPEST:
        return
    brackets = _STRING.sub(b"", raw).translate(_ONE_KIND, _ONLY_BRACKETS)
    for _ in range(DEEPEST):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return
    raise _too_deep()


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise bad_body(_name(name), f"the member {shown(name)} occurs twice in one object")
        seen.add(name)
    raise AssertionError("unreachable: a member occurs twice")


def _integer(text: str) -> int:
    if len(text) <= 20 and SMALLEST_INTEGER <= (value := int(text)) <= GREATEST_INTEGER:
        return value
    raise bad_body("body", f"the integer {shown(text)} is beyond 64 bit")


def _float(text: str) -> float:
    value = float(text)
    if value - value != 0:
        raise bad_body("body", f"the number {shown(text)} is beyond a 64 bit float")
    return value


def _no_constant(text: str) -> Never:
    raise bad_body("body", f"{text} is not JSON")


_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_float, parse_constant=_no_constant
)


def _whole(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**63 else value


_AS_VALUE: Final = msgspec.json.Decoder(float_hook=_whole)


def _unsound_text(value: object) -> Refused:
    steps: list[str] = []
    text = _unsound(value, steps)
    if text is None:
        return bad_body("body", "the body holds an escape that is no character")
    path = "".join(reversed(steps)).removeprefix(".")
    what = "the character U+0000" if "\0" in text else "half a surrogate pair"
    return bad_body(path or "body", f"{path or 'the body'} holds {what}: {shown(text)}")


def _unsound(value: object, steps: list[str]) -> str | None:
    """Return the first text that is none for a database, and add the steps that lead there, the last first.

    It is looked for in values of a million texts, however deep they are.
    """
    if isinstance(value, str):
        return value if "\0" in value or not _encodes(value) else None
    if isinstance(value, dict):
        for name, member in value.items():
            found = _unsound(name, [])
            if found is None and (found := _unsound(member, steps)) is not None:
                steps.append(f".{_name(name)}")
            if found is not None:
                return found
    for index, element in enumerate(value if isinstance(value, list) else ()):
        if (found := _unsound(element, steps)) is not None:
            steps.append(f"[{index}]")
            return found
    return None


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name(name: str) -> str:
    return shown(name)[1:-1]


@lru_cache(maxsize=256)
def _decoder(type: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(cast(Any, type))


def _misfit(raw: bytes, fault: str) -> Refused:
    """Turn "Expected `str`, got `int` - at `$.a.b`" into the field `a.b`, with the value found there."""
    place = _AT.fullmatch(fault)
    said, path = (place.group(1), place.group(2)) if place else (fault, "")
    named = _NAMED.search(said)
    if named:
        field = f"{path}.{named.group(1)}" if path else named.group(1)
        return bad_body(field, f"{field}: {said[:1].lower()}{said[1:]}")
    field = path or "body"
    found = "" if "[...]" in path else f", found {shown(_at(raw, path))}"
    return bad_body(field, f"{field}: {said[:1].lower()}{said[1:]}{found}")


def _at(raw: bytes, path: str) -> object:
    value: Any = msgspec.json.decode(raw)
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
    return value


def bad_body(field: str, message: str) -> Refused:
    return Refused(Refusal.BAD_BODY, field, message)


def _too_deep() -> Refused:
    return bad_body("body", f"the body is nested deeper than {DEEPEST} levels")


def _too_large(limit_bytes: int) -> Refused:
    return Refused(Refusal.BODY_TOO_LARGE, "body", f"the body is longer than {limit_bytes} bytes")
