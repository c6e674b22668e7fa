"""What the URI of a blob stands for, once it is allowed: a file below a root, or a blob in Azure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import quote

from weft.blobs.secrets import redacted

_BASE = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)/?(?P<prefix>[^?#]*?)/?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_PREFIX = re.compile(r"[A-Za-z0-9._~-]*(?:/[A-Za-z0-9._~-]+)*")
_PORTS = {"http": 80, "https": 443}
_AZURE = re.compile(r"\.(?:blob|dfs)\.")
_FEATURES = re.compile(r"(?:-secondary|-ipv6|-dualstack)+\Z")


@dataclass(frozen=True, slots=True)
class Base:
    """Where the blobs of a storage account lie. *prefix*: the first segments of their paths, often none.

    The host is text that is compared, never an address that is understood: `0x7f000001` is not `127.0.0.1`.
    """

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `scheme://host[:port][/prefix]`; raises ValueError, which does not quote *text*."""
        found = _BASE.fullmatch(text)
        if found is None or not _PREFIX.fullmatch(found["prefix"]):
            raise ValueError("it has not the form http(s)://HOST[:PORT][/ACCOUNT]")
        scheme = found["scheme"].lower()
        host, port = authority(found["authority"], scheme)
        return cls(scheme, host, port, found["prefix"])

    @property
    def netloc(self) -> str:
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @property
    def url(self) -> str:
        return f"{self.origin}/{self.prefix}" if self.prefix else self.origin

    @property
    def path(self) -> str:
        """How the path of each blob begins, with a slash at either end."""
        return f"/{self.prefix}/" if self.prefix else "/"

    @property
    def holder(self) -> str:
        """The same for the spellings of one account: http and https, secondary, dfs, `localhost`."""
        if _is_local(self.host):
            return f"127.0.0.1:{self.port}"
        if _AZURE.search(self.host):
            return _FEATURES.sub("", self.host.partition(".")[0])
        return self.host


def authority(text: str, scheme: str) -> tuple[str, int]:
    """Return host and port; raises ValueError for anything but a plain host and an optional port."""
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        raise ValueError("it names no plain host and port")
    return found["host"].lower(), int(found["port"] or _PORTS[scheme])


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class LocalName:
    """A file at *path*, which lay below *root* when its links were followed; it need not be there."""

    root: Path
    path: Path

    @property
    def uri(self) -> str:
        return str(self.path)

    @property
    def shown(self) -> str:
        return redacted(self.uri)


@dataclass(frozen=True, slots=True)
class AzureName:
    """A blob below *base*. *query*: a shared access signature as it was given, or empty."""

    base: Base
    container: str
    blob: str
    query: str = field(default="", repr=False)

    @property
    def uri(self) -> str:
        """The whole URI, with its signature."""
        return f"{self._place}?{self.query}" if self.query else self._place

    @property
    def shown(self) -> str:
        return redacted(self.uri)

    @property
    def identity(self) -> str:
        """The same for all spellings of one blob."""
        return f"{self.base.holder}{self.base.path}{self.container}/{self.blob}"

    def lies_in(self, base: Base) -> bool:
        path = f"{self.base.path}{self.container}/"
        return self.base.origin == base.origin and path.startswith(base.path)

    @property
    def _place(self) -> str:
        return f"{self.base.url}/{self.container}/{quote(self.blob, safe='/~')}"


BlobName = LocalName | AzureName
