"""The files of a manifest package: each begins with a line `@@ NAME`."""

from __future__ import annotations

from weft.manifests.errors import MOST_FINDINGS, ManifestInvalid
from weft.manifests.package import read_files

HOME = "00000000-1111-4222-8333-444444444444"


def run(data: bytes) -> None:
    try:
        package = read_files(files_of(data), home_tenant=HOME)
    except ManifestInvalid as invalid:
        _check(invalid)
        return
    assert all(item_type.backend.url for item_type in package.item_types)


def _check(invalid: ManifestInvalid) -> None:
    assert 0 < len(invalid.errors) <= MOST_FINDINGS + 1
    assert all(error.message for error in invalid.errors)


def files_of(data: bytes) -> dict[str, bytes]:
    files = {}
    for part in (b"\n" + data).split(b"\n@@ ")[1:]:
        name, _, content = part.partition(b"\n")
        files[name.decode("latin-1")] = content
    return files
