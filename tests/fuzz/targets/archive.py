"""A package as a zip archive, whose files are then read."""

from __future__ import annotations

from weft.manifests.archive import files_in_archive
from weft.manifests.errors import ManifestInvalid
from weft.manifests.package import read_files

LIMIT_BYTES = 4096


def run(data: bytes) -> None:
    try:
        files = files_in_archive(data, lambda _: True, limit_bytes=LIMIT_BYTES)
        assert all(len(content) <= LIMIT_BYTES + 1 for content in files.values())
        assert not any(name.startswith("/") or ".." in name.split("/") for name in files)
        read_files(files)
    except ManifestInvalid:
        return
