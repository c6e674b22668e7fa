"""Which server a command talks to: the one it is pointed to, else the local one that runs on the data."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from weft.cli.errors import CommandFailed, Misused
from weft.settings import data_directory, elsewhere

USER = "admin"


class Running(msgspec.Struct, frozen=True):
    """What a running server writes into `server.json` in its data directory."""

    url: str
    pid: int
    version: str

    @property
    def lives(self) -> bool:
        """Whether there is still such a process: a server that was killed leaves its file behind."""
        return Path(f"/proc/{self.pid}").exists()


@dataclass(frozen=True, slots=True)
class Address:
    url: str
    token: str


def running_server(data: Path) -> Running | None:
    """Return the server that says it runs on *data*, if its process lives."""
    try:
        found = msgspec.json.decode((data / "server.json").read_bytes(), type=Running)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as unreadable:
        raise CommandFailed(f"cannot read {data / 'server.json'}: {unreadable}") from None
    return found if found.lives else None


def find_server(data: Path | None) -> Address:
    """Raises CommandFailed where there is no server, or nothing to prove to it who is calling."""
    pointed = elsewhere()
    directory = data_directory(data)
    if pointed.url is None:
        local = running_server(directory)
        if local is None:
            raise CommandFailed(f"no server runs on {directory}; start one with: weft up --data {directory}")
        return Address(local.url, pointed.token or own_token(directory))
    if pointed.token is None and not is_loopback(urlsplit(pointed.url).hostname or ""):
        raise Misused(f"WEFT_URL is {pointed.url}; set WEFT_TOKEN to a token for it")
    return Address(pointed.url, pointed.token or own_token(directory))


def own_token(data: Path) -> str:
    """Return a token for Core, signed with the key of the data directory."""
    from weft.cli.signing import open_issuer  # noqa: PLC0415 - cryptography, which a given token does not need

    return open_issuer(data).issuer.core_token(USER)


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
