"""Twins and relationships against their models: who fits, and what is said of who does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.twins.house import (
    KNOWN,
    OLD_ROOM,
    OLD_ROOM_NUMBER,
    ROOM,
    ROOM_NUMBER,
    SENSOR,
    SENSOR_NUMBER,
    SMART_SENSOR_NUMBER,
    THERMOSTAT,
    has,
    line_of,
    room,
    sensor,
)
from weft.twins.entities import EntityFault, Models, RelationshipChecks, Row, TwinChecks
from weft.twins.graph import KnownModel

FOUND = {
    "r1": (11, ROOM_NUMBER),
    "r2": (12, ROOM_NUMBER),
    "old": (13, OLD_ROOM_NUMBER),
    "s1": (21, SENSOR_NUMBER),
    "smart": (22, SMART_SENSOR_NUMBER),
    "orphan": (31, 99),
}


def twin_row(line: bytes) -> Row | EntityFault:
    return TwinChecks(Models(KNOWN)).row(line)


def relationship_row(relationship: dict[str, Any], *, strict: bool = False) -> Row | EntityFault:
    checks = RelationshipChecks(Models(KNOWN), strict=strict)
    return checks.row(relationship, line_of(relationship), FOUND)


@pytest.mark.parametrize(
    "twin",
    [
        room(),
        room(name="x", temperature=20.5, level=-3, tags={"a": True}),
        room(temperature=20),
        room(thermostat={"$metadata": {"$lastUpdateTime": "2023-01-01T00:00:00Z"}, "target": 21.5}),
        room(**{"$etag": None}),
        room(**{"$etag": 'W/"a"', "$metadata": {"$model": ROOM, "name": {"lastUpdateTime": "x"}}}),
        room("raum \u00fc\u2028"),
        room(name="a" * 4096),
    ],
)
def test_a_twin_that_fits_its_model_becomes_a_row_with_its_text_as_given(twin: dict[str, Any]) -> None:
    line = line_of(twin)

    assert twin_row(line + b" \r") == (twin["$dtId"], ROOM_NUMBER, line.decode())


def test_a_twin_has_the_properties_that_its_model_inherits() -> None:
    line = line_of(sensor(model="dtmi:house:SmartSensor;1", name="x", smart=True))

    assert twin_row(line) == ("s1", SMART_SENSOR_NUMBER, line.decode())


@pytest.mark.parametrize(
    ("twin", "type", "message"),
    [
        (
            sensor(model="dtmi:house:Nothing;1"),
            "ModelNotFound",
            ': there is no model "dtmi:house:Nothing;1".',
        ),
        (sensor(model=OLD_ROOM), "ModelDecommissioned", f': model "{OLD_ROOM}" is decommissioned.'),
        (
            sensor(colour="red"),
            "ValidationFailed",
            f': property "colour" is not declared by model "{SENSOR}"; its value is "red".',
        ),
        (
            sensor(colour=None),
            "ValidationFailed",
            f': property "colour" is not declared by model "{SENSOR}"; its value is null.',
        ),
        (
            sensor(**{"$sourceId": "a"}),
            "ValidationFailed",
            f': property "$sourceId" is not declared by model "{SENSOR}"; its value is "a".',
        ),
        (sensor(name=5), "ValidationFailed", ': property "name" must be a string, not 5.'),
        (sensor(name=None), "ValidationFailed", ': property "name" must be a string, not null.'),
        (
            sensor(name="n" * 4097),
            "ValidationFailed",
            f': property "name" has a string longer than 4096 bytes, "{"n" * 96}....',
        ),
        (
            sensor(name="\u20ac" * 1366),
            "ValidationFailed",
            f': property "name" has a string longer than 4096 bytes, "{chr(0x20AC) * 96}....',
        ),
    ],
)
def test_a_sensor_that_does_not_fit_is_refused(twin: dict[str, Any], type: str, message: str) -> None:
    assert twin_row(line_of(twin)) == EntityFault(type, f'Twin "s1"{message}')


@pytest.mark.parametrize(
    ("twin", "message"),
    [
        (
            room(temperature="hot"),
            'property "temperature" must be a double (a finite number), not "hot".',
        ),
        (
            room(level=2**31),
            'property "level" must be an integer (a whole number of 4 bytes), not 2147483648.',
        ),
        (room(tags={"a": 1}), 'property "tags" at "a": must be a boolean, not 1.'),
        (
            room(tags={"k" * 1025: True}),
            f'property "tags.{"k" * 91}... has a name longer than 1024 bytes; its value is true.',
        ),
        (
            {"$dtId": "r1", "$metadata": {"$model": ROOM}},
            'property "thermostat" must be a component, an object that has "$metadata", an object, not null.',
        ),
        (
            room(thermostat={"target": 1.0}),
            'property "thermostat" must be a component, an object that has "$metadata", an object, '
            'not {"target":1.0}.',
        ),
        (
            room(thermostat={"$metadata": {}, "target": True}),
            'property "thermostat.target" must be a double (a finite number), not true.',
        ),
        (
            room(thermostat={"$metadata": {}, "name": "x"}),
            f'property "thermostat.name" is not declared by model "{THERMOSTAT}"; its value is "x".',
        ),
        (
            room(thermostat={"$metadata": {}, "$dtId": "x"}),
            f'property "thermostat.$dtId" is not declared by model "{THERMOSTAT}"; its value is "x".',
        ),
    ],
)
def test_a_room_that_does_not_fit_is_refused(twin: dict[str, Any], message: str) -> None:
    assert twin_row(line_of(twin)) == EntityFault("ValidationFailed", f'Twin "r1": {message}')


def test_only_the_first_fault_of_a_twin_is_told() -> None:
    line = line_of(room(name=1, level="low"))

    assert twin_row(line) == EntityFault(
        "ValidationFailed", 'Twin "r1": property "name" must be a string, not 1.'
    )


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_a_twin_has_at_most_32_kilobytes(more: int, fits: bool) -> None:
    tags = {f"t{number:04}": True for number in range(2500)}
    short = len(line_of(room(tags=tags, name="")))
    line = line_of(room(tags=tags, name="n" * (32 * 1024 - short + more)))

    row = twin_row(line + b"\r")

    fault = EntityFault("ValidationFailed", 'Twin "r1" has 32769 bytes; the limit is 32768.')
    assert row == (("r1", ROOM_NUMBER, line.decode()) if fits else fault)


# ---- relationships


@pytest.mark.parametrize(
    ("relationship", "row"),
    [
        (has(), (11, "h1", 21, "has", "")),
        (has(**{"$etag": None}), (11, "h1", 21, "has", "")),
        (has("r1", "smart"), (11, "h1", 22, "has", "")),
        (has("r1", "r2", **{"$relationshipName": "near"}), (11, "h1", 12, "near", "")),
        (has("r1", "orphan", **{"$relationshipName": "near"}), (11, "h1", 31, "near", "")),
        (has("old", "r1", **{"$relationshipName": "near"}), (13, "h1", 11, "near", "")),
        (has(**{"$sourceId": "r1"}), (11, "h1", 21, "has", "")),
        (has(**{"$dtId": None, "$sourceId": "r1"}), (11, "h1", 21, "has", "")),
        (has(since="2023-10-31"), (11, "h1", 21, "has", '{"since":"2023-10-31"}')),
        (has(reliability=1, SINCE=5), (11, "h1", 21, "has", '{"reliability":1,"SINCE":5}')),
        (
            has(n=2**70, x=0.1, t="\u00fc"),
            (11, "h1", 21, "has", '{"n":1180591620717411303424,"x":0.1,"t":"\u00fc"}'),
        ),
    ],
)
def test_a_relationship_that_fits_becomes_a_row(relationship: dict[str, Any], row: Row) -> None:
    assert relationship_row(relationship) == row


@pytest.mark.parametrize(
    ("relationship", "type", "message"),
    [
        (has("x"), "DigitalTwinNotFound", 'of twin "x": its source twin does not exist.'),
        (has("r1", "x"), "TargetTwinNotFound", 'of twin "r1": its target twin "x" does not exist.'),
        (has("r1", "r1"), "OperationNotAllowed", 'of twin "r1": its target must be another twin.'),
        (has(**{"$sourceId": "r2"}), "InvalidArgument", 'of twin "r1": its $sourceId is another, "r2".'),
        (
            has("orphan", "r1"),
            "ModelNotFound",
            'of twin "orphan": the model of its source twin does not exist any more.',
        ),
        (
            has(**{"$relationshipName": "Has"}),
            "InvalidRelationship",
            f'of twin "r1": model "{ROOM}" declares no relationship "Has".',
        ),
        (
            has("r1", "r2"),
            "InvalidRelationship",
            f'of twin "r1": its target twin "r2" must be of model "{SENSOR}".',
        ),
        (
            has("r1", "orphan"),
            "InvalidRelationship",
            f'of twin "r1": its target twin "orphan" must be of model "{SENSOR}".',
        ),
        (
            has(since="yesterday"),
            "ValidationFailed",
            'of twin "r1": property "since" must be a date, such as 2023-10-31, not "yesterday".',
        ),
        (
            has(**{"$metadata": {}}),
            "ValidationFailed",
            'of twin "r1": property "$metadata" has a reserved name; its value is {}.',
        ),
        (
            has(note=["n" * 4097]),
            "ValidationFailed",
            f'of twin "r1": property "note" has a string longer than 4096 bytes, "{"n" * 96}....',
        ),
        (
            has(**{"k" * 1025: 1}),
            "ValidationFailed",
            f'of twin "r1": property "{"k" * 96}... has a name longer than 1024 bytes; its value is 1.',
        ),
    ],
)
def test_a_relationship_that_does_not_fit_is_refused(
    relationship: dict[str, Any], type: str, message: str
) -> None:
    assert relationship_row(relationship) == EntityFault(type, f'Relationship "h1" {message}')


def test_a_strict_check_refuses_what_the_model_of_a_relationship_does_not_declare() -> None:
    declared, undeclared = has(since="2023-10-31"), has(Since="2023-10-31")

    assert relationship_row(declared, strict=True) == (11, "h1", 21, "has", '{"since":"2023-10-31"}')
    assert relationship_row(undeclared, strict=True) == EntityFault(
        "ValidationFailed",
        'Relationship "h1" of twin "r1": property "Since" is not declared by the relationship\'s model; '
        'its value is "2023-10-31".',
    )


def test_checks_know_the_models_of_the_twins_that_are_found() -> None:
    checks = RelationshipChecks(Models(KNOWN), strict=False)

    assert checks.know({"r1": (11, ROOM_NUMBER)})
    assert not checks.know(FOUND)


def test_a_target_that_no_model_is_can_be_met_by_no_twin() -> None:
    definition = json.loads(KNOWN[ROOM].definition)
    definition["contents"][-1] = {"@type": "Relationship", "name": "near", "target": "dtmi:house:Never;1"}
    known = {**KNOWN, ROOM: KnownModel(ROOM_NUMBER, json.dumps(definition), False)}
    near = has("r1", "r2", **{"$relationshipName": "near"})

    row = RelationshipChecks(Models(known), strict=False).row(near, b"", FOUND)

    assert isinstance(row, EntityFault)
    assert row.type == "InvalidRelationship"
