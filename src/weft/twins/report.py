"""The log of an import: one JSON line an event, as the service writes it.

Source: contracts/twins.md, section 2. Not published, and ours: the lines of a cancelled import, the last line
of a failed one, and that a section with rejected lines is `Failed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from weft.twins.checkpoint import Checkpoint, End, Status
from weft.twins.feed import Entities, Rejected
from weft.twins.graph import Section

Details = dict[str, str | int]


class LogType(StrEnum):
    INFO = "Info"
    ERROR = "Error"


_LOG_TYPE = {Status.SUCCEEDED: LogType.INFO, Status.FAILED: LogType.ERROR, Status.CANCELLED: LogType.INFO}

_encoder = msgspec.json.Encoder()


class Report:
    """The lines of the import whose id is *job*; each is UTF-8 and ends with its line break."""

    def __init__(self, job: str) -> None:
        self._job = _encoder.encode(job)

    def started(self, at: datetime) -> list[bytes]:
        return self._lines(at, [(LogType.INFO, {"status": "Started"})])

    def batch(self, at: datetime, before: Checkpoint, batch: Entities) -> list[bytes]:
        """Return what *batch* adds to *before*: a section's beginning, and what was refused."""
        events: list[tuple[LogType, Details]] = []
        if batch.section is not before.section:
            events += _section_over(before)
            events.append((LogType.INFO, {"section": batch.section, "status": "Started"}))
        events += map(_rejection, batch.rejected)
        return self._lines(at, events)

    def ended(self, at: datetime, before: Checkpoint, end: End, *, fault: Fault | None = None) -> list[bytes]:
        """Return the last lines of an import that ends after *before*, maybe because of *fault*."""
        events = _last_section(before, end, fault)
        events.append((_LOG_TYPE[end.status], {"status": end.status.value}))
        return self._lines(at, events)

    def _lines(self, at: datetime, events: Iterable[tuple[LogType, Details]]) -> list[bytes]:
        head = b'{"timestamp":"%s","jobId":%s,"jobType":"Import","logType":' % (_timestamp(at), self._job)
        return [
            b'%s"%s","details":%s}\n' % (head, log_type.value.encode(), _encoder.encode(details))
            for log_type, details in events
        ]


class Fault(msgspec.Struct, frozen=True):
    """What ends an import before the end of its file: in *section*, where in one."""

    section: Section | None
    rejected: Sequence[Rejected] = ()


def _section_over(before: Checkpoint) -> list[tuple[LogType, Details]]:
    if before.section is None:
        return []
    status = Status.FAILED if before.tally(before.section).rejected else Status.SUCCEEDED
    return [_section_ended(before.section, status)]


def _last_section(before: Checkpoint, end: End, fault: Fault | None) -> list[tuple[LogType, Details]]:
    if end.status is Status.CANCELLED:
        return _stopped(before)
    if fault is None:
        return _section_over(before)
    refused = [_rejection(rejected) for rejected in fault.rejected]
    if not refused:
        refused.append((LogType.ERROR, {"exceptionType": end.code, "message": end.message}))
    section = fault.section or before.section
    return refused if section is None else [*refused, _section_ended(section, Status.FAILED)]


def _section_ended(section: Section, status: Status) -> tuple[LogType, Details]:
    return _LOG_TYPE[status], {"section": section, "status": status.value}


def _stopped(before: Checkpoint) -> list[tuple[LogType, Details]]:
    """Say where it stopped: all lines up to *line* have been tried, and none behind it."""
    if before.section is None:
        return []
    where: Details = {"section": before.section, "line": before.position.line}
    return [(LogType.INFO, {**where, "status": Status.CANCELLED.value})]


def _rejection(rejected: Rejected) -> tuple[LogType, Details]:
    return LogType.ERROR, {
        "section": rejected.section,
        "line": rejected.line,
        "exceptionType": rejected.type,
        "message": rejected.message,
    }


def _timestamp(at: datetime) -> bytes:
    """Return *at* with seven decimals, as the service's log has them."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z").encode()
