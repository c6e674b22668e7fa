"""The files of a package that is a NuGet archive: every entry is looked at before the first is unpacked.

Only plain archives are taken: one directory at the end, entries that follow one another, nothing besides.
Whatever two readers could see differently is refused.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Final

from weft.manifests.errors import ManifestInvalid, refused, shown

LONGEST_BYTES: Final = 20 * 1024 * 1024
MOST_ENTRIES: Final = 1000
MOST_RATIO: Final = 100
LONGEST_NAME: Final = 512

_FREE_BYTES: Final = 64 * 1024  # a small file of one repeated character is no bomb
_END: Final = struct.Struct("<4s4H2LH")
_LOCATOR: Final = b"PK\x06\x07"
_LOCATOR_BYTES: Final = 20
_HEADER_BYTES: Final = 30
_MOST_DIRECTORY_BYTES: Final = MOST_ENTRIES * (46 + 2 * LONGEST_NAME)
_ENCRYPTED: Final = 0x1 | 0x40
_MADE_ON_UNIX: Final = 3
_FAULTS: Final = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError,
                  OSError, ValueError, OverflowError)  # fmt: skip


def files_in_archive(raw: bytes, wanted: Callable[[str], bool], *, limit_bytes: int) -> dict[str, bytes]:
    """Return the *wanted* files by name. Raises ManifestInvalid; a longer one is cut at *limit_bytes* + 1."""
    _check_end(raw)
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            entries = archive.infolist()
            _check(entries, archive.start_dir)
            return {
                entry.filename: _content(archive, entry, limit_bytes)
                for entry in entries
                if not entry.is_dir() and wanted(entry.filename)
            }
    except _FAULTS as fault:
        raise _bad(f"is no sound zip archive: {shown(str(fault))}") from None


def _check_end(raw: bytes) -> None:
    """Refuse an archive whose directory is not exactly where its last record says, before it is read."""
    if len(raw) > LONGEST_BYTES:
        raise _bad(f"is longer than {LONGEST_BYTES} bytes")
    if len(raw) < _END.size or raw[-_END.size :][:4] != b"PK\x05\x06":
        raise _bad("is no zip archive that ends with its directory")
    _, disk, first_disk, here, total, size, start, comment = _END.unpack(raw[-_END.size :])
    if raw[-_END.size - _LOCATOR_BYTES :].startswith(_LOCATOR):
        raise _bad("is a Zip64 archive, which no package needs to be")
    if disk or first_disk or here != total or comment or start + size + _END.size != len(raw):
        raise _bad("is no plain zip archive: something lies before, between or after its parts")
    if total > MOST_ENTRIES or size > _MOST_DIRECTORY_BYTES:
        raise _bad(f"holds more than {MOST_ENTRIES} entries, or too long names")


def _check(entries: Sequence[zipfile.ZipInfo], end: int) -> None:
    if len(entries) > MOST_ENTRIES:
        raise _bad(f"holds more than {MOST_ENTRIES} entries")
    names: set[str] = set()
    for entry in entries:
        _check_name(entry, names)
        _check_kind(entry)
    if sum(entry.file_size for entry in entries) > LONGEST_BYTES:
        raise _bad(f"holds more than {LONGEST_BYTES} bytes unpacked")
    _check_places(entries, end)


def _check_name(entry: zipfile.ZipInfo, names: set[str]) -> None:
    name = entry.filename
    parts = name.removesuffix("/").split("/")
    if name != entry.orig_filename or not name.isprintable() or len(name) > LONGEST_NAME:
        raise _bad(f"the name of the entry {shown(entry.orig_filename)} is not allowed")
    if "\\" in name or ":" in name or any(part in ("", ".", "..") for part in parts):
        raise _bad(f"the entry {shown(name)} leads out of the package")
    folded = name.removesuffix("/").casefold()
    if folded in names:
        raise _bad(f"the entry {shown(name)} is there more than once")
    names.add(folded)


def _check_kind(entry: zipfile.ZipInfo) -> None:
    mode = stat.S_IFMT(entry.external_attr >> 16) if entry.create_system == _MADE_ON_UNIX else 0
    name = shown(entry.filename)
    if mode not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
        raise _bad(f"the entry {name} is a link or a device")
    if entry.flag_bits & _ENCRYPTED:
        raise _bad(f"the entry {name} is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _bad(f"the entry {name} is compressed by method {entry.compress_type}, which is not known")
    if entry.file_size > _FREE_BYTES + MOST_RATIO * entry.compress_size:
        raise _bad(f"the entry {name} unpacks to more than {MOST_RATIO} times its size")


def _check_places(entries: Sequence[zipfile.ZipInfo], end: int) -> None:
    after = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < after:
            raise _bad(f"the entry {shown(entry.filename)} overlaps another")
        after = entry.header_offset + _HEADER_BYTES + entry.compress_size
    if after > end:
        raise _bad("an entry overlaps the directory")


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit_bytes: int) -> bytes:
    try:
        with archive.open(entry) as file:
            return file.read(limit_bytes + 1)
    except _FAULTS as fault:
        raise _bad(f"the entry {shown(entry.filename)} cannot be unpacked: {shown(str(fault))}") from None


def _bad(message: str) -> ManifestInvalid:
    return refused("", message if message.startswith(("the ", "an ")) else f"the package {message}")
