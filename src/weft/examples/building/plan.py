"""What one building holds: its twins and relationships as templates, in which only the ids are open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from random import Random
from typing import Any

import msgspec

FLOORS = 8
ROOMS = 12
SENSORS = (("Temperature", 21.5), ("Humidity", 45.0), ("Occupancy", 2.0))
SITE = -1
NAMESPACE = "dtmi:weft:building:"

Properties = dict[str, Any]
Names = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A relationship. *source* and *target* are places in the building's list of twins, or SITE."""

    source: int
    target: int
    name: str
    properties: Properties


@dataclass(frozen=True, slots=True)
class Block:
    """Twins or relationships as NDJSON; *ids* picks those that it needs of a building's names."""

    text: bytes
    ids: Callable[[Names], Names]

    def named(self, names: Names) -> bytes:
        return self.text % self.ids(names)


class Plan:
    """A building of *size* twins at most, in which each twin comes after that which it belongs to.

    *seed* decides the values of its properties.
    """

    def __init__(self, seed: int, size: int | None = None) -> None:
        self._random = Random(seed)  # noqa: S311 - values of an example, no secret
        self._twins: list[Properties] = []
        self._links: list[Link] = []
        self._build()
        if size is not None:
            self._twins = self._twins[:size]
            self._links = [link for link in self._links if max(link.source, link.target) < size]

    @property
    def size(self) -> int:
        return len(self._twins)

    @property
    def links(self) -> int:
        """How many relationships it has by nature."""
        return len(self._links)

    def twins(self) -> Block:
        text = b"".join(msgspec.json.encode({"$dtId": "%b", **twin}) + b"\n" for twin in self._twins)
        return _block(text, range(self.size))

    def relationships(self, count: int) -> Block:
        """Return the first *count* relationships; those beyond its own say what is near what.

        Of the names, the site's comes behind those of the twins, and then those of the relationships.
        """
        links = [*self._links[:count], *self._near(count - self.links)]
        site, first = self.size, self.size + 1
        ids: list[int] = []
        for number, link in enumerate(links):
            ids += (link.source, first + number, site if link.target == SITE else link.target)
        return _block(b"".join(map(_line, links)), ids)

    def _near(self, count: int) -> Iterator[Link]:
        for number in range(count):
            lap, source = divmod(number, self.size)
            # Never itself, and another one each time round.
            target = SITE if self.size == 1 else (source + 1 + lap % (self.size - 1)) % self.size
            distance = self._random.randint(5, 400) / 10
            yield Link(source, target, "isNear", {"distance": distance, "measured": "2026-02-11"})

    # ---- the building itself

    def _build(self) -> None:
        building = self._add(
            "Building",
            {
                "name": f"Building {self._random.randint(1, 999)}",
                "area": 9600.0,
                "yearBuilt": self._random.randint(1950, 2025),
                "opens": "07:30:00Z",
                "energyClass": self._random.choice("ABC"),
            },
        )
        self._link(building, SITE, "isPartOf")
        for level in range(FLOORS):
            self._floor(building, level)

    def _floor(self, building: int, level: int) -> None:
        floor = self._add("Floor", {"name": f"Floor {level}", "area": 1200.0, "level": level})
        self._link(floor, building, "isPartOf")
        handler = self._add(
            "AirHandler",
            {
                "name": f"Air handler {level}",
                "serial": self._random.randint(10**11, 10**12),
                "inService": True,
                "servicedEvery": "P6M",
                "filters": ["G4", "F7"],
            },
        )
        self._link(handler, floor, "isLocatedIn")
        for number in range(ROOMS):
            self._room(floor, handler, f"{level}.{number:02}", number)

    def _room(self, floor: int, handler: int, name: str, number: int) -> None:
        seats = self._random.randint(1, 24)
        room = self._add(
            "Room",
            {
                "name": f"Room {name}",
                "area": self._random.randint(120, 900) / 10,
                "seats": seats,
                "has": {"window": seats > 2},
            },
        )
        self._link(room, floor, "isPartOf")
        self._link(handler, room, "feeds", share=round(1 / ROOMS, 3))
        for kind, usual in SENSORS:
            sensor = self._sensor(kind, usual, name, seats)
            self._link(sensor, room, "isPointOf")
            if kind == "Temperature":
                self._link(handler, sensor, "hasPoint", channel=number)

    def _sensor(self, kind: str, usual: float, name: str, seats: int) -> int:
        properties: Properties = {
            "name": f"{kind} {name}",
            "value": round(usual * self._random.uniform(0.9, 1.1), 2),
            "at": f"2026-03-{self._random.randint(1, 28):02}T08:15:00Z",
        }
        if kind == "Occupancy":
            properties["people"] = self._random.randint(0, seats)
        return self._add(f"{kind}Sensor", properties)

    def _add(self, model: str, properties: Properties) -> int:
        self._twins.append({"$metadata": {"$model": f"{NAMESPACE}{model};1"}, **properties})
        return len(self._twins) - 1

    def _link(self, source: int, target: int, name: str, **properties: float) -> None:
        self._links.append(Link(source, target, name, properties))


def site(id: str) -> bytes:
    """Return the line of the twin that all buildings are part of."""
    return msgspec.json.encode(
        {
            "$dtId": id,
            "$metadata": {"$model": f"{NAMESPACE}Site;1"},
            "name": "Site",
            "area": 250000.0,
            "address": {"street": "Weaver's Lane 1", "postcode": "38100", "city": "Loom"},
            "position": {"$metadata": {}, "latitude": 52.26, "longitude": 10.52},
        }
    ) + b"\n"  # fmt: skip


def _line(link: Link) -> bytes:
    head = {"$dtId": "%b", "$relationshipId": "%b", "$targetId": "%b", "$relationshipName": link.name}
    return msgspec.json.encode({**head, **link.properties}) + b"\n"


def _block(text: bytes, places: Sequence[int]) -> Block:
    if len(places) > 1:
        return Block(text, itemgetter(*places))
    return Block(text, lambda names: tuple(names[place] for place in places))
