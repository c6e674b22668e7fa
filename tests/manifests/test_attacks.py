"""Packages made to harm who reads them: refused within a second, and nothing is fetched."""

from __future__ import annotations

import io
import socket
import stat
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.manifests.packages import ITEM, PRODUCT, REMOTE, WDK, WDK_ITEM, WDK_WORKLOAD, errors, nupkg
from weft.manifests.archive import LONGEST_BYTES as LONGEST_ARCHIVE
from weft.manifests.archive import MOST_ENTRIES
from weft.manifests.errors import ManifestInvalid
from weft.manifests.package import load, read_files
from weft.manifests.xml import DEEPEST, LONGEST_BYTES, MOST_ELEMENTS

SECONDS = 1.0
SLOWER = 5  # how much slower than a laptop a machine may be that runs these tests

BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
XML_ATTACKS = {
    "an entity of a file": ('<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>\n<a>&e;</a>', "a DTD"),
    "an entity of a host": ('<!DOCTYPE a [<!ENTITY e SYSTEM "http://127.0.0.1:9/e">]>\n<a>&e;</a>', "a DTD"),
    "an external DTD": ('<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">\n<a/>', "a DTD"),
    "a parameter entity": ('<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]>\n<a/>', "a DTD"),
    "a billion laughs": (f'<!DOCTYPE a [<!ENTITY e0 "ha">{BOMB}]>\n<a>&e11;</a>', "a DTD"),
    "an empty DTD": ("<!DOCTYPE a>\n<a/>", "a DTD"),
    "an entity that is not declared": ("<a>&e;</a>", "not XML: undefined entity"),
    "200,000 levels": ("<a>" * 200_000, "nested deeper than 64 levels"),
    "one level too many": ("<a>" * (DEEPEST + 1) + "</a>" * (DEEPEST + 1), "nested deeper than 64 levels"),
    "200,000 elements": (f"<a>{'<b/>' * 200_000}</a>", f"more than {MOST_ELEMENTS} elements"),
    "100,000 attributes": ("<a " + " ".join(f"a{n}=''" for n in range(100_000)) + "/>", "is no root"),
    "one byte too many": (f"<a>{' ' * (LONGEST_BYTES - 6)}</a>", "the file is longer than 1048576 bytes"),
    "an encoding that is not known": ('<?xml version="1.0" encoding="nope"?><a/>', "not XML: "),
    "an encoding of many bytes": ('<?xml version="1.0" encoding="cp932"?><a/>', "not XML: "),
    "an encoding that is none": ('<?xml version="1.0" encoding="rot13"?><a/>', "not XML: "),
    "a NUL": ("<a>\0</a>", "not XML: "),
}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("something was fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@contextmanager
def in_time() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < SECONDS * SLOWER


def refusal(raw: bytes, directory: Path) -> str:
    """Return why the archive *raw* is refused."""
    path = directory / "package.nupkg"
    path.write_bytes(raw)
    with in_time(), pytest.raises(ManifestInvalid) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize("attack", XML_ATTACKS)
def test_an_attack_in_xml_is_refused(attack: str) -> None:
    text, expected = XML_ATTACKS[attack]

    with in_time():
        said = [error.message for error in errors({**WDK, ITEM: text})]

    assert said[0].startswith(expected), said


def test_the_line_of_a_dtd_is_named() -> None:
    said = [str(error) for error in errors({**WDK, ITEM: "<?xml version='1.0'?>\n\n<!DOCTYPE a>\n<a/>"})]

    assert said == [f"{ITEM}:3: a DTD is not allowed"]


def test_as_many_levels_as_are_allowed_are_xml() -> None:
    text = "<a>" * DEEPEST + "</a>" * DEEPEST

    assert [error.element for error in errors({**WDK, ITEM: text})] == ["a"]


def test_the_largest_file_that_is_allowed_is_read() -> None:
    filled = WDK_ITEM.replace("</Item>", f"{' ' * (LONGEST_BYTES - len(WDK_ITEM))}</Item>")

    assert errors({**WDK, ITEM: filled}) == []


def test_many_large_manifests_are_refused_in_time() -> None:
    filled = f"<a>{'<b/>' * (MOST_ELEMENTS - 1)}</a>"
    large = " " * 900_000

    with in_time():
        assert errors({**WDK, **{f"BE/{n}.xml": filled for n in range(60)}})
        assert "are longer than" in str(errors({**WDK, **{f"BE/{n}.xml": large for n in range(5)}})[0])


def test_more_manifests_than_a_workload_has_are_refused() -> None:
    said = errors({**WDK, **{f"BE/{n}.xml": WDK_ITEM for n in range(100)}})

    assert [error.message for error in said] == ["the package holds more than 64 manifests"]


@pytest.mark.parametrize("depth", [100, 100_000])
def test_deep_json_of_the_frontend_is_a_warning(depth: int) -> None:
    files = {name: text.encode() for name, text in WDK.items()}
    files["FE/Product.json"] = b"[" * depth + b"]" * depth

    found = read_files(files).warnings

    assert all(warning.file == "FE/Product.json" for warning in found)


# ---- archives

Bend = Callable[[zipfile.ZipFile], None]


def archive(*bends: Bend, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a sound archive to which *bends* have been added."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as opened:
        for name, text in WDK.items():
            opened.writestr(name, text)
        for bend in bends:
            bend(opened)
    return packed.getvalue()


def named(name: str) -> Bend:
    return lambda opened: opened.writestr(zipfile.ZipInfo(name), "x")


def of_mode(mode: int) -> Bend:
    def add(opened: zipfile.ZipFile) -> None:
        entry = zipfile.ZipInfo("FE/assets/link")
        entry.create_system = 3
        entry.external_attr = mode << 16
        opened.writestr(entry, "/etc/passwd")

    return add


def zeros(name: str, count: int) -> Bend:
    return lambda opened: opened.writestr(name, b"\0" * count, zipfile.ZIP_DEFLATED, 9)


def noise(name: str, count: int) -> Bend:
    return lambda opened: opened.writestr(name, bytes(count), zipfile.ZIP_STORED)


def many(opened: zipfile.ZipFile) -> None:
    for number in range(MOST_ENTRIES):
        opened.writestr(f"FE/assets/{number}", "")


def in_directory(raw: bytes, name: bytes, offset: int, form: str, value: int) -> bytes:
    """Return *raw* with a number changed in the directory's record of *name*."""
    record = raw.rindex(name) - 46
    assert raw[record : record + 4] == b"PK\x01\x02"
    bent = bytearray(raw)
    struct.pack_into(form, bent, record + offset, value)
    return bytes(bent)


def overlapping() -> bytes:
    """Return an archive two of whose entries are the same bytes, as the better bombs have it."""
    raw = archive(named("FE/one"), named("FE/two"))
    first = struct.unpack_from("<L", raw, raw.rindex(b"FE/one") - 46 + 42)[0]
    return in_directory(raw, b"FE/two", 42, "<L", first)


def end_changed(offset: int, form: str, value: int) -> bytes:
    bent = bytearray(archive())
    struct.pack_into(form, bent, len(bent) - 22 + offset, value)
    return bytes(bent)


def with_comment() -> bytes:
    packed = io.BytesIO(archive())
    with zipfile.ZipFile(packed, "a") as opened:
        opened.comment = b"hello"
    return packed.getvalue()


def nested_name(name: bytes, other: bytes) -> bytes:
    raw = archive(named(name.decode()))
    return raw.replace(name, other)


ARCHIVE_ATTACKS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a path upwards": (lambda: archive(named("BE/../../up.xml")), "leads out of the package"),
    "a path upwards at the end": (lambda: archive(named("BE/..")), "leads out of the package"),
    "an absolute path": (lambda: archive(named("/etc/passwd")), "leads out of the package"),
    "a path on a drive": (lambda: archive(named("C:/x.xml")), "leads out of the package"),
    "a path with backslashes": (lambda: archive(named("BE\\..\\x.xml")), "leads out of the package"),
    "an empty part": (lambda: archive(named("BE//x.xml")), "leads out of the package"),
    "a NUL in a name": (lambda: nested_name(b"BE/x.xml_y", b"BE/x.xml\0y"), "is not allowed"),
    "a line break in a name": (lambda: archive(named("BE/x\n.xml")), "is not allowed"),
    "a name too long": (lambda: archive(named("a" * 600)), "is not allowed"),
    "a name twice": (lambda: nested_name(b"FE/Xroduct.json", b"FE/Product.json"), "more than once"),
    "a name twice, in two cases": (lambda: archive(named("be/thing.xml")), "more than once"),
    "a file that is a directory too": (lambda: archive(named("BE/Thing.xml/")), "more than once"),
    "a symbolic link": (lambda: archive(of_mode(stat.S_IFLNK | 0o777)), "is a link or a device"),
    "a device": (lambda: archive(of_mode(stat.S_IFCHR | 0o666)), "is a link or a device"),
    "an encrypted entry": (lambda: in_directory(archive(), b"BE/Thing.xml", 8, "<H", 1), "is encrypted"),
    "another method": (lambda: archive(method=zipfile.ZIP_LZMA), "compressed by method 14"),
    "a bomb": (lambda: archive(zeros("FE/a", 10_000_000)), "unpacks to more than 100 times"),
    "a manifest that is a bomb": (lambda: archive(zeros("BE/a.xml", 900_000)), "unpacks to more than 100"),
    "many small bombs": (lambda: archive(*(zeros(f"FE/{n}", 65_000) for n in range(400))), "bytes unpacked"),
    "a size that lies": (
        lambda: in_directory(archive(), b"BE/Thing.xml", 24, "<L", 10),
        "cannot be unpacked",
    ),
    "too many entries": (lambda: archive(many), "more than 1000 entries"),
    "entries that overlap": (overlapping, "overlaps another"),
    "an entry over the directory": (
        lambda: in_directory(archive(), b"FE/Thing.json", 20, "<L", 9999),
        "overlaps",
    ),
    "something before": (lambda: b"MZ" + archive(), "is no plain zip archive"),
    "something after": (lambda: archive() + b"x", "is no zip archive that ends with its directory"),
    "a comment": (with_comment, "is no zip archive that ends with its directory"),
    "a comment that is not there": (lambda: end_changed(20, "<H", 5), "is no plain zip archive"),
    "two disks": (lambda: end_changed(4, "<H", 1), "is no plain zip archive"),
    "two counts": (lambda: end_changed(8, "<H", 1), "is no plain zip archive"),
    "no zip": (lambda: b"not a zip" * 100, "is no zip archive"),
    "nothing": (lambda: b"", "is no zip archive"),
    "a directory at its end": (lambda: archive()[:-30] + archive()[-22:], "is no "),
    "too many bytes": (lambda: archive(noise("FE/a", LONGEST_ARCHIVE)), "is longer than 20971520 bytes"),
}


@pytest.mark.parametrize("attack", ARCHIVE_ATTACKS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_odd_archive_is_refused(attack: str, tmp_path: Path) -> None:
    make, expected = ARCHIVE_ATTACKS[attack]

    assert expected in refusal(make(), tmp_path)


def test_a_directory_of_a_million_entries_is_not_read(tmp_path: Path) -> None:
    record = b"PK\x01\x02" + bytes(42)
    directory = record * 400_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), 0, 0)

    assert "or too long names" in refusal(directory + end, tmp_path)


def test_an_archive_of_the_other_kind_of_end_is_refused(tmp_path: Path) -> None:
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    raw = archive()

    assert "Zip64" in refusal(raw[:-22] + locator + raw[-22:], tmp_path)


def test_a_link_in_a_directory_that_leads_nowhere_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "WorkloadManifest.xml").write_text(WDK_WORKLOAD)
    (tmp_path / "Thing.xml").symlink_to(tmp_path / "nowhere")

    assert load(tmp_path).item_types == ()


def test_a_directory_with_a_huge_file_is_read_no_further_than_it_may(tmp_path: Path) -> None:
    with (tmp_path / "WorkloadManifest.xml").open("wb") as file:
        file.truncate(10 * 2**30)

    with pytest.raises(ManifestInvalid, match="the file is longer than 1048576 bytes"):
        load(tmp_path)


# ---- whatever the bytes are

SEEDS = [
    WDK_WORKLOAD.encode(),
    REMOTE[PRODUCT].encode(),
    WDK_ITEM.encode(),
    b'{"itemSettings": {"schedule": 1}}',
]


@st.composite
def bent(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """Return one of *seeds* with a few of its pieces replaced."""
    raw = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 40)))
        raw = raw[:start] + draw(st.binary(max_size=40)) + raw[end:]
    return raw


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    workload=st.one_of(st.binary(max_size=300), bent(SEEDS)),
    item=st.one_of(st.binary(max_size=300), bent(SEEDS)),
    frontend=st.one_of(st.binary(max_size=300), bent(SEEDS)),
)
@example(workload=WDK_WORKLOAD.encode(), item=b"", frontend=b"\xff")
def test_no_bytes_do_more_than_to_be_refused(workload: bytes, item: bytes, frontend: bytes) -> None:
    files = {PRODUCT: workload, ITEM: item, "FE/Product.json": frontend, "FE/Thing.json": frontend}

    with suppress(ManifestInvalid):
        assert read_files(files).workload


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(raw=st.one_of(st.binary(max_size=200), bent([nupkg(WDK), nupkg(REMOTE)])))
def test_no_archive_does_more_than_to_be_refused(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "package.nupkg"
    path.write_bytes(raw)

    with suppress(ManifestInvalid):
        assert load(path).workload
