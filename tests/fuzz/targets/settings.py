"""A settings file, and behind a line `@@` the environment: NAME=VALUE, one a line."""

from __future__ import annotations

import tempfile
from pathlib import Path

from weft.settings import Settings
from weft.settings_file import SettingsRefused, configured

FOLDER = tempfile.TemporaryDirectory(prefix="weft-fuzz-settings-")
FILE = Path(FOLDER.name) / "weft.toml"


def run(data: bytes) -> None:
    content, _, rest = data.partition(b"\n@@\n")
    FILE.write_bytes(content)
    lines = (line.partition("=") for line in rest.decode("utf-8", "surrogateescape").split("\n"))
    environ = {name: value for name, _, value in lines}
    try:
        settings = configured(Settings(data=FILE.parent), FILE, environ)
    except SettingsRefused as refused:
        _check(str(refused))
        return
    assert settings.caller.backoff_first <= settings.caller.backoff_most
    assert settings.caller.slots > 0


def _check(told: str) -> None:
    assert told.count("\n") == 0, told
