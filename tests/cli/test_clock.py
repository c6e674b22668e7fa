"""`weft clock`: what it sends, shows and refuses. What it moves is in tests/e2e/test_schedules.py."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Weft, weft_at
from tests.client.scripted import Say, scripted

STATE = {"nowUtc": "2026-05-04T05:00:00.5", "movedBySeconds": 3 * 86400 + 5400.25}


async def test_the_clock_is_moved_on_by_a_length_as_people_say_it() -> None:
    async with scripted(Say(200, {**STATE, "fired": 3})) as server:
        code, out, _ = await weft_at(server.url, "clock", "advance", "3d1h30m")

    assert json.loads(server.heard[0].body) == {"seconds": 3 * 86400 + 5400}
    assert (code, out.splitlines()) == (
        0,
        ["time      2026-05-04T05:00:00.5Z", "ahead by  3 days, 1:30:00", "fired     3"],
    )


@pytest.mark.parametrize(
    ("text", "seconds"), [("3d", 259200), ("90m", 5400), ("2h30m", 9000), ("1s", 1), ("1d1s", 86401)]
)
async def test_lengths(text: str, seconds: int) -> None:
    async with scripted(Say(200, {**STATE, "fired": 0})) as server:
        _, out, _ = await weft_at(server.url, "clock", "advance", text, "--json")

    assert json.loads(server.heard[0].body) == {"seconds": seconds}
    assert json.loads(out)["fired"] == 0


async def test_the_clock_is_shown() -> None:
    async with scripted(Say(200, STATE)) as server:
        code, out, _ = await weft_at(server.url, "clock", "show", "--json")

    assert (code, json.loads(out)) == (0, STATE)


def test_the_own_server_shows_its_clock_to_who_has_its_key(weft: Weft) -> None:
    done = weft("clock", "show", "--json")

    assert (done.code, json.loads(done.out)["movedBySeconds"]) == (0, 0.0)


def test_a_given_token_is_used_as_it_is(weft: Weft, monkeypatch: pytest.MonkeyPatch) -> None:
    ordinary = weft("token").out.strip()
    monkeypatch.setenv("WEFT_TOKEN", ordinary)

    done = weft("clock", "advance", "1s")

    assert (done.code, done.out) == (1, "")
    assert "InsufficientScopes" in done.err


@pytest.mark.parametrize(
    "text", ["", "3", "d", "3x", "-3d", "1.5h", "3d ", "30m2h", "0s", "0d", "3651d", "1e3d"]
)
def test_a_length_that_is_none_is_a_wrong_use(weft: Weft, text: str) -> None:
    done = weft("clock", "advance", "--", text)

    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
