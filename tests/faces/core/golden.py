"""Reads the recordings of the live service, and compares an answer of ours with a recorded one.

What is compared: the status, the set of headers and the values of those that are constant, the form of those
that are not, and the body: keys, their order, and each value or, where it must differ, its form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.transcripts.player import Answer

UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?")

# Headers that are not compared. Each is said in docs/fidelity.md.
NOT_SENT_BY_US = {
    "home-cluster-uri",  # an address inside Microsoft's cloud
    "request-redirected",
    "content-encoding",  # the recordings were unpacked, their header was left
    "date",  # the HTTP server adds it below the face
}
NOT_RECORDED = {"x-ms-job-id"}  # the recorder dropped x-ms-*, clients need this one
FRAMING = {"content-length", "transfer-encoding"}
VARYING = {"requestid", "location", "content-length", "x-ms-operation-id"}


@dataclass(frozen=True)
class Pair:
    """A recorded request and its answer. *path* begins with `/v1`, *route* has `{}` in place of ids."""

    recording: str
    method: str
    path: str
    query: str
    body: str | None
    status: int
    headers: Mapping[str, str]
    answer: Any
    is_empty: bool

    @property
    def route(self) -> str:
        return UUID.sub("{}", self.path)

    @property
    def ids(self) -> list[str]:
        return UUID.findall(self.path)


def pairs(path: Path) -> list[Pair]:
    return [_pair(json.loads(line)) for line in path.read_text().splitlines()]


def _pair(record: Mapping[str, Any]) -> Pair:
    request, answer = record["request"], record["answer"]
    url = urlsplit(request["url"])
    return Pair(
        recording=record["recording"],
        method=request["method"],
        path=url.path,
        query=url.query,
        body=request["body"],
        status=answer["status"],
        headers={name.lower(): value for name, value in answer["headers"].items()},
        answer=json.loads(answer["body"]) if answer["body"] else None,
        is_empty=not answer["body"],
    )


def differences(pair: Pair, ours: Answer, *, free: frozenset[str] = frozenset()) -> list[str]:
    """Return in words how *ours* differs from the recording; *free* names headers and body paths left out."""
    found = [] if ours.status == pair.status else [f"status {ours.status}, recorded {pair.status}"]
    found += _header_differences(pair, ours, free)
    answer = ours.json() if ours.body else None
    found += _value_differences("body", pair.answer, answer, free)
    return found


def _header_differences(pair: Pair, ours: Answer, free: frozenset[str]) -> list[str]:
    sent = {name.lower(): value for name, value in ours.headers}
    left_out = NOT_SENT_BY_US | NOT_RECORDED | FRAMING | free
    missing = pair.headers.keys() - sent.keys() - left_out
    added = sent.keys() - pair.headers.keys() - left_out
    found = [f"header {name} is missing" for name in sorted(missing)]
    found += [f"header {name} was not recorded" for name in sorted(added)]
    for name in sorted((pair.headers.keys() & sent.keys()) - left_out):
        recorded, value = pair.headers[name], sent[name]
        if (_form(recorded) if name in VARYING else recorded) != (_form(value) if name in VARYING else value):
            found.append(f"header {name} is {value!r}, recorded {recorded!r}")
    if pair.is_empty and sent.get("content-length") != "0":
        found.append("an empty answer must have content-length 0")
    return found


def _value_differences(where: str, recorded: Any, ours: Any, free: frozenset[str]) -> list[str]:
    if where in free:
        return []
    if isinstance(recorded, dict) and isinstance(ours, dict):
        if list(recorded) != list(ours):
            return [f"{where} has the keys {list(ours)}, recorded {list(recorded)}"]
        return [
            difference
            for key in recorded
            for difference in _value_differences(f"{where}.{key}", recorded[key], ours[key], free)
        ]
    if isinstance(recorded, list) and isinstance(ours, list):
        both = zip(recorded, ours, strict=False)
        found = [] if len(recorded) == len(ours) else [f"{where} has {len(ours)}, recorded {len(recorded)}"]
        return found + [
            difference
            for number, (one, other) in enumerate(both)
            for difference in _value_differences(f"{where}[{number}]", one, other, free)
        ]
    return [] if _form(recorded) == _form(ours) else [f"{where} is {ours!r}, recorded {recorded!r}"]


def _form(value: Any) -> Any:
    """Return a value as it is, but ids as `<id>`, and times as `<time>` (the service's have 7 digits)."""
    if not isinstance(value, str):
        return value
    return "<time>" if TIME.fullmatch(value) else UUID.sub("<id>", value)
