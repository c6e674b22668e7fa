"""Sets of models: take definitions, all or none, and answer what an interface has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto
from functools import partial
from typing import Any

from weft.twins.dtdl.faults import FaultList, ModelFault, ModelsRefused
from weft.twins.dtdl.interfaces import Declared, Interface, RelationshipType, declared
from weft.twins.dtdl.language import MOST_INTERFACE_BYTES, VERSIONS
from weft.twins.dtdl.reader import Reader, listed
from weft.twins.dtdl.rules import References, check_models
from weft.twins.dtdl.schemas import Schema

__all__ = [
    "Dialect",
    "Interface",
    "ModelFault",
    "ModelSet",
    "ModelsRefused",
    "RelationshipType",
    "Schema",
    "in_dependency_order",
]


class Dialect(Enum):
    """Which rules hold. OPEN is the language, but an extension that nobody defined may define anything."""

    ADT = auto()
    DTDL = auto()
    OPEN = auto()


class ModelSet:
    """Interfaces by id. A set never changes; *add* makes another one."""

    __slots__ = ("_interfaces",)

    def __init__(self) -> None:
        self._interfaces: Mapping[str, Interface] = {}

    def __contains__(self, id: object) -> bool:
        return id in self._interfaces

    def __getitem__(self, id: str) -> Interface:
        return self._interfaces[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._interfaces)

    def __len__(self) -> int:
        return len(self._interfaces)

    def add(self, definitions: Sequence[Any], *, dialect: Dialect = Dialect.ADT) -> ModelSet:
        """Return this set and *definitions*, in any order. Raises ModelsRefused; then none is taken.

        A definition may be anything that JSON can say; a list stands for the definitions in it.
        """
        faults = FaultList()
        reader = Reader(faults, is_lenient=dialect is Dialect.OPEN)
        documents = list(_flat(definitions))
        for index, document in enumerate(documents):
            reader.read(document, f"[{index}]")
        faults.raise_if_any()
        if dialect is Dialect.ADT:
            _check_service(reader, faults)
        _check_sizes(reader, documents, dialect, faults)
        return _set_of(check_models(reader, self._interfaces, faults))

    @classmethod
    def trusted(cls, definitions: Iterable[Mapping[str, Any]]) -> ModelSet:
        """Return the set of definitions that Dialect.ADT has accepted before: no rule is checked again."""
        interfaces: dict[str, Interface] = {}
        for definition in definitions:
            id = definition["@id"]
            interfaces[id] = Interface(id, interfaces, partial(_declared_before, definition))
        return _set_of(interfaces)


def _set_of(interfaces: Mapping[str, Interface]) -> ModelSet:
    models = ModelSet()
    models._interfaces = interfaces
    return models


def _flat(definitions: Sequence[Any]) -> Iterator[Any]:
    for definition in definitions:
        if isinstance(definition, list):
            yield from definition
        else:
            yield definition


def _declared_before(definition: Mapping[str, Any]) -> Declared:
    unread = FaultList()
    reader = Reader(unread)
    reader.read(definition, "")
    References(reader, {}, unread).resolve()
    return declared(reader.roots[0])


# What Azure Digital Twins demands beyond the language (contract, section 5)


def _check_service(reader: Reader, faults: FaultList) -> None:
    for element in reader.elements:
        if element.kind == "Interface" and element.parent is not None:
            message = "An Interface may not be written inside another one; refer to it by its id."
            faults.add(element, "NoInlineInterface", message)
        if element.kind == "Command":
            faults.add(element, "NoCommand", "Azure Digital Twins has no Commands.")


def _check_sizes(reader: Reader, documents: list[Any], dialect: Dialect, faults: FaultList) -> None:
    nesting = {each.parent.home for each in reader.elements if each.kind == "Interface" and each.parent}
    for root, document in zip(reader.roots, documents, strict=True):
        limited = dialect is Dialect.ADT or (root.version > 2 and root not in nesting)
        size = _size_bytes(document)
        if size is None:
            faults.add(root, "Unicode", "The model holds text or numbers that JSON in UTF-8 cannot carry.")
        elif limited and size > MOST_INTERFACE_BYTES:
            message = f"The JSON text of an Interface may have {MOST_INTERFACE_BYTES} bytes, but has {size}."
            faults.add(root, "InterfaceSize", message)


def _size_bytes(document: Any) -> int | None:
    try:
        return len(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())
    except ValueError:  # a lone surrogate, or a number of thousands of digits
        return None


# Order

_EXTENDS = ("extends", *(f"dtmi:dtdl:property:extends;{version}" for version in VERSIONS))
_CONTENTS = ("contents", *(f"dtmi:dtdl:property:contents;{version}" for version in VERSIONS))
_SCHEMA = ("schema", *(f"dtmi:dtdl:property:schema;{version}" for version in VERSIONS))


def in_dependency_order(definitions: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return *definitions*, each after those it extends or has as components; else in the order given.

    Where they depend on each other in a circle, one of them comes first.
    """
    given = list(definitions)
    places: dict[str, int] = {}
    for place, definition in enumerate(given):
        for id in _texts(definition, ("@id",)):
            places.setdefault(id, place)
    entered: set[int] = set()
    ordered: list[Mapping[str, Any]] = []
    path: list[tuple[int, Iterator[str]]] = []

    def enter(place: int | None) -> None:
        if place is not None and place not in entered:
            entered.add(place)
            path.append((place, _dependencies(given[place])))

    for start in range(len(given)):
        enter(start)
        while path:
            place, dependencies = path[-1]
            dependency = next(dependencies, None)
            if dependency is None:
                ordered.append(given[place])
                path.pop()
            else:
                enter(places.get(dependency))
    return ordered


def _dependencies(definition: Mapping[str, Any]) -> Iterator[str]:
    yield from _texts(definition, _EXTENDS)
    for spelling in _CONTENTS:
        for content in listed(definition.get(spelling, [])):
            if isinstance(content, dict):
                yield from _texts(content, _SCHEMA)


def _texts(mapping: Mapping[str, Any], spellings: tuple[str, ...]) -> Iterator[str]:
    for spelling in spellings:
        yield from (text for text in listed(mapping.get(spelling, [])) if isinstance(text, str))
