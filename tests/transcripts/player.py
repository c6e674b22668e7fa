"""Plays written conversations over HTTP against a server; README.md tells how they are written."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

EVENTUALLY_SECONDS = 10.0
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
KINDS = {
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "time": _TIME + r"(?:\.\d{1,7})?Z",
    "time3": _TIME + r"\.\d{3}Z",
    "time7": _TIME + r"\.\d{7}Z",
    "integer": r"-?\d+",
    "number": r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?",
    "string": r".*",
    "any": r".*",
}
_PLACEHOLDER = re.compile(r"\{\{([^{}]+)\}\}")
_STRING_OR_PLACEHOLDER = re.compile(r'"(?:\\.|[^"\\])*"|\{\{[^{}]*\}\}')

Headers = Sequence[tuple[str, str]]


class TranscriptError(Exception):
    """A transcript that cannot be read, or names a value that nobody gave."""


@dataclass(frozen=True, slots=True)
class Request:
    """*target* is path and query, as sent. A player may be given any bytes: servers must bear them."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of the header, its lines joined by a comma; None where there is none."""
        values = [value for known, value in self.headers if known.lower() == name.lower()]
        return ", ".join(values) if values else None

    def json(self) -> Any:
        return json.loads(self.body)


class Client(Protocol):
    async def send(self, request: Request) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Exchange:
    title: str
    method: str
    target: str
    headers: Headers
    body: str
    status: int
    answer_headers: Headers
    answer_body: str
    eventually: bool = False


@dataclass(frozen=True, slots=True)
class Transcript:
    name: str
    source: str
    exchanges: tuple[Exchange, ...] = field(default=())


class DoesNotFit(AssertionError):
    """The server's answer is not the written one."""


# ---- playing


async def play(transcript: Transcript, client: Client, values: Mapping[str, str]) -> dict[str, str]:
    """Send all requests in their order and check each answer; return *values* and what the answers gave.

    Raises DoesNotFit, which names transcript, exchange and difference.
    """
    known = dict(values)
    for exchange in transcript.exchanges:
        try:
            known |= await _exchange(exchange, client, known)
        except DoesNotFit as difference:
            raise DoesNotFit(f"{transcript.name}: {exchange.title}: {difference}") from None
    return known


async def _exchange(exchange: Exchange, client: Client, known: Mapping[str, str]) -> dict[str, str]:
    request = Request(
        exchange.method,
        _filled(exchange.target, known),
        [(name, _filled(value, known)) for name, value in exchange.headers],
        _filled(exchange.body, known).encode(),
    )
    loop = asyncio.get_running_loop()
    until = loop.time() + (EVENTUALLY_SECONDS if exchange.eventually else 0.0)
    while True:
        answer = await client.send(request)
        try:
            return fit(exchange, answer, known)
        except DoesNotFit:
            if loop.time() >= until:
                raise
            await asyncio.sleep(0.01)


def _filled(text: str, known: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        try:
            return known[found[1]]
        except KeyError:
            raise TranscriptError(f"nobody gave a value for {found[0]}") from None

    return _PLACEHOLDER.sub(value, text)


# ---- comparing


def fit(exchange: Exchange, answer: Answer, known: Mapping[str, str]) -> dict[str, str]:
    """Return the values the answer gave to names. Raises DoesNotFit."""
    if answer.status != exchange.status:
        raise DoesNotFit(f"status {answer.status}, not {exchange.status}: {answer.body[:1000]!r}")
    comparison = _Comparison(known)
    for name, expected in exchange.answer_headers:
        comparison.header(name, expected, answer.header(name))
    comparison.body(exchange.answer_body, answer.body)
    return comparison.captured


class _Comparison:
    """Compares what is written with what came; *captured* are the values given to names."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self.captured: dict[str, str] = {}

    def header(self, name: str, expected: str, actual: str | None) -> None:
        if expected == "{{absent}}":
            if actual is not None:
                raise DoesNotFit(f"header {name}: {actual!r} should not be there")
        elif actual is None:
            raise DoesNotFit(f"header {name} is missing")
        else:
            self._text(f"header {name}", expected, actual)

    def body(self, expected: str, actual: bytes) -> None:
        if expected == "{{any}}":
            return
        if not expected:
            if actual:
                raise DoesNotFit(f"body {actual[:1000]!r}, where none is written")
            return
        try:
            value = json.loads(actual)
        except ValueError:
            raise DoesNotFit(f"body is not JSON: {actual[:1000]!r}") from None
        self._value("body", json.loads(_quoted(expected)), value)

    def _value(self, where: str, expected: Any, actual: Any) -> None:
        if isinstance(expected, str) and _PLACEHOLDER.search(expected):
            self._text(where, expected, actual)
        elif isinstance(expected, dict) and isinstance(actual, dict):
            self._members(where, expected, actual)
        elif isinstance(expected, list) and isinstance(actual, list):
            self._elements(where, expected, actual)
        elif type(expected) is not type(actual) or expected != actual:
            raise DoesNotFit(f"{where} is {actual!r}, not {expected!r}")

    def _members(self, where: str, expected: dict[str, Any], actual: dict[str, Any]) -> None:
        if expected.keys() != actual.keys():
            raise DoesNotFit(f"{where} has the members {sorted(actual)}, not {sorted(expected)}")
        for name, member in expected.items():
            self._value(f"{where}.{name}", member, actual[name])

    def _elements(self, where: str, expected: list[Any], actual: list[Any]) -> None:
        if len(expected) != len(actual):
            raise DoesNotFit(f"{where} has {len(actual)} values, not {len(expected)}")
        for number, (one, other) in enumerate(zip(expected, actual, strict=True)):
            self._value(f"{where}[{number}]", one, other)

    def _text(self, where: str, expected: str, actual: Any) -> None:
        text = _as_text(expected, actual)
        names: dict[str, str] = {}
        found = None if text is None else re.fullmatch(self._pattern(expected, names), text, re.DOTALL)
        if found is None:
            raise DoesNotFit(f"{where} is {actual!r}, not {expected!r}")
        self.captured |= {name: found[group] for group, name in names.items()}

    def _pattern(self, expected: str, names: dict[str, str]) -> str:
        """Return a regular expression, and in *names* which name each of its groups is for."""
        parts: list[str] = []
        end = 0
        for found in _PLACEHOLDER.finditer(expected):
            parts.append(re.escape(expected[end : found.start()]))
            end = found.end()
            name, colon, kind = found[1].partition(":")
            if colon:
                group = f"g{len(names)}"
                names[group] = name
                parts.append(f"(?P<{group}>{_kind(kind)})")
            else:
                parts.append(re.escape(self._known[name]) if name in self._known else _kind(name))
        return "".join([*parts, re.escape(expected[end:])])


def _quoted(text: str) -> str:
    """Put quotes around the placeholders that stand outside strings."""
    return _STRING_OR_PLACEHOLDER.sub(lambda found: found[0] if found[0][0] == '"' else f'"{found[0]}"', text)


def _as_text(expected: str, actual: Any) -> str | None:
    """Return the value as the text to compare; None where it is not of the kind that is written."""
    whole = _PLACEHOLDER.fullmatch(expected)
    kind = whole[1].rpartition(":")[2] if whole else "string"
    is_number = isinstance(actual, int | float) and not isinstance(actual, bool)
    if kind == "any" or (kind in {"integer", "number"} and is_number):
        return actual if isinstance(actual, str) else json.dumps(actual)
    return actual if isinstance(actual, str) else None


def _kind(name: str) -> str:
    try:
        return f"(?:{KINDS[name]})"
    except KeyError:
        raise TranscriptError(f"no value and no kind is called {name!r}") from None


# ---- reading


def read(path: Path) -> Transcript:
    return parse(path.read_text(encoding="utf-8"), name=path.stem)


def parse(text: str, *, name: str) -> Transcript:
    """Raises TranscriptError."""
    head, *blocks = re.split(r"^###", text, flags=re.MULTILINE)
    source = re.search(r"^# Source: *(\S.*)$", head, flags=re.MULTILINE)
    if source is None:
        raise TranscriptError(f"{name}: a line `# Source: ...` is missing")
    if not blocks:
        raise TranscriptError(f"{name}: no exchange")
    return Transcript(name, source[1], tuple(_parse_exchange(name, block) for block in blocks))


def _parse_exchange(name: str, block: str) -> Exchange:
    title, _, rest = block.partition("\n")
    title = title.strip()
    asked, mark, answered = rest.partition("\nHTTP/1.1 ")
    if not mark:
        raise TranscriptError(f"{name}: {title}: no answer")
    comments, request = _without_comments(asked)
    line, headers, body = _parts(request)
    words = line.split()
    if len(words) not in (2, 3):
        raise TranscriptError(f"{name}: {title}: not a request line: {line!r}")
    status, answer_headers, answer_body = _parts(answered)
    return Exchange(
        title,
        words[0],
        words[1],
        headers,
        body,
        int(status.split()[0]),
        answer_headers,
        answer_body,
        eventually="# eventually" in comments,
    )


def _without_comments(text: str) -> tuple[list[str], str]:
    lines = text.splitlines()
    first = next((n for n, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    return [line.strip() for line in lines[:first]], "\n".join(lines[first:])


def _parts(text: str) -> tuple[str, Headers, str]:
    """Return first line, headers and body."""
    head, _, body = text.partition("\n\n")
    first, *lines = head.strip().splitlines() or [""]
    pairs = [line.partition(":") for line in lines if line.strip()]
    return first, [(name.strip(), value.strip()) for name, _, value in pairs], body.strip()
