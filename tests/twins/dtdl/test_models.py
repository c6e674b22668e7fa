"""Sets of models: all or none, in any order, and what an interface then has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twins.dtdl.definitions import Json, component, faults, id_of, interface, property_, rules
from weft.twins.dtdl.models import Dialect, ModelSet, ModelsRefused, in_dependency_order
from weft.twins.dtdl.schemas import Primitive

LOCATED = interface("Located", property_("latitude"), property_("longitude"))
SENSOR = interface("Sensor", property_("reading", "integer"), extends=id_of("Located"))
ROOM = interface(
    "Room",
    component("sensor", "Sensor"),
    {
        "@type": "Relationship",
        "name": "leadsTo",
        "target": id_of("Room"),
        "properties": [property_("width", "float")],
    },
)


def test_an_interface_has_what_it_extends() -> None:
    models = ModelSet().add([SENSOR, LOCATED])

    sensor = models[id_of("Sensor")]

    assert sensor.extends == (id_of("Located"),)
    assert sensor.ancestors == {id_of("Located"), id_of("Sensor")}
    assert set(sensor.properties) == {"latitude", "longitude", "reading"}
    assert sensor.version == 3


def test_a_relationship_tells_its_target_and_properties() -> None:
    models = ModelSet().add([ROOM, SENSOR, LOCATED])

    room = models[id_of("Room")]
    target, properties = room.relationships["leadsTo"]

    assert room.components == {"sensor": id_of("Sensor")}
    assert target == id_of("Room")
    assert isinstance(properties["width"], Primitive)
    assert properties["width"].name == "float"


def test_a_relationship_may_lead_to_a_model_that_does_not_exist() -> None:
    models = ModelSet().add([interface("A", {"@type": "Relationship", "name": "r", "target": id_of("B")})])

    assert models[id_of("A")].relationships["r"].target == id_of("B")


def test_a_relationship_and_a_component_are_inherited() -> None:
    models = ModelSet().add([ROOM, SENSOR, LOCATED, interface("Hall", extends=[id_of("Room")])])

    hall = models[id_of("Hall")]

    assert hall.components == {"sensor": id_of("Sensor")}
    assert set(hall.relationships) == {"leadsTo"}


def test_a_set_never_changes() -> None:
    before = ModelSet().add([LOCATED])

    after = before.add([SENSOR])

    assert id_of("Sensor") not in before
    assert (len(before), len(after)) == (1, 2)
    assert set(after[id_of("Sensor")].properties) == {"latitude", "longitude", "reading"}


def test_one_faulty_definition_refuses_all() -> None:
    known = ModelSet()

    with pytest.raises(ModelsRefused):
        known.add([LOCATED, interface("Broken", property_("p", "nonsense"))])

    assert list(known) == []


def test_a_list_stands_for_the_definitions_in_it() -> None:
    assert len(ModelSet().add([[LOCATED, SENSOR]])) == 2


def test_a_fault_names_the_model_the_element_and_the_rule() -> None:
    (fault,) = faults([interface("A", property_("p"), property_("q", {"@type": "Array"}))])

    assert fault.model == id_of("A")
    assert fault.element == f"{id_of('A')}/contents[1]/schema"
    assert fault.rule == "RequiredProperties"
    assert fault.message == "The Array must have elementSchema."


def test_a_fault_in_an_element_with_an_id_names_the_id() -> None:
    (fault,) = faults([interface("A", property_("p", "nonsense", **{"@id": id_of("p")}))])

    assert (fault.model, fault.element) == (id_of("A"), id_of("p"))


def test_faults_are_counted_to_a_hundred() -> None:
    contents = [property_(f"p{number}", "nonsense") for number in range(150)]

    assert len(faults([interface("A", *contents)])) == 100


def test_faults_of_one_model_do_not_hide_that_others_have_any() -> None:
    contents = [property_(f"p{number}", "nonsense") for number in range(150)]
    others = [interface(name, property_("p", "nonsense")) for name in ("B", "C")]

    found = faults([interface("A", *contents), *others])

    assert [fault.model for fault in found[99:]] == [id_of("A"), id_of("B"), id_of("C")]


def test_an_id_that_is_known_is_refused() -> None:
    known = ModelSet().add([LOCATED])

    assert rules([LOCATED], known=known) == {"IdDuplicate"}


def test_trusted_definitions_answer_as_checked_ones_do() -> None:
    definitions = [ROOM, SENSOR, LOCATED, reusing_a_schema()]
    checked = ModelSet().add(definitions)

    trusted = ModelSet.trusted(definitions)

    assert list(trusted) == [definition["@id"] for definition in definitions]
    for id in checked:
        assert trusted[id].ancestors == checked[id].ancestors
        assert set(trusted[id].properties) == set(checked[id].properties)
        assert set(trusted[id].schemas) == set(checked[id].schemas)
        assert trusted[id].components == checked[id].components
        assert set(trusted[id].relationships) == set(checked[id].relationships)


def test_a_schema_that_is_used_twice_is_one_schema() -> None:
    reusing = ModelSet().add([reusing_a_schema()])[id_of("Reusing")]

    assert reusing.properties["one"] is reusing.properties["two"] is reusing.schemas[id_of("Numbers")]


def reusing_a_schema() -> Json:
    numbers = {"@id": id_of("Numbers"), "@type": "Array", "elementSchema": "integer"}
    contents = [property_("one", id_of("Numbers")), property_("two", id_of("Numbers"))]
    return interface("Reusing", *contents, schemas=[numbers])


def test_models_can_be_added_to_trusted_ones() -> None:
    known = ModelSet.trusted([LOCATED])

    models = known.add([SENSOR])

    assert set(models[id_of("Sensor")].properties) == {"latitude", "longitude", "reading"}


def test_what_is_extended_or_a_component_comes_first() -> None:
    ordered = in_dependency_order([ROOM, SENSOR, LOCATED])

    assert ordered == [LOCATED, SENSOR, ROOM]


def test_the_order_given_is_kept_where_nothing_depends() -> None:
    definitions = [interface(name) for name in "CAB"]

    assert in_dependency_order(definitions) == definitions


def test_a_circle_and_a_double_are_all_in_the_order() -> None:
    circle = [interface("A", extends=id_of("B")), interface("B", extends=id_of("A"))]

    assert in_dependency_order([*circle, circle[0]]) == [circle[1], circle[0], circle[0]]


@pytest.mark.parametrize("id", [None, 7, [], {}, ["dtmi:test:A;1"]])
def test_a_definition_without_a_proper_id_can_be_ordered(id: Any) -> None:
    definition = {"@id": id, "extends": id, "contents": id}

    assert in_dependency_order([definition]) == [definition]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["@id", "@type", "@context", "contents", "schema", "x"]), inner)
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(Dialect))
def test_whatever_json_says_is_refused_or_a_model(value: Any, dialect: Dialect) -> None:
    try:
        models = ModelSet().add([value], dialect=dialect)
    except ModelsRefused as refused:
        models = ModelSet()
        reasons = len(refused.faults)
    else:
        reasons = 0

    assert (reasons == 0) == (value == [] or list(models) != [])


@pytest.mark.shared
def test_a_real_ontology_is_accepted_as_it_is_and_in_order(shared: Path) -> None:
    lines = (shared / "data" / "realestatecore" / "models.ndjson").read_text().splitlines()[3:]
    definitions = [json.loads(line) for line in lines]

    models = ModelSet().add(definitions)
    ordered = in_dependency_order(definitions)

    assert len(models) == len(ordered) == 1364
    assert len(ModelSet().add(ordered[:700]).add(ordered[700:])) == 1364
    trusted = ModelSet.trusted(ordered)
    assert all(set(trusted[id].properties) == set(models[id].properties) for id in models)
