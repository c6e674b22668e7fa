"""Where webhooks may be sent: to this machine, and to the hosts that the operator has named, over https."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from weft.catalog.addresses import is_loopback

LONGEST_URL: Final = 2048
HTTPS_PORT: Final = 443

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::(?P<port>[0-9]{1,5}))?"
    r"(?:[/?][\w.~!$&'()*+,;=:@%/?-]*)?",
    re.ASCII | re.IGNORECASE,
)


class UrlRefused(ValueError):
    """Nothing is sent there. The message says why, and nothing of the address but its host."""


class UrlPolicy:
    """*hosts*: names as `ci.contoso.com`, or `*.contoso.com` for all below one."""

    def __init__(self, hosts: Sequence[str] = ()) -> None:
        self._hosts = tuple(host.lower() for host in hosts)

    def check(self, url: str) -> None:
        """Raises UrlRefused.

        Where a name leads is looked at when something is sent.
        """
        found = _URL.fullmatch(url) if len(url) <= LONGEST_URL else None
        if found is None:
            raise UrlRefused(
                f"it must be an address as https://ci.contoso.com/hook, of at most {LONGEST_URL} characters, "
                "without user and fragment"
            )
        host = found["host"].strip("[]").lower()
        port = int(found["port"]) if found["port"] else None
        if port is not None and not 0 < port <= 65535:
            raise UrlRefused(f"{port} is no port")
        if is_loopback(host):
            return
        if not any(_is_of(host, named) for named in self._hosts):
            raise UrlRefused(f"{host} is neither this machine nor a host that webhooks.hosts names")
        if found["scheme"].lower() != "https" or port not in (None, HTTPS_PORT):
            raise UrlRefused(f"{host} is spoken to over https only, at port {HTTPS_PORT}")


def _is_of(host: str, named: str) -> bool:
    return host.endswith(named[1:]) if named.startswith("*.") else host == named
