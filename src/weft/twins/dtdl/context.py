"""The active context of an element: the version of the language, and the words that its extensions add.

Nothing is ever fetched: a context is an identifier that the tables know, or it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from weft.twins.dtdl.dtmi import is_versioned, without_version
from weft.twins.dtdl.faults import shown
from weft.twins.dtdl.language import (
    BUILT_IN,
    CLASSES,
    CONTEXT_PREFIX,
    EXTENSIONS,
    RESERVED,
    VERSIONS,
    Adjunct,
    Extension,
    Member,
)


class ContextRefused(Exception):
    """Carries the *rule*; the message is a whole sentence."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


class Vocabulary:
    """What the words mean in one version of the language, with some extensions."""

    def __init__(self, version: int, extensions: tuple[Extension, ...]) -> None:
        self._extensions = tuple(each for each in extensions if version in each.versions)
        self.version = version
        self.types = _spelled_types(version)
        self.members = {name: _spelled_members(row, version) for name, row in CLASSES[version].items()}

    @cached_property
    def adjuncts(self) -> Mapping[str, Adjunct]:
        """By term and by DTMI."""
        added = (adjunct for each in self._extensions for adjunct in each.adjuncts)
        every = (*BUILT_IN[self.version], *added)
        return {spelling: adjunct for adjunct in every for spelling in (adjunct.name, adjunct.dtmi)}

    @cached_property
    def schemas(self) -> Mapping[str, str]:
        """The schemas that extensions add: each spelling, and the term it stands for."""
        return {spelling: term for each in self._extensions for spelling, term in each.schemas.items()}

    @cached_property
    def reserved(self) -> frozenset[str]:
        return RESERVED[self.version].union(*(each.terms for each in self._extensions))


def _spelled_types(version: int) -> dict[str, str]:
    names = CLASSES[version]
    return {name: name for name in names} | {f"dtmi:dtdl:class:{name};{version}": name for name in names}


def _spelled_members(row: tuple[Member, ...], version: int) -> dict[str, Member]:
    terms = {member.name: member for member in row}
    return terms | {f"dtmi:dtdl:property:{name};{version}": member for name, member in terms.items()}


@lru_cache(maxsize=64)
def _vocabulary(version: int, contexts: frozenset[str]) -> Vocabulary:
    return Vocabulary(version, tuple(EXTENSIONS[context] for context in sorted(contexts)))


@dataclass(frozen=True, slots=True)
class Context:
    """*extensions* are the defined ones; *is_open* tells that others, unknown here, may define more words."""

    version: int
    extensions: frozenset[str] = frozenset()
    is_open: bool = False

    @property
    def vocabulary(self) -> Vocabulary:
        return _vocabulary(self.version, self.extensions)


def read_context(value: object, outer: Context | None, *, is_lenient: bool) -> Context:
    """Return the context that *value*, an `@context`, makes within *outer*. Raises ContextRefused.

    *is_lenient*: extensions that nobody defined make the context open, instead of being refused.
    """
    included = value if isinstance(value, list) else [value]
    texts = [text for text in included if isinstance(text, str)]
    if len(texts) != len(included):
        raise ContextRefused("ContextStringOrArray", "The @context must be a string or an array of strings.")
    return _combined(tuple(texts), outer, is_lenient)


@lru_cache(maxsize=256)
def _combined(texts: tuple[str, ...], outer: Context | None, is_lenient: bool) -> Context:
    for text in texts:
        if not is_versioned(text):
            message = f"The context {shown(text)} must be a DTMI with a version; nothing is fetched."
            raise ContextRefused("ContextDtmiWithVersion", message)
    version = _version(texts, outer)
    named = [text for text in texts if not text.startswith(CONTEXT_PREFIX)]
    undefined = [text for text in named if text not in EXTENSIONS]
    if undefined and not is_lenient:
        message = f"The context {shown(undefined[0])} is no extension that is known here."
        raise ContextRefused("ContextDefinedLanguageExtension", message)
    is_open = bool(undefined) or (outer is not None and outer.is_open)
    return Context(version, _extensions(named, outer), is_open)


def _extensions(named: list[str], outer: Context | None) -> frozenset[str]:
    """The inner version of an extension takes the place of the outer one."""
    inherited = outer.extensions if outer is not None else ()
    latest = {without_version(text): text for text in (*inherited, *named)}
    return frozenset(text for text in latest.values() if text in EXTENSIONS)


def _version(texts: tuple[str, ...], outer: Context | None) -> int:
    languages = [text for text in texts if text.startswith(CONTEXT_PREFIX)]
    if languages and not texts[0].startswith(CONTEXT_PREFIX):
        message = "The context of the language must come before those of its extensions."
        raise ContextRefused("ContextDtdlFirstOrOnly", message)
    if not languages:
        if outer is None:
            message = "The @context must name the language, such as dtmi:dtdl:context;3."
            raise ContextRefused("TopLevelDtdlContext", message)
        return outer.version
    number = languages[-1].removeprefix(CONTEXT_PREFIX)
    if number not in map(str, VERSIONS):
        message = f"The context {shown(languages[-1])} is no version of the language that is known here."
        raise ContextRefused("ContextLanguageVersion", message)
    return int(number)
