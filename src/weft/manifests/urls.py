"""Which URLs a workload may be called at: a base without anything that would lead a token astray."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from weft.catalog.addresses import is_loopback
from weft.manifests.errors import shown

LONGEST: Final = 2048

_PLAIN = re.compile(r"[!-~]+")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")


class UrlRefused(ValueError):
    """Not a URL that a workload may be called at; the message says why, as the end of a sentence."""


def service_url(text: str) -> str:
    """Return *text* without slashes at its end. Raises UrlRefused.

    Tokens go there: without encryption to this machine only.
    """
    if len(text) > LONGEST or not _PLAIN.fullmatch(text) or "\\" in text:
        raise UrlRefused(f"must be a URL of at most {LONGEST} plain characters, not {shown(text)}")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UrlRefused(f"must be a URL, not {shown(text)}") from None
    if parts.scheme not in ("http", "https") or not host or port == 0 or not _HOST.fullmatch(host):
        raise UrlRefused(f"must be an http or https URL with a host, not {shown(text)}")
    if "@" in parts.netloc or "?" in text or "#" in text:
        raise UrlRefused(f"must have no user, query or fragment: {shown(text)}")
    if parts.scheme == "http" and not _is_here(host):
        raise UrlRefused(f"must be https, for {shown(host)} is not this machine")
    return text.rstrip("/")


def _is_here(host: str) -> bool:
    return is_loopback(host) or host.endswith(".localhost")
