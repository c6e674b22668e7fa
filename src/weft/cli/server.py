"""Which server a command talks to: the one it is pointed to, else the local one that runs on the data."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from weft.catalog.addresses import is_loopback
from weft.cli.errors import CommandFailed, Misused
from weft.settings import data_directory, elsewhere

USER = "admin"


class Running(msgspec.Struct, frozen=True):
    """What a running server writes into `server.json` in its data directory.

    *certificate*: the path of what to trust, where it serves https. *fabric*: the port at which it answers as
    Fabric's hosts.
    """

    url: str
    pid: int
    version: str
    certificate: str | None = None
    fabric: int | None = None

    @property
    def trusted(self) -> Path | None:
        return None if self.certificate is None else Path(self.certificate)

    @property
    def lives(self) -> bool:
        """Whether there is still such a process: a server that was killed leaves its file behind."""
        return Path(f"/proc/{self.pid}").exists()


@dataclass(frozen=True, slots=True)
class Address:
    """*signed_with*: the data directory whose key signed the token; None: the token was given.

    *certificate*: a file of certificates to trust in place of the machine's; None: those of the machine.
    """

    url: str
    token: str
    signed_with: Path | None = None
    certificate: Path | None = None


class Audience(StrEnum):
    """Whom a token is for."""

    CORE = "core"
    TWINS = "twins"


def running_server(data: Path) -> Running | None:
    """Return the server that says it runs on *data*, if its process lives."""
    try:
        found = msgspec.json.decode((data / "server.json").read_bytes(), type=Running)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as unreadable:
        raise CommandFailed(f"cannot read {data / 'server.json'}: {unreadable}") from None
    return found if found.lives else None


def find_server(data: Path | None, audience: Audience = Audience.CORE) -> Address:
    """Raises CommandFailed where there is no server, or nothing to prove to it who is calling."""
    pointed = elsewhere()
    directory = data_directory(data)
    if pointed.url is None:
        local = running_server(directory)
        if local is None:
            raise CommandFailed(
                f"no server runs on {directory}; start one with: weft up{data_option(directory)}"
            )
        address = _address(local.url, pointed.token, directory, audience)
        return replace(address, certificate=local.trusted or pointed.certificate)
    host = urlsplit(pointed.url).hostname
    if host is None:
        raise Misused(f"WEFT_URL: {pointed.url!r} is no address such as http://127.0.0.1:7431")
    if pointed.token is None and not is_loopback(host):
        raise Misused(f"WEFT_URL is {pointed.url}; set WEFT_TOKEN to a token for it")
    return replace(_address(pointed.url, pointed.token, directory, audience), certificate=pointed.certificate)


def _address(url: str, token: str | None, data: Path, audience: Audience) -> Address:
    """A key made only now is one that no server knows: none is made."""
    if token is not None:
        return Address(url, token)
    if not _has_key(data):
        raise unknown_key(url, data)
    return Address(url, own_token(data, audience), signed_with=data)


def _has_key(data: Path) -> bool:
    try:
        return all((data / name).exists() for name in ("tenant", "keys/signing.pem"))
    except OSError as refused:
        raise CommandFailed(f"cannot use the data directory: {refused}") from None


def unknown_key(url: str, data: Path) -> CommandFailed:
    return CommandFailed(
        f"{url} does not know the key of {data}; set WEFT_TOKEN, or --data to that server's directory"
    )


def data_option(data: Path | None) -> str:
    """Return the option that repeats *data* in a command that a person may paste into a shell."""
    return "" if data is None else f" --data {shlex.quote(str(data))}"


def own_token(data: Path, audience: Audience = Audience.CORE, *, scopes: Sequence[str] | None = None) -> str:
    """Return a token signed with the key of the directory; the key is made now if there is none."""
    from weft.cli.signing import open_issuer  # noqa: PLC0415 - cryptography, which a given token does not need

    issuer = open_issuer(data).issuer
    sign = issuer.core_token if audience is Audience.CORE else issuer.twins_token
    return sign(USER, scopes=scopes)
