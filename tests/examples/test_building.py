"""Generated buildings: as many entities as asked for, valid by their own models, in little memory."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from weft.examples.building.generate import (
    RELATIONSHIPS_EACH,
    TWINS_EACH,
    Ids,
    Size,
    ontology,
    write,
    write_buildings,
)
from weft.twins.dtdl.models import Interface, ModelSet
from weft.twins.dtdl.values import checker

IDS: list[Ids] = ["ordered", "guid"]
RELATIONSHIP_KEYS = ("$dtId", "$relationshipId", "$targetId", "$relationshipName")


@dataclass
class Parts:
    """A file, taken apart."""

    models: list[dict[str, Any]]
    twins: list[dict[str, Any]]
    relationships: list[dict[str, Any]]


def parts(path: Path) -> Parts:
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert lines[0] == {"Section": "Header"}
    assert lines[1]["fileVersion"] == "1.0.0"
    models, twins, relationships = (
        lines.index({"Section": name}) for name in ("Models", "Twins", "Relationships")
    )
    assert models == 2
    return Parts(lines[models + 1 : twins], lines[twins + 1 : relationships], lines[relationships + 1 :])


def test_the_ontology_is_valid_and_uses_both_versions_of_the_language() -> None:
    models = ModelSet().add(ontology())

    assert {models[definition["@id"]].version for definition in ontology()} == {2, 3}


@pytest.mark.parametrize("ids", IDS)
def test_every_twin_and_relationship_of_a_building_fits_the_models_of_its_file(
    tmp_path: Path, ids: Ids
) -> None:
    written = write_buildings(tmp_path / "b", buildings=1, ids=ids)

    found = parts(tmp_path / "b")
    assert faults(found) == []
    assert written.twins == len(found.twins) == 1 + TWINS_EACH
    assert written.relationships == len(found.relationships) == RELATIONSHIPS_EACH
    assert written.bytes == (tmp_path / "b").stat().st_size


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize(
    ("twins", "relationships"),
    [
        (1, 0),
        (2, 1),
        (2, 7),
        (4, 0),
        (5, 30),
        (TWINS_EACH, 3 * TWINS_EACH),
        (TWINS_EACH + 1, 10),
        (TWINS_EACH + 2, RELATIONSHIPS_EACH - 1),
        (3 * TWINS_EACH + 40, 2 * RELATIONSHIPS_EACH - 3),
        (3 * TWINS_EACH + 40, 6 * TWINS_EACH + 80),
    ],
)
def test_a_graph_has_exactly_the_size_asked_for_and_fits_its_models(
    tmp_path: Path, twins: int, relationships: int, ids: Ids
) -> None:
    write(tmp_path / "g", twins=twins, relationships=relationships, ids=ids)

    found = parts(tmp_path / "g")
    assert (len(found.twins), len(found.relationships)) == (twins, relationships)
    assert faults(found) == []


def faults(found: Parts) -> list[str]:
    """Return what is wrong with a file, by its own models."""
    models = ModelSet().add(found.models)
    kinds = {twin["$dtId"]: models[twin["$metadata"]["$model"]] for twin in found.twins}
    keys = Counter((one["$dtId"], one["$relationshipId"]) for one in found.relationships)
    return [
        *([] if len(kinds) == len(found.twins) else ["two twins have one id"]),
        *(f"{key} occurs {times} times" for key, times in keys.items() if times > 1),
        *(wrong for twin in found.twins for wrong in twin_faults(twin, kinds[twin["$dtId"]], models)),
        *(wrong for one in found.relationships for wrong in relationship_faults(one, kinds)),
    ]


def twin_faults(twin: dict[str, Any], kind: Interface, models: ModelSet) -> list[str]:
    wrong = [f"{twin['$dtId']} lacks {name}" for name in kind.components if name not in twin]
    for name, value in twin.items():
        if name in kind.components:
            wrong += twin_faults({"$dtId": name, **value}, models[kind.components[name]], models)
        elif name in kind.properties:
            wrong += [said] if (said := checker(kind.properties[name])(value)) else []
        elif name not in ("$dtId", "$metadata"):
            wrong.append(f"{kind.id} has no {name}")
    return wrong


def relationship_faults(one: dict[str, Any], kinds: dict[str, Interface]) -> list[str]:
    declared = kinds[one["$dtId"]].relationships[one["$relationshipName"]]
    target = kinds[one["$targetId"]]
    wrong = [] if declared.target is None or declared.target in target.ancestors else [f"{one}: target"]
    wrong += ["it points to itself"] if one["$dtId"] == one["$targetId"] else []
    for name, value in one.items():
        if name not in RELATIONSHIP_KEYS and (said := checker(declared.properties[name])(value)):
            wrong.append(said)
    return wrong


def test_ordered_ids_rise_through_the_file(tmp_path: Path) -> None:
    write_buildings(tmp_path / "b", buildings=12)

    ids = [twin["$dtId"] for twin in parts(tmp_path / "b").twins]
    assert ids == sorted(ids)


def test_guids_are_random_ones(tmp_path: Path) -> None:
    write_buildings(tmp_path / "b", buildings=1, ids="guid")

    ids = [UUID(twin["$dtId"]) for twin in parts(tmp_path / "b").twins]
    assert {id.version for id in ids} == {4}
    assert ids != sorted(ids)


@pytest.mark.parametrize("ids", IDS)
def test_a_seed_makes_the_same_file_again_and_another_one_does_not(tmp_path: Path, ids: Ids) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        write_buildings(tmp_path / name, buildings=2, ids=ids, seed=seed)

    first, again, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == again != other


def test_lines_of_twins_are_as_long_as_those_that_are_measured(tmp_path: Path) -> None:
    write_buildings(tmp_path / "b", buildings=4, ids="guid")

    lines = [line for line in (tmp_path / "b").read_bytes().splitlines() if b"$model" in line]
    assert 130 <= sum(map(len, lines)) / len(lines) <= 200


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    write_buildings(tmp_path / "b", buildings=2)  # what is made once
    tracemalloc.start()

    written = write_buildings(tmp_path / "b", buildings=100)

    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_bytes < written.bytes / 2


def test_progress_is_told_up_to_the_last_entity(tmp_path: Path) -> None:
    told: list[int] = []

    write(tmp_path / "g", twins=1000, relationships=2000, told=told.append)

    assert told == sorted(told)
    assert told[-1] == Size(1000, 2000).entities


@pytest.mark.parametrize(("twins", "relationships"), [(0, 0), (-1, 0), (1, 1), (5, -1)])
def test_a_graph_that_cannot_be_is_refused(tmp_path: Path, twins: int, relationships: int) -> None:
    with pytest.raises(ValueError, match="no graph has"):
        write(tmp_path / "g", twins=twins, relationships=relationships)

    assert list(tmp_path.iterdir()) == []


def test_a_writing_that_is_broken_off_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("before")

    def broken(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_buildings(tmp_path / "b", buildings=2, told=broken)

    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("b", "before")]
