"""Log lines are JSON, whatever text they are given."""

import json
import logging
from typing import Any

import pytest

from weft.logs import JsonFormatter


def logged(message: str, *arguments: object, **extra: object) -> dict[str, Any]:
    record = logging.LogRecord("weft.test", logging.ERROR, "", 0, message, arguments, None)
    vars(record).update(extra)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    return dict(json.loads(line))


def test_a_line_says_when_who_and_what() -> None:
    line = logged("read %d rows of\n%s", 3, "ü", reason="none", path=Exception("x"))

    assert (line["level"], line["logger"], line["message"]) == ("error", "weft.test", "read 3 rows of\nü")
    assert (line["reason"], line["path"]) == ("none", "x")
    assert line["at"].endswith("+00:00")


@pytest.mark.parametrize(
    "extra",
    [
        {"file": "half \udc80"},
        {"half \udc80": 1},
        {"files": [{"name": ("a", {"half \udc80": {"half \udc80"}})}, 1, None]},
        {"error": OSError("half \udc80")},
    ],
)
def test_half_a_surrogate_is_shown_by_its_escape(extra: dict[str, object]) -> None:
    line = logged("the file %s", "ü \udc80", **extra)

    assert line["message"] == "the file ü \\udc80"
    assert "half \\\\udc80" in json.dumps(line)
