"""Interfaces: what each declares itself, and what it has together with all that it extends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import NamedTuple, TypeVar

from weft.twins.dtdl.elements import Child, Element
from weft.twins.dtdl.schemas import STANDARD, Array, Enum, Map, Object, Schema

T = TypeVar("T")
# Of the members that count towards the size of an interface.
_COUNTED = frozenset(
    {
        "contents",
        "elementSchema",
        "enumValues",
        "fields",
        "mapValue",
        "properties",
        "request",
        "response",
        "schema",
    }
)


class RelationshipType(NamedTuple):
    """*target* is None where the relationship may lead to any twin."""

    target: str | None
    properties: Mapping[str, Schema]


@dataclass(frozen=True, slots=True)
class Declared:
    """What an interface declares itself. *names* are those of its contents; *size* counts its elements."""

    version: int
    extends: tuple[str, ...]
    names: frozenset[str] = frozenset()
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
        return max((each.depth + 1 for each in self._extended()), default=0)

    @cached_property
    def ancestors(self) -> frozenset[str]:
        """All that it extends, directly or not, and itself."""
        return frozenset({self.id}).union(*(each.ancestors for each in self._extended()))

    @property
    def lineage(self) -> Iterator[Declared]:
        """What each of its ancestors declares itself."""
        return (self._known[id].own for id in self.ancestors)

    @cached_property
    def properties(self) -> Mapping[str, Schema]:
        return _merged(self.own.properties, (each.properties for each in self._extended()))

    @cached_property
    def components(self) -> Mapping[str, str]:
        """Name of the component, and id of its interface."""
        return _merged(self.own.components, (each.components for each in self._extended()))

    @cached_property
    def relationships(self) -> Mapping[str, RelationshipType]:
        return _merged(self.own.relationships, (each.relationships for each in self._extended()))

    def _extended(self) -> Iterator[Interface]:
        return (self._known[id] for id in self.own.extends)


def _merged(own: Mapping[str, T], inherited: Iterable[Mapping[str, T]]) -> Mapping[str, T]:
    """Share the mapping of another one where nothing is added to it."""
    filled = [mapping for mapping in (own, *inherited) if mapping]
    return filled[0] if len(filled) == 1 else dict(chain.from_iterable(each.items() for each in filled))


def declared(interface: Element) -> Declared:
    """Return what the element of an interface, with its references resolved, declares."""
    schemas = _Schemas()
    contents = [(str(each.name), each) for each in interface.elements("contents")]
    return Declared(
        version=interface.version,
        extends=tuple(_id(child) for child in interface.children.get("extends", ())),
        names=frozenset(name for name, _ in contents),
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
        return STANDARD[child] if isinstance(child, str) else self.of_element(next(holder.elements(member)))

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
