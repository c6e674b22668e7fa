"""Where the blobs of imports may lie, as `weft up` was told: local directories and storage accounts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from weft.blobs.policy import Policy
from weft.catalog.addresses import is_loopback
from weft.cli.errors import Misused
from weft.settings import BlobSettings, storage_connection


def blob_settings(roots: Sequence[Path] | None, hosts: Sequence[str] | None) -> BlobSettings:
    """Return what may be read and written; without any root it is the current directory. Raises Misused."""
    settings = BlobSettings(
        roots=tuple(_root(root) for root in roots or [Path()]),
        hosts=tuple(_account(host) for host in hosts or ()),
        connection=storage_connection(),
    )
    try:
        Policy(settings)
    except ValueError as senseless:
        raise Misused(f"{senseless} (--blob-host, AZURE_STORAGE_CONNECTION_STRING)") from None
    return settings


def _root(given: Path) -> Path:
    try:
        root = given.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise Misused(f"--blob-root {given}: there is no such directory") from None
    if not root.is_dir():
        raise Misused(f"--blob-root {given} is no directory")
    return root


def _account(given: str) -> str:
    """Return the base URL of one storage account, without a slash at its end."""
    if "*" in given or not given.strip():
        raise Misused(f"--blob-host must name one storage account, not {given!r}: any other could be called")
    try:
        url = urlsplit(given)
        host, _ = url.hostname, url.port
    except ValueError:
        host = None
    if host is None or url.scheme not in ("http", "https") or "@" in url.netloc or _says_more(given):
        raise Misused(
            "--blob-host must be the URL of an account, as https://acct.blob.core.windows.net, "
            f"not {given.partition('?')[0]!r}"
        )
    if url.scheme == "http" and not is_loopback(host):
        raise Misused(f"--blob-host {given}: http is for this machine only; use https")
    return given.rstrip("/")


def _says_more(given: str) -> bool:
    """Whether there is a signature, a fragment, or what no URL has."""
    return any(mark in given for mark in "?#\\") or not given.isprintable() or " " in given
