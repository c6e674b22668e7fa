"""The strict check of an import file's format: is every line one that can be read in one way only?

It looks at the whole file before anything of it is imported. What it finds is a *format fault*, which ends
the import; whether the entities fit their models is for entities.py. Source of the format: Azure Digital
Twins, concepts-apis-sdks, "Bulk import with the Import Jobs API".
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter, methodcaller
from types import NoneType
from typing import Any

import msgspec

from weft.twins.graph import Section
from weft.twins.lines import LONGEST_LINE_BYTES, Block, blocks

DEEPEST = 64
LONGEST_ID = 1024
LONGEST_MODEL_ID = 2048
LONGEST_NAME = 512
HEADER = "Header"
NO_SOURCE = "Relationship must have property $dtId representing the ID of the source twin."
WHITE_SPACE = b" \t\r"

_SECTION_KEY = b'"Section"'
_MOST_DIGITS = 308
_NO_BRACKETS = bytes(set(range(256)) - set(b"{[]}"))
_NO_OPENING = bytes(set(range(256)) - set(b"{["))
_NO_OPENING_NO_BREAK = bytes(set(range(256)) - set(b"{[\n"))
_BRACES_AS_BRACKETS = bytes.maketrans(b"{}", b"[]")
_DIGITS_AS_ZEROS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord(" ") for byte in range(256))
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"')
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_VERSION = re.compile(r"1\.\d{1,9}\.\d{1,9}", re.ASCII)

decode: Callable[[bytes | str], Any] = msgspec.json.Decoder().decode
_encode_lines = msgspec.json.Encoder().encode_lines


@dataclass(frozen=True, slots=True)
class FormatFault:
    """*line* counts from 1."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Counted:
    """A file without a format fault, and how many entities it has."""

    models: int
    twins: int
    relationships: int


class NotStrict(ValueError):
    """A line has a format fault; the text is its message."""


def check_format(chunks: Iterable[bytes]) -> Counted | FormatFault:
    """Return what the bytes of a file are; raise nothing, whatever they are."""
    check = FormatCheck()
    for block in blocks(chunks):
        fault = check.take(block)
        if fault:
            return fault
    return check.end()


def is_section_line(line: bytes, value: object) -> bool:
    """Return whether *line*, decoded as *value*, begins a section: no entity has this one key alone."""
    return isinstance(value, dict) and len(value) == 1 and "Section" in value and _SECTION_KEY in line


def may_have_section_lines(data: bytes) -> bool:
    return _SECTION_KEY in data


def shown(value: object) -> str:
    """Return *value* as JSON, cut to a length for messages."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 100 else text[:97] + "..."


class FormatCheck:
    """Takes a file block by block. After a fault it is of no more use."""

    def __init__(self) -> None:
        self._lines = 0
        self._counts: Counter[Section] = Counter()
        self._section: Section | None = None
        self._expected = "the header section"
        self._take_value: Callable[[bytes, Any], None] = self._take_first

    def take(self, block: Block) -> FormatFault | None:
        if _is_blank(block.data):
            self._lines += block.data.count(b"\n")
            return None
        lines = block.lines
        if self._section and _is_plainly_right(self._section, block.data, lines):
            self._lines += len(lines)
            self._counts[self._section] += len(lines) - lines.count(b"")
            return None
        return self._take_lines(lines)

    def end(self) -> Counted | FormatFault:
        if self._expected:
            return FormatFault(max(self._lines, 1), f"The file ends before {self._expected}.")
        counts = self._counts
        return Counted(counts[Section.MODELS], counts[Section.TWINS], counts[Section.RELATIONSHIPS])

    def _take_lines(self, lines: Sequence[bytes]) -> FormatFault | None:
        for line in lines:
            self._lines += 1
            try:
                self._take_line(line)
            except NotStrict as fault:
                return FormatFault(self._lines, str(fault))
        return None

    def _take_line(self, line: bytes) -> None:
        if len(line.removesuffix(b"\r")) > LONGEST_LINE_BYTES:
            raise NotStrict(f"The line is longer than {LONGEST_LINE_BYTES} bytes.")
        if line.strip(WHITE_SPACE):
            self._take_value(line, strictly_decoded(line))

    def _take_first(self, line: bytes, value: object) -> None:
        if value != {"Section": HEADER}:
            raise NotStrict(f'The file must begin with the line {{"Section": "{HEADER}"}}.')
        self._expected = "the header, which must follow its first line"
        self._take_value = self._take_header

    def _take_header(self, line: bytes, value: object) -> None:
        _check_header(value)
        self._expected = ""
        self._take_value = self._take_other

    def _take_other(self, line: bytes, value: Any) -> None:
        if is_section_line(line, value):
            self._enter(value["Section"])
        elif self._section:
            self._counts[self._section] += _count_entities(self._section, value)
        else:
            raise NotStrict("The header is one line; a line that begins a section must follow it.")

    def _enter(self, name: object) -> None:
        order = list(Section)
        if name not in order:
            raise NotStrict(f"Section must be one of {', '.join(order)}, not {shown(name)}.")
        section = Section(str(name))
        if self._section and order.index(section) <= order.index(self._section):
            raise NotStrict(f"Section {section} may not follow section {self._section}.")
        self._section = section


# ---- one line, exactly


def strictly_decoded(line: bytes) -> Any:
    """Return the line as a JSON value that every reader understands alike. Raises NotStrict."""
    _check_json(line)
    if _is_deep(line):
        raise NotStrict(f"The line is nested deeper than {DEEPEST} levels.")
    if _ESCAPED_NUL.search(line):
        raise NotStrict("The line has the character NUL (\\u0000) in a string.")
    _EXACT.decode(line.decode())
    return decode(line)  # again: the objects of a whole mebibyte are not kept meanwhile


def _check_json(line: bytes) -> None:
    try:
        decode(line)
    except RecursionError:
        raise NotStrict(f"The line is nested deeper than {DEEPEST} levels.") from None
    except UnicodeDecodeError:
        raise NotStrict(_not_utf8(line)) from None
    except msgspec.ValidationError:
        raise NotStrict("The line has a number that is out of range.") from None
    except msgspec.DecodeError as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        raise NotStrict(_not_utf8(line) or f"The line is not JSON: {reason}.") from None


def _not_utf8(line: bytes) -> str:
    if line.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in line[:2]:
        return "The file must be UTF-8; it looks like UTF-16."
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return f"The line is not UTF-8 (byte {error.start})."
    return ""


def _is_deep(line: bytes) -> bool:
    if len(line.translate(None, _NO_OPENING)) <= DEEPEST:
        return False
    brackets = _STRING.sub(b"", line).translate(_BRACES_AS_BRACKETS, _NO_BRACKETS)
    for _ in range(DEEPEST):
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> None:
    """Called for each object of a line; keeps nothing of it, so that the check of a line needs no memory."""
    if len(dict(pairs)) < len(pairs):
        names = Counter(name for name, _ in pairs)
        raise NotStrict(f"Property {shown(names.most_common(1)[0][0])} is given twice in one object.")


def _in_range(digits: str) -> None:
    if len(digits) > _MOST_DIGITS and float(digits) in (float("inf"), float("-inf")):
        raise NotStrict("The line has a number that is out of range.")


_EXACT = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_int=_in_range)


def _check_header(value: object) -> None:
    if not isinstance(value, dict) or "fileVersion" not in value:
        raise NotStrict('The second line must be the header, with "fileVersion": "1.0.0".')
    version = value["fileVersion"]
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise NotStrict(f'The fileVersion of the header must be "1.0.0", not {shown(version)}.')


def _count_entities(section: Section, value: object) -> int:
    """Return how many entities a line holds: more than one only where models come in an array."""
    entities = value if section is Section.MODELS and isinstance(value, list) else [value]
    for entity in entities:
        if not isinstance(entity, dict):
            raise NotStrict(f"The line must be a JSON object, not {shown(entity)}.")
        _IDENTIFY[section](entity)
    return len(entities)


def _identify_model(model: Mapping[str, object]) -> None:
    no_id = "Model must have property @id representing the ID of the model."
    _check_key(model, "@id", no_id, LONGEST_MODEL_ID)


def _identify_twin(twin: Mapping[str, object]) -> None:
    _check_key(twin, "$dtId", "Twin must have property $dtId representing the ID of the twin.", LONGEST_ID)
    metadata = twin.get("$metadata")
    no_model = "Twin must have property $metadata.$model representing the ID of its model."
    _check_key(metadata if isinstance(metadata, dict) else {}, "$model", no_model, LONGEST_MODEL_ID)


def _identify_relationship(relationship: Mapping[str, object]) -> None:
    if relationship.get("$dtId") is not None or relationship.get("$sourceId") is None:
        _check_key(relationship, "$dtId", NO_SOURCE, LONGEST_ID)
    if relationship.get("$sourceId") is not None:
        _check_key(relationship, "$sourceId", NO_SOURCE, LONGEST_ID)
    for name, what, longest in _RELATIONSHIP_KEYS:
        missing = f"Relationship must have property {name} representing {what}."
        _check_key(relationship, name, missing, longest)


_RELATIONSHIP_KEYS = (
    ("$relationshipId", "the ID of the relationship", LONGEST_ID),
    ("$targetId", "the ID of the target twin", LONGEST_ID),
    ("$relationshipName", "the name of the relationship", LONGEST_NAME),
)
_IDENTIFY: Mapping[Section, Callable[[Mapping[str, object]], None]] = {
    Section.MODELS: _identify_model,
    Section.TWINS: _identify_twin,
    Section.RELATIONSHIPS: _identify_relationship,
}


def _check_key(entity: Mapping[str, object], name: str, missing: str, longest: int) -> None:
    value = entity.get(name)
    if value is None:
        raise NotStrict(missing)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise NotStrict(f"Property {name} must be a string of 1 to {longest} characters, not {shown(value)}.")


# ---- many lines, swiftly: a block is right, or it is looked at line by line


def _is_blank(data: bytes) -> bool:
    return data.endswith(b"\n") and len(data) <= LONGEST_LINE_BYTES and not data.strip(WHITE_SPACE + b"\n")


def _is_plainly_right(section: Section, data: bytes, lines: Sequence[bytes]) -> bool:
    if section is Section.MODELS or not _is_plainly_written(data, lines):
        return False
    try:
        entities = list(map(decode, filter(None, lines)))
        return not _has_duplicates(entities, data) and _are_identified(section, entities)
    except (msgspec.MsgspecError, ValueError, RecursionError, KeyError, TypeError):
        return False


def _is_plainly_written(data: bytes, lines: Sequence[bytes]) -> bool:
    """Return whether no line is long or deep or has a number that is out of range, or an odd spelling.

    Without `\\u` and white space before a colon, each key of an object is one `":` in the text, and no string
    hides a NUL.
    """
    longest = max(map(len, lines), default=0)
    brackets = data.translate(None, _NO_OPENING_NO_BREAK).split(b"\n")
    return (
        longest <= LONGEST_LINE_BYTES
        and max(map(len, brackets)) <= DEEPEST
        and b"\\u" not in data
        and b" :" not in data
        and (b"\t" not in data or b"\t:" not in data)
        and (b"\r" not in data or b"\r:" not in data)
        and (longest <= _MOST_DIGITS or b"0" * _MOST_DIGITS not in data.translate(_DIGITS_AS_ZEROS))
    )


def _has_duplicates(entities: Sequence[object], data: bytes) -> bool:
    """A key that was given twice is written only once again."""
    return _encode_lines(entities).count(b'":') != data.count(b'":')


def _are_identified(section: Section, entities: Sequence[Any]) -> bool:
    if not entities:
        return True
    if section is Section.TWINS:
        ids = map(itemgetter("$dtId"), entities)
        models = map(itemgetter("$model"), map(itemgetter("$metadata"), entities))
        return _are_names(ids, LONGEST_ID) and _are_names(models, LONGEST_MODEL_ID)
    keys = ((itemgetter(name), longest) for name, _, longest in _RELATIONSHIP_KEYS)
    return all(_are_names(map(key, entities), longest) for key, longest in keys) and _have_sources(entities)


def _have_sources(entities: Sequence[Any]) -> bool:
    """Return whether all have a source under the same key, and none under the other."""
    ids, sources = (list(map(methodcaller("get", name), entities)) for name in ("$dtId", "$sourceId"))
    if set(map(type, ids)) == {NoneType}:
        ids, sources = sources, ids
    return set(map(type, sources)) == {NoneType} and _are_names(ids, LONGEST_ID)


def _are_names(values: Iterable[Any], longest: int) -> bool:
    names = list(values)
    if set(map(type, names)) != {str}:
        return False
    lengths = list(map(len, names))
    return min(lengths) > 0 and max(lengths) <= longest
