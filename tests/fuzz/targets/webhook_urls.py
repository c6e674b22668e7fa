"""An address of a webhook: what is let through leads to this machine, or over https to a named host."""

from __future__ import annotations

from ipaddress import ip_address

from yarl import URL

from weft.catalog.webhook_addresses import HTTPS_PORT, LONGEST_URL, UrlPolicy, UrlRefused

NAMED = "ci.contoso.com"
BELOW = ".fabrikam.net"
POLICY = UrlPolicy((NAMED, f"*{BELOW}"))


def is_let_through(data: bytes) -> bool:
    try:
        POLICY.check(data.decode("utf-8", "surrogateescape"))
    except UrlRefused:
        return False
    return True


def run(data: bytes) -> None:
    if not is_let_through(data):
        return
    text = data.decode("ascii")
    assert len(text) <= LONGEST_URL
    url = URL(text)  # as what sends to it reads it
    host = url.host or ""
    assert url.user is None
    assert url.password is None
    assert not url.fragment
    assert url.scheme in ("http", "https")
    if not _is_here(host):
        assert host == NAMED or host.endswith(BELOW)
        assert (url.scheme, url.port) == ("https", HTTPS_PORT)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
