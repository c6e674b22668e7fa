"""A small house: its models, and lines of an import file that fit them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from weft.twins.graph import KnownModel

ROOM = "dtmi:house:Room;1"
OLD_ROOM = "dtmi:house:OldRoom;1"
SENSOR = "dtmi:house:Sensor;1"
SMART_SENSOR = "dtmi:house:SmartSensor;1"
THERMOSTAT = "dtmi:house:Thermostat;1"


def interface(id: str, *contents: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"@context": "dtmi:dtdl:context;2", "@id": id, "@type": "Interface", "contents": contents, **more}


def prop(name: str, schema: Any) -> dict[str, Any]:
    return {"@type": "Property", "name": name, "schema": schema}


TAGS = {
    "@type": "Map",
    "mapKey": {"name": "key", "schema": "string"},
    "mapValue": {"name": "value", "schema": "boolean"},
}
DEFINITIONS = {
    ROOM: interface(
        ROOM,
        prop("name", "string"),
        prop("temperature", "double"),
        prop("level", "integer"),
        prop("tags", TAGS),
        {"@type": "Component", "name": "thermostat", "schema": THERMOSTAT},
        {
            "@type": "Relationship",
            "name": "has",
            "target": SENSOR,
            "properties": [prop("since", "date"), prop("reliability", "double")],
        },
        {"@type": "Relationship", "name": "near"},
    ),
    OLD_ROOM: interface(OLD_ROOM, prop("name", "string"), {"@type": "Relationship", "name": "near"}),
    SENSOR: interface(SENSOR, prop("name", "string")),
    SMART_SENSOR: interface(SMART_SENSOR, prop("smart", "boolean"), extends=SENSOR),
    THERMOSTAT: interface(THERMOSTAT, prop("target", "double")),
}
KNOWN = {
    id: KnownModel(number, json.dumps(definition), decommissioned=id == OLD_ROOM)
    for number, (id, definition) in enumerate(DEFINITIONS.items(), 1)
}
ROOM_NUMBER, OLD_ROOM_NUMBER, SENSOR_NUMBER = (KNOWN[id].number for id in (ROOM, OLD_ROOM, SENSOR))
SMART_SENSOR_NUMBER = KNOWN[SMART_SENSOR].number


def line_of(entity: object) -> bytes:
    return json.dumps(entity, separators=(",", ":"), ensure_ascii=False).encode()


def room(id: str = "r1", /, **properties: Any) -> dict[str, Any]:
    return {
        "$dtId": id,
        "$metadata": {"$model": ROOM},
        "thermostat": {"$metadata": {}},
        **properties,
    }


def sensor(id: str = "s1", /, *, model: str = SENSOR, **properties: Any) -> dict[str, Any]:
    return {"$dtId": id, "$metadata": {"$model": model}, **properties}


def has(source: str = "r1", target: str = "s1", /, **more: Any) -> dict[str, Any]:
    identity = {"$dtId": source, "$relationshipId": "h1", "$targetId": target, "$relationshipName": "has"}
    return {**identity, **more}
