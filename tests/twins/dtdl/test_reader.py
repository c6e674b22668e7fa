"""One element at a time: contexts, identifiers, types, members and literals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.twins.dtdl.definitions import Json, faults, id_of, interface, property_, rules
from weft.twins.dtdl.models import Dialect, ModelSet


@pytest.mark.parametrize("value", [None, True, 7, 1.5, "model", float("nan"), 10**400])
def test_a_model_is_an_object(value: Any) -> None:
    assert rules([value]) == {"RootArrayOrObj"}


@pytest.mark.parametrize(
    ("context", "rule"),
    [
        (None, "ContextStringOrArray"),
        ([7], "ContextStringOrArray"),
        ({}, "ContextStringOrArray"),
        ([], "TopLevelDtdlContext"),
        ("https://json-ld.org/contexts/person.jsonld", "ContextDtmiWithVersion"),
        ("http://169.254.169.254/latest", "ContextDtmiWithVersion"),
        ("file:///etc/passwd", "ContextDtmiWithVersion"),
        ("dtmi:dtdl:context", "ContextDtmiWithVersion"),
        ("dtmi:dtdl:context;1", "ContextLanguageVersion"),
        ("dtmi:dtdl:context;4", "ContextLanguageVersion"),
        (["dtmi:dtdl:context;3", "dtmi:example:mine;1"], "ContextDefinedLanguageExtension"),
        (["dtmi:dtdl:extension:annotation;1", "dtmi:dtdl:context;3"], "ContextDtdlFirstOrOnly"),
    ],
)
def test_a_context_is_known_or_refused_and_never_fetched(context: Any, rule: str) -> None:
    (fault,) = faults([interface("A") | {"@context": context}])

    assert (fault.model, fault.rule) == (id_of("A"), rule)


def test_a_model_without_a_context_is_refused() -> None:
    assert rules([{"@id": id_of("A"), "@type": "Interface"}]) == {"TopLevelDtdlContext"}


def test_an_open_context_may_define_any_word() -> None:
    odd = property_("p", brand="x") | {"@type": ["Property", "Commercial"]}
    definition = interface("A", odd) | {"@context": ["dtmi:dtdl:context;3", "dtmi:example:mine;1"]}

    assert id_of("A") in ModelSet().add([definition], dialect=Dialect.OPEN)


def test_version_2_lets_an_element_with_an_unknown_type_have_unknown_members() -> None:
    odd = property_("p", brand="x")

    assert rules([interface("A", odd, version=2)]) == {"PropertyUndefinedTerm"}
    assert len(ModelSet().add([interface("A", odd | {"@type": ["Property", "Commercial"]}, version=2)])) == 1


@pytest.mark.parametrize(
    "id",
    [
        None,
        7,
        ["dtmi:test:A;1"],
        "",
        "A",
        "dtmi:A;0",
        "dtmi:A;01",
        "dtmi:A;1234567890",
        "dtmi:1A;1",
        "dtmi:A_;1",
        "dtmi:_A;1",
        "dtmi:A::B;1",
        "dtmi:Ä;1",
        "dtmi:A;1\n",
        "dtmi:A;1 ",
        "urn:A;1",
        "dtmi:A;1.0",
        "dtmi:\ud800;1",
        "dtmi:" + "a" * 1_000_000 + "!",
    ],
)
def test_an_id_is_a_dtmi(id: Any) -> None:
    assert rules([interface("A") | {"@id": id}]) == {"IdIsDtmi", "IdRequired"}


@pytest.mark.parametrize("id", ["dtmi:A", "dtmi:A;1.1", "dtmi:A:b_c:D9;999999999.999999"])
def test_version_3_takes_ids_without_and_with_minor_versions(id: str) -> None:
    assert id in ModelSet().add([interface("A") | {"@id": id}])
    assert rules([interface("A", version=2) | {"@id": id}]) == {"IdIsDtmi", "IdRequired"}


def test_the_id_of_an_interface_has_128_characters() -> None:
    long = "dtmi:" + "a" * 121 + ";1"

    assert long in ModelSet().add([interface("A") | {"@id": long}])
    assert rules([interface("A") | {"@id": long.replace("a;", "aa;")}]) == {"IdLength"}


@pytest.mark.parametrize("prefix", ["dtmi:dtdl:", "dtmi:standard:"])
def test_the_ids_of_the_language_are_reserved(prefix: str) -> None:
    assert rules([interface("A") | {"@id": f"{prefix}mine;1"}]) == {"DtmiReservedPrefixes", "IdRequired"}


@pytest.mark.parametrize(
    ("type", "rule"),
    [
        (None, "TypeStringOrArray"),
        ([], "TypeIncludesMaterial"),
        ("interface", "TypeIncludesMaterial"),
        (["Interface", "Property"], "TypeIncludesMaterial"),
        (["Interface", "Mine"], "TypeIncludesUndefinedTerm"),
        (["Interface", "boolean"], "TypeIncludesIrrelevantDtmiOrTerm"),
        (["Interface", "http://mine"], "TypeIncludesNotDtmiNorTerm"),
        (["Interface", "dtmi:mine//1"], "TypeIncludesInvalidDtmi"),
        ("Property", "TopLevelRootable"),
    ],
)
def test_a_type_names_one_class_of_the_language(type: Any, rule: str) -> None:
    assert rules([interface("A") | {"@type": type}]) == {rule}


@pytest.mark.parametrize(
    ("members", "rule"),
    [
        ({"mine": 1}, "PropertyUndefinedTerm"),
        ({"schema": "long"}, "PropertyIrrelevantDtmiOrTerm"),
        ({"http://mine": 1}, "PropertyNotDtmiNorTerm"),
        ({"dtmi:mine//1": 1}, "PropertyInvalidDtmi"),
        ({"@graph": []}, "InvalidKeywords"),
        ({"@\ud800": []}, "InvalidKeywords"),
        ({"comment": "x" * 513}, "StringLength"),
        ({"comment": 7}, "RepresentationalString"),
        ({"comment": ["a", "b"]}, "SingleValue"),
        ({"comment": {"@value": {"@value": "a"}}}, "RepresentationalHasValue"),
        ({"comment": {"@value": "a", "@type": "xsd:integer"}}, "RepresentationalStringType"),
        ({"comment": "a", "dtmi:dtdl:property:comment;3": "a"}, "TermAndDtmi"),
        ({"displayName": "x" * 513}, "StringLength"),
        ({"displayName": {"en": 7}}, "LocalizableStringObjectMemberValueString"),
        ({"displayName": {"english": "x"}}, "LocalizableStringObjectMemberNameRegex"),
        ({"displayName": [{"@language": "en"}]}, "LocalizableStringArrayElementHasValue"),
        ({"displayName": ["a", {"@value": "b"}]}, "LocalizableStringArrayElementLanguageValueUnique"),
        ({"displayName": "\ud800"}, "Unicode"),
        ({"contents": [7]}, "Element"),
        ({"contents": None}, "Element"),
        ({"contents": "mine"}, "Element"),
        ({"schemas": [{"@type": "Array", "elementSchema": "long"}]}, "IdRequired"),
    ],
)
def test_a_member_is_known_and_as_the_table_says(members: Json, rule: str) -> None:
    assert rules([interface("A", **members)]) == {rule}


@pytest.mark.parametrize(
    ("members", "rule"),
    [
        ({"maxMultiplicity": 0}, "MinValue"),
        ({"maxMultiplicity": 1.0}, "RepresentationalInteger"),
        ({"maxMultiplicity": True}, "RepresentationalInteger"),
        ({"maxMultiplicity": 2**31}, "RepresentationalInteger"),
        ({"minMultiplicity": 1}, "MaxValue"),
        ({"target": "mine"}, "IsDtmi"),
        ({"writable": "true"}, "RepresentationalBoolean"),
        ({"name": "1st"}, "Pattern"),
        ({"name": "last_"}, "Pattern"),
        ({"name": "n\n"}, "Pattern"),
        ({"name": []}, "SingleValue"),
    ],
)
def test_a_relationship_is_as_the_table_says(members: Json, rule: str) -> None:
    assert rules([interface("A", {"@type": "Relationship", "name": "r", **members})]) == {rule}


def test_a_name_may_be_longer_in_version_3() -> None:
    assert len(ModelSet().add([interface("A", property_("n" * 512))])) == 1
    assert rules([interface("A", property_("n" * 513))]) == {"StringLength"}
    assert rules([interface("A", property_("n" * 65), version=2)]) == {"StringLength"}


def test_a_message_shows_only_the_start_of_a_long_value() -> None:
    (fault,) = faults([interface("A", property_("p", "long " * 2_000))])

    assert fault.message.startswith('The member schema holds "long long long')
    assert len(fault.message) < 160


def test_literals_may_be_written_as_value_objects() -> None:
    models = ModelSet().add(
        [
            interface(
                "A",
                {
                    "@type": "dtmi:dtdl:class:Property;3",
                    "dtmi:dtdl:property:name;3": [{"@value": "p", "@type": "xsd:string"}],
                    "schema": ["dtmi:dtdl:instance:Schema:boolean;3"],
                },
            )
        ]
    )

    assert set(models[id_of("A")].properties) == {"p"}
