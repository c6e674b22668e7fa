"""Opening blobs by their URIs, in a process that is told all it needs and looks up nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from weft.blobs.local import LocalLog, LocalSource
from weft.blobs.names import BlobName, LocalName
from weft.blobs.patience import Patience
from weft.blobs.policy import Policy, UriRefused, are_same
from weft.blobs.ports import BlobForbidden, BlobUnavailable, Log, Source
from weft.blobs.secrets import redacted
from weft.settings import BlobSettings


class _Config(msgspec.Struct, frozen=True, array_like=True):
    """*uris*: by their redacted form."""

    roots: tuple[str, ...]
    private: tuple[str, ...]
    hosts: tuple[str, ...]
    connection: str | None
    uris: dict[str, str]

    def policy(self) -> Policy:
        roots, private = tuple(map(Path, self.roots)), tuple(map(Path, self.private))
        return Policy(
            BlobSettings(roots=roots, private=private, hosts=self.hosts, connection=self.connection)
        )


def pack_config(settings: BlobSettings, *uris: str) -> bytes:
    """Return what the functions below need, as MessagePack; it holds secrets.

    *uris* are those of the import, with their signatures. The bytes belong into a pipe, not onto a command
    line or a disk.
    """
    roots = tuple(str(root.absolute()) for root in settings.roots)
    private = tuple(str(place.absolute()) for place in settings.private)
    known = {redacted(uri): uri for uri in uris}
    return msgspec.msgpack.encode(_Config(roots, private, settings.hosts, settings.connection, known))


def open_source(
    uri: str, config: bytes, *, tag: str | None = None, patience: Patience | None = None
) -> Source:
    """Open the blob *uri*, which may be redacted if the config knows it, to read it. Raises BlobFault.

    Raises BlobChanged where *tag* is given and the blob has another one now.
    """
    known = _decoded(config)
    policy = known.policy()
    name = _named(policy, known.uris.get(uri, uri))
    if isinstance(name, LocalName):
        return LocalSource(name, tag)
    with _extra():
        from weft.blobs.azure import AzureSource  # noqa: PLC0415 - costs a second of start
    return AzureSource(name, policy.account_of(name), patience or Patience(), tag)


def open_log(uri: str, config: bytes, *, patience: Patience | None = None) -> Log:
    """Open the blob *uri* to write to it; nothing is made yet. Raises BlobFault.

    Checks again that it is none of the other blobs of the config: it will be emptied.
    """
    known = _decoded(config)
    policy = known.policy()
    name = _named(policy, known.uris.get(uri, uri))
    for other in known.uris.values():
        if other != known.uris.get(uri, uri) and are_same(name, _named(policy, other)):
            raise BlobForbidden(f"{name.shown} is the input of the import")
    if isinstance(name, LocalName):
        return LocalLog(name)
    with _extra():
        from weft.blobs.azure import AzureLog  # noqa: PLC0415 - costs a second of start
    return AzureLog(name, policy.account_of(name), patience or Patience())


def _decoded(config: bytes) -> _Config:
    return msgspec.msgpack.decode(config, type=_Config)


def _named(policy: Policy, uri: str) -> BlobName:
    try:
        return policy.check_uri(uri)
    except UriRefused as refused:
        raise BlobForbidden(refused.message) from None


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as missing:
        raise BlobUnavailable(f"{missing.name} is not installed: install weft[azure]") from None
