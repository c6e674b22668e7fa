"""The Fabric CLI, started anew for each command as a user starts it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.clients.house import House, Said

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class Fab:
    """*home*: where it keeps its configuration and its sign-in."""

    def __init__(self, house: House, programs: Path, home: Path) -> None:
        self._house = house
        self._program = str(programs / "fab")
        self.home = home

    def __call__(self, *arguments: str, **named: str) -> Said:
        return self._house.exec(self.home, self._program, *arguments, **named)

    def ok(self, *arguments: str, **named: str) -> str:
        """Return what a command that succeeds prints."""
        said = self(*arguments, **named)
        assert said.code == 0, (arguments, said)
        return said.out

    def data(self, *arguments: str) -> list[Any]:
        """Return what a command tells as data, where it is asked for JSON."""
        told = self(*arguments, "--output_format", "json")
        assert (told.code, told.json["status"]) == (0, "Success"), (arguments, told)
        data: list[Any] = told.json["result"]["data"]
        return data

    def keep_secrets_in_a_file(self) -> None:
        """Let it do without a keyring, which a machine without a desktop has not."""
        self.ok("config", "set", "encryption_fallback_enabled", "true")

    def sign_in(self, secret: str) -> Said:
        app = self._house.app
        return self("auth", "login", "-u", app.client_id, "-p", secret, "--tenant", app.tenant)


def the_id(printed: str) -> str:
    """Return the one id that is printed, once or several times."""
    found = set(re.findall(UUID, printed))
    assert len(found) == 1, printed
    return str(found.pop())
