"""The files on disk: whole or as before, bounded, and gone with their item."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.onelake.doomed import CHANGES, NEW, OLD, OTHER, PLACE, put
from weft.onelake import uploads
from weft.onelake.errors import (
    BadPath,
    InvalidFlush,
    PathConflict,
    PathExists,
    PathNotFound,
    StillAppending,
    StorageFull,
    TooLarge,
)
from weft.onelake.files import Files
from weft.onelake.paths import Place
from weft.onelake.uploads import Upload

MOST_STEPS = 30


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files.open(tmp_path)


def content(files: Files, place: Place = PLACE) -> bytes | None:
    """Return what the file holds, None where there is none."""
    try:
        descriptor, entry = files.read(place)
    except PathNotFound:
        return None
    with os.fdopen(descriptor, "rb") as file:
        found = file.read()
    assert len(found) == entry.size
    return found


def old(data: Path) -> Files:
    """Return files in which PLACE holds OLD."""
    files = Files.open(data)
    files.create_file(PLACE)
    put(files, OLD)
    return files


ENDS: dict[str, set[tuple[bytes | None, bytes | None]]] = {
    "append": {(OLD, None), (OLD + NEW, None)},
    "replace": {(OLD, None), (b"", None), (NEW, None)},
    "delete": {(OLD, None), (None, None)},
    "rename": {(OLD, None), (None, OLD)},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_killed_change_has_happened_or_has_not(tmp_path: Path, change: str) -> None:
    seen = set()
    for step in range(1, MOST_STEPS):
        data = tmp_path / str(step)
        data.mkdir()
        old(data)
        ended = subprocess.run(
            [sys.executable, "-m", "tests.onelake.doomed", str(data), change, str(step)],
            cwd=ROOT,
            check=False,
            timeout=60,
        ).returncode

        files = Files.open(data)
        seen.add((content(files), content(files, OTHER)))
        assert seen <= ENDS[change], f"killed at step {step}"
        assert list((data / "onelake" / "staging").iterdir()) == []
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    else:
        raise AssertionError("it was killed at every step")
    assert len(seen) >= 2, "it was never killed before the change, or never after it"


def test_a_flush_reaches_the_disk_before_it_is_seen_and_before_it_is_answered(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.create_file(PLACE)
    steps: list[str] = []
    sync, move = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().parent.name}")
        sync(descriptor)

    def replace(source: Any, target: Any) -> None:
        steps.append("replace")
        move(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)

    put(files, NEW)

    assert steps == ["sync staging", "replace", "sync i"]


def test_only_their_owner_enters_the_files(files: Files, tmp_path: Path) -> None:
    files.create_file(Place("w", "i", ("Files", "a", "b")))

    for path in (tmp_path / "onelake").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_what_was_not_flushed_is_gone_after_a_restart(tmp_path: Path) -> None:
    files = Files.open(tmp_path)
    files.create_file(PLACE)
    upload = files.begin_append(PLACE, 0, 3)
    files.write(upload, 0, b"new")
    files.end_append(upload, 0, 3)

    again = Files.open(tmp_path)

    with pytest.raises(InvalidFlush):
        again.flush(PLACE, 3)
    assert content(again) == b""


def test_parts_may_come_in_any_order_and_overlap(files: Files) -> None:
    files.create_file(PLACE)
    for start, part in ((4, b"56"), (0, b"123"), (2, b"345")):
        upload = files.begin_append(PLACE, start, len(part))
        files.write(upload, start, part)
        files.end_append(upload, start, start + len(part))

    files.flush(PLACE, 6)

    assert content(files) in (b"123456", b"123455")


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=20))
def test_appended_parts_are_kept_as_what_they_cover(appended: list[tuple[int, int]]) -> None:
    upload = Upload(Path("nowhere"), 0)
    covered: set[int] = set()
    for start, length in appended:
        upload.add(start, start + length)
        covered |= set(range(start, start + length))

    assert upload.parts == sorted(upload.parts)
    assert {at for start, end in upload.parts for at in range(start, end)} == covered
    assert all(one[1] < other[0] for one, other in itertools.pairwise(upload.parts))


def test_data_that_did_not_come_whole_is_not_flushed(files: Files) -> None:
    files.create_file(PLACE)
    upload = files.begin_append(PLACE, 0, 10)
    files.write(upload, 0, b"half")
    files.end_append(upload, 0, None)

    with pytest.raises(InvalidFlush):
        files.flush(PLACE, 4)
    assert content(files) == b""


def test_nothing_is_flushed_while_data_is_coming(files: Files) -> None:
    files.create_file(PLACE)
    put(files, b"first")
    upload = files.begin_append(PLACE, 5, 6)
    files.write(upload, 5, b"second")

    with pytest.raises(StillAppending):
        files.flush(PLACE, 11)
    files.end_append(upload, 5, 11)

    assert files.flush(PLACE, 11).size == 11


def test_a_file_that_was_made_anew_takes_nothing_of_what_came_for_the_old_one(files: Files) -> None:
    files.create_file(PLACE)
    upload = files.begin_append(PLACE, 0, 3)
    files.create_file(PLACE)

    with pytest.raises(PathNotFound):
        files.write(upload, 0, b"old")
    files.end_append(upload, 0, 3)
    with pytest.raises(InvalidFlush):
        files.flush(PLACE, 3)


@pytest.mark.parametrize("way", ["delete", "rename"])
def test_what_came_for_a_directory_that_is_gone_is_dropped(files: Files, tmp_path: Path, way: str) -> None:
    folder, file = Place("w", "i", ("Files", "a")), Place("w", "i", ("Files", "a", "b"))
    files.create_file(file)
    files.begin_append(file, 0, 3)

    if way == "delete":
        files.delete(folder, recursive=True)
    else:
        files.rename(folder, OTHER)

    assert list((tmp_path / "onelake" / "staging").iterdir()) == []


def test_the_upload_that_was_left_longest_is_forgotten_when_there_are_too_many(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST", 3)
    first, second, third, fourth = (Place("w", "i", ("Files", name)) for name in "abcd")
    for place in (first, second, third, fourth):
        files.create_file(place)
    for place in (first, second, third, first, fourth):
        upload = files.begin_append(place, 0, 1)
        files.write(upload, 0, b"x")
        files.end_append(upload, 0, 1)

    with pytest.raises(InvalidFlush):
        files.flush(second, 1)
    assert [files.flush(place, 1).size for place in (first, third, fourth)] == [1, 1, 1]


def test_a_reader_keeps_the_file_that_it_opened(files: Files) -> None:
    files.create_file(PLACE)
    put(files, OLD)
    descriptor, _ = files.read(PLACE)

    files.create_file(PLACE)
    put(files, NEW)

    with os.fdopen(descriptor, "rb") as file:
        assert file.read() == OLD


def test_each_change_has_a_tag_of_its_own(files: Files) -> None:
    tags = []
    for number in range(5):
        tags.append(files.create_file(PLACE).etag)
        put(files, bytes([number]))
        tags.append(files.look(PLACE).etag)

    assert len(set(tags)) == 10


def test_a_full_disk_is_told(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.create_file(PLACE)
    upload = files.begin_append(PLACE, 0, 3)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)

    with pytest.raises(StorageFull):
        files.write(upload, 0, b"new")


def test_a_file_grows_no_further_than_it_may(tmp_path: Path) -> None:
    files = Files.open(tmp_path, longest_file_bytes=10)
    files.create_file(PLACE)

    with pytest.raises(TooLarge):
        files.begin_append(PLACE, 5, 6)
    upload = files.begin_append(PLACE, 5, None)
    with pytest.raises(TooLarge):
        files.write(upload, 5, b"sixsix")


@pytest.mark.parametrize("most", [1, 2, 3, 100])
@pytest.mark.parametrize("recursive", [False, True])
def test_a_list_goes_on_where_it_stopped(files: Files, most: int, recursive: bool) -> None:
    folder = Place("w", "i", ("Files",))
    for names in (("a",), ("b", "a"), ("b", "c", "d"), ("b", "e"), ("b-", "x"), ("f",)):
        files.create_file(Place("w", "i", ("Files", *names)))
    whole = [names for names, _ in files.walk(folder, (), recursive=recursive)]

    seen: list[tuple[str, ...]] = []
    for _ in range(100):
        page = [names for names, _ in files.walk(folder, seen[-1] if seen else (), recursive=recursive)][
            :most
        ]
        seen += page
        if not page:
            break

    assert seen == whole == sorted(whole)
    assert len(whole) == (9 if recursive else 4)


def test_a_rename_takes_the_place_of_its_kind_only(files: Files) -> None:
    full, empty = Place("w", "i", ("Files", "full")), Place("w", "i", ("Files", "empty"))
    files.create_file(Place("w", "i", ("Files", "full", "x")))
    files.create_directory(empty)
    files.create_file(PLACE)

    with pytest.raises(PathExists):
        files.rename(empty, full)
    with pytest.raises(PathConflict):
        files.rename(PLACE, empty)
    files.rename(full, empty)

    assert content(files, Place("w", "i", ("Files", "empty", "x"))) == b""


def test_the_files_of_an_item_go_with_it(files: Files) -> None:
    files.create_file(PLACE)
    kept = Place("w", "other", ("Files", "x"))
    files.create_file(kept)

    files.forget_item("w", "i")
    files.forget_item("w", "never there")

    assert content(files) is None
    assert content(files, kept) == b""


def deep(name: str) -> Place:
    return Place("w", "i", ("Files", *[name] * 50))


@pytest.mark.parametrize("name", ["b", "b" * 18])
def test_what_a_rename_moves_can_be_reached_at_its_new_place(files: Files, name: str) -> None:
    """Else names could be nested without end: deeper than they can be listed, and deleted."""
    moved, target = Place("w", "i", ("Files", "a" * len(name))), deep(name)
    files.create_directory(Place("w", "i", (*moved.names, *["a" * len(name)] * 7)))
    files.create_directory(target)

    with pytest.raises(BadPath):
        files.rename(moved, Place("w", "i", (*target.names, "c")))
    assert files.look(moved).is_directory
    files.rename(moved, Place("w", "i", (*target.names[:40], "c")))


@pytest.mark.parametrize("call", ["create_file", "create_directory", "look", "read"])
def test_no_late_call_makes_files_of_an_item_that_is_no_more(
    files: Files, tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its caller was let in while there was the item."""
    monkeypatch.setattr("weft.onelake.files.REMEMBERED_ITEMS", 2)
    files.create_file(PLACE)
    files.forget_item("w", "before")
    files.forget_item(PLACE.workspace, PLACE.item)
    files.forget_item("w", "afterwards")

    with pytest.raises(PathNotFound):
        getattr(files, call)(PLACE)
    assert not (tmp_path / "onelake" / "files" / PLACE.workspace / PLACE.item).exists()
    assert files.look(Place("w", "before")).is_directory
