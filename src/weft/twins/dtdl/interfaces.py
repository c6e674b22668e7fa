"""Interfaces: what each declares itself, and what it has together with all that it extends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import NamedTuple, TypeVar

from weft.twins.dtdl.elements import Child, Element, Reference
from weft.twins.dtdl.schemas import STANDARD, Array, Enum, Map, Object, Schema

T = TypeVar("T")
# Of the members that count towards the size of an interface.
_COUNTED = frozenset(
    "contents fields enumValues request response properties schema elementSchema mapValue".split()
)


class RelationshipType(NamedTuple):
    """*target* is None where the relationship may lead to any twin."""

    target: str | None
    properties: Mapping[str, Schema]


@dataclass(frozen=True, slots=True)
class Declared:
    """What an interface declares itself. *names* are those of all its contents; *size* counts its elements."""

    version: int
    extends: tuple[str, ...]
    names: tuple[str, ...] = ()
    properties: Mapping[str, Schema] = field(default_factory=dict)
    components: Mapping[str, str] = field(default_factory=dict)
    relationships: Mapping[str, RelationshipType] = field(default_factory=dict)
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    size: int = 0


class Interface:
    """An interface among those it extends. Mappings include what is inherited; they are made when asked for.

    *schemas* are its own reusable schemas, by id.
    """

    def __init__(self, id: str, known: Mapping[str, Interface], declare: Callable[[], Declared]) -> None:
        self.id = id
        self._known = known
        self._declare = declare

    def __repr__(self) -> str:
        return f"Interface({self.id!r})"

    @cached_property
    def own(self) -> Declared:
        return self._declare()

    @property
    def version(self) -> int:
        return self.own.version

    @property
    def extends(self) -> tuple[str, ...]:
        return self.own.extends

    @property
    def schemas(self) -> Mapping[str, Schema]:
        return self.own.schemas

    @cached_property
    def depth(self) -> int:
        """How many levels of interfaces it extends."""
        return max((self._known[id].depth + 1 for id in self.own.extends), default=0)

    @cached_property
    def ancestors(self) -> frozenset[str]:
        """All that it extends, directly or not, and itself."""
        return frozenset({self.id}).union(*(self._known[id].ancestors for id in self.own.extends))

    @cached_property
    def lineage(self) -> tuple[Declared, ...]:
        return tuple(self._known[id].own for id in sorted(self.ancestors))

    @cached_property
    def properties(self) -> Mapping[str, Schema]:
        return _merged(each.properties for each in self.lineage)

    @cached_property
    def components(self) -> Mapping[str, str]:
        """Name of the component, and id of its interface."""
        return _merged(each.components for each in self.lineage)

    @cached_property
    def relationships(self) -> Mapping[str, RelationshipType]:
        return _merged(each.relationships for each in self.lineage)


def _merged(mappings: Iterable[Mapping[str, T]]) -> Mapping[str, T]:
    filled = [mapping for mapping in mappings if mapping]
    return filled[0] if len(filled) == 1 else dict(chain.from_iterable(each.items() for each in filled))


def declared(interface: Element) -> Declared:
    """Return what the element of an interface, with its references resolved, declares."""
    schemas = _Schemas()
    contents = [(str(each.name), each) for each in interface.elements("contents")]
    return Declared(
        version=interface.version,
        extends=tuple(_id(child) for child in interface.children.get("extends", ())),
        names=tuple(name for name, _ in contents),
        properties={name: schemas.of(each) for name, each in contents if each.kind == "Property"},
        components={name: _component(each) for name, each in contents if each.kind == "Component"},
        relationships={
            name: _relationship(each, schemas) for name, each in contents if each.kind == "Relationship"
        },
        schemas={str(each.id): schemas.of_element(each) for each in interface.elements("schemas")},
        size=_size(interface),
    )


def _id(child: Child) -> str:
    return child if isinstance(child, str) else str(child.id)


def _component(component: Element) -> str:
    return _id(component.children["schema"][0])


def _relationship(relationship: Element, schemas: _Schemas) -> RelationshipType:
    properties = {str(each.name): schemas.of(each) for each in relationship.elements("properties")}
    return RelationshipType(relationship.literals.get("target"), properties)


def _size(interface: Element) -> int:
    """Count the values of the members that count, down to but not into other interfaces."""
    count, remaining = 0, [interface]
    while remaining:
        element = remaining.pop()
        children = [child for name, each in element.children.items() if name in _COUNTED for child in each]
        count += len(children)
        remaining += [child for child in children if isinstance(child, Element) and child.kind != "Interface"]
    return count


class _Schemas:
    """Makes each schema once, however often it is referred to."""

    def __init__(self) -> None:
        self._made: dict[Element, Schema] = {}

    def of(self, holder: Element, member: str = "schema") -> Schema:
        child = holder.children[member][0]
        if isinstance(child, str):
            return STANDARD[child]
        element = child.target if isinstance(child, Reference) else child
        assert element is not None, "schemas are never known from before"  # noqa: S101  # tells mypy
        return self.of_element(element)

    def of_element(self, element: Element) -> Schema:
        if element not in self._made:
            self._made[element] = self._make(element)
        return self._made[element]

    def _make(self, element: Element) -> Schema:
        if element.kind == "Array":
            return Array(self.of(element, "elementSchema"))
        if element.kind == "Map":
            return Map(self.of(next(element.elements("mapValue"))))
        if element.kind == "Enum":
            return Enum(tuple(each.literals["enumValue"] for each in element.elements("enumValues")))
        return Object({str(each.name): self.of(each) for each in element.elements("fields")})
