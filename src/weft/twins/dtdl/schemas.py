"""Schemas as values are checked against them: primitive, array, map, enum and object.

Compared by identity: the same schema, used in many places, is one object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from weft.twins.dtdl.language import GEOSPATIAL, PRIMITIVES
from weft.twins.dtdl.units import UNITS_OF_3


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """*name* is one of language.PRIMITIVES."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    element: Schema


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """Keys are strings."""

    value: Schema


@dataclass(frozen=True, slots=True, eq=False)
class Enum:
    """*values* are all strings or all whole numbers."""

    values: tuple[str | int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Object:
    """No field must be present, and no other may."""

    fields: Mapping[str, Schema]


Schema = Primitive | Array | Map | Enum | Object

_PRIMITIVE = {name: Primitive(name) for name in PRIMITIVES}
_DOUBLE = _PRIMITIVE["double"]
# How deep a GeoJSON geometry nests its coordinates.
_LEVELS = {
    "point": 1,
    "lineString": 2,
    "multiPoint": 2,
    "polygon": 3,
    "multiLineString": 3,
    "multiPolygon": 4,
}


def _geometry(name: str) -> Schema:
    coordinates: Schema = _DOUBLE
    for _ in range(_LEVELS[name]):
        coordinates = Array(coordinates)
    type_name = name[0].upper() + name[1:]
    return Object(MappingProxyType({"type": Enum((type_name,)), "coordinates": coordinates}))


def _vector(*names: str) -> Schema:
    return Object(MappingProxyType(dict.fromkeys(names, _DOUBLE)))


STANDARD: Mapping[str, Schema] = MappingProxyType(
    {
        **_PRIMITIVE,
        **{name: _geometry(name) for name in GEOSPATIAL},
        "vector": _vector("x", "y", "z"),
        "geopoint": _vector("lat", "lon", "alt"),
        **{name: Enum(units) for name, units in UNITS_OF_3.of_type.items()},
    }
)
