"""How the store searches jobs: it walks lanes of an index side by side, and looks at so many jobs at most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from apsw import Connection

from weft.engine.jobs import Job, JobKey
from weft.engine.lifecycle import FINAL, State
from weft.engine.ports import Found, Place, Search, Span
from weft.stores.queries import load
from weft.stores.sqlite.rows import job_of
from weft.stores.sqlite.values import Bindings, instant, json_text, labels_of, micros, micros_or_none

SQL = load("weft.stores.sqlite", "searching.sql")

MOST_LOOKED_AT: Final = 10_000
"""How many jobs a page looks at before it is given up as short: its cost does not grow with the store."""

LEAST_AT_ONCE: Final = 4
MOST_AT_ONCE: Final = 1024

# Beyond any instant, and still whole numbers to SQLite's JSON.
_FIRST: Final = -(2**62)
_LAST: Final = 2**62
_WILD = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})

Spot = tuple[int, int]
"""A Place as the store has it."""

_lanes_of = msgspec.json.Decoder(list[list[Spot]]).decode
_numbers_of = msgspec.json.Decoder(list[int]).decode


def search(db: Connection, search: Search, most_looked_at: int = MOST_LOOKED_AT) -> Found:
    walk = _Walk(db, search)
    looked_at = 0
    while (behind := walk.behind()) and looked_at < most_looked_at and len(walk.settled()) < search.limit:
        looked_at += walk.go_on(behind, most=most_looked_at - looked_at)
    settled, onward = walk.settled(), walk.edge()
    spots = settled[: search.limit]
    if len(settled) > search.limit:
        onward = spots[-1]
    jobs = _read(db, SQL["found"], "numbers", [number for _, number in spots])
    by_number = {job.number: job for job in jobs}
    place = None if onward is None else Place(instant(onward[0]), onward[1])
    return Found([by_number[number] for _, number in spots], place)


def known(db: Connection, keys: Sequence[JobKey]) -> Mapping[JobKey, Job]:
    return {job.key: job for job in _read(db, SQL["known"], "keys", [(key.scope, key.id) for key in keys])}


@dataclass(slots=True)
class _Lane:
    """*edge*: the last spot that was looked at, None once all were. *size*: how many are looked at next."""

    name: tuple[int, str | None]
    edge: Spot | None
    size: int
    is_new: bool = True
    fits: list[Spot] = field(default_factory=list)


class _Walk:
    """The lanes of a search. What lies before the edges of all of them is settled: no more comes there."""

    def __init__(self, db: Connection, search: Search) -> None:
        self._db = db
        self._search = search
        self._filter = _filter_of(search)
        span = search.ended if search.by_end else search.started
        since, until = _bounds(span)
        start, self._bound = ((since, 0), until) if search.oldest_first else ((until, 0), since)
        if search.after is not None:
            after = (micros(search.after.at), search.after.number)
            start = max(start, after) if search.oldest_first else min(start, after)
        names = _lanes(db, search)
        size = min(MOST_AT_ONCE, max(LEAST_AT_ONCE, 2 * search.limit // max(1, len(names))))
        self._lanes = [_Lane(name, start, size) for name in names]

    def edge(self) -> Spot | None:
        """Return the first edge of all lanes, None once all have been walked to their ends."""
        edges = [lane.edge for lane in self._lanes if lane.edge is not None]
        if not edges:
            return None
        return min(edges) if self._search.oldest_first else max(edges)

    def behind(self) -> list[_Lane]:
        """Return the lanes that keep others from being settled: all at first, then half of them.

        Those with the first edges, and not only the very first one: fewer and larger statements.
        """
        new = [lane for lane in self._lanes if lane.is_new]
        if new:
            return new
        edges = [(lane.edge, place) for place, lane in enumerate(self._lanes) if lane.edge is not None]
        edges.sort(reverse=not self._search.oldest_first)
        return [self._lanes[place] for _, place in edges[: (len(edges) + 1) // 2]]

    def settled(self) -> list[Spot]:
        """Return what fits and is settled, in order."""
        edge = self.edge()
        fits = (spot for lane in self._lanes for spot in lane.fits)
        if self._search.oldest_first:
            return sorted(spot for spot in fits if edge is None or spot <= edge)
        return sorted((spot for spot in fits if edge is None or spot >= edge), reverse=True)

    def go_on(self, lanes: Sequence[_Lane], *, most: int) -> int:
        """Look at the next jobs of *lanes*, *most* in all or a few of each; return at how many."""
        size = max(LEAST_AT_ONCE, min(max(lane.size for lane in lanes), most // len(lanes)))
        named = [(*lane.name, *lane.edge) for lane in lanes if lane.edge is not None]
        bindings: Bindings = {"lanes": json_text(named), "size": size, "bound": self._bound}
        if self._search.by_end and self._search.scopes is not None:
            bindings["queue"] = self._search.queue
        walked = _lanes_of(self._db.execute(SQL[self._statement()], bindings).get)
        fitting = self._fitting([number for spots in walked for _, number in spots])
        for lane, spots in zip(lanes, walked, strict=True):
            lane.is_new = False
            lane.edge = spots[-1] if len(spots) == size else None
            lane.size = min(MOST_AT_ONCE, 2 * size)
            lane.fits += [spot for spot in spots if spot[1] in fitting]
        return sum(map(len, walked))

    def _statement(self) -> str:
        search = self._search
        lane = "" if search.scopes is None else "of_scope_"
        key = "by_end" if search.by_end else "by_start"
        return f"{lane}{key}_{'oldest' if search.oldest_first else 'newest'}_first"

    def _fitting(self, numbers: Sequence[int]) -> set[int]:
        fitting = self._db.execute(SQL["fitting"], self._filter | {"numbers": json_text(numbers)}).get
        found = _numbers_of(fitting)
        if not self._search.text.isascii():
            found = self._with_text(found)
        return set(found)

    def _with_text(self, numbers: Sequence[int]) -> list[int]:
        """Return those that hold the text: SQLite knows the two cases of ASCII letters only."""
        wanted = self._search.text.lower()
        found = []
        for number, *texts, labels in self._db.execute(SQL["texts"], {"numbers": json_text(numbers)}):
            named = labels_of(labels)
            texts += [named.get(name) for name in self._search.text_labels]
            if any(wanted in text.lower() for text in texts if text is not None):
                found.append(number)
        return found


def _lanes(db: Connection, search: Search) -> list[tuple[int, str | None]]:
    names = search.families if search.scopes is None else search.scopes
    numbers = _numbers_of(db.execute(SQL["numbers_of"], {"names": json_text(sorted(set(names)))}).get)
    if search.scopes is not None:
        return [(number, None) for number in numbers]
    states = search.states or frozenset(State)
    if search.by_end:
        states &= FINAL
    return [(number, state.value) for number in numbers for state in sorted(states)]


def _filter_of(search: Search) -> Bindings:
    since, until = _bounds(search.started)
    labels = [f"{name}={value}" for name, values in search.labels.items() for value in values]
    return {
        "queue": search.queue,
        "states": json_text([state.value for state in search.states]) if search.states else None,
        "kinds": json_text(search.kinds) if search.kinds else None,
        "started_since": since,
        "started_until": until,
        "ended_since": micros_or_none(search.ended.since),
        "ended_until": micros_or_none(search.ended.until),
        "label_names": len(search.labels),
        "labels": json_text(labels),
        "text": _pattern(search.text) if search.text else None,
        "text_in_json": _pattern(json_text(search.text)[1:-1]),
        "text_labels": json_text(search.text_labels),
    }


def _pattern(text: str) -> str:
    """Return what LIKE takes for *text*; any character stands for one that is not ASCII."""
    escaped = text.translate(_WILD)
    return f"%{''.join(letter if letter.isascii() else '_' for letter in escaped)}%"


def _bounds(span: Span) -> tuple[int, int]:
    since, until = micros_or_none(span.since), micros_or_none(span.until)
    return (_FIRST if since is None else since, _LAST if until is None else until)


def _read(db: Connection, statement: str, name: str, wanted: Iterable[object]) -> list[Job]:
    return [job_of(row) for row in db.execute(statement, {name: json_text(list(wanted))})]
