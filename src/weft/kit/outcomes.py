"""What a function returned or raised, put so that it can be kept and told."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import traceback
from collections.abc import Iterator
from typing import Any

import msgspec

from weft.engine.jobs import ErrorDetail, JobError
from weft.kit.errors import JobFailed

RESULT_MOST_BYTES = 1024 * 1024
ERROR_MOST_CHARS = 12_000
_MESSAGE_MOST_CHARS = 4_000
_FRAMES = 10
_CAUSES = 3
_PLUMBING = {file.rpartition("/")[0] for file in (__file__, asyncio.__file__, importlib.__file__)}


class BadResult(Exception):
    """What the function returned cannot be kept; it carries the job's error."""

    def __init__(self, error: JobError) -> None:
        super().__init__(error.message)
        self.error = error


def encode_result(value: object) -> bytes | None:
    """Return *value* as JSON, None for None. Raises BadResult."""
    if value is None:
        return None
    try:
        encoded = msgspec.json.encode(value, enc_hook=_plain)
    except Exception as error:  # the value is the user's, and so are the methods that encoding calls
        raise _not_json(error) from error
    if len(encoded) > RESULT_MOST_BYTES:
        why = f"The function's result has {len(encoded)} bytes as JSON, more than {RESULT_MOST_BYTES}."
        raise BadResult(JobError("ResultTooLarge", why, "User", True))
    try:
        msgspec.json.decode(encoded)  # a msgspec.Raw is written as it is, whatever it holds
    except (ValueError, RecursionError) as error:
        raise _not_json(error) from error
    return encoded


def _not_json(error: Exception) -> BadResult:
    why = clip(f"The function returned what cannot be written as JSON: {_message(error)}")
    return BadResult(JobError("ResultNotJson", why, "User", True))


def describe_failure(error: BaseException) -> JobError:
    """Return *error* as the job's error: its type, its message, and where it was raised."""
    if isinstance(error, JobFailed):
        return _bounded(_meant(error))
    return _bounded(
        JobError(
            code=_type_name(error),
            message=_message(error),
            source="User",
            details=(*_frames(error), *_causes(error)),
        )
    )


def plain_text(text: str) -> str:
    """Return *text* with what is no character of Unicode, such as half a surrogate pair, spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def clip(text: str, most: int = _MESSAGE_MOST_CHARS) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def clip_bytes(text: str, most: int) -> str:
    """Return what of *text* fits into *most* bytes of UTF-8, and a mark where that is not all."""
    encoded = text.encode()
    return text if len(encoded) <= most else f"{encoded[:most].decode('utf-8', 'ignore')}…"


def _plain(value: Any) -> Any:
    """Arrays and numbers of numpy and pandas know themselves as plain values."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__module__}.{type(value).__qualname__} is no JSON value")


def _meant(failed: JobFailed) -> JobError:
    return JobError(
        code=plain_text(failed.code),
        message=plain_text(failed.message),
        source=failed.source,
        is_permanent=failed.is_permanent,
        parameters=tuple(map(plain_text, failed.parameters)),
        details=tuple(
            ErrorDetail(
                plain_text(detail.code),
                plain_text(detail.message),
                tuple(map(plain_text, detail.parameters)),
                tuple((plain_text(name), plain_text(value)) for name, value in detail.extra.items()),
            )
            for detail in failed.details
        ),
    )


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else _full_name(kind)


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"The function called sys.exit({error.code!r})."
    try:
        text = str(error)
    except Exception as unsaid:  # __str__ is the user's
        text = f"(its text cannot be had: {type(unsaid).__name__})"
    return clip(plain_text(text)) or _type_name(error)


def _frames(error: BaseException) -> Iterator[ErrorDetail]:
    """Yield the last frames, the innermost last, as a traceback has them."""
    frames = itertools.dropwhile(_is_plumbing, traceback.extract_tb(error.__traceback__))
    for frame in list(frames)[-_FRAMES:]:
        where = f"{frame.filename}:{frame.lineno} in {frame.name}"
        yield ErrorDetail("Frame", clip(plain_text(f"{where}: {frame.line}" if frame.line else where), 500))


def _is_plumbing(frame: traceback.FrameSummary) -> bool:
    """Whether the frame is one of those between us and the function, which tell its author nothing."""
    directory = frame.filename.rpartition("/")[0]
    return directory in _PLUMBING or frame.filename.startswith("<frozen ")


def _causes(error: BaseException) -> Iterator[ErrorDetail]:
    cause = _cause(error)
    for _ in range(_CAUSES):
        if cause is None:
            return
        yield ErrorDetail("Cause", clip(f"{_type_name(cause)}: {_message(cause)}", 1000))
        cause = _cause(cause)


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _bounded(error: JobError) -> JobError:
    """Return *error* with texts cut, and its last details dropped, so that it stays below 16 kB."""
    details: list[ErrorDetail] = []
    parameters = tuple(clip(parameter, 200) for parameter in error.parameters[:20])
    left = ERROR_MOST_CHARS - len(error.code) - min(len(error.message), _MESSAGE_MOST_CHARS)
    left -= sum(map(len, parameters))
    for detail in error.details:
        left -= _size(detail)
        if left < 0:
            break
        details.append(detail)
    return JobError(
        clip(error.code, 256),
        clip(error.message),
        error.source,
        error.is_permanent,
        parameters,
        tuple(details),
    )


def _size(detail: ErrorDetail) -> int:
    texts = (
        detail.code,
        detail.message,
        *detail.parameters,
        *(part for pair in detail.extra for part in pair),
    )
    return sum(map(len, texts)) + 60
