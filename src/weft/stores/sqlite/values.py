"""Between values and what a column holds of them: instants are whole microseconds, lists and labels JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from weft.engine.jobs import JobError

Row = tuple[Any, ...]
Bindings = dict[str, int | float | str | bytes | None]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_encode = msgspec.json.Encoder().encode

labels_of = msgspec.json.Decoder(dict[str, str]).decode
error_of = msgspec.json.Decoder(JobError).decode


def json_text(value: object) -> str:
    return _encode(value).decode()


def micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def micros_or_none(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def instant_or_none(at: int | None) -> datetime | None:
    return None if at is None else _EPOCH + timedelta(microseconds=at)
