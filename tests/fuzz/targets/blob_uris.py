"""The URI of a blob, as a request names it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from yarl import URL

from weft.blobs.names import AzureName, LocalName
from weft.blobs.policy import Policy, UriRefused
from weft.settings import BlobSettings

FOLDER = tempfile.TemporaryDirectory(prefix="weft-fuzz-blobs-")
ROOT = Path(FOLDER.name).resolve() / "root"
HOST = "https://account.blob.core.windows.net"
LOCAL = "http://127.0.0.1:10000/account"


def _policy() -> Policy:
    (ROOT / "in").mkdir(parents=True, exist_ok=True)
    link = ROOT / "out"
    if not link.is_symlink():
        link.symlink_to("/etc")
    return Policy(BlobSettings(roots=(ROOT,), hosts=(HOST, LOCAL)))


POLICY = _policy()


def run(data: bytes) -> None:
    name = named(data)
    if isinstance(name, LocalName):
        assert name.path.is_relative_to(ROOT)
        assert name.path.resolve().is_relative_to(ROOT)
    elif name is not None:
        # The library that sends the signature reads the same host in it.
        assert str(URL(name.uri, encoded=True).origin()) in (HOST, "http://127.0.0.1:10000")


def named(data: bytes) -> AzureName | LocalName | None:
    """Return what the URI names, None where it is refused. A part `ROOT` in it stands for the root."""
    uri = data.decode("utf-8", "surrogateescape").replace("ROOT", str(ROOT))
    try:
        return POLICY.check_uri(uri)
    except UriRefused:
        return None
