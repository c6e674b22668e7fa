"""Files as blobs: read as they were, written where they should be, and never led astray."""

from __future__ import annotations

import os
import resource
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from weft.blobs.local import CHUNK_BYTES, LocalLog, LocalSource
from weft.blobs.names import LocalName
from weft.blobs.ports import BlobChanged, BlobForbidden, BlobMissing, BlobUnavailable

LARGEST_CHUNK = 4 * 1024 * 1024


@pytest.fixture
def name(root: Path) -> LocalName:
    return LocalName(root, root / "blob")


@contextmanager
def opened(name: LocalName, tag: str | None = None) -> Iterator[LocalSource]:
    source = LocalSource(name, tag)
    try:
        yield source
    finally:
        source.close()


@contextmanager
def a_log(name: LocalName) -> Iterator[LocalLog]:
    log = LocalLog(name)
    try:
        yield log
    finally:
        log.close()


def duplicate_of(name: LocalName) -> int:
    """Return what a process has that is being started now: another descriptor of the file that is open."""
    (number,) = (int(link.name) for link in Path("/proc/self/fd").iterdir() if leads_to(link, name.path))
    return os.dup(number)


def leads_to(link: Path, path: Path) -> bool:
    return os.path.lexists(link) and link.readlink() == path


# ---- reading


def test_a_large_file_comes_in_bounded_chunks(name: LocalName) -> None:
    content = os.urandom(3 * CHUNK_BYTES + 17)
    name.path.write_bytes(content)

    with opened(name) as source:
        chunks = list(source.read())

        assert source.size == len(content)
        assert b"".join(chunks) == content
        assert max(map(len, chunks)) <= LARGEST_CHUNK


def test_a_file_is_read_from_an_offset(name: LocalName) -> None:
    name.path.write_bytes(b"0123456789")

    with opened(name) as source:
        assert b"".join(source.read(7)) == b"789"
        assert b"".join(source.read(10)) == b""
        assert b"".join(source.read()) == b"0123456789"


def test_an_empty_file_has_no_chunks(name: LocalName) -> None:
    name.path.touch()

    with opened(name) as source:
        assert list(source.read()) == []


def test_a_file_that_grows_while_it_is_read_has_changed(name: LocalName) -> None:
    name.path.write_bytes(b"x" * (CHUNK_BYTES + 1))

    with opened(name) as source:
        chunks = source.read()
        next(chunks)
        with name.path.open("ab") as file:
            file.write(b"more")

        with pytest.raises(BlobChanged, match="has changed"):
            next(chunks)


def test_a_file_that_is_cut_while_it_is_read_has_changed(name: LocalName) -> None:
    name.path.write_bytes(b"x" * (CHUNK_BYTES + 1))

    with opened(name) as source:
        chunks = source.read()
        next(chunks)
        os.truncate(name.path, 5)

        with pytest.raises(BlobChanged):
            next(chunks)


def test_a_file_that_changes_before_the_last_chunk_is_taken_has_changed(name: LocalName) -> None:
    name.path.write_bytes(b"first")

    with opened(name) as source:
        name.path.write_bytes(b"other")
        os.utime(name.path, ns=(1, 1))

        with pytest.raises(BlobChanged):
            list(source.read())


def test_a_file_that_is_replaced_is_read_as_it_was(name: LocalName) -> None:
    name.path.write_bytes(b"old")

    with opened(name) as source:
        (name.root / "new").write_bytes(b"new")
        (name.root / "new").rename(name.path)

        assert b"".join(source.read()) == b"old"


def test_the_second_pass_takes_the_file_with_the_same_tag_only(name: LocalName) -> None:
    name.path.write_bytes(b"old")
    with opened(name) as source:
        tag = source.tag
    with opened(name, tag) as again:
        assert b"".join(again.read()) == b"old"
    (name.root / "new").write_bytes(b"new")
    (name.root / "new").rename(name.path)

    with pytest.raises(BlobChanged):
        LocalSource(name, tag)


def test_a_file_that_is_not_there_is_missing(name: LocalName) -> None:
    with pytest.raises(BlobMissing, match="blob: No such file"):
        LocalSource(name)


def test_a_file_in_a_directory_that_is_not_there_is_missing(root: Path) -> None:
    with pytest.raises(BlobMissing):
        LocalSource(LocalName(root, root / "none" / "blob"))


def test_a_name_that_no_file_can_have_is_missing(root: Path) -> None:
    with pytest.raises(BlobMissing):
        LocalSource(LocalName(root, root / ("a" * 300)))


# ---- what is no file (S51)


def test_a_fault_does_not_tell_what_looks_like_a_signature_in_a_path(root: Path) -> None:
    name = LocalName(root, root / "blob?sv=1&sig=hush%3D")

    with pytest.raises(BlobMissing, match="sig=REDACTED: No such file") as fault:
        LocalSource(name)

    assert "hush" not in fault.value.message


def test_a_directory_is_not_read(name: LocalName) -> None:
    name.path.mkdir()

    with pytest.raises(BlobForbidden, match="not a regular file"):
        LocalSource(name)


def test_a_fifo_is_neither_read_nor_written_nor_waited_for(name: LocalName) -> None:
    os.mkfifo(name.path)

    with pytest.raises(BlobForbidden, match="not a regular file"):
        LocalSource(name)
    with a_log(name) as log, pytest.raises(BlobForbidden, match="not a regular file"):
        log.create()


def test_a_device_is_neither_read_nor_written() -> None:
    device = LocalName(Path("/dev"), Path("/dev/zero"))

    with pytest.raises(BlobForbidden, match="not a regular file"):
        LocalSource(device)
    with a_log(device) as log, pytest.raises(BlobForbidden, match="not a regular file"):
        log.create()


def test_a_link_that_took_the_place_of_the_file_is_not_followed(name: LocalName, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    name.path.symlink_to(secret)

    with pytest.raises(BlobForbidden):
        LocalSource(name)
    with a_log(name) as log, pytest.raises(BlobForbidden):
        log.create()

    assert secret.read_text() == "secret"


def test_a_link_that_took_the_place_of_a_directory_is_not_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "blob").write_text("secret")
    (root / "inner").symlink_to(tmp_path)
    name = LocalName(root, root / "inner" / "blob")

    with pytest.raises(BlobMissing):
        LocalSource(name)
    with a_log(name) as log, pytest.raises(BlobMissing):
        log.create()

    assert (tmp_path / "blob").read_text() == "secret"


def test_no_link_is_followed_while_it_and_a_directory_change_places(root: Path, tmp_path: Path) -> None:
    """A race of 2,000 rounds: whatever is opened lies below the root."""
    outside, inside = tmp_path / "outside", root / "inside"
    for place, text in ((outside, "secret"), (inside, "public")):
        place.mkdir()
        (place / "blob").write_text(text)
    link, door = root / "link", root / "door"
    link.symlink_to(outside)
    over = threading.Event()

    def turn() -> None:
        while not over.is_set():
            link.rename(door)
            door.rename(link)
            inside.rename(door)
            door.rename(inside)

    turning = threading.Thread(target=turn)
    turning.start()
    read = set()
    for _ in range(2000):
        try:
            with opened(LocalName(root, door / "blob")) as source:
                read.add(b"".join(source.read()))
        except BlobMissing:
            read.add(b"")
    over.set()
    turning.join()

    assert read <= {b"", b"public"}


# ---- writing


def test_a_log_is_made_for_its_owner_only(name: LocalName) -> None:
    before = os.umask(0)
    try:
        with a_log(name) as log:
            log.create()
    finally:
        os.umask(before)

    assert stat.S_IMODE(name.path.stat().st_mode) == 0o600


def test_a_log_that_is_there_is_emptied(name: LocalName) -> None:
    name.path.write_text("of an earlier import")

    with a_log(name) as log:
        log.create()

    assert name.path.read_bytes() == b""


def test_a_log_grows_line_by_line(name: LocalName) -> None:
    with a_log(name) as log:
        log.create()
        log.write(0, b"one\n")
        log.write(4, b"two\n")

    assert name.path.read_bytes() == b"one\ntwo\n"


def test_what_a_killed_writer_left_is_completed(name: LocalName) -> None:
    name.path.write_bytes(b"one\ntw")

    with a_log(name) as log:
        log.write(0, b"one\ntwo\n")
        log.write(8, b"three\n")
        log.write(0, b"one\n")

    assert name.path.read_bytes() == b"one\ntwo\nthree\n"


def test_the_log_of_an_import_that_runs_is_not_emptied_by_another(name: LocalName) -> None:
    with a_log(name) as log, a_log(name) as other:
        log.create()
        log.write(0, b"one\n")

        with pytest.raises(BlobUnavailable, match="is the log of another import"):
            other.create()

        log.write(4, b"two\n")
    assert name.path.read_bytes() == b"one\ntwo\n"


def test_the_log_of_an_import_that_runs_is_not_written_by_another(name: LocalName) -> None:
    with a_log(name) as log, a_log(name) as other:
        log.create()

        with pytest.raises(BlobUnavailable, match="is the log of another import"):
            other.write(0, b"two\n")

    assert name.path.read_bytes() == b""


def test_a_log_that_is_closed_is_free_although_a_process_that_was_started_has_it_still(
    name: LocalName,
) -> None:
    with a_log(name) as log, a_log(name) as other:
        log.create()
        inherited = duplicate_of(name)
        try:
            log.close()

            other.create()
        finally:
            os.close(inherited)


def test_a_log_that_was_cut_has_changed(name: LocalName) -> None:
    name.path.write_bytes(b"one")

    with a_log(name) as log, pytest.raises(BlobChanged, match="shorter"):
        log.write(4, b"two\n")

    assert name.path.read_bytes() == b"one"


def test_a_log_that_was_removed_is_missing(name: LocalName) -> None:
    with a_log(name) as log:
        log.create()
        name.path.unlink()

        with pytest.raises(BlobMissing, match="was removed"):
            log.write(0, b"one\n")


def test_a_log_that_was_never_made_is_missing(name: LocalName) -> None:
    with a_log(name) as log, pytest.raises(BlobMissing):
        log.write(0, b"one\n")


def test_a_log_in_a_directory_that_is_not_there_is_missing(root: Path) -> None:
    with a_log(LocalName(root, root / "none" / "log")) as log, pytest.raises(BlobMissing):
        log.create()

    assert not (root / "none").exists()


def test_a_log_where_a_directory_lies_is_forbidden(name: LocalName) -> None:
    name.path.mkdir()

    with a_log(name) as log, pytest.raises(BlobForbidden):
        log.create()


@contextmanager
def at_most(file_bytes: int) -> Iterator[None]:
    """Let no file grow over *file_bytes*, as a full disk would not."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_the_rest_is_written_later(name: LocalName) -> None:
    data = b"0123456789" * 1000

    with a_log(name) as log:
        log.create()
        with at_most(4096), pytest.raises(BlobUnavailable, match="File too large"):
            log.write(0, data)
        log.write(0, data)

    assert name.path.read_bytes() == data


def test_a_piece_that_does_not_fit_leaves_no_half_line(name: LocalName) -> None:
    with a_log(name) as log:
        log.create()
        log.write(0, b"one\n")
        with at_most(4096), pytest.raises(BlobUnavailable):
            log.write(4, b"0123456789\n" * 1000)

        assert name.path.read_bytes() == b"one\n"


@pytest.mark.parametrize("how", ["create", "write"])
def test_a_log_that_is_another_file_too_is_left_as_it_is(name: LocalName, tmp_path: Path, how: str) -> None:
    key = tmp_path / "signing.key"
    key.write_bytes(b"secret")
    name.path.hardlink_to(key)

    with a_log(name) as log, pytest.raises(BlobForbidden, match="more than one hard link"):
        log.create() if how == "create" else log.write(0, b"one\n")

    assert key.read_bytes() == b"secret"


def test_what_is_written_is_on_disk_when_the_call_returns(
    name: LocalName, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for call in ("fsync", "fdatasync"):
        real = getattr(os, call)

        def noted(file: int, call: str = call, real: object = real) -> None:
            kind = "directory" if stat.S_ISDIR(os.fstat(file).st_mode) else "file"
            calls.append(f"{call} {kind}")
            assert callable(real)
            real(file)

        monkeypatch.setattr(os, call, noted)

    with a_log(name) as log:
        log.create()
        log.write(0, b"one\n")

    assert calls == ["fsync file", "fsync directory", "fdatasync file"]


def test_a_log_may_be_closed_twice(name: LocalName) -> None:
    log = LocalLog(name)
    log.create()

    log.close()
    log.close()
