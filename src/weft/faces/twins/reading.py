"""Where the words of Digital Twins and the graph's meet: models, twins and relationships as they are read."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Final
from unicodedata import category
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Raw

from weft.contracts import twins_graph as wire
from weft.faces.http import shown
from weft.faces.parameters import bad_parameter
from weft.faces.twins.mapping import utc
from weft.faces.twins.requests import UNFIT_CATEGORIES
from weft.twins.graph import Model, Relationship, Twin

LONGEST_ID: Final = 4096

Members = dict[str, Raw]

_encode = msgspec.json.Encoder().encode
_members: Final = msgspec.json.Decoder(Members)
_METADATA: Final = "$metadata"
_SOURCE_TIME: Final = "sourceTime"
_OBJECT: Final = ord("{")


def entity_id(text: str, field: str) -> str:
    """Return *text* where it can name something of the graph. Raises Refused."""
    if 0 < len(text) <= LONGEST_ID and not UNFIT_CATEGORIES & set(map(category, text)):
        return text
    raise bad_parameter(
        field,
        f"{field} must be 1 to {LONGEST_ID} characters, none of them a control character, not {shown(text)}",
    )


def path_of(*parts: str) -> str:
    """Return the path of *parts*, each one percent-encoded as a whole."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def model(model: Model, *, with_definition: bool) -> wire.ModelData:
    definition = json.loads(model.definition)
    return wire.ModelData(
        id=model.id,
        description=_language_map(definition.get("description")),
        display_name=_language_map(definition.get("displayName")),
        decommissioned=model.decommissioned,
        upload_time=f"{utc(model.uploaded_at).removesuffix('Z')}+00:00",
        model=Raw(model.definition.encode()) if with_definition else UNSET,
    )


def twin(twin: Twin) -> Raw:
    """Compose the twin from what was imported: values as they were given, `$metadata` as the service has it.

    Of the imported metadata only each property's `sourceTime` is kept: the rest tells of another instance.
    """
    given = _members.decode(twin.body)
    changed = _raw(utc(twin.updated_at))
    own = _own(given)
    components = {name: inside for name, value in own.items() if _METADATA in (inside := _object(value))}
    metadata = {
        "$model": _raw(twin.model),
        "$lastUpdateTime": changed,
        **_times(given, own.keys() - components.keys(), changed),
    }
    composed = {name: _component(inside, changed) for name, inside in components.items()}
    return _raw({"$dtId": twin.id, "$etag": twin.etag, **own, **composed, _METADATA: metadata})


def relationship(relationship: Relationship) -> Raw:
    own = {
        "$relationshipId": relationship.id,
        "$etag": relationship.etag,
        "$sourceId": relationship.source,
        "$relationshipName": relationship.name,
        "$targetId": relationship.target,
    }
    return _raw({**own, **_members.decode(relationship.properties or "{}")})


def incoming(relationship: Relationship) -> wire.IncomingRelationship:
    return wire.IncomingRelationship(
        id=relationship.id,
        source=relationship.source,
        name=relationship.name,
        link=path_of("digitaltwins", relationship.source, "relationships", relationship.id),
    )


def row(entity: Twin | Relationship, column: str | None) -> Raw:
    """Return an element of the answer to a query: the entity itself, or as *column*."""
    whole = twin(entity) if isinstance(entity, Twin) else relationship(entity)
    return whole if column is None else _raw({column: whole})


def _component(given: Members, changed: Raw) -> Raw:
    own = _own(given)
    metadata: dict[str, object] = {"$lastUpdateTime": changed, **_times(given, own, changed)}
    return _raw({**own, _METADATA: metadata})


def _own(given: Members) -> Members:
    """Return what is not of the service: properties and components."""
    return {name: value for name, value in given.items() if not name.startswith("$")}


def _times(given: Members, properties: Collection[str], changed: Raw) -> dict[str, Members]:
    """Return the metadata of *properties*, in the order in which they are given."""
    told = _object(given.get(_METADATA))
    return {
        name: {**_source_time(told.get(name)), "lastUpdateTime": changed}
        for name in given
        if name in properties
    }


def _source_time(told: Raw | None) -> Members:
    members = _object(told)
    return {_SOURCE_TIME: members[_SOURCE_TIME]} if _SOURCE_TIME in members else {}


def _object(value: Raw | None) -> Members:
    """Return the members of *value*, none where it is no object."""
    if value is None or memoryview(value)[0] != _OBJECT:
        return {}
    return _members.decode(value)


def _language_map(text: object) -> Mapping[str, str]:
    """Return a localizable string of DTDL by language; plain text is English."""
    if isinstance(text, str):
        return {"en": text}
    if isinstance(text, dict):
        return {language: said for language, said in text.items() if isinstance(said, str)}
    return {}


def _raw(value: object) -> Raw:
    return Raw(_encode(value))
