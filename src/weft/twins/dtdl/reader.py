"""From JSON to elements: interprets the tables of the language, and collects what breaks them.

What concerns one element and its members is checked here; what needs other elements, in `rules.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from weft.twins.dtdl import dtmi
from weft.twins.dtdl.context import Context, ContextRefused, read_context
from weft.twins.dtdl.elements import Child, Element, Reference, is_version_allowed, version_message
from weft.twins.dtdl.faults import FaultList, shown
from weft.twins.dtdl.language import (
    IMPLICIT,
    KEYWORDS,
    KEYWORDS_REFUSED_IN_2,
    STANCE_ON_MEMBERS,
    STANCE_ON_TYPES,
    Adjunct,
    Kind,
    Member,
    Stance,
    Unknown,
)
from weft.twins.dtdl.literals import LiteralRefused, read_literal, read_localizable

DEEPEST = 64

_ROOT = Member(name="", kind=Kind.ELEMENTS, classes=("Interface",))
_LITERALS: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: ("string",),
    Kind.FLAG: ("boolean",),
    Kind.WHOLE: ("integer",),
    Kind.LITERAL: ("string", "integer"),
}


def _is_deep(value: object) -> bool:
    """Return whether arrays and objects are nested deeper than DEEPEST."""
    layer = [value] if isinstance(value, dict | list) else []
    for _ in range(DEEPEST):
        layer = [child for node in layer for child in _members(node) if isinstance(child, dict | list)]
        if not layer:
            return False
    return True


def _members(node: object) -> Any:
    return node.values() if isinstance(node, dict) else node


@lru_cache(maxsize=8)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


class Reader:
    """Reads documents; after that, *roots* and *elements* hold what could be read, *references* the rest."""

    def __init__(self, faults: FaultList, *, is_lenient: bool = False) -> None:
        self.roots: list[Element] = []
        self.elements: list[Element] = []
        self.references: list[Reference] = []
        self._faults = faults
        self._is_lenient = is_lenient
        self._readers: dict[Kind, Callable[[Element, Member, Any, Context], None]] = {
            **dict.fromkeys(_LITERALS, self._read_literal),
            Kind.LOCALIZABLE: self._read_localizable,
            Kind.DTMI: self._read_dtmi,
            Kind.TERM: self._read_term,
            Kind.ELEMENTS: self._read_elements,
            Kind.ANY: self._read_any,
        }

    def read(self, value: object, step: str) -> None:
        """Read a top-level element; *step* says where it stands, for as long as it has no id."""
        root = Element(None, step)
        if not isinstance(value, dict):
            self._faults.add(root, "RootArrayOrObj", f"A model must be an object, not {shown(value)}.")
        elif _is_deep(value):
            self._faults.add(root, "MaxDepth", f"A model may not be nested deeper than {DEEPEST} levels.")
        elif self._read_element(root, value, _ROOT, None):
            self.roots.append(root)

    def _read_element(
        self, element: Element, value: Mapping[str, Any], member: Member, outer: Context | None
    ) -> bool:
        """Return whether it can stand in the tree."""
        context = self._read_context(element, value, outer)
        if context is None:
            return False
        element.version = context.version
        self._read_id(element, value)
        is_informal = self._read_types(element, value, member, context)
        if is_informal is None or not self._conforms(element, member):
            return False
        self._require_id(element, member)
        self.elements.append(element)
        self._read_members(element, value, context, is_informal)
        return True

    def _read_context(
        self, element: Element, value: Mapping[str, Any], outer: Context | None
    ) -> Context | None:
        if "@context" not in value and outer is not None:
            return outer
        try:
            return read_context(value.get("@context", []), outer, is_lenient=self._is_lenient)
        except ContextRefused as refused:
            id = value.get("@id")
            element.id = id if dtmi.is_dtmi(id, 3) else None
            self._faults.add(element, refused.rule, str(refused))
        return None

    def _read_id(self, element: Element, value: Mapping[str, Any]) -> None:
        if "@id" not in value:
            return
        id = value["@id"]
        if not dtmi.is_dtmi(id, element.version):
            self._faults.add(
                element, "IdIsDtmi", f"The @id {shown(id)} is not a DTMI, such as dtmi:example:Room;1."
            )
        elif dtmi.is_reserved(id):
            self._faults.add(
                element, "DtmiReservedPrefixes", f"The @id {shown(id)} is reserved for the language."
            )
        else:
            element.id = id

    def _require_id(self, element: Element, member: Member) -> None:
        is_interface = element.kind == "Interface"
        if element.id is None and (is_interface or member.id_required):
            self._faults.add(element, "IdRequired", f"The {element.kind} must have an @id that is a DTMI.")
        if is_interface and len(element.id or "") > dtmi.LONGEST_OF_INTERFACE:
            message = f"The @id of an Interface may have {dtmi.LONGEST_OF_INTERFACE} characters at most."
            self._faults.add(element, "IdLength", message)

    # Types

    def _read_types(
        self, element: Element, value: Mapping[str, Any], member: Member, context: Context
    ) -> bool | None:
        """Set its kind and adjuncts; return whether it has a type that nobody defined, or None if refused."""
        if "@type" not in value and len(member.classes) == 1 and member.classes[0] in IMPLICIT:
            element.kind = member.classes[0]
            return False
        included = listed(value.get("@type", []))
        if not all(isinstance(text, str) for text in included):
            self._faults.add(
                element, "TypeStringOrArray", "The @type must be a string or an array of strings."
            )
            return None
        types = context.vocabulary.types
        kinds = {types[text] for text in included if text in types}
        if len(kinds) != 1:
            self._fault_of_kinds(element, sorted(kinds), member)
            return None
        (element.kind,) = kinds
        others = [text for text in included if text not in types]
        informal = [self._is_informal_type(element, text, context) for text in others]
        return any(informal)

    def _fault_of_kinds(self, element: Element, kinds: list[str], member: Member) -> None:
        expected = " or ".join(member.classes)
        found = f"names {' and '.join(kinds)}" if kinds else "names no class of the language"
        self._faults.add(element, "TypeIncludesMaterial", f"The @type must be {expected}, but {found}.")

    def _is_informal_type(self, element: Element, text: str, context: Context) -> bool:
        adjunct = context.vocabulary.adjuncts.get(text)
        if adjunct is not None:
            self._take_adjunct(element, adjunct)
            return False
        unknown = _unknown(text, context)
        if not _is_good(STANCE_ON_TYPES[context.version][unknown], context):
            self._faults.add(
                element, f"TypeIncludes{unknown.value}", f"The @type {shown(text)} is not defined here."
            )
        return True

    def _take_adjunct(self, element: Element, adjunct: Adjunct) -> None:
        if element.kind not in adjunct.classes:
            message = f"The @type {adjunct.name} does not go with {element.kind}."
            self._faults.add(element, "CotypeDomain", message)
        elif adjunct not in element.adjuncts:
            element.adjuncts.append(adjunct)

    def _conforms(self, element: Element, member: Member) -> bool:
        if element.kind == "Interface":
            element.home = element
        if element.kind not in member.classes:
            rule = "TypeConformance" if element.parent is not None else "TopLevelRootable"
            expected = " or ".join(member.classes)
            self._faults.add(element, rule, f"Here must be {expected}, not {element.kind}.")
            return False
        if element.parent is not None and not is_version_allowed(element.version, element.parent, member):
            message = version_message(element.kind, element.version, element.parent, member)
            self._faults.add(element, "VersionMixing", message)
            return False
        return True

    # Members

    def _read_members(
        self, element: Element, value: Mapping[str, Any], context: Context, is_informal: bool
    ) -> None:
        known = context.vocabulary.members[element.kind]
        if element.adjuncts:
            known = known | {name: row for each in element.adjuncts for name, row in each.members}
        seen: set[str] = set()
        for name, item in value.items():
            member = known.get(name)
            if member is None:
                self._take_unknown(element, name, context, is_informal)
            elif member.name in seen:
                self._faults.add(element, "TermAndDtmi", f"The member {member.name} may not be given twice.")
            else:
                seen.add(member.name)
                self._readers[member.kind](element, member, item, context)
        for member in known.values():
            if member.required and member.name not in seen:
                seen.add(member.name)
                self._faults.add(
                    element, "RequiredProperties", f"The {element.kind} must have {member.name}."
                )

    def _take_unknown(self, element: Element, name: str, context: Context, is_informal: bool) -> None:
        if name.startswith("@"):
            refused = name in KEYWORDS_REFUSED_IN_2 if context.version == 2 else name not in KEYWORDS
            if refused:
                self._faults.add(
                    element, "InvalidKeywords", f"The keyword {shown(name)} may not be used here."
                )
            return
        unknown = _unknown(name, context)
        if not is_informal or not _is_good(STANCE_ON_MEMBERS[context.version][unknown], context):
            message = f"The member {shown(name)} is not defined for {element.kind}."
            self._faults.add(element, f"Property{unknown.value}", message)

    def _read_literal(self, element: Element, member: Member, value: Any, context: Context) -> None:
        for item in self._single(element, member, value):
            try:
                literal = read_literal(item, _LITERALS[member.kind], context.version)
            except LiteralRefused as refused:
                self._fault_of(element, member, refused.rule, str(refused))
                continue
            element.literals[member.name] = literal
            self._check_literal(element, member, literal)

    def _check_literal(self, element: Element, member: Member, literal: str | int) -> None:
        if isinstance(literal, str):
            self._check_length(element, member, literal)
            if member.pattern is not None and _pattern(member.pattern).fullmatch(literal) is None:
                message = (
                    f"is {shown(literal)}, but must be letters, digits and inner underscores, a letter first."
                )
                self._fault_of(element, member, "Pattern", message)
        elif member.least is not None and literal < member.least:
            self._fault_of(element, member, "MinValue", f"may not be less than {member.least}.")
        elif member.most is not None and literal > member.most:
            self._fault_of(element, member, "MaxValue", f"may not be more than {member.most}.")

    def _check_length(self, element: Element, member: Member, text: str) -> None:
        if member.longest is not None and len(text) > member.longest:
            self._fault_of(element, member, "StringLength", f"may have {member.longest} characters at most.")

    def _read_localizable(self, element: Element, member: Member, value: Any, context: Context) -> None:
        try:
            for text in read_localizable(value, context.version):
                self._check_length(element, member, text)
        except LiteralRefused as refused:
            self._fault_of(element, member, refused.rule, str(refused))

    def _read_dtmi(self, element: Element, member: Member, value: Any, context: Context) -> None:
        for item in self._single(element, member, value):
            if dtmi.is_dtmi(item, context.version):
                element.literals[member.name] = item
            else:
                self._fault_of(element, member, "IsDtmi", f"is {shown(item)}, but must be a DTMI.")

    def _read_term(self, element: Element, member: Member, value: Any, context: Context) -> None:
        for item in self._single(element, member, value):
            term = member.terms.get(item) if isinstance(item, str) else None
            if term is not None:
                element.literals[member.name] = term
            else:
                message = f"is {shown(item)}, but must be {_some(sorted(set(member.terms.values())))}."
                self._fault_of(element, member, "SpecificValues", message)

    def _read_any(self, element: Element, member: Member, value: Any, context: Context) -> None:
        element.literals[member.name] = value

    def _single(self, element: Element, member: Member, value: Any) -> list[Any]:
        """Return the one value, or none where it is optional or wrong."""
        items = listed(value)
        if len(items) > 1 or (member.required and not items):
            self._fault_of(element, member, "SingleValue", f"must have one value, not {len(items)}.")
            return []
        return items

    def _read_elements(self, element: Element, member: Member, value: Any, context: Context) -> None:
        items = (
            self._counted(element, member, value) if member.plural else self._single(element, member, value)
        )
        children: list[Child] = []
        element.children[member.name] = children
        for index, item in enumerate(items):
            step = f"{member.name}[{index}]" if member.plural else member.name
            child = self._read_child(element, member, item, context, step)
            if child is not None:
                children.append(child)

    def _counted(self, element: Element, member: Member, value: Any) -> list[Any]:
        items = listed(value)
        if member.least is not None and len(items) < member.least:
            self._fault_of(element, member, "MinCount", f"must have {member.least} value at least.")
        if member.most is not None and len(items) > member.most:
            self._fault_of(element, member, "MaxCount", f"may have {member.most} values at most.")
        return items

    def _read_child(
        self, element: Element, member: Member, item: Any, context: Context, step: str
    ) -> Child | None:
        if isinstance(item, dict):
            child = Element(element, step)
            return child if self._read_element(child, item, member, context) else None
        term = _standard_schema(item, member, context)
        if term is not None:
            return term
        if dtmi.is_dtmi(item, context.version):
            reference = Reference(item, element, member)
            self.references.append(reference)
            return reference
        expected = " or ".join(member.classes)
        self._fault_of(element, member, "Element", f"holds {shown(item)}, but must hold {expected}.")
        return None

    def _fault_of(self, element: Element, member: Member, rule: str, message: str) -> None:
        self._faults.add(element, rule, f"The member {member.name} {message}")


def _standard_schema(item: Any, member: Member, context: Context) -> str | None:
    if not member.terms or not isinstance(item, str):
        return None
    return member.terms.get(item) or context.vocabulary.schemas.get(item)


def listed(value: Any) -> list[Any]:
    """Return the values of a member: one may stand for an array of one."""
    return value if isinstance(value, list) else [value]


def _some(words: list[str]) -> str:
    return " or ".join(words[:5]) + (" or the like" if len(words) > 5 else "")


def _unknown(name: str, context: Context) -> Unknown:
    if name.startswith("dtmi:"):
        return Unknown.IRRELEVANT if dtmi.is_dtmi(name, 3) else Unknown.INVALID_DTMI
    if ":" in name:
        return Unknown.NOT_DTMI_NOR_TERM
    return Unknown.IRRELEVANT if name in context.vocabulary.reserved else Unknown.UNDEFINED_TERM


def _is_good(stance: Stance, context: Context) -> bool:
    return stance is Stance.VALID or (stance is Stance.TENABLE and context.is_open)
