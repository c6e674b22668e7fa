"""The log of an import, line by line as the service writes it (contracts/twins.md, section 2)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from weft.twins.checkpoint import Checkpoint, End, Status, Tally
from weft.twins.feed import Entities, Position, Rejected
from weft.twins.graph import Section
from weft.twins.report import Fault, Report

AT = datetime(2022, 12, 30, 19, 50, 34, 554045, UTC)
SUCCEEDED = End(Status.SUCCEEDED)
CANCELLED = End(Status.CANCELLED)
REFUSED = End(Status.FAILED, "UnsupportedFileFormat", "Relationship must have property $dtId.")

report = Report("test1")


def batch(section: Section, *rejected: Rejected, accepted: int = 0, line: int = 9) -> Entities:
    return Entities(section, b"", accepted, rejected, Position(100, line, section))


def details(lines: list[bytes]) -> list[tuple[str, dict[str, str | int]]]:
    read = [json.loads(line) for line in lines]
    return [(line["logType"], line["details"]) for line in read]


def test_a_line_is_what_the_service_writes_down_to_the_order_of_its_members() -> None:
    (line,) = report.started(AT)

    assert line == (
        b'{"timestamp":"2022-12-30T19:50:34.5540450Z","jobId":"test1","jobType":"Import",'
        b'"logType":"Info","details":{"status":"Started"}}\n'
    )


def test_a_rejected_line_is_what_the_service_writes_down_to_the_order_of_its_members() -> None:
    line = Rejected(Section.MODELS, 9263, "UnsupportedFileFormat", "It must have property $dtId.")

    _, written = report.batch(AT, Checkpoint(), batch(Section.MODELS, line))

    assert written == (
        b'{"timestamp":"2022-12-30T19:50:34.5540450Z","jobId":"test1","jobType":"Import",'
        b'"logType":"Error","details":{"section":"Models","line":9263,'
        b'"exceptionType":"UnsupportedFileFormat","message":"It must have property $dtId."}}\n'
    )


def test_times_are_utc_and_have_seven_decimals_also_where_they_are_zero() -> None:
    at = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))

    (line,) = report.started(at)

    assert json.loads(line)["timestamp"] == "2025-12-31T23:30:00.0000000Z"


def test_the_id_of_a_job_is_escaped() -> None:
    (line,) = Report('a "b"\n').started(AT)

    assert line.count(b"\n") == 1
    assert json.loads(line)["jobId"] == 'a "b"\n'


def test_an_import_without_a_fault_has_the_lines_of_the_published_example() -> None:
    checkpoint = Checkpoint()
    lines = report.started(AT)
    for section in Section:
        for entities in (batch(section), batch(section, accepted=3)):
            lines += report.batch(AT, checkpoint, entities)
            checkpoint = checkpoint.after(entities)
    lines += report.ended(AT, checkpoint, SUCCEEDED)

    assert details(lines) == [
        ("Info", {"status": "Started"}),
        ("Info", {"section": "Models", "status": "Started"}),
        ("Info", {"section": "Models", "status": "Succeeded"}),
        ("Info", {"section": "Twins", "status": "Started"}),
        ("Info", {"section": "Twins", "status": "Succeeded"}),
        ("Info", {"section": "Relationships", "status": "Started"}),
        ("Info", {"section": "Relationships", "status": "Succeeded"}),
        ("Info", {"status": "Succeeded"}),
    ]


def test_a_section_with_a_rejected_line_has_failed_and_so_has_the_import() -> None:
    end = End(Status.FAILED, "ImportFinishedWithErrors", "1 of 2")
    first = batch(Section.TWINS, Rejected(Section.TWINS, 4, "ModelNotFound", "no"), accepted=1)
    checkpoint = Checkpoint().after(first)

    lines = report.batch(AT, checkpoint, batch(Section.RELATIONSHIPS))
    lines += report.ended(AT, checkpoint.after(batch(Section.RELATIONSHIPS)), end)

    assert details(lines) == [
        ("Error", {"section": "Twins", "status": "Failed"}),
        ("Info", {"section": "Relationships", "status": "Started"}),
        ("Info", {"section": "Relationships", "status": "Succeeded"}),
        ("Error", {"status": "Failed"}),
    ]


def test_a_fault_of_the_format_has_the_lines_that_were_recorded() -> None:
    line = Rejected(Section.MODELS, 9263, REFUSED.code, REFUSED.message)

    lines = report.ended(AT, Checkpoint(), REFUSED, fault=Fault(Section.MODELS, (line,)))

    error = {"section": "Models", "line": 9263, "exceptionType": REFUSED.code, "message": REFUSED.message}
    assert details(lines) == [
        ("Error", error),
        ("Error", {"section": "Models", "status": "Failed"}),
        ("Error", {"status": "Failed"}),
    ]


@pytest.mark.parametrize("section", [None, Section.TWINS])
def test_a_fault_without_a_line_is_told_and_ends_the_section_in_which_it_came(
    section: Section | None,
) -> None:
    lines = report.ended(AT, Checkpoint(section=section), REFUSED, fault=Fault(None))

    ended = [] if section is None else [("Error", {"section": section, "status": "Failed"})]
    error = {"exceptionType": REFUSED.code, "message": REFUSED.message}
    assert details(lines) == [("Error", error), *ended, ("Error", {"status": "Failed"})]


def test_a_cancelled_import_says_in_which_section_and_after_which_line_it_stopped() -> None:
    checkpoint = Checkpoint().after(batch(Section.TWINS, accepted=1, line=120_003))

    lines = report.ended(AT, checkpoint, CANCELLED)

    assert details(lines) == [
        ("Info", {"section": "Twins", "line": 120_003, "status": "Cancelled"}),
        ("Info", {"status": "Cancelled"}),
    ]


def test_an_import_that_is_cancelled_before_it_wrote_anything_names_no_section() -> None:
    lines = report.ended(AT, Checkpoint(), CANCELLED)

    assert details(lines) == [("Info", {"status": "Cancelled"})]


def test_a_section_counts_what_it_accepted_and_what_it_rejected() -> None:
    rejected = Rejected(Section.TWINS, 4, "ModelNotFound", "no")

    checkpoint = Checkpoint()
    for entities in (batch(Section.MODELS, accepted=2), batch(Section.TWINS, rejected, accepted=5)):
        checkpoint = checkpoint.after(entities)

    assert checkpoint.tallies == {Section.MODELS: Tally(2, 0), Section.TWINS: Tally(5, 1)}
    assert (checkpoint.accepted, checkpoint.rejected, checkpoint.tried) == (7, 1, 8)
