"""The rules that need more than one element: references, cycles, names, depths, counts and inheritance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from weft.twins.dtdl.elements import Element, Reference, is_version_allowed, version_message
from weft.twins.dtdl.faults import FaultList, shown
from weft.twins.dtdl.interfaces import Interface, declared
from weft.twins.dtdl.language import (
    CLASSES,
    COMPLEX,
    GEOSPATIAL,
    MOST_CONTENTS_OF_2,
    MOST_ELEMENTS_OF_3,
    MOST_EXTENDS_IN_HIERARCHY,
    MOST_EXTENDS_LEVELS,
    MOST_SCHEMA_LEVELS,
    NESTING,
    Adjunct,
    Member,
)
from weft.twins.dtdl.reader import Reader

_UNIQUE = {
    (version, name): tuple(member for member in row if member.unique)
    for version, rows in CLASSES.items()
    for name, row in rows.items()
}


def check_models(reader: Reader, known: Mapping[str, Interface], faults: FaultList) -> dict[str, Interface]:
    """Return *known* and the interfaces that were read. Raises ModelsRefused."""
    References(reader, known, faults).resolve()
    faults.raise_if_any()
    order = dependencies_first(reader.roots, faults)
    faults.raise_if_any()
    ElementRules(faults).check(order)
    faults.raise_if_any()
    interfaces = Inheritance(known, faults).check(order)
    faults.raise_if_any()
    return interfaces


class References:
    """Every id is unique, and every reference leads to an element that may be referred to from there."""

    def __init__(self, reader: Reader, known: Mapping[str, Interface], faults: FaultList) -> None:
        self._faults = faults
        self._reader = reader
        self._known = known
        self._elements: dict[str, Element] = {}

    def resolve(self) -> None:
        for element in self._reader.elements:
            self._register(element)
        for reference in self._reader.references:
            self._resolve(reference)

    def _register(self, element: Element) -> None:
        if element.id is None:
            return
        if element.id in self._elements or element.id in self._known:
            self._faults.add(element, "IdDuplicate", f"The @id {shown(element.id)} is already taken.")
        self._elements[element.id] = element

    def _resolve(self, reference: Reference) -> None:
        target = self._elements.get(reference.id)
        if target is not None and (target.kind == "Interface" or target.home is reference.holder.home):
            reference.target = target
            self._check(reference, target.kind, target.version)
        elif target is None and reference.id in self._known:
            self._check(reference, "Interface", self._known[reference.id].version)
        else:
            member = reference.member.name
            message = f"The member {member} refers to {shown(reference.id)}, which is not defined"
            where = " for other models." if target is not None else "."
            self._faults.add(reference.holder, "DependentReference", message + where)

    def _check(self, reference: Reference, kind: str, version: int) -> None:
        holder, member = reference.holder, reference.member
        if kind not in member.classes:
            expected = " or ".join(member.classes)
            message = (
                f"The member {member.name} must refer to {expected}, but {shown(reference.id)} is {kind}."
            )
            self._faults.add(holder, "TypeConformance", message)
        elif not is_version_allowed(version, holder, member):
            named = f"{kind} {shown(reference.id)}"
            self._faults.add(holder, "VersionMixing", version_message(named, version, holder, member))


def dependencies_first(roots: list[Element], faults: FaultList) -> list[Element]:
    """Return all elements below *roots*, each after those it holds or refers to; a cycle is a fault."""
    finished: dict[Element, bool] = {}
    order: list[Element] = []
    path: list[tuple[Element, Iterator[Element]]] = []
    for root in roots:
        _enter(root, finished, path)
        while path:
            element, children = path[-1]
            child = next(children, None)
            if child is None:
                path.pop()
                finished[element] = True
                order.append(element)
            elif child not in finished:
                _enter(child, finished, path)
            elif not finished[child]:
                message = f"The {child.kind} leads back to itself, through {shown(element.place)}."
                faults.add(child, "NoPathToSelf", message)
    return order


def _enter(
    element: Element, finished: dict[Element, bool], path: list[tuple[Element, Iterator[Element]]]
) -> None:
    if element not in finished:
        finished[element] = False
        path.append((element, _children(element)))


def _children(element: Element) -> Iterator[Element]:
    return (child for member in element.children for child in element.elements(member))


class ElementRules:
    """Rules of an element and what it holds."""

    def __init__(self, faults: FaultList) -> None:
        self._faults = faults
        self._levels: dict[Element, int] = {}
        self._with_arrays: set[Element] = set()

    def check(self, order: list[Element]) -> None:
        """*order*: each after those it holds."""
        for element in order:
            for member in _UNIQUE[element.version, element.kind]:
                self._check_unique(element, member)
            if element.kind == "Enum":
                self._check_enum(element)
            elif element.kind in NESTING:
                self._check_levels(element)
            elif element.kind == "Property" and element.version == 2:
                self._check_no_array(element)
            for adjunct in element.adjuncts:
                self._check_schema(element, adjunct)
                self._check_added(element, adjunct)

    def _check_unique(self, element: Element, member: Member) -> None:
        children = dict.fromkeys(element.elements(member.name))
        for name in member.unique:
            counts = Counter(_typed(child.literals.get(name)) for child in children)
            for (_, value), count in counts.items():
                if count > 1:
                    message = f"The {name} {shown(value)} is used {count} times among the {member.name}."
                    self._faults.add(element, f"{name[0].upper()}{name[1:]}Unique", message)

    def _check_enum(self, enum: Element) -> None:
        wanted = str if enum.literals["valueSchema"] == "string" else int
        for value in enum.elements("enumValues"):
            literal = value.literals["enumValue"]
            if not isinstance(literal, wanted):
                message = f"The enumValue {shown(literal)} is not of the valueSchema of its Enum."
                self._faults.add(value, "EnumValueConformance", message)

    def _check_levels(self, schema: Element) -> None:
        inner = list(_inner_schemas(schema))
        self._levels[schema] = max((self._level(each) + 1 for each in inner), default=0)
        if self._levels[schema] > MOST_SCHEMA_LEVELS:
            message = (
                f"The {schema.kind} may not hold schemas nested deeper than {MOST_SCHEMA_LEVELS} levels."
            )
            self._faults.add(schema, "SchemaMaxDepth", message)
        if schema.kind == "Array" or any(self._holds_array(each) for each in inner):
            self._with_arrays.add(schema)

    def _level(self, schema: Element | str) -> int:
        return 0 if isinstance(schema, str) else self._levels.get(schema, 0)

    def _holds_array(self, schema: Element | str) -> bool:
        return schema in self._with_arrays or schema in GEOSPATIAL

    def _check_no_array(self, element: Element) -> None:
        for schema in _schemas_in(element, "schema"):
            if self._holds_array(schema):
                message = "The schema of a Property of DTDL 2 may hold no Array, nor a geospatial schema."
                self._faults.add(element, "SchemaExcludeArray", message)

    def _check_schema(self, element: Element, adjunct: Adjunct) -> None:
        for schema in _schemas_in(element, "schema") if adjunct.schemas else ():
            kind = schema if isinstance(schema, str) else schema.kind
            if kind not in adjunct.schemas:
                words = " or ".join(sorted(adjunct.schemas))
                self._faults.add(element, "CotypeSchema", f"The schema of a {adjunct.name} must be {words}.")

    def _check_added(self, element: Element, adjunct: Adjunct) -> None:
        """A member that several types add, such as a unit, must suit all of them."""
        allowed = {name: frozenset({value}) for name, value in adjunct.fixed}
        allowed |= {row.name: frozenset(row.terms) for _, row in adjunct.members if row.terms}
        for name, values in allowed.items():
            literal = element.literals.get(name)
            if literal is not None and literal not in values:
                message = f"The member {name} of a {adjunct.name} cannot be {shown(literal)}."
                self._faults.add(element, "CotypePropertyValue", message)


def _typed(value: object) -> tuple[type, object]:
    """True and 1 are not the same, and both can be counted."""
    return type(value), value


def _schemas_in(element: Element, member: str) -> Iterator[Element | str]:
    """The schemas in *member*: elements, or the terms of standard ones."""
    yield from element.elements(member)
    yield from (child for child in element.children.get(member, ()) if isinstance(child, str))


def _inner_schemas(schema: Element) -> Iterator[Element | str]:
    for member in NESTING[schema.kind]:
        for inner in _schemas_in(schema, member):
            if isinstance(inner, Element) and inner.kind not in COMPLEX:
                yield from _schemas_in(inner, "schema")
            else:
                yield inner


class Inheritance:
    """Rules of an interface together with all that it extends."""

    def __init__(self, known: Mapping[str, Interface], faults: FaultList) -> None:
        self._faults = faults
        self._interfaces = dict(known)
        self._broken: set[str] = set()

    def check(self, order: list[Element]) -> dict[str, Interface]:
        """*order*: each after those it extends. What extends a faulty interface is not looked at."""
        for element in order:
            if element.kind == "Interface":
                self._add(element)
        return self._interfaces

    def _add(self, element: Element) -> None:
        id = str(element.id)
        own = declared(element)
        interface = Interface(id, self._interfaces, lambda: own)
        self._interfaces[id] = interface
        is_sound = self._broken.isdisjoint(own.extends) and self._is_bounded(element, interface)
        if not (is_sound and self._is_faultless(element, interface)):
            self._broken.add(id)

    def _is_faultless(self, element: Element, interface: Interface) -> bool:
        before = len(self._faults)
        self._check_counts(element, interface)
        self._check_names(element, interface)
        self._check_components(element)
        self._check_siblings(element, interface)
        return len(self._faults) == before

    def _is_bounded(self, element: Element, interface: Interface) -> bool:
        """Only then may its ancestors be looked at: so the work for one interface has a bound."""
        if interface.depth > MOST_EXTENDS_LEVELS:
            message = f"An Interface may extend others over {MOST_EXTENDS_LEVELS} levels at most."
            self._faults.add(element, "ExtendsMaxDepth", message)
            return False
        count = len(interface.extends)
        if count <= MOST_EXTENDS_IN_HIERARCHY:
            count = sum(len(each.extends) for each in interface.lineage)
        if count > MOST_EXTENDS_IN_HIERARCHY:
            message = f"An Interface may have {MOST_EXTENDS_IN_HIERARCHY} values of extends in its hierarchy."
            self._faults.add(element, "ExtendsMaxCount", message)
        return count <= MOST_EXTENDS_IN_HIERARCHY

    def _check_counts(self, element: Element, interface: Interface) -> None:
        contents = sum(len(each.names) for each in interface.lineage)
        elements = sum(each.size for each in interface.lineage)
        if interface.version == 2 and contents > MOST_CONTENTS_OF_2:
            message = (
                f"An Interface of DTDL 2 may have {MOST_CONTENTS_OF_2} contents, but this has {contents}."
            )
            self._faults.add(element, "ContentsMaxCount", message)
        if interface.version == 3 and elements > MOST_ELEMENTS_OF_3:
            message = f"An Interface may hold {MOST_ELEMENTS_OF_3} elements, but this holds {elements}."
            self._faults.add(element, "ContentsMaxCount", message)

    def _check_names(self, element: Element, interface: Interface) -> None:
        """Own names differ, as ElementRules knows; so do those of each that is extended."""
        for name in _taken_names(interface):
            message = f"The name {shown(name)} is declared by more than one Interface of its hierarchy."
            self._faults.add(element, "NameUniqueAmongInterfaceContents", message)

    def _check_components(self, element: Element) -> None:
        for component in element.elements("contents"):
            if component.kind != "Component":
                continue
            (id,) = (getattr(child, "id", None) for child in component.children["schema"])
            if any(each.components for each in self._interfaces[str(id)].lineage):
                message = f"The Interface {shown(id)} has components, so it cannot be one itself."
                self._faults.add(component, "SchemaContentsExcludeComponent", message)

    def _check_siblings(self, element: Element, interface: Interface) -> None:
        for content in element.elements("contents"):
            for sibling in (each.sibling for each in content.adjuncts if each.sibling is not None):
                name = content.literals[sibling]
                if not any(name in each.names for each in interface.lineage):
                    message = f"The member {sibling} names {shown(name)}, which is not in the contents."
                    self._faults.add(content, "CotypeSibling", message)


def _taken_names(interface: Interface) -> set[str]:
    own = interface.own
    if len(own.extends) > 1:
        counts = Counter(name for each in interface.lineage for name in each.names)
        return {name for name, count in counts.items() if count > 1}
    return {name for each in interface.lineage if each is not own for name in each.names & own.names}
