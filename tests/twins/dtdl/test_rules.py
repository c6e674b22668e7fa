"""Rules over several elements: names, references, depths, counts, versions, cycles."""

from __future__ import annotations

from typing import Any

import pytest

from tests.twins.dtdl.definitions import Json, component, faults, id_of, interface, nested, property_, rules
from weft.twins.dtdl.models import Dialect, ModelSet

COMMAND = {"@type": "Command", "name": "start"}


# What Azure Digital Twins demands beyond the language


def test_the_service_takes_no_commands() -> None:
    definition = interface("A", COMMAND)

    assert rules([definition]) == {"NoCommand"}
    assert id_of("A") in ModelSet().add([definition], dialect=Dialect.DTDL)


def test_the_service_takes_no_interface_inside_another() -> None:
    definition = interface("A", extends={"@id": id_of("B"), "@type": "Interface"})

    assert rules([definition]) == {"NoInlineInterface"}
    assert id_of("B") in ModelSet().add([definition], dialect=Dialect.DTDL)


def test_only_interfaces_stand_at_the_top() -> None:
    definition = property_("p", **{"@context": "dtmi:dtdl:context;3", "@id": id_of("p")})

    assert rules([definition]) == {"TopLevelRootable"}


def test_a_component_may_not_have_components() -> None:
    leaf, middle = interface("Leaf"), interface("Middle", component("leaf", "Leaf"))
    heir = interface("Heir", extends=id_of("Middle"))

    assert rules([leaf, middle, interface("Top", component("m", "Middle"))]) == {
        "SchemaContentsExcludeComponent"
    }
    assert rules([interface("Top", component("m", "Heir"))], known=ModelSet().add([leaf, middle, heir])) == {
        "SchemaContentsExcludeComponent"
    }


@pytest.mark.parametrize("version", [2, 3])
def test_an_interface_over_one_mebibyte_is_refused(version: int) -> None:
    schemas = [array(number) for number in range(1_800)]

    assert id_of("A") in ModelSet().add([interface("A", version=version, schemas=schemas[:1_700])])
    assert rules([interface("A", version=version, schemas=schemas)]) == {"InterfaceSize"}


def array(number: int) -> Json:
    """Return a schema of almost 600 bytes."""
    comment = "x" * 508
    return {"@id": f"dtmi:s:n{number:04};1", "@type": "Array", "elementSchema": "long", "comment": comment}


# Inheritance


def test_an_inherited_name_may_not_be_declared_again() -> None:
    parent = interface("Parent", property_("p"))
    child = interface("Child", {"@type": "Telemetry", "name": "p", "schema": "long"}, extends=id_of("Parent"))

    (fault,) = faults([parent, child])

    assert (fault.model, fault.rule) == (id_of("Child"), "NameUniqueAmongInterfaceContents")
    assert rules([child], known=ModelSet().add([parent])) == {"NameUniqueAmongInterfaceContents"}


def test_two_parents_may_not_declare_the_same_name() -> None:
    parents = [interface("A", property_("p")), interface("B", property_("p"))]

    assert rules([*parents, interface("C", extends=[id_of("A"), id_of("B")])]) == {
        "NameUniqueAmongInterfaceContents"
    }


def test_a_name_inherited_over_two_ways_is_declared_once() -> None:
    models = ModelSet().add(
        [
            interface("Top", property_("p")),
            interface("A", extends=id_of("Top")),
            interface("B", extends=id_of("Top")),
            interface("Bottom", extends=[id_of("A"), id_of("B")]),
        ]
    )

    assert set(models[id_of("Bottom")].properties) == {"p"}


def chain(length: int, version: int = 3) -> list[Json]:
    links = [interface(f"m{n}", version=version, extends=id_of(f"m{n + 1}")) for n in range(length)]
    return [*links, interface(f"m{length}", version=version)]


@pytest.mark.parametrize("version", [2, 3])
def test_extends_may_lead_over_ten_levels(version: int) -> None:
    assert len(ModelSet().add(chain(10, version))) == 11
    assert rules(chain(11, version)) == {"ExtendsMaxDepth"}


def test_levels_known_before_count_too() -> None:
    known = ModelSet().add(chain(10))

    assert rules([interface("next", extends=id_of("m0"))], known=known) == {"ExtendsMaxDepth"}


def test_extends_of_version_2_has_two_values_at_most() -> None:
    parents = [interface(name, version=2) for name in "ABC"]
    child = interface("D", version=2, extends=[id_of(name) for name in "ABC"])

    assert rules([*parents, child]) == {"MaxCount"}


def test_extends_of_version_3_has_1024_values_in_its_hierarchy() -> None:
    parents = [interface(f"p{number}") for number in range(1024)]
    ids = [parent["@id"] for parent in parents]
    wide = interface("wide", extends=ids)

    models = ModelSet().add([*parents, wide])

    assert len(models[id_of("wide")].ancestors) == 1025
    assert rules([interface("heir", extends=id_of("wide"))], known=models) == {"ExtendsMaxCount"}


def test_values_of_extends_count_with_those_of_what_is_extended() -> None:
    parents = [interface("p0", extends=id_of("p1")), *(interface(f"p{number}") for number in range(1, 1024))]
    wide = interface("wide", extends=[parent["@id"] for parent in parents])

    assert len(ModelSet().add([*parents, {**wide, "extends": wide["extends"][:-1]}])) == 1025
    assert rules([*parents, wide]) == {"ExtendsMaxCount"}


def test_an_interface_of_version_2_has_300_contents_with_those_it_extends() -> None:
    parent = interface("Parent", *(property_(f"p{number}") for number in range(299)), version=2)
    child = interface("Child", property_("one"), version=2, extends=id_of("Parent"))
    full = interface("Full", property_("one"), property_("two"), version=2, extends=id_of("Parent"))

    assert len(ModelSet().add([parent, child])[id_of("Child")].properties) == 300
    assert rules([parent, full]) == {"ContentsMaxCount"}


def test_an_interface_of_version_3_holds_100_000_elements() -> None:
    fields = [{"name": f"f{number}", "schema": "long"} for number in range(8_000)]
    parents = [
        interface(f"P{number}", property_(f"p{number}", {"@type": "Object", "fields": fields}))
        for number in range(7)
    ]
    ids = [parent["@id"] for parent in parents]

    assert len(ModelSet().add([*parents, interface("Six", extends=ids[:6])])) == 8
    assert rules([*parents, interface("Seven", extends=ids)]) == {"ContentsMaxCount"}


@pytest.mark.parametrize("user", [{"extends": id_of("New")}, {"contents": [component("c", "New")]}])
def test_version_2_uses_nothing_of_version_3(user: Json) -> None:
    new = interface("New", version=3)
    old = interface("Old", version=2, **user)

    assert rules([new, old]) == {"VersionMixing"}
    assert rules([old], known=ModelSet().add([new])) == {"VersionMixing"}


def test_version_3_extends_and_has_components_of_version_2() -> None:
    old = interface("Old", property_("p"), version=2)
    new = interface("New", component("c", "Old"))

    models = ModelSet().add([old, new, interface("Newer", extends=id_of("Old"))])

    assert set(models[id_of("Newer")].properties) == {"p"}


# References and cycles


@pytest.mark.parametrize(
    "definition",
    [
        interface("A", extends=id_of("Missing")),
        interface("A", component("c", "Missing")),
        interface("A", property_("p", id_of("Missing"))),
    ],
)
def test_a_reference_to_nothing_is_refused(definition: Json) -> None:
    (fault,) = faults([definition])

    assert fault.rule == "DependentReference"
    assert '"dtmi:test:Missing;1"' in fault.message


def test_a_schema_of_another_model_cannot_be_referred_to() -> None:
    schema = {"@id": id_of("S"), "@type": "Array", "elementSchema": "long"}
    owner = interface("Owner", schemas=[schema])

    assert rules([owner, interface("User", property_("p", id_of("S")))]) == {"DependentReference"}


def test_an_interface_is_no_schema() -> None:
    assert rules([interface("A"), interface("B", property_("p", id_of("A")))]) == {"TypeConformance"}


@pytest.mark.parametrize("length", [1, 2, 10_000])
def test_a_circle_of_extends_is_refused(length: int) -> None:
    circle = [interface(f"m{n}", extends=id_of(f"m{(n + 1) % length}")) for n in range(length)]

    assert rules(circle) == {"NoPathToSelf"}


def test_an_interface_cannot_be_its_own_component() -> None:
    assert rules([interface("A", component("c", "A"))]) == {"NoPathToSelf"}


def test_a_schema_cannot_hold_itself() -> None:
    schema = {"@id": id_of("S"), "@type": "Array", "elementSchema": id_of("S")}

    assert rules([interface("A", schemas=[schema])]) == {"NoPathToSelf"}


def test_ten_thousand_levels_of_extends_are_refused() -> None:
    assert rules(chain(10_000)) == {"ExtendsMaxDepth"}


@pytest.mark.parametrize("value", [nested(65), nested(5_000), [nested(5_000)]])
def test_what_is_nested_too_deep_is_refused(value: Any) -> None:
    assert rules([interface("A", comment=value)]) == {"MaxDepth"}


# Schemas and names


def objects(depth: int) -> Any:
    schema: Any = "integer"
    for _ in range(depth):
        schema = {"@type": "Object", "fields": [{"name": "f", "schema": schema}]}
    return schema


@pytest.mark.parametrize("version", [2, 3])
def test_schemas_nest_five_levels(version: int) -> None:
    assert len(ModelSet().add([interface("A", property_("p", objects(5)), version=version)])) == 1
    assert rules([interface("A", property_("p", objects(6)), version=version)]) == {"SchemaMaxDepth"}


@pytest.mark.parametrize("kind", ["array", "map", "reference"])
def test_levels_are_counted_through_any_schema(kind: str) -> None:
    inner = {"@id": id_of("S"), **objects(5)}
    schema = {
        "array": {"@type": "Array", "elementSchema": inner},
        "map": {
            "@type": "Map",
            "mapKey": {"name": "k", "schema": "string"},
            "mapValue": {"name": "v", "schema": inner},
        },
        "reference": {"@type": "Array", "elementSchema": id_of("S")},
    }[kind]
    reusable = [inner] if kind == "reference" else []

    assert rules([interface("A", property_("p", schema), schemas=reusable)]) == {"SchemaMaxDepth"}


@pytest.mark.parametrize(
    "schema",
    [
        {"@type": "Array", "elementSchema": "long"},
        {"@type": "Object", "fields": [{"name": "f", "schema": {"@type": "Array", "elementSchema": "long"}}]},
        "point",
    ],
)
def test_a_property_of_version_2_holds_no_array(schema: Any) -> None:
    assert rules([interface("A", property_("p", schema), version=2)]) == {"SchemaExcludeArray"}
    assert len(ModelSet().add([interface("A", property_("p", schema), version=3)])) == 1


def enum(*values: Any, schema: str = "integer") -> Json:
    members = [{"name": f"v{number}", "enumValue": value} for number, value in enumerate(values)]
    return {"@type": "Enum", "valueSchema": schema, "enumValues": members}


def test_the_values_of_an_enum_differ() -> None:
    assert rules([interface("A", property_("p", enum(1, 2, 1)))]) == {"EnumValueUnique"}


@pytest.mark.parametrize(("value", "schema"), [("one", "integer"), (1, "string")])
def test_the_values_of_an_enum_are_of_its_schema(value: Any, schema: str) -> None:
    assert rules([interface("A", property_("p", enum(value, schema=schema)))]) == {"EnumValueConformance"}


@pytest.mark.parametrize(("value", "accepted"), [(-(2**31), True), (-(2**31) - 1, False), (2**31 - 1, True)])
def test_the_values_of_an_enum_have_four_bytes(value: int, accepted: bool) -> None:
    definition = interface("A", property_("p", enum(value)))

    if accepted:
        assert len(ModelSet().add([definition])) == 1
    else:
        assert rules([definition]) == {"RepresentationalStringOrInteger"}


def test_the_names_of_fields_differ() -> None:
    field = {"name": "f", "schema": "long"}

    assert rules([interface("A", property_("p", {"@type": "Object", "fields": [field, field]}))]) == {
        "NameUnique"
    }


def test_two_elements_cannot_have_one_id() -> None:
    same = {"@id": id_of("same")}

    assert rules([interface("A", property_("p", **same), property_("q", **same))]) == {"IdDuplicate"}


# Extensions

QUANTITIES = ["dtmi:dtdl:context;3", "dtmi:dtdl:extension:quantitativeTypes;1"]
ANNOTATION = ["dtmi:dtdl:context;3", "dtmi:dtdl:extension:annotation;1"]


def temperature(**members: Any) -> Json:
    return {"name": "t", "schema": "double", **members, "@type": ["Property", "Temperature"]}


def test_a_semantic_type_of_version_3_needs_its_extension() -> None:
    measured = temperature(unit="degreeCelsius")

    assert len(ModelSet().add([interface("A", measured) | {"@context": QUANTITIES}])) == 1
    assert rules([interface("A", measured)]) == {"TypeIncludesUndefinedTerm", "PropertyUndefinedTerm"}


@pytest.mark.parametrize(
    ("members", "rule"),
    [
        ({}, "RequiredProperties"),
        ({"unit": "metre"}, "SpecificValues"),
        ({"unit": "kelvin", "schema": "string"}, "CotypeSchema"),
    ],
)
@pytest.mark.parametrize("version", [2, 3])
def test_a_semantic_type_has_a_unit_of_its_kind_and_a_number(version: int, members: Json, rule: str) -> None:
    definition = interface("A", temperature(**members), version=version)
    definition["@context"] = QUANTITIES if version == 3 else "dtmi:dtdl:context;2"

    assert rules([definition]) == {rule}


@pytest.mark.parametrize(
    ("types", "accepted"), [(["Length", "Distance"], True), (["Velocity", "Length"], False)]
)
def test_a_unit_suits_every_semantic_type(types: list[str], accepted: bool) -> None:
    definition = interface("A", {**temperature(unit="metre"), "@type": ["Property", *types]}, version=2)

    if accepted:
        assert len(ModelSet().add([definition])) == 1
    else:
        assert rules([definition]) == {"CotypePropertyValue"}


def test_an_annotation_names_a_sibling_or_what_is_inherited() -> None:
    note = property_("note", annotates="p") | {"@type": ["Property", "ValueAnnotation"]}
    parent = interface("Parent", property_("p"))
    child = interface("Child", note, extends=id_of("Parent")) | {"@context": ANNOTATION}
    orphan = interface("Orphan", note) | {"@context": ANNOTATION}

    assert len(ModelSet().add([parent, child])) == 2
    assert rules([orphan]) == {"CotypeSibling"}


def test_a_streaming_property_cannot_be_writable() -> None:
    context = ["dtmi:dtdl:context;3", "dtmi:dtdl:extension:streaming;1"]
    stream = property_("p", writable=True) | {"@type": ["Property", "Streaming"]}

    assert rules([interface("A", stream) | {"@context": context}]) == {"CotypePropertyValue"}


def test_an_initialized_property_has_an_initial_value() -> None:
    context = ["dtmi:dtdl:context;3", "dtmi:dtdl:extension:initialization;1"]
    initialized = property_("p", initialValue={"any": 1}) | {"@type": ["Property", "Initialized"]}
    empty = property_("p") | {"@type": ["Property", "Initialized"]}

    assert len(ModelSet().add([interface("A", initialized) | {"@context": context}])) == 1
    assert rules([interface("A", empty) | {"@context": context}]) == {"RequiredProperties"}


def test_an_override_may_have_a_unit_as_its_schema() -> None:
    features = ["quantitativeTypes", "annotation", "overriding"]
    context = ["dtmi:dtdl:context;3", *(f"dtmi:dtdl:extension:{name};1" for name in features)]
    override = property_("u", "TemperatureUnit", annotates="t", overrides="unit") | {
        "@type": ["Property", "ValueAnnotation", "Override"]
    }

    models = ModelSet().add([interface("A", temperature(unit="kelvin"), override) | {"@context": context}])

    assert set(models[id_of("A")].properties) == {"t", "u"}


def test_a_state_of_iot_central_is_an_enum_also_by_reference() -> None:
    context = ["dtmi:dtdl:context;2", "dtmi:iotcentral:context;2"]
    state = property_("p", id_of("E")) | {"@type": ["Property", "State"]}
    reusable = {"@id": id_of("E"), **enum(1, 2)}

    assert len(ModelSet().add([interface("A", state, schemas=[reusable]) | {"@context": context}])) == 1
    assert rules([interface("A", {**state, "schema": "long"}) | {"@context": context}]) == {"CotypeSchema"}


def test_an_adjunct_type_goes_only_with_its_classes() -> None:
    context = ["dtmi:dtdl:context;3", "dtmi:dtdl:extension:historization;1"]
    relationship = {"@type": ["Relationship", "Historized"], "name": "r"}
    historized = property_("p") | {"@type": ["Property", "Historized"]}

    assert len(ModelSet().add([interface("A", historized) | {"@context": context}])) == 1
    assert rules([interface("A", relationship) | {"@context": context}]) == {"CotypeDomain"}
