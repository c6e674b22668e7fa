"""Where tokens and secrets may be sent: over https, or to this machine."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit


class AddressRefused(ValueError):
    """An address is none, or would carry secrets in the clear. The message is for who configured it."""


def checked(url: str) -> SplitResult:
    """Return the parts of *url*, an address without user, query and fragment. Raises AddressRefused."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressRefused(f"{url!r} is no address: {error}") from None
    if parts.scheme not in ("https", "http") or not host or not url.isprintable() or " " in url:
        raise AddressRefused(f"{url!r} is no address that begins with https:// or http://")
    if port == 0:
        raise AddressRefused(f"{url!r} is no address: its port is 0")
    if parts.username is not None or parts.query or parts.fragment:
        raise AddressRefused(f"{parts.scheme}://{host}: an address here has no user, query or fragment")
    if parts.scheme == "http" and not is_loopback(host):
        raise AddressRefused(f"{url!r} must begin with https://: only this machine is spoken to over http")
    return parts


def is_loopback(host: str) -> bool:
    """*host*: a name or an address, without brackets."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def origin_of(parts: SplitResult) -> tuple[str, str, int]:
    """Return scheme, host and port, the usual one where none is said."""
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
