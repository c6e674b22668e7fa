"""A package as a zip archive, whose files are then read.

An input is an archive, or behind an `r` the recipe of one: its entries, each with nine bytes that say how it
is written and where its records lie.
"""

from __future__ import annotations

import struct
import zlib

from weft.manifests.archive import files_in_archive
from weft.manifests.errors import ManifestInvalid
from weft.manifests.package import read_files

LIMIT_BYTES = 4096
METHODS = (0, 8, 0, 8, 12, 99)
MODES = (0, 0o100644, 0o040755, 0o120777, 0o020666)
FLAGS = (0, 0, 0x800, 0x1, 0x8)


def run(data: bytes) -> None:
    try:
        files = unpacked(data)
        read_files(files)
    except ManifestInvalid:
        return
    assert all(len(content) <= LIMIT_BYTES + 1 for content in files.values())
    assert not any(name.startswith("/") or ".." in name.split("/") for name in files)


def unpacked(data: bytes) -> dict[str, bytes]:
    """Raises ManifestInvalid."""
    raw = cooked(data[1:]) if data[:1] == b"r" else data
    return files_in_archive(raw, lambda _: True, limit_bytes=LIMIT_BYTES)


def cooked(recipe: bytes) -> bytes:
    """Return the archive that *recipe* describes; where its numbers are zero it is a sound one."""
    body, directory, count = b"", b"", 0
    while len(recipe) >= 9:
        names, lengths, method, flag, mode, more, shift, crc, repeats = recipe[:9]
        name, content = recipe[9 : 9 + names], recipe[9 + names : 9 + names + lengths]
        recipe = recipe[9 + names + lengths :]
        local, central = _entry(
            name, content * (1 + repeats * 16), (method, flag, mode), (more, shift, crc), len(body)
        )
        body, directory, count = body + local, directory + central, count + 1
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + end


def _entry(
    name: bytes, content: bytes, kind: tuple[int, int, int], odd: tuple[int, int, int], at: int
) -> tuple[bytes, bytes]:
    """Return a file as it lies in an archive, and its line in the directory."""
    method, flag, mode = METHODS[kind[0] % 6], FLAGS[kind[1] % 5], MODES[kind[2] % 5]
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(content) + packer.flush() if method == 8 else content
    more, shift, crc = odd
    sizes = (zlib.crc32(content) ^ crc, len(packed), (len(content) + more * more) % 2**32, len(name))
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, flag, method, 0, 33, *sizes, 0) + name + packed
    central = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 3 << 8 | 20, 20, flag, method, 0, 33, *sizes,
                          0, 0, 0, 0, mode << 16, max(0, at - shift)) + name  # fmt: skip
    return local, central
