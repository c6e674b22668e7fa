"""The checks of the torture find what they are for: a check that cannot fail shows nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torture import processes
from tests.torture.ledger import Face, Ledger, Promised

CANCELLED = {"status": "Cancelled", "endTimeUtc": "2026-01-01T00:00:00.000Z"}


@pytest.fixture
def job(tmp_path: Path) -> Promised:
    file = tmp_path / "job"
    file.write_text("start 1\nline\n")
    return Promised(Face.HOST, "long", "/workload/j", file, accepted=True)


@pytest.fixture
def ledger(job: Promised) -> Ledger:
    return Ledger(jobs=[job])


def test_a_cancelled_job_that_writes_on_is_found(ledger: Ledger, job: Promised) -> None:
    ledger.read(job, CANCELLED, asked_at=1, now=2)

    with job.file.open("a") as file:
        file.write("line\n")
    ledger.check_files()

    assert [text.partition(":")[0] for text in ledger.broken] == ["a cancelled job wrote afterwards"]


def test_a_cancelled_job_that_rests_is_in_order(ledger: Ledger, job: Promised) -> None:
    ledger.read(job, CANCELLED, asked_at=1, now=2)

    ledger.check_files()
    ledger.check_starts()
    ledger.check_all_ended()

    assert ledger.broken == []


@pytest.mark.parametrize(
    "later",
    [{"status": "Completed", "endTimeUtc": CANCELLED["endTimeUtc"]}, {**CANCELLED, "endTimeUtc": None}],
    ids=["status", "time"],
)
def test_an_end_that_changes_is_found(ledger: Ledger, job: Promised, later: dict[str, str | None]) -> None:
    ledger.read(job, CANCELLED, asked_at=1, now=2)

    ledger.read(job, later, asked_at=3, now=4)

    assert [text.partition(":")[0] for text in ledger.broken] == ["an end changed"]


def test_an_answer_that_was_asked_for_before_the_end_is_no_change(ledger: Ledger, job: Promised) -> None:
    ledger.read(job, CANCELLED, asked_at=1, now=3)

    ledger.read(job, {"status": "InProgress"}, asked_at=2, now=4)

    assert ledger.broken == []


def test_a_second_start_is_found(ledger: Ledger, job: Promised) -> None:
    with job.file.open("a") as file:
        file.write("start 2\n")

    ledger.check_starts()

    assert [text.partition(":")[0] for text in ledger.broken] == ["a job started more than once"]


def test_a_cancel_that_is_not_carried_out_is_found(ledger: Ledger, job: Promised) -> None:
    job.cancel_accepted = True

    ledger.check_all_ended()

    assert [text.partition(":")[0] for text in ledger.broken] == ["a cancel was never carried out"]


@pytest.fixture
def marked_child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own that carries a mark and says when it runs."""
    mark = processes.MARKER + os.fsencode(tmp_path)
    name, _, value = mark.partition(b"=")
    command = [sys.executable, "-c", "print('here', flush=True); import signal; signal.pause()"]
    child = subprocess.Popen(
        command, env={name.decode(): value.decode()}, stdout=subprocess.PIPE, start_new_session=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    yield child
    child.kill()
    child.wait()
    child.stdout.close()


def test_a_marked_process_is_found_as_a_descendant_and_by_its_mark(
    tmp_path: Path, marked_child: subprocess.Popen[bytes]
) -> None:
    below = processes.descendants(os.getpid())

    marks = processes.markers(below)

    mark = processes.MARKER + os.fsencode(tmp_path)
    assert mark in marks
    found = processes.working_for(tmp_path / "elsewhere", {mark})
    assert [process.pid for process in found] == [marked_child.pid]


def test_a_process_is_found_by_the_folder_on_its_command_line(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "print('here', flush=True); input()", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()

    found = processes.working_for(tmp_path, set())

    child.communicate(b"\n")
    assert [process.pid for process in found] == [child.pid]
    assert processes.working_for(tmp_path, set()) == set()
