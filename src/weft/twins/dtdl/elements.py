"""Models as a tree of elements, and the references between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from weft.twins.dtdl.language import Adjunct, Member


class Element:
    """One element as written. *literals* holds its literal members, *children* the elements of each member.

    *home* is the interface it is written in: it can be referred to from there only, unless it is one itself.
    """

    __slots__ = ("adjuncts", "children", "home", "id", "kind", "literals", "parent", "step", "version")

    def __init__(self, parent: Element | None, step: str) -> None:
        self.parent = parent
        self.step = step
        self.home: Element = self if parent is None else parent.home
        self.id: str | None = None
        self.kind = ""
        self.version = 0
        self.adjuncts: list[Adjunct] = []
        self.literals: dict[str, Any] = {}
        self.children: dict[str, list[Child]] = {}

    @property
    def place(self) -> str:
        """Its id, or the path to it from the nearest element that has one."""
        if self.id is not None:
            return self.id
        return self.step if self.parent is None else f"{self.parent.place}/{self.step}"

    @property
    def model(self) -> str | None:
        return self.home.id

    @property
    def name(self) -> Any:
        return self.literals.get("name")

    def elements(self, member: str) -> Iterator[Element]:
        """The elements in *member*, written there or referred to, where those are new too."""
        for child in self.children.get(member, ()):
            if isinstance(child, Element):
                yield child
            elif isinstance(child, Reference) and child.target is not None:
                yield child.target


class Reference:
    """A child that is written elsewhere; *target* is None where that is an interface known before."""

    __slots__ = ("holder", "id", "member", "target")

    def __init__(self, id: str, holder: Element, member: Member) -> None:
        self.id = id
        self.holder = holder
        self.member = member
        self.target: Element | None = None


# A text is a standard schema, by its term.
Child = Element | Reference | str


def is_version_allowed(version: int, holder: Element, member: Member) -> bool:
    """Return whether an element of *version* may be in *member* of *holder*."""
    return version == holder.version or (version < holder.version and member.older)


def version_message(kind: str, version: int, holder: Element, member: Member) -> str:
    return f"The {kind} is DTDL {version}, which cannot be in {member.name} of DTDL {holder.version}."
