"""What an endpoint resolution service answers, and where a token would be sent for it.

The first byte says where the service itself is.
"""

from __future__ import annotations

from yarl import URL

from weft.catalog.addresses import is_loopback
from weft.runners.workload_answers import members_of
from weft.runners.workload_resolution import (
    LONGEST_SECONDS,
    SHORTEST_SECONDS,
    UrlRefused,
    checked_url,
    seconds_of_ttl,
)

SERVICES = (
    "https://resolve.contoso.com/api",
    "http://127.0.0.1:5000/workload",
    "http://localhost:5000",
    "https://[::1]:5000/x",
)
LISTED = ("be.contoso.com", "*.fabrikam.com")


def run(data: bytes) -> None:
    service = SERVICES[(data[0] if data else 0) % len(SERVICES)]
    members = members_of(data[1:])
    if members is None:
        return
    assert SHORTEST_SECONDS <= seconds_of_ttl(members.get("ttlinminutes")) <= LONGEST_SECONDS
    try:
        url = checked_url(members.get("url"), service=service, listed=LISTED)
    except UrlRefused:
        return
    _check(url, URL(service))


def _check(url: str, service: URL) -> None:
    """The library that sends the token reads the same host in it, and one that may have it."""
    target = URL(f"{url}/workspaces", encoded=True)
    host = (target.host or "").rstrip(".").lower()
    near = is_loopback(host) and is_loopback(service.host or "")
    assert near or host in (service.host, LISTED[0]) or host.endswith(LISTED[1][1:]), url
    assert target.user is None
    assert target.password is None
    assert target.scheme == "https" or near or service.scheme == "http", url
