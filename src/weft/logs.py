"""Log lines of the server: one JSON object a line on stderr, safe for any text."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec

ORDINARY = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Members: `at`, `level`, `logger`, `message`, then what the call gave as `extra`, then `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({name: value for name, value in vars(record).items() if name not in ORDINARY})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _encoded(line).decode()


def _encoded(line: dict[str, object]) -> bytes:
    """A text with half a surrogate, as a file's name may hold, has no UTF-8: its escape stands for it."""
    try:
        return msgspec.json.encode(line, enc_hook=str)
    except UnicodeEncodeError:
        return msgspec.json.encode(_escaped(msgspec.to_builtins(line, enc_hook=str)))


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_escaped(name): _escaped(member) for name, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_escaped(member) for member in value]
    return value


def configure(level: int = logging.INFO) -> None:
    """Send all log records of this process to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
