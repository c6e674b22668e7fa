"""Reading an import file: what is told of it, in which order, and from wherever one goes on."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twins.bad_files import BAD_FILES, HEAD, BadFile
from tests.twins.house import (
    DEFINITIONS,
    KNOWN,
    OLD_ROOM,
    ROOM,
    SENSOR,
    has,
    interface,
    line_of,
    room,
    sensor,
)
from tests.twins.reading import MemoryGraph, MemorySource, frames_of, order_of, rows_of
from weft.twins.feed import AnyFrame, Ended, Entities, Position, Refused, Rejected, Scanned, Scanning, Totals
from weft.twins.graph import KnownModel, Section

MODELS_LINE = b'{"Section": "Models"}'
TWINS_LINE = b'{"Section": "Twins"}'
RELATIONSHIPS_LINE = b'{"Section": "Relationships"}'


def file_of(*lines: bytes) -> MemorySource:
    return MemorySource(HEAD + b"\n".join(lines) + b"\n")


def in_house() -> MemoryGraph:
    return MemoryGraph(dict(KNOWN))


def run(source: MemorySource, graph: MemoryGraph | None = None) -> list[AnyFrame]:
    return list(frames_of(source, in_house() if graph is None else graph))


def batches(frames: Sequence[AnyFrame]) -> list[Entities]:
    return [frame for frame in frames if isinstance(frame, Entities)]


def refused(frames: Sequence[AnyFrame]) -> Refused:
    """Return the last frame, before which nothing was sent but that the file was scanned."""
    assert [type(frame) for frame in frames] in ([Refused], [Scanned, Refused])
    last = frames[-1]
    assert isinstance(last, Refused)
    return last


MODELS = [line_of(definition) for definition in DEFINITIONS.values()]
WHOLE = file_of(
    MODELS_LINE,
    *MODELS,
    TWINS_LINE,
    line_of(room(name="x")),
    b"",
    line_of(room("r2", temperature="hot")),
    line_of(sensor()),
    RELATIONSHIPS_LINE,
    line_of(has(since="2023-10-31")),
    line_of(has("r1", "r2")),
)


# ---- the first pass


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name)
def test_of_a_file_with_a_format_fault_nothing_is_told_but_the_fault(bad: BadFile) -> None:
    code = "UnsupportedFileFormat"

    frames = run(MemorySource(bad.data))

    rejected = Rejected(Section.MODELS, bad.line, code, bad.message)
    assert frames == [Refused(code, f"Line {bad.line}: {bad.message}", Section.MODELS, (rejected,))]


def test_a_format_fault_at_the_very_end_leaves_the_graph_as_it_was() -> None:
    graph = in_house()

    refused(run(MemorySource(WHOLE.data + b"oops"), graph))

    assert graph == in_house()


def test_the_first_pass_tells_how_far_it_is_four_times_a_second_at_the_most() -> None:
    source = MemorySource(HEAD + TWINS_LINE + b"\n" * 100_000, chunk_bytes=1000)
    every_tenth = (tick * 0.1 for tick in count())

    frames = list(frames_of(source, in_house(), clock=every_tenth))

    told = [frame.offset for frame in frames if isinstance(frame, Scanning)]
    assert 20 < len(told) < 50
    assert told == sorted(set(told))
    assert all(0 < offset <= source.size for offset in told)


def test_the_first_pass_ends_with_what_it_counted() -> None:
    first = run(WHOLE)[0]

    assert first == Scanned(Totals(size=WHOLE.size, tag="tag", models=5, twins=3, relationships=2))


# ---- the second pass


def test_a_file_is_told_section_by_section() -> None:
    graph = MemoryGraph()

    frames = run(WHOLE, graph)

    sections = [(batch.section, batch.accepted, len(batch.rejected)) for batch in batches(frames)]
    assert sections == [
        (Section.MODELS, 5, 0),
        (Section.TWINS, 0, 0),
        (Section.TWINS, 2, 1),
        (Section.RELATIONSHIPS, 0, 0),
        (Section.RELATIONSHIPS, 1, 1),
    ]
    assert frames[-1] == Ended()
    assert graph.known.keys() == DEFINITIONS.keys()
    assert graph.bodies == {"r1": line_of(room(name="x")).decode(), "s1": line_of(sensor()).decode()}
    (source, target) = (graph.places[id][0] for id in ("r1", "s1"))
    assert list(graph.relationships.values()) == [(source, "h1", target, "has", '{"since":"2023-10-31"}')]


def test_a_section_waits_until_those_before_it_are_committed() -> None:
    told = list(frames_of(WHOLE, MemoryGraph(), is_slow=True))

    assert told == run(WHOLE, MemoryGraph())


def test_a_rejected_line_is_told_with_its_number() -> None:
    rejected = [rejected for batch in batches(run(WHOLE, MemoryGraph())) for rejected in batch.rejected]

    lines = WHOLE.data.split(b"\n")
    assert [(each.section, each.line, each.type) for each in rejected] == [
        (Section.TWINS, 12, "ValidationFailed"),
        (Section.RELATIONSHIPS, 16, "TargetTwinNotFound"),
    ]
    assert b'"hot"' in lines[11]
    assert b'"$targetId":"r2"' in lines[15]


def test_each_batch_says_where_the_next_begins() -> None:
    places = [batch.after for batch in batches(run(WHOLE, MemoryGraph()))]

    for place in places:
        assert WHOLE.data[: place.offset].count(b"\n") == place.line
        assert place.offset == WHOLE.size or WHOLE.data[place.offset - 1 : place.offset] == b"\n"
    assert places[-1] == Position(WHOLE.size, WHOLE.data.count(b"\n"), Section.RELATIONSHIPS)


@pytest.mark.parametrize("data", [WHOLE.data.rstrip(b"\n"), HEAD + TWINS_LINE], ids=["entity", "section"])
def test_the_end_of_a_file_without_a_last_line_break_is_its_size(data: bytes) -> None:
    source = MemorySource(data)

    assert batches(run(source, MemoryGraph()))[-1].after.offset == source.size


def test_a_byte_order_mark_and_returns_change_places_only() -> None:
    graph, other = MemoryGraph(), MemoryGraph()
    source = MemorySource(b"\xef\xbb\xbf" + WHOLE.data.replace(b"\n", b"\r\n"))

    plain, marked = batches(run(WHOLE, graph)), batches(run(source, other))

    assert [rows_of(batch) for batch in marked] == [rows_of(batch) for batch in plain]
    assert [batch.rejected for batch in marked] == [batch.rejected for batch in plain]
    assert marked[-1].after == Position(source.size, plain[-1].after.line, Section.RELATIONSHIPS)


def test_an_empty_file_of_sections_tells_that_they_have_begun() -> None:
    frames = run(file_of(MODELS_LINE, b"", TWINS_LINE, b" ", RELATIONSHIPS_LINE, b"\r"))

    told = [(batch.section, batch.accepted, batch.rows) for batch in batches(frames)]
    assert told == [(section, 0, b"") for section in Section]
    assert frames[-1] == Ended()


def test_a_file_of_a_header_alone_is_read_to_its_end() -> None:
    frames = run(MemorySource(HEAD))

    assert frames == [Scanned(Totals(len(HEAD), "tag", 0, 0, 0)), Ended()]


def test_a_later_twin_of_the_same_id_comes_later_in_the_rows() -> None:
    graph = in_house()
    first, second = line_of(sensor(name="1")), line_of(sensor(name="2"))

    run(file_of(TWINS_LINE, first, second), graph)

    assert graph.bodies["s1"] == second.decode()


def test_relationships_are_looked_up_once_a_batch_by_sorted_ids() -> None:
    graph = in_house()
    lines = [line_of(has("b", "a")), line_of(has("b", "c")), line_of(has("a", "b"))]

    run(file_of(RELATIONSHIPS_LINE, *lines), graph)

    assert [ids for ids in graph.asked if ids] == [["a", "b", "c"]]


def test_a_relationship_may_lead_to_a_twin_whose_model_came_after_the_section_began() -> None:
    new = "dtmi:house:NewRoom;1"
    definition = interface(new, {"@type": "Relationship", "name": "has"})
    graph = in_house()
    graph.places = {"n1": (71, 70), "s1": (72, KNOWN[SENSOR].number)}
    source = file_of(RELATIONSHIPS_LINE, line_of(has("n1", "s1")))

    for frame in frames_of(source, graph):
        if isinstance(frame, Entities):
            graph.known[new] = KnownModel(70, json.dumps(definition), decommissioned=False)

    assert [row[4] for row in graph.relationships.values()] == [""]


def test_relationships_are_strict_if_ordered() -> None:
    source = file_of(
        TWINS_LINE, line_of(room()), line_of(sensor()), RELATIONSHIPS_LINE, line_of(has(Since=1))
    )

    lenient = batches(run(source))[-1]
    strict = batches(list(frames_of(source, in_house(), order_of(strict=True))))[-1]

    assert (lenient.accepted, len(lenient.rejected)) == (1, 0)
    assert (strict.accepted, len(strict.rejected)) == (0, 1)


# ---- batches


def test_a_batch_has_ten_thousand_lines_at_the_most() -> None:
    lines = [line_of(sensor(f"s{number}")) for number in range(25_000)]

    told = batches(run(file_of(TWINS_LINE, *lines)))

    assert [batch.accepted for batch in told] == [0, 10_000, 10_000, 5_000]


def test_a_batch_has_four_mebibytes_of_the_file_at_the_most() -> None:
    tags = {f"t{number:04}": True for number in range(2000)}
    lines = [line_of(room(f"r{number}", tags=tags)) for number in range(400)]
    source = file_of(TWINS_LINE, *lines)

    told = batches(run(source))

    ends = [batch.after.offset for batch in told]
    sizes = [end - begin for begin, end in pairwise(ends)]
    assert sum(batch.accepted for batch in told) == 400
    assert len(sizes) == 3
    assert all(4 * 1024 * 1024 - len(lines[0]) - 10 < size <= 4 * 1024 * 1024 for size in sizes[:-1])


def test_a_window_of_blank_lines_is_no_batch() -> None:
    lines = [b""] * 25_000 + [line_of(sensor())]

    told = batches(run(file_of(TWINS_LINE, *lines)))

    assert [(batch.accepted, batch.after.line) for batch in told] == [(0, 3), (1, 25_004)]


# ---- models


def test_models_are_told_in_an_order_in_which_each_builds_on_earlier_ones() -> None:
    first = batches(run(file_of(MODELS_LINE, *MODELS), MemoryGraph()))[0]

    ids = [id for id, _ in rows_of(first)]
    assert ids.index("dtmi:house:Sensor;1") < ids.index("dtmi:house:SmartSensor;1")
    assert ids.index("dtmi:house:Thermostat;1") < ids.index(ROOM)
    assert dict(rows_of(first)) == {
        id: json.dumps(model, separators=(",", ":")) for id, model in DEFINITIONS.items()
    }


def test_models_of_an_array_are_each_stored_as_given() -> None:
    text = b'[{"@context": "dtmi:dtdl:context;2", "@id":"dtmi:a;1","@type":"Interface"}, %s]' % MODELS[2]

    first = batches(run(file_of(MODELS_LINE, text), MemoryGraph()))[0]

    assert first.accepted == 2
    assert dict(rows_of(first))["dtmi:a;1"].startswith('{"@context": "dtmi')


def test_a_model_that_is_known_already_is_accepted_and_not_written_again() -> None:
    definition = DEFINITIONS[SENSOR]
    turned = line_of(dict(reversed(definition.items())))

    first = batches(run(file_of(MODELS_LINE, turned, turned), in_house()))[0]

    assert (first.accepted, first.rows) == (2, b"")


def test_a_model_may_be_given_twice_alike() -> None:
    first = batches(run(file_of(MODELS_LINE, MODELS[2], MODELS[2]), MemoryGraph()))[0]

    assert (first.accepted, len(rows_of(first))) == (2, 1)


def test_a_model_that_is_known_with_another_definition_ends_the_import() -> None:
    other, fine = line_of(interface(SENSOR)), line_of(interface("dtmi:house:Fine;1"))

    last = refused(run(file_of(MODELS_LINE, fine, other, TWINS_LINE, line_of(sensor()))))

    message = f'Model "{SENSOR}" exists already, with another definition.'
    rejected = Rejected(Section.MODELS, 5, "ModelAlreadyExists", message)
    assert last == Refused("ModelAlreadyExists", message, Section.MODELS, (rejected,))


def test_a_model_that_the_file_gives_twice_differently_ends_the_import() -> None:
    last = refused(run(file_of(MODELS_LINE, MODELS[2], line_of(interface(SENSOR))), MemoryGraph()))

    message = f'Model "{SENSOR}" is given in line 4 already, with another definition.'
    assert last.rejected == (Rejected(Section.MODELS, 5, "ModelAlreadyExists", message),)


def test_true_and_one_are_different_definitions() -> None:
    one, true = (line_of(interface("dtmi:a;1", comment=value)) for value in (1, True))

    assert refused(run(file_of(MODELS_LINE, one, true), MemoryGraph())).code == "ModelAlreadyExists"


def test_a_model_that_is_no_dtdl_ends_the_import_and_each_is_told_with_its_line() -> None:
    good = line_of(interface("dtmi:a;1"))
    no_context = {key: value for key, value in interface("dtmi:b;1").items() if key != "@context"}
    bad_kind = interface("dtmi:c;1", {"@type": "Nothing", "name": "x"}, {"@type": "Neither", "name": "y"})
    source = file_of(MODELS_LINE, good, line_of(bad_kind), line_of(no_context), TWINS_LINE)

    last = refused(run(source, MemoryGraph()))

    assert (last.code, last.section) == ("DTDLParsingError", Section.MODELS)
    assert last.message.startswith("2 models are refused; the first: ")
    assert [(each.line, each.type) for each in last.rejected] == [
        (5, "DTDLParsingError"),
        (6, "DTDLParsingError"),
    ]
    assert '"dtmi:c;1"' in last.rejected[0].message
    assert '"dtmi:b;1"' in last.rejected[1].message
    assert "@context" in last.rejected[1].message


def test_models_without_end_are_refused_before_they_fill_the_memory() -> None:
    model = interface("dtmi:a;1", comment="c" * 100_000)
    lines = [line_of({**model, "@id": f"dtmi:a{number};1"}) for number in range(200)]

    last = refused(run(file_of(MODELS_LINE, *lines), MemoryGraph()))

    assert last.code == "LimitExceeded"
    assert last.rejected[0].message == "An import may have at most 16777216 bytes of models."


def test_more_than_ten_thousand_models_are_refused() -> None:
    lines = [b'{"@id":"dtmi:a%d;1"}' % number for number in range(10_001)]

    last = refused(run(file_of(MODELS_LINE, *lines), MemoryGraph()))

    message = "An import may have at most 10000 models."
    assert last.rejected == (Rejected(Section.MODELS, 10_004, "LimitExceeded", message),)


@pytest.mark.shared
def test_the_real_estate_core_ontology_is_taken_whole(shared: Path) -> None:
    data = (shared / "data" / "realestatecore" / "models.ndjson").read_bytes()

    frames = run(MemorySource(data), MemoryGraph())

    assert [batch.accepted for batch in batches(frames)] == [1364]
    assert frames[-1] == Ended()


# ---- going on


def test_a_file_that_has_changed_since_its_first_pass_is_refused() -> None:
    totals = Totals(WHOLE.size, "other tag", 5, 3, 2)

    frames = list(frames_of(WHOLE, in_house(), order_of(totals=totals)))

    message = "The input blob has changed since it was checked."
    assert frames == [Refused("InputBlobChanged", message, None)]


ENTITIES = st.one_of(
    st.builds(lambda id: room(id, name="x"), st.sampled_from("abc")),
    st.builds(lambda id: sensor(id, name="\u00fc" * 10), st.sampled_from("def")),
    st.builds(lambda id: sensor(id, name=1), st.sampled_from("gh")),
)
LINKS = st.builds(
    lambda source, target, number: has(source, target, **{"$relationshipId": str(number), "n": number}),
    st.sampled_from("abcdefgh"),
    st.sampled_from("defgh"),
    st.integers(0, 5),
)


@settings(max_examples=60, deadline=None)
@given(
    twins=st.lists(st.one_of(ENTITIES.map(line_of), st.sampled_from([b"", b" \r"])), max_size=15),
    links=st.lists(LINKS.map(line_of), max_size=10),
    has_models=st.booleans(),
    ends=st.sampled_from([b"\n", b"\r\n"]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    limits=st.sampled_from([(1, 10_000), (3, 10_000), (10, 500)]),
)
def test_who_goes_on_from_a_batch_tells_what_who_never_stopped_tells(
    twins: list[bytes],
    links: list[bytes],
    has_models: bool,
    ends: bytes,
    mark: bytes,
    limits: tuple[int, int],
) -> None:
    models = [MODELS_LINE, *MODELS] if has_models else []
    lines = [*models, TWINS_LINE, *twins, RELATIONSHIPS_LINE, *links]
    source = MemorySource(mark + HEAD + ends.join(lines), chunk_bytes=1000)
    graph = MemoryGraph({} if has_models else dict(KNOWN))
    kept = []
    frames = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("weft.twins.windows.MOST_LINES", limits[0])
        patch.setattr("weft.twins.windows.MOST_BYTES", limits[1])
        for frame in frames_of(source, graph):
            frames.append(frame)
            if isinstance(frame, Entities):
                kept.append((len(frames), frame, copy.deepcopy(graph)))
        scanned = frames[0]
        assert isinstance(scanned, Scanned)

        for told, batch, before in kept:
            before.apply(batch)
            order = order_of(totals=scanned.totals, start=batch.after)

            assert list(frames_of(source, before, order)) == frames[told:]


def test_who_goes_on_before_the_first_batch_reads_from_the_beginning() -> None:
    whole = run(WHOLE, MemoryGraph())
    scanned = whole[0]
    assert isinstance(scanned, Scanned)

    again = list(frames_of(WHOLE, MemoryGraph(), order_of(totals=scanned.totals)))

    assert again == whole[1:]


def test_a_twin_of_a_decommissioned_model_is_rejected() -> None:
    told = batches(run(file_of(TWINS_LINE, line_of(sensor(model=OLD_ROOM)))))

    assert [each.type for each in told[-1].rejected] == ["ModelDecommissioned"]
