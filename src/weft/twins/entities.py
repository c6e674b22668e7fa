"""Do twins and relationships fit their models? One that does not has an *entity fault* and is left out.

Source of the rules: contracts/twins.md, sections 2 and 5; the types of faults are the error codes of the
published swagger wherever it has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from weft.twins.dtdl.models import Interface, ModelSet, RelationshipType
from weft.twins.dtdl.values import checker
from weft.twins.graph import KnownModel
from weft.twins.ndjson import WHITE_SPACE, decode, shown

LONGEST_TWIN_BYTES = 32 * 1024
LONGEST_STRING_BYTES = 4 * 1024
LONGEST_NAME_BYTES = 1024

_TWIN_KEYS = ("$dtId", "$metadata", "$etag")
_NAMES_OF_A_RELATIONSHIP = 4  # its own, those of its two twins, and that of its kind
_RELATIONSHIP_KEYS = frozenset(
    ("$dtId", "$sourceId", "$relationshipId", "$targetId", "$relationshipName", "$etag")
)

Row = tuple[Any, ...]
Entity = Mapping[str, Any]
Found = Mapping[str, tuple[int, int]]
Check = Callable[[Any], str | None]  # of a value: what is wrong ("must be a string, not 5"), or None
Undeclared = Callable[[str, object], str | None]  # of a property that no model declares: as above
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class EntityFault:
    type: str
    message: str


class Models:
    """The models that the graph has, ready for checks."""

    def __init__(self, known: Mapping[str, KnownModel]) -> None:
        self.known = known
        self._set = ModelSet.trusted(decode(model.definition) for model in known.values())
        self._ids = {model.number: id for id, model in known.items()}

    def __getitem__(self, id: str) -> Interface:
        return self._set[id]

    def numbered(self, number: int) -> Interface | None:
        id = self._ids.get(number)
        return None if id is None else self._set[id]


class _Wrong(NamedTuple):
    """*path* leads to a property, whose name or value is as *says* says."""

    path: str
    says: str


# ---- twins


class TwinChecks:
    def __init__(self, models: Models) -> None:
        self._models = models
        self._rules: dict[str, _TwinRule | EntityFault] = {}

    def row(self, line: bytes) -> Row | EntityFault:
        """Return the row of a line that has no format fault, see graph.Batch."""
        twin = decode(line)
        id, model = twin["$dtId"], twin["$metadata"]["$model"]
        rule = self._rules.get(model) or self._learn(model)
        if isinstance(rule, EntityFault):
            return EntityFault(rule.type, f"Twin {shown(id)}{rule.message}")
        text = line.strip(WHITE_SPACE)
        if len(text) > LONGEST_TWIN_BYTES:
            says = f"Twin {shown(id)} has {len(text)} bytes; the limit is {LONGEST_TWIN_BYTES}."
            return EntityFault("ValidationFailed", says)
        wrong = rule.find_wrong(twin) or _find_over_limit(twin, len(text))
        if wrong is not None:
            return _validation_failed(f"Twin {shown(id)}", wrong)
        return id, rule.number, text.decode()

    def _learn(self, model: str) -> _TwinRule | EntityFault:
        rule = self._rules[model] = self._rule(model)
        return rule

    def _rule(self, model: str) -> _TwinRule | EntityFault:
        known = self._models.known.get(model)
        if known is None:
            return EntityFault("ModelNotFound", f": there is no model {shown(model)}.")
        if known.decommissioned:
            return EntityFault("ModelDecommissioned", f": model {shown(model)} is decommissioned.")
        return _TwinRule(known.number, self._models[model], self._models)


class _TwinRule:
    """What twins of one model must be; *number* is the model's."""

    def __init__(self, number: int, interface: Interface, models: Models) -> None:
        self.number = number
        self._undeclared = _refuse_undeclared(f"model {shown(interface.id)}")
        self._components = {
            name: _ComponentRule(name, models[id]) for name, id in interface.components.items()
        }
        accepted = dict.fromkeys((*_TWIN_KEYS, *self._components), _accept)
        self._checks = {**_checks_of(interface), **accepted}

    def find_wrong(self, twin: Entity) -> _Wrong | None:
        wrong = _find_wrong(twin, self._checks, self._undeclared)
        if wrong is None and self._components:
            return self._find_wrong_component(twin)
        return wrong

    def _find_wrong_component(self, twin: Entity) -> _Wrong | None:
        found = (rule.find_wrong(twin.get(name)) for name, rule in self._components.items())
        return next(filter(None, found), None)


class _ComponentRule:
    """Source: the service has components of one level, each present at least as `{"$metadata": {}}`."""

    def __init__(self, name: str, interface: Interface) -> None:
        self._name = name
        self._undeclared = _refuse_undeclared(f"model {shown(interface.id)}")
        self._checks = {**_checks_of(interface), "$metadata": _accept}

    def find_wrong(self, component: object) -> _Wrong | None:
        if not isinstance(component, dict) or not isinstance(component.get("$metadata"), dict):
            says = f'must be a component, an object that has "$metadata", an object, not {shown(component)}'
            return _Wrong(self._name, says)
        wrong = _find_wrong(component, self._checks, self._undeclared)
        return wrong and _Wrong(f"{self._name}.{wrong.path}", wrong.says)


# ---- relationships


class RelationshipChecks:
    """*strict*: the model must declare each property; Microsoft's own samples do not keep to that."""

    def __init__(self, models: Models, *, strict: bool) -> None:
        self._models = models
        self._strict = strict
        self._rules: dict[tuple[int, str], _RelationshipRule | EntityFault] = {}
        # By model of the source, name and model of the target: what was allowed once is allowed again.
        self._allowed: dict[tuple[int, str, int], _RelationshipRule] = {}

    def know(self, found: Found) -> bool:
        """Return whether the models of all twins *found* are known; a twin may be newer than these."""
        return all(self._models.numbered(model) for model in {model for _, model in found.values()})

    def row(self, relationship: Entity, line: bytes, found: Found) -> Row | EntityFault:
        """Return the row of the relationship that was read from *line*; *found* has its twins that exist."""
        if len(relationship) == _NAMES_OF_A_RELATIONSHIP and (bare := self._bare_row(relationship, found)):
            return bare
        row = self._row(relationship, len(line), found)
        if not isinstance(row, EntityFault):
            return row
        id, source = shown(relationship["$relationshipId"]), shown(source_of(relationship))
        return EntityFault(row.type, f"Relationship {id} of twin {source}{row.message}")

    def _bare_row(self, relationship: Entity, found: Found) -> Row | None:
        """Return the row of one without properties whose like was allowed before: most are so."""
        source, target = found.get(source_of(relationship)), found.get(relationship["$targetId"])
        if source is None or target is None or source is target:
            return None
        name = relationship["$relationshipName"]
        if (source[1], name, target[1]) not in self._allowed:
            return None
        return source[0], relationship["$relationshipId"], target[0], name, ""

    def _row(self, relationship: Entity, line_bytes: int, found: Found) -> Row | EntityFault:
        ends = _ends(relationship, found)
        if isinstance(ends, EntityFault):
            return ends
        (source, source_model), (target, target_model) = ends
        name = relationship["$relationshipName"]
        rule = self._allowed.get((source_model, name, target_model)) or self._allow(relationship, *ends)
        if isinstance(rule, EntityFault):
            return rule
        properties = _properties_of(relationship)
        wrong = rule.find_wrong(properties) or _find_over_limit(properties, line_bytes)
        if wrong is not None:
            return _validation_failed("", wrong)
        text = _encode(properties).decode() if properties else ""
        return source, relationship["$relationshipId"], target, name, text

    def _allow(
        self, relationship: Entity, source: tuple[int, int], target: tuple[int, int]
    ) -> _RelationshipRule | EntityFault:
        like = source[1], relationship["$relationshipName"]
        rule = self._rules.get(like)
        if rule is None:
            rule = self._rules[like] = self._rule(*like)
        if isinstance(rule, EntityFault):
            return rule
        if not rule.is_target(self._models.numbered(target[1])):
            return rule.wrong_target(relationship["$targetId"])
        self._allowed[*like, target[1]] = rule
        return rule

    def _rule(self, source_model: int, name: str) -> _RelationshipRule | EntityFault:
        interface = self._models.numbered(source_model)
        if interface is None:
            return EntityFault("ModelNotFound", ": the model of its source twin does not exist any more.")
        declared = interface.relationships.get(name)
        if declared is None:
            says = f": model {shown(interface.id)} declares no relationship {shown(name)}."
            return EntityFault("InvalidRelationship", says)
        return _RelationshipRule(declared, self._strict)


class _RelationshipRule:
    """What relationships of one name from twins of one model must be."""

    def __init__(self, declared: RelationshipType, strict: bool) -> None:
        self._target = declared.target
        self._undeclared = _refuse_undeclared("the relationship's model") if strict else _refuse_reserved
        self._checks = {name: checker(schema) for name, schema in declared.properties.items()}

    def is_target(self, interface: Interface | None) -> bool:
        """Return whether twins of the model *interface* may be targets."""
        return self._target is None or (interface is not None and self._target in interface.ancestors)

    def wrong_target(self, id: str) -> EntityFault:
        says = f": its target twin {shown(id)} must be of model {shown(self._target)}."
        return EntityFault("InvalidRelationship", says)

    def find_wrong(self, properties: Entity) -> _Wrong | None:
        return _find_wrong(properties, self._checks, self._undeclared)


def source_of(relationship: Entity) -> str:
    source: str = relationship.get("$dtId") or relationship["$sourceId"]
    return source


def _ends(relationship: Entity, found: Found) -> tuple[tuple[int, int], tuple[int, int]] | EntityFault:
    source, target = source_of(relationship), relationship["$targetId"]
    other = relationship.get("$sourceId")
    if other is not None and other != source:
        return EntityFault("InvalidArgument", f": its $sourceId is another, {shown(other)}.")
    if source == target:
        return EntityFault("OperationNotAllowed", ": its target must be another twin.")
    if source not in found:
        return EntityFault("DigitalTwinNotFound", ": its source twin does not exist.")
    if target not in found:
        return EntityFault("TargetTwinNotFound", f": its target twin {shown(target)} does not exist.")
    return found[source], found[target]


def _properties_of(relationship: Entity) -> Entity:
    return {name: value for name, value in relationship.items() if name not in _RELATIONSHIP_KEYS}


# ---- properties


def _find_wrong(members: Entity, checks: Mapping[str, Check], undeclared: Undeclared) -> _Wrong | None:
    for name, value in members.items():
        check = checks.get(name)
        says = undeclared(name, value) if check is None else check(value)
        if says is not None:
            return _Wrong(name, says)
    return None


def _checks_of(interface: Interface) -> Mapping[str, Check]:
    return {name: checker(schema) for name, schema in interface.properties.items()}


def _accept(value: object) -> None:
    return None


def _refuse_undeclared(model: str) -> Undeclared:
    return lambda name, value: f"is not declared by {model}; its value is {shown(value)}"


def _refuse_reserved(name: str, value: object) -> str | None:
    return f"has a reserved name; its value is {shown(value)}" if name.startswith("$") else None


def _find_over_limit(entity: Entity, line_bytes: int) -> _Wrong | None:
    """Return what of an entity is too long: on a short line there can be nothing."""
    return None if line_bytes <= LONGEST_NAME_BYTES else _find_too_long("", entity)


def _find_too_long(path: str, value: object) -> _Wrong | None:
    if isinstance(value, dict):
        found = (_find_too_long_member(path, name, member) for name, member in value.items())
        return next(filter(None, found), None)
    if isinstance(value, list):
        return next(filter(None, (_find_too_long(path, item) for item in value)), None)
    if isinstance(value, str) and len(value.encode()) > LONGEST_STRING_BYTES:
        return _Wrong(path, f"has a string longer than {LONGEST_STRING_BYTES} bytes, {shown(value)}")
    return None


def _find_too_long_member(path: str, name: str, value: object) -> _Wrong | None:
    inner = f"{path}.{name}" if path else name
    if len(name.encode()) > LONGEST_NAME_BYTES:
        return _Wrong(
            inner, f"has a name longer than {LONGEST_NAME_BYTES} bytes; its value is {shown(value)}"
        )
    return _find_too_long(inner, value)


def _validation_failed(about: str, wrong: _Wrong) -> EntityFault:
    return EntityFault("ValidationFailed", f"{about}: property {shown(wrong.path)} {wrong.says}.")
