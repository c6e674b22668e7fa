"""The format of import files: what is read, and what is refused, in which line and in which words."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.twins.bad_files import (
    BAD_FILES,
    HEAD,
    MEBIBYTE,
    MODELS,
    RELATIONSHIP,
    RELATIONSHIPS,
    TWIN,
    TWINS,
    BadFile,
    twin_with,
)
from weft.twins.lines import Block
from weft.twins.ndjson import Counted, FormatCheck, FormatFault, check_format

SAMPLE = b"".join(
    (
        HEAD,
        b'{"Section": "Models"}\n{"@id":"dtmi:a;1"}\n',
        b'{"Section": "Twins"}\n' + TWIN + b"\n" + TWIN + b"\n",
        b'{"Section": "Relationships"}\n' + RELATIONSHIP + b"\n" * 2,
    )
)


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def exactly(head: bytes, lines: Sequence[bytes]) -> Counted | FormatFault:
    """Check each line beside one with white space before a colon, which has both looked at one by one."""
    odd = RELATIONSHIP if head is RELATIONSHIPS else TWIN
    check = FormatCheck()
    check.take(Block(0, head))
    for number, line in enumerate(lines, 4):
        fault = check.take(Block(0, odd.replace(b":", b" :") + b"\n" + line + b"\n"))
        if fault:
            return FormatFault(number, fault.message)
    found = check.end()
    assert isinstance(found, Counted)
    twins, relationships = found.twins, found.relationships
    return Counted(0, twins and twins - len(lines), relationships and relationships - len(lines))


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name)
def test_a_format_fault_is_found_in_its_line(bad: BadFile) -> None:
    assert check_format([bad.data]) == FormatFault(bad.line, bad.message)


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name)
def test_a_fault_is_the_same_however_the_bytes_arrive(bad: BadFile) -> None:
    size = 1 if len(bad.data) < 10_000 else 65_537

    assert check_format(in_pieces(bad.data, size)) == FormatFault(bad.line, bad.message)


def test_there_are_enough_bad_files_and_each_has_a_name_of_its_own() -> None:
    assert len({bad.name for bad in BAD_FILES}) == len(BAD_FILES) >= 60


@pytest.mark.parametrize("size", [1, 7, 100, 1_000_000])
def test_entities_are_counted_by_section(size: int) -> None:
    assert check_format(in_pieces(SAMPLE, size)) == Counted(models=1, twins=2, relationships=1)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + SAMPLE,
        SAMPLE.replace(b"\n", b"\r\n"),
        SAMPLE.replace(b"\n", b"\n\n \t\r\n"),
        b"\n\n" + SAMPLE,
        SAMPLE.rstrip(b"\n"),
        SAMPLE.replace(b'"Section": ', b'"Section"  :\t'),
        SAMPLE.replace(b"\n", b" \r \n"),
    ],
    ids=["mark", "returns", "blank_lines", "blank_at_first", "no_last_break", "spaces", "lone_return"],
)
def test_spellings_of_a_file_that_tools_write_are_read(data: bytes) -> None:
    assert check_format([data]) == Counted(models=1, twins=2, relationships=1)


@pytest.mark.parametrize(
    "section", [b"", b'{"Section": "Models"}\n', b'{"Section":"Twins"}\n{"Section":"Relationships"}']
)
def test_each_section_may_be_absent_or_empty(section: bytes) -> None:
    assert check_format([HEAD + section]) == Counted(models=0, twins=0, relationships=0)


def test_a_line_of_models_may_be_an_array() -> None:
    lines = b'[{"@id":"dtmi:a;1"},{"@id":"dtmi:b;1"}]\n[]\n{"@id":"dtmi:c;1"}\n'

    assert check_format([MODELS + lines]) == Counted(models=3, twins=0, relationships=0)


@pytest.mark.parametrize(
    "value",
    [
        b'"\\u00e9\\ud83d\\ude00"',
        b'"\xe2\x80\xa8\xe2\x80\xa9"',
        b'"\\\\u0000"',
        b'"\\":"',
        b'"\\u0022:"',
        b'"a :b"',
        b'"\\ufffe"',
        b"9" * 308,
        b'"%s"' % (b"9" * 400),
        b"0." + b"1" * 400,
        b"18446744073709551616",
        b"-0",
        b"1e-999",
        b"[" * 62 + b"]" * 62,
        b'"%s"' % (b"[" * 100),
        b"[" + b"{}," * 100 + b"{}]",
        b'{"Section":"Twins"}',
        b'{"p":{"p":1}}',
        b"null",
    ],
)
def test_what_every_reader_understands_alike_is_read(value: bytes) -> None:
    assert check_format([TWINS + twin_with(value) + b"\n"]) == Counted(models=0, twins=1, relationships=0)


def test_a_line_of_one_mebibyte_is_read() -> None:
    line = twin_with(b'"%s"' % (b"a" * (MEBIBYTE - len(twin_with(b'""')))))

    assert len(line) == MEBIBYTE
    assert check_format([TWINS + line + b"\r\n"]) == Counted(models=0, twins=1, relationships=0)


def test_sixty_four_levels_are_read() -> None:
    line = twin_with(b"[" * 63 + b"]" * 63)

    assert check_format([TWINS + line]) == Counted(models=0, twins=1, relationships=0)


@pytest.mark.parametrize(
    "source",
    [b'"$dtId":null,"$sourceId":"s"', b'"$sourceId":"s"', b'"$dtId":"s","$sourceId":null', b'"$dtId":"s"'],
)
def test_a_relationship_has_its_source_under_either_key(source: bytes) -> None:
    line = RELATIONSHIP.replace(b'"$dtId":"s"', source + b',"$etag":null')

    lines = (line + b"\n" + RELATIONSHIP + b"\n") * 2

    assert check_format([RELATIONSHIPS + lines]) == Counted(models=0, twins=0, relationships=4)


def test_a_line_without_end_is_refused_before_it_is_read() -> None:
    served = 0

    def endless() -> Iterator[bytes]:
        nonlocal served
        while True:
            served += 1
            yield b"a" * 65_536

    assert check_format(endless()) == FormatFault(1, "The line is longer than 1048576 bytes.")
    assert served * 65_536 < 2 * MEBIBYTE


@pytest.mark.parametrize(
    "body",
    [
        b"\n" * (4 * MEBIBYTE),
        (TWIN + b"\n") * 60_000,
        (TWIN.replace(b'"t"', b'"\\u0074"') + b"\n") * 60_000,
        twin_with(b"[" + b'{"":0},' * 140_000 + b"0]") + b"\n",
    ],
    ids=["blank", "twins", "escapes", "objects"],
)
def test_a_file_is_checked_in_bounded_memory(body: bytes) -> None:
    chunks = [TWINS, *([body] * 2)]
    tracemalloc.start()
    try:
        found = check_format(chunks)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert isinstance(found, Counted)
    assert peak < 50 * MEBIBYTE


# ---- whatever the bytes are

TOKENS = st.sampled_from(
    [
        *(b"{", b"}", b"[", b"]", b'"', b":", b",", b" ", b"\t", b"\r", b"\n", b"\\", b"\\u0041", b"\\u0000"),
        *(
            b"\\ud800",
            b"\xef\xbb\xbf",
            b"\xff",
            b"\0",
            b"NaN",
            b"1e999",
            b"1",
            b'"p"',
            b'"p":1',
            b'"$dtId":"t"',
        ),
        *(TWIN, RELATIONSHIP, b'{"Section":"Twins"}', b'{"Section":"Relationships"}', b"\n" + TWIN + b"\n"),
    ]
)
MESSES = st.one_of(st.binary(max_size=200), st.lists(TOKENS, max_size=20).map(b"".join))
STARTS = st.sampled_from([b"", HEAD, MODELS, TWINS, TWINS + TWIN + b"\n", RELATIONSHIPS])

KEYS = st.sampled_from(
    [b'"p"', b'"q"', b'"\\u0070"', b'"\\":"', b'"p" ', b'"p"\t', b'"$etag"', b'"$sourceId"']
)
VALUES = st.recursive(
    st.sampled_from(
        [b"1", b"null", b'"s"', b'"\\":"', b'"\\u0022:"', b'"a :b"', b"9" * 310, b'"%s"' % (b"9" * 310)]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: b"[" + b",".join(items) + b"]"),
        st.lists(st.tuples(KEYS, inner), max_size=3).map(
            lambda members: b"{" + b",".join(key + b":" + value for key, value in members) + b"}"
        ),
    ),
    max_leaves=5,
)
LINES = st.builds(
    lambda line, members: line[:-1] + b"".join(b"," + key + b":" + value for key, value in members) + b"}",
    st.sampled_from([TWIN, RELATIONSHIP]),
    st.lists(st.tuples(KEYS, VALUES), max_size=3),
)


@given(STARTS, MESSES, st.integers(1, 50))
def test_any_bytes_at_all_are_counted_or_refused(start: bytes, mess: bytes, size: int) -> None:
    data = start + mess

    found = check_format([data])

    assert found == check_format(in_pieces(data, size))
    assert not isinstance(found, FormatFault) or 1 <= found.line <= data.count(b"\n") + 1


@given(st.sampled_from([TWINS, RELATIONSHIPS]), st.lists(LINES, max_size=4))
@example(TWINS, [twin_with(b'{"q" :1,"q":2}')])
def test_many_lines_at_once_are_judged_as_each_alone(start: bytes, lines: list[bytes]) -> None:
    assert check_format([start + b"\n".join(lines)]) == exactly(start, lines)


@given(st.lists(LINES, min_size=1, max_size=2))
def test_a_file_that_was_accepted_says_the_same_to_other_readers(lines: list[bytes]) -> None:
    accepted = isinstance(check_format([TWINS + b"\n".join(lines)]), Counted)

    for line in lines if accepted else ():
        assert msgspec.json.decode(line)["$dtId"] == "t"
