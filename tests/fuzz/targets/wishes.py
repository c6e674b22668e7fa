"""Headers beside the contract, one a line as `NAME: VALUE`: Prefer, keys of runs, and where events go on."""

from __future__ import annotations

from uuid import UUID

from weft.catalog.model import Principal
from weft.engine.jobs import JobKey, NewJob
from weft.faces.core.watching import LAST_EVENT_ID, MOST_LIVE, Position, position_of
from weft.faces.core.wishes import LONGEST_KEY, LONGEST_WAIT_SECONDS, RepeatKey, preferences, repeat_key
from weft.faces.http import Refused
from weft.faces.parameters import GREATEST_NUMBER

CALLER = Principal(tenant="t", id="i", name="n", is_app=False, scopes=frozenset())
NEW = NewJob(key=JobKey("core/w/i", "1"), queue="core", kind="k", payload=b'{"a":[1,{"b":2.50}]}')


def key_of(data: bytes) -> RepeatKey | None:
    try:
        return repeat_key({"headers": _headers(data)})
    except Refused:
        return None


def run(data: bytes) -> None:
    headers = _headers(data)
    wishes = preferences({"headers": headers})
    assert 0 <= wishes.wait_seconds <= LONGEST_WAIT_SECONDS
    if key := key_of(data):
        assert 0 < len(key.text) <= LONGEST_KEY
        assert key.text.isascii()
        assert key.text.isprintable()
        named, again = (key.named(NEW, CALLER, b"secret") for _ in range(2))
        assert named == again
        assert str(UUID(named.key.id)) == named.key.id
    for name, value in headers:
        if name == LAST_EVENT_ID.lower().encode():
            _check_position(value.decode("latin-1"))


def _headers(data: bytes) -> list[tuple[bytes, bytes]]:
    parted = [line.partition(b":") for line in data.split(b"\n")]
    return [(name.strip().lower(), value.strip(b" \t")) for name, _, value in parted]


def _check_position(text: str) -> None:
    try:
        position = position_of(text)
    except Refused:
        return
    assert len(position.live) <= MOST_LIVE
    assert all(0 <= number <= GREATEST_NUMBER for number in (position.known, *position.live))
    assert position_of(position.text()) == Position(position.known, position.live)
