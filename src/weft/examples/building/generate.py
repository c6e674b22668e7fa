"""Writes import files of any size, fast and in little memory: the ontology, twins, relationships."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from random import Random
from typing import IO, Any, Literal

import msgspec

from weft.examples.building.plan import Block, Names, Plan, site

Ids = Literal["ordered", "guid"]
Told = Callable[[int], None]

VARIANTS = 8
WRITE_BYTES = 1024 * 1024
WHOLE = Plan(0)
TWINS_EACH = WHOLE.size
RELATIONSHIPS_EACH = WHOLE.links


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds, in entities and bytes."""

    models: int
    twins: int
    relationships: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Size:
    """How much is written. There is one site; the last building is cut off where it would be too much."""

    twins: int
    relationships: int

    def __post_init__(self) -> None:
        least = 2 if self.relationships else 1
        if self.twins < least or self.relationships < 0:
            raise ValueError(f"no graph has {self.twins} twins and {self.relationships} relationships")

    @classmethod
    def of_buildings(cls, buildings: int) -> Size:
        return cls(1 + buildings * TWINS_EACH, buildings * RELATIONSHIPS_EACH)

    @property
    def entities(self) -> int:
        return self.twins + self.relationships


def ontology() -> list[dict[str, Any]]:
    """Return the interfaces that the graphs are made from."""
    text = resources.files(__package__).joinpath("ontology.json").read_bytes()
    return msgspec.json.decode(text, type=list[dict[str, Any]])


def write_buildings(
    path: Path, *, buildings: int, ids: Ids = "ordered", seed: int = 0, told: Told | None = None
) -> Written:
    """Write whole buildings; see write."""
    size = Size.of_buildings(buildings)
    return _write(path, _Graph(size, ids, seed), told)


def write(
    path: Path,
    *,
    twins: int,
    relationships: int,
    ids: Ids = "ordered",
    seed: int = 0,
    told: Told | None = None,
) -> Written:
    """Write a file with exactly as many twins and relationships; the same arguments give the same bytes.

    *ids*: rising through the file, or random GUIDs. *told* hears how many twins and relationships have been
    written. What lies at *path* is replaced when all is written. Raises ValueError, OSError.
    """
    return _write(path, _Graph(Size(twins, relationships), ids, seed), told)


def _write(path: Path, graph: _Graph, told: Told | None) -> Written:
    models = ontology()
    draft = path.with_name(f"{path.name}.part")
    try:
        with draft.open("wb", buffering=WRITE_BYTES) as file:
            file.write(_header(models))
            _write_all(file, graph.lines(), told)
            size_bytes = file.tell()
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return Written(len(models), graph.size.twins, graph.size.relationships, size_bytes)


def _write_all(file: IO[bytes], lines: Iterator[tuple[int, bytes]], told: Told | None) -> None:
    done = 0
    for entities, text in lines:
        file.write(text)
        done += entities
        if told is not None:
            told(done)


def _header(models: list[dict[str, Any]]) -> bytes:
    header = {"fileVersion": "1.0.0", "author": "weft", "organization": "weft"}
    return _lines({"Section": "Header"}, header, {"Section": "Models"}, *models)


def _lines(*values: object) -> bytes:
    return b"".join(msgspec.json.encode(value) + b"\n" for value in values)


class _Graph:
    """Gives the lines of a graph building by building, so that no more than one is in memory."""

    def __init__(self, size: Size, ids: Ids, seed: int) -> None:
        self.size = size
        self._seed = seed
        self._names = self._guids if ids == "guid" else self._ordered
        self._whole, rest = divmod(size.twins - 1, TWINS_EACH)
        self._plans = [Plan(seed + variant) for variant in range(VARIANTS)]
        self._rest = Plan(seed, rest) if rest else None
        self._buildings = self._whole + (rest > 0)
        natural = self._whole * RELATIONSHIPS_EACH + (self._rest.links if self._rest else 0)
        self._surplus = size.relationships - natural
        (self._site,) = self._names(0, 1)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield how many entities, and their lines."""
        yield 0, _lines({"Section": "Twins"})
        yield 1, site(self._site.decode())
        texts = [plan.twins() for plan in self._plans]
        for number in range(self._buildings):
            plan, variant = self._plan(number)
            text = plan.twins() if variant is None else texts[variant]
            yield plan.size, text.named(self._names(number + 1, plan.size))
        yield 0, _lines({"Section": "Relationships"})
        yield from self._relationships()

    def _relationships(self) -> Iterator[tuple[int, bytes]]:
        texts: dict[tuple[int | None, int], Block] = {}
        for number in range(self._buildings):
            plan, variant = self._plan(number)
            count = self._count(number, plan)
            if (variant, count) not in texts:
                texts[variant, count] = plan.relationships(count)
            names = self._names(number + 1, plan.size + count)
            of_links = (*names[: plan.size], self._site, *names[plan.size :])
            yield count, texts[variant, count].named(of_links)

    def _plan(self, number: int) -> tuple[Plan, int | None]:
        if number == self._whole and self._rest is not None:
            return self._rest, None
        return self._plans[number % VARIANTS], number % VARIANTS

    def _count(self, number: int, plan: Plan) -> int:
        """Return how many relationships the building gets: those beyond its own are spread evenly."""
        if self._surplus < 0:
            return min(plan.links, max(0, self.size.relationships - number * RELATIONSHIPS_EACH))
        ends = ((number + step) * self._surplus // self._buildings for step in (1, 0))
        return plan.links + next(ends) - next(ends)

    def _ordered(self, building: int, count: int) -> Names:
        prefix = b"b%07d-" % building
        return tuple([prefix + b"%04d" % number for number in range(count)])

    def _guids(self, building: int, count: int) -> Names:
        """Return random GUIDs: more of them begin with those that fewer are."""
        digits = Random(self._seed << 40 | building).randbytes(16 * count).hex()  # noqa: S311 - no secret
        return tuple(
            [
                (
                    f"{digits[at : at + 8]}-{digits[at + 8 : at + 12]}-4{digits[at + 13 : at + 16]}"
                    f"-a{digits[at + 17 : at + 20]}-{digits[at + 20 : at + 32]}"
                ).encode()
                for at in range(0, 32 * count, 32)
            ]
        )
