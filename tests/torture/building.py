"""The file that the torture imports, what must come of it, and what has come of it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import apsw

TWINS = 60_000
RELATIONSHIPS = 60_000
FAULTY = 0.01
MODEL = {
    "@context": "dtmi:dtdl:context;2",
    "@id": "dtmi:torture:Thing;1",
    "@type": "Interface",
    "contents": [
        {"@type": "Property", "name": "n", "schema": "integer"},
        {"@type": "Relationship", "name": "next", "properties": [
            {"@type": "Property", "name": "weight", "schema": "double"}]},
    ],
}  # fmt: skip
START = (
    {"Section": "Header"},
    {"fileVersion": "1.0.0", "author": "torture", "organization": "weft"},
    {"Section": "Models"},
    MODEL,
)


@dataclass(frozen=True)
class Found:
    """Twins by id with their `n`, and relationships by source and id with their target."""

    twins: dict[str, int]
    relationships: dict[tuple[str, str], str]


@dataclass(frozen=True)
class Expected:
    """What a whole import leaves, in file order, and the numbers of the lines that it rejects."""

    twins: list[tuple[str, int]]
    relationships: list[tuple[tuple[str, str], str]]
    rejected: list[int]

    def differences(self, found: Found) -> dict[str, object]:
        """Return what of *found* is not as it must be after a whole import."""
        pairs: tuple[tuple[str, dict[Any, Any], dict[Any, Any]], ...] = (
            ("twins", dict(self.twins), found.twins),
            ("relationships", dict(self.relationships), found.relationships),
        )
        return {name: _difference(wanted, seen) for name, wanted, seen in pairs if wanted != seen}

    def faults_of_log(self, lines: Sequence[dict[str, Any]]) -> Iterator[str]:
        """Yield what is wrong with the log of a whole import."""
        told = rejected_lines(lines)
        if told != self.rejected:
            yield f"rejected lines: {len(told)} told, {len(self.rejected)} are; first {told[:5]}"
        starts = [line["details"] for line in lines if line["details"].get("status") == "Started"]
        sections = [start.get("section") for start in starts]
        if sections != [None, "Models", "Twins", "Relationships"]:
            yield f"sections that started: {sections}"
        if lines[-1]["details"].get("status") != "Failed" or "section" in lines[-1]["details"]:
            yield f"the last line: {lines[-1]}"

    def faults_of_beginning(self, found: Found, lines: Sequence[dict[str, Any]]) -> Iterator[str]:
        """Yield why *found* and the log are no beginning of each section, as a cancelled import leaves."""
        if found.twins != dict(self.twins[: len(found.twins)]):
            yield f"{len(found.twins)} twins are not the first ones"
        if found.relationships != dict(self.relationships[: len(found.relationships)]):
            yield f"{len(found.relationships)} relationships are not the first ones"
        if found.relationships and len(found.twins) != len(self.twins):
            yield "relationships came before all twins were there"
        told = rejected_lines(lines)
        if told != self.rejected[: len(told)]:
            yield f"rejected lines: {told[:5]}"
        if not lines or lines[-1]["details"].get("status") != "Cancelled":
            yield f"the last line does not say that it was cancelled: {lines[-1:]}"


def rejected_lines(lines: Sequence[dict[str, Any]]) -> list[int]:
    return [line["details"]["line"] for line in lines if "exceptionType" in line["details"]]


def write(path: Path, chance: random.Random) -> Expected:
    """Write a file with faults of several kinds here and there."""
    lines: list[object] = list(START)
    twins: list[tuple[str, int]] = []
    relationships: list[tuple[tuple[str, str], str]] = []
    rejected: list[int] = []
    lines.append({"Section": "Twins"})
    for number in range(TWINS):
        id = _guid(chance)
        faulty = chance.random() < FAULTY
        lines.append(_faulty_twin(id, chance) if faulty else _twin(id, number))
        if faulty:
            rejected.append(len(lines))
        else:
            twins.append((id, number))
    lines.append({"Section": "Relationships"})
    for _ in range(RELATIONSHIPS):
        id, source, target = _guid(chance), chance.choice(twins)[0], chance.choice(twins)[0]
        faulty = chance.random() < FAULTY or source == target
        lines.append(_relationship(id, source, "nobody" if faulty else target))
        if faulty:
            rejected.append(len(lines))
        else:
            relationships.append(((source, id), target))
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return Expected(twins, relationships, rejected)


def read(path: Path) -> Found:
    """Return what the graph holds, read past the server."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        twins = {id: json.loads(body)["n"] for id, body in db.execute("SELECT id, body FROM twins")}
        rows = db.execute(
            "SELECT source.id, relationships.id, target.id FROM relationships "
            "JOIN twins AS source ON source.number = relationships.source "
            "JOIN twins AS target ON target.number = relationships.target"
        )
        return Found(twins, {(source, id): target for source, id, target in rows})
    finally:
        db.close()


def read_log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _twin(id: str, number: int) -> dict[str, Any]:
    return {"$dtId": id, "$metadata": {"$model": MODEL["@id"]}, "n": number}


def _faulty_twin(id: str, chance: random.Random) -> dict[str, Any]:
    return chance.choice(
        (
            _twin(id, 0) | {"n": "one"},
            _twin(id, 0) | {"undeclared": 1},
            _twin(id, 0) | {"$metadata": {"$model": "dtmi:torture:Unknown;1"}},
        )
    )


def _relationship(id: str, source: str, target: str) -> dict[str, Any]:
    named = {"$dtId": source, "$relationshipId": id, "$targetId": target, "$relationshipName": "next"}
    return named | {"weight": 0.5}


def _guid(chance: random.Random) -> str:
    return str(UUID(int=chance.getrandbits(128), version=4))


def _difference(wanted: dict[Any, Any], seen: dict[Any, Any]) -> str:
    missing, more = wanted.keys() - seen.keys(), seen.keys() - wanted.keys()
    return f"{len(missing)} missing, {len(more)} too many, e.g. {list(missing)[:2]} {list(more)[:2]}"
