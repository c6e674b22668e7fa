"""The Models section of an import file: checked as a whole with the models that are known, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from weft.twins.dtdl.models import ModelSet, ModelsRefused, in_dependency_order
from weft.twins.feed import Rejected
from weft.twins.graph import KnownModel, Section
from weft.twins.ndjson import WHITE_SPACE, decode, shown

MOST_MODELS = 10_000
MOST_MODEL_BYTES = 16 * 1024 * 1024

NumberedLine = tuple[int, bytes]
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode_canonical = msgspec.json.Encoder(order="sorted").encode


class SectionRefused(Exception):
    """None of the models is taken. *code* is the job's `error.code`; *rejected* has a faulty model each."""

    def __init__(self, code: str, rejected: Sequence[Rejected]) -> None:
        super().__init__(code)
        self.code = code
        self.rejected = tuple(rejected)

    @property
    def message(self) -> str:
        first, count = self.rejected[0].message, len(self.rejected)
        return first if count == 1 else f"{count} models are refused; the first: {first}"


@dataclass(frozen=True, slots=True)
class _Given:
    """A model of the file; *text* is as it was given."""

    line: int
    text: str
    definition: dict[str, Any]

    @property
    def id(self) -> str:
        id: str = self.definition["@id"]
        return id


@dataclass(frozen=True, slots=True)
class Taken:
    """*rows* are those of the new models, see graph.Batch, what others build on first; *count* is of all."""

    rows: list[tuple[str, str]]
    count: int


def take_models(lines: Iterable[NumberedLine], known: Mapping[str, KnownModel]) -> Taken:
    """Return what a section without format faults adds to *known*. Raises SectionRefused."""
    given = list(_given(lines))
    if len(given) > MOST_MODELS:
        raise too_many(given[MOST_MODELS].line, f"{MOST_MODELS} models")
    new = _new(given, known)
    _check(new, known)
    ordered = in_dependency_order([model.definition for model in new.values()])
    return Taken([(model["@id"], new[model["@id"]].text) for model in ordered], len(given))


def too_many(line: int, limit: str) -> SectionRefused:
    message = f"An import may have at most {limit}."
    return SectionRefused("LimitExceeded", [Rejected(Section.MODELS, line, "LimitExceeded", message)])


def _given(lines: Iterable[NumberedLine]) -> Iterator[_Given]:
    for number, line in lines:
        text = line.strip(WHITE_SPACE)
        for one in _decode_array(text) if text.startswith(b"[") else [text]:
            yield _Given(number, bytes(one).decode(), decode(bytes(one)))


def _new(given: Iterable[_Given], known: Mapping[str, KnownModel]) -> Mapping[str, _Given]:
    """Leave out models that are known with the same definition. Raises SectionRefused where another is."""
    new: dict[str, _Given] = {}
    conflicts = []
    for model in given:
        earlier = new.get(model.id)
        if model.id in known:
            if not _are_equal(decode(known[model.id].definition), model.definition):
                conflicts.append(_conflict(model, "exists already"))
        elif earlier is None:
            new[model.id] = model
        elif not _are_equal(earlier.definition, model.definition):
            conflicts.append(_conflict(model, f"is given in line {earlier.line} already"))
    if conflicts:
        raise SectionRefused("ModelAlreadyExists", conflicts)
    return new


def _are_equal(one: object, other: object) -> bool:
    return _encode_canonical(one) == _encode_canonical(other)


def _conflict(model: _Given, how: str) -> Rejected:
    message = f"Model {shown(model.id)} {how}, with another definition."
    return Rejected(Section.MODELS, model.line, "ModelAlreadyExists", message)


def _check(new: Mapping[str, _Given], known: Mapping[str, KnownModel]) -> None:
    models = ModelSet.trusted(decode(model.definition) for model in known.values())
    try:
        models.add([model.definition for model in new.values()])
    except ModelsRefused as refused:
        raise SectionRefused("DTDLParsingError", list(_first_faults(refused, new))) from None


def _first_faults(refused: ModelsRefused, new: Mapping[str, _Given]) -> Iterator[Rejected]:
    """Yield the first fault of each model, in the order of the file."""
    messages: dict[str, str] = {}
    for fault in refused.faults:
        model_id = fault.model if fault.model in new else None
        messages.setdefault(model_id or next(iter(new)), fault.message)
    for model in new.values():
        if model.id in messages:
            message = f"Model {shown(model.id)}: {messages[model.id]}"
            yield Rejected(Section.MODELS, model.line, "DTDLParsingError", message)
