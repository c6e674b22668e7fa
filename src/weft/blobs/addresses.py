"""Which network address a storage host has, looked up once, and whether weft may connect to it."""

from __future__ import annotations

import ipaddress
import socket

from weft.blobs.ports import BlobForbidden, BlobUnavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Public by its number, but answered inside every Azure machine, with secrets of that machine.
_AZURE_PLATFORM = ipaddress.ip_address("168.63.129.16")
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


def connectable(host: str, port: int) -> str:
    """Return the address to connect to for *host*, a host that is configured.

    A configured address, or `localhost`, means itself. Any other name must stand for public addresses only,
    else a name server could lead us into the network we run in. Raises BlobForbidden, BlobUnavailable.
    """
    literal = _literal(host)
    if literal is not None:
        return str(literal)
    found = _looked_up(host, port)
    for address in found:
        if not _is_allowed(host, address):
            raise BlobForbidden(f"the name {host} stands for {address}, which is no public address")
    return str(found[0])


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _looked_up(host: str, port: int) -> list[Address]:
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise BlobUnavailable(f"the name {host} is not known") from None
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in entries]


def _is_allowed(host: str, address: Address) -> bool:
    return address.is_loopback if host == "localhost" else is_public(address)


def is_public(address: Address) -> bool:
    """Return whether *address* is public, and so is an IPv4 address that it carries."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = _carried(address)
        if carried is not None:
            return is_public(carried)
    return address.is_global and not address.is_multicast and address != _AZURE_PLATFORM


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
