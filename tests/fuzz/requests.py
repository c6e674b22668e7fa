"""A seeded generator of requests: each begins as a good one and is then bent in up to three places."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol
from urllib.parse import unquote

from tests.fuzz.answers import Answer
from tests.fuzz.bends import Bend, Bends
from tests.fuzz.message import Request

SHARES: Final[Mapping[str, int]] = {
    "twins": 40,
    "workload": 20,
    "core": 14,
    "scheduler": 25,  # Core as well
    "login": 12,
    "onelake": 10,
    "fabric": 4,  # Core again, at its own name behind the second listener
}
"""In which proportion requests are meant for each face."""


class Face(Protocol):
    """Makes good requests to one face, from what its answers told, and bends them in ways of its own."""

    @property
    def bends(self) -> Sequence[Bend]: ...

    def good(self) -> Request: ...

    def hear(self, request: Request, answer: Answer) -> None: ...


class Generator:
    """*faces* are those of SHARES, by name. *kept*: paths of what other requests need, and so must stay."""

    def __init__(
        self, chance: random.Random, faces: Mapping[str, Face], *, kept: Collection[str] = ()
    ) -> None:
        self._kept = frozenset(path.lower() for path in kept)
        self._chance = chance
        self._faces = [faces[name] for name in SHARES]
        self._bends = Bends(chance)

    def next(self) -> tuple[Face, Request]:
        """Return a request that was good and is bent in none to three places, and whose answer it hears."""
        (face,) = self._chance.choices(self._faces, weights=list(SHARES.values()))
        return face, self._spare(self._bends.bend(face.good(), face.bends))

    def _spare(self, request: Request) -> Request:
        is_kept = unquote(request.path).lower().rstrip("/") in self._kept
        return replace(request, method="GET") if is_kept and request.method == "DELETE" else request
