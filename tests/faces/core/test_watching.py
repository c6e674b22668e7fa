"""Streams of server-sent events: who is told what, where a stream goes on, and what ends it."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faces.core.held import Held, settled
from tests.faces.core.serving import OUTCOMES, Identity, Place, Served, serve
from tests.faces.core.test_jobs import KEYS
from weft.catalog.model import Role
from weft.engine.lifecycle import Event
from weft.faces.core import watching

EVENTS = "/v1/jobs/instances/events"
BEAT = watching.HEARTBEAT.decode()


class Stream(Held):
    """An open stream."""

    async def begun(self) -> Stream:
        await self.until("retry:")
        return self

    def events(self) -> list[Any]:
        lines = self.body.splitlines()
        return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]

    def told(self) -> list[tuple[str, str]]:
        return [(event["id"], event["status"]) for event in self.events()]

    @property
    def last_id(self) -> str:
        lines = self.body.splitlines()
        return next(line.removeprefix("id: ") for line in reversed(lines) if line.startswith("id: "))

    async def telling(self, count: int) -> list[tuple[str, str]]:
        """Return what was told, once it is *count* events."""
        async with asyncio.timeout(10):
            while len(self.told()) < count:
                self._came.clear()
                await self._came.wait()
        return self.told()

    async def beat(self) -> None:
        """Return with the next sign of life of a stream that has nothing to tell."""
        before = self.body.count(BEAT)
        async with asyncio.timeout(10):
            while self.body.count(BEAT) == before:
                self._came.clear()
                await self._came.wait()

    async def ended(self) -> None:
        await asyncio.wait_for(self.task, timeout=10)


def stream(served: Served, query: str = "", *, after: str | None = None, **how: Any) -> Stream:
    headers = {} if after is None else {"Last-Event-ID": after}
    return Stream(served, "GET", f"{EVENTS}{query}", headers=headers, **how)


async def closed(*streams: Stream) -> None:
    for one in streams:
        one.leave()
        await one.ended()


async def test_each_change_of_an_instance_is_told_as_a_get_shows_it(served: Served, place: Place) -> None:
    follower = await stream(served).begun()

    id = await served.run(place)
    await follower.telling(1)
    job = await served.started()
    await follower.telling(2)
    await served.engine.finish(job, OUTCOMES["Completed"], cancel_wins=False)
    told = await follower.telling(3)
    shown = (await served.call("GET", place.instance(id))).json()
    await closed(follower)

    assert told == [(id, "NotStarted"), (id, "InProgress"), (id, "Completed")]
    last = follower.events()[-1]
    assert list(last) == [*KEYS, "workspaceId"]
    assert last == {**shown, "workspaceId": place.workspace}


async def test_the_answer_is_an_event_stream(served: Served) -> None:
    follower = await stream(served).begun()
    await closed(follower)

    answer = await follower.answer()

    assert (answer.status, answer.header("Content-Type")) == (200, "text/event-stream; charset=utf-8")
    assert answer.header("Content-Length") is None
    assert "no-store" in str(answer.header("Cache-Control"))
    assert answer.header("RequestId")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?status=Completed", [("a", "Completed"), ("b", "Completed")]),
        ("?status=completed,NotStarted&itemId={a}", [("a", "NotStarted"), ("a", "Completed")]),
        ("?itemId={b}&status=InProgress", [("b", "InProgress")]),
        ("?workspaceId={w}&status=Completed", [("a", "Completed"), ("b", "Completed")]),
        ("?workspaceId={other}", []),
    ],
)
async def test_a_filter_chooses_what_is_told(
    served: Served, place: Place, query: str, told: list[tuple[str, str]]
) -> None:
    second = Place(place.workspace, await served.item(place.workspace, "other"))
    other = await served.place("other")
    names = {"a": place.item, "b": second.item, "w": place.workspace, "other": other.workspace}
    follower, every = await stream(served, query.format(**names)).begun(), await stream(served).begun()

    for count, where in enumerate((place, second)):
        await served.run(where)
        await every.telling(3 * count + 1)
        job = await served.started()
        await every.telling(3 * count + 2)
        await served.engine.finish(job, OUTCOMES["Completed"], cancel_wins=False)
        await every.telling(3 * count + 3)
    await follower.beat()
    await closed(follower, every)

    items = {place.item: "a", second.item: "b"}
    assert [(items[event["itemId"]], event["status"]) for event in follower.events()] == told


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?status=Ended", "status"),
        ("?status=", "status"),
        ("?workspaceId=x", "workspaceId"),
        ("?itemId=1,2", "itemId"),
        ("?item=x", "item"),
        ("?status=Failed&status=Failed", "status"),
    ],
)
async def test_a_bad_filter_is_refused_by_name(served: Served, query: str, field: str) -> None:
    answer = await served.call("GET", f"{EVENTS}{query}")

    assert (answer.status, answer.json()["errorCode"]) == (400, "InvalidInput")
    assert answer.json()["moreDetails"][0]["relatedResource"]["resourceId"] == field


def _forged(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "id",
    [
        "x",
        "!",
        "a" * 5000,
        _forged([1]),
        _forged({"known": 1, "live": []}),
        _forged([-1, []]),
        _forged([2**63, []]),
        _forged([1, [2**64]]),
        _forged([1, list(range(51))]),
        _forged([1, ["x"]]),
        _forged([1, [], 2]),
        "é",
    ],
)
async def test_a_position_that_is_none_is_refused_by_name(served: Served, id: str) -> None:
    answer = await served.call("GET", EVENTS, headers={"Last-Event-ID": id})

    assert (answer.status, answer.json()["errorCode"]) == (400, "InvalidInput")
    assert answer.json()["moreDetails"][0]["relatedResource"]["resourceId"] == "Last-Event-ID"


async def test_who_comes_back_is_told_what_changed_meanwhile(served: Served, place: Place) -> None:
    over = await served.run(place)
    await served.ended(OUTCOMES["Failed"])
    running = await served.run(place)
    job = await served.started()
    waiting = await served.run(place)
    follower = await stream(served).begun()
    await closed(follower)

    await served.engine.finish(job, OUTCOMES["Completed"], cancel_wins=False)
    new = await served.run(place)
    again = await stream(served, after=follower.last_id).begun()
    told = again.told()
    await closed(again)

    assert (running, "Completed") in told
    assert (new, "NotStarted") in told
    assert over not in dict(told)
    assert set(dict(told)) == {running, waiting, new}


async def test_a_position_is_good_after_a_restart(tmp_path: Path, identity: Identity) -> None:
    served = serve(tmp_path, identity)
    place = await served.place()
    id = await served.run(place)
    follower = await stream(served).begun()
    await closed(follower)
    await served.ended(OUTCOMES["Completed"])
    await served.store.close()

    restarted = serve(tmp_path, identity)
    again = await stream(restarted, after=follower.last_id).begun()
    told = again.told()
    later = await stream(restarted, after=again.last_id).begun()
    await closed(again, later)
    await restarted.store.close()

    assert told == [(id, "Completed")]
    assert later.told() == []


async def test_who_breaks_off_at_any_event_and_comes_back_misses_no_end(served: Served, place: Place) -> None:
    ends: dict[str, str] = {}
    position: str | None = None
    for status in ("Completed", "Failed", "Cancelled", "Completed"):
        follower = await stream(served, after=position).begun()
        ids = [await served.run(place) for _ in range(3)]
        await follower.until(f'"id":"{ids[-1]}"')
        position = follower.last_id
        await closed(follower)
        ends |= dict(follower.told())
        for _ in ids:
            [job] = await served.engine.claim(
                "core", Event.DISPATCH, worker="w", limit=1, lease=timedelta(seconds=30)
            )
            job = await served.engine.started(job, served.clock.now())
            await served.engine.finish(job, OUTCOMES[status], cancel_wins=False)
    last = await stream(served, after=position).begun()
    ends |= dict(last.told())
    await closed(last)

    assert len(ends) == 12
    assert set(ends.values()) == {"Completed", "Failed", "Cancelled"}


async def test_with_many_live_jobs_a_position_stays_short_and_loses_nothing(
    served: Served, place: Place
) -> None:
    live = [await served.run(place) for _ in range(watching.MOST_LIVE + 5)]
    follower = await stream(served).begun()
    await closed(follower)

    await served.ended(OUTCOMES["Completed"])
    again = await stream(served, after=follower.last_id).begun()
    told = again.told()
    await closed(again)

    assert len(follower.last_id) < 100
    assert dict(told)[live[0]] == "Completed"


async def test_a_resumed_stream_reads_more_than_a_page(
    served: Served, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "AT_ONCE", 2)
    follower = await stream(served).begun()
    await closed(follower)
    ids = [await served.run(place) for _ in range(7)]

    again = await stream(served, after=follower.last_id).begun()
    told = again.told()
    await closed(again)

    assert [id for id, _ in told] == ids


# ---- who may listen


async def test_jobs_of_other_workspaces_are_not_heard(served: Served, place: Place) -> None:
    other = await served.place("other", token=served.token("stranger"))
    follower = await stream(served).begun()

    foreign = await served.run(other, token=served.token("stranger"))
    own = await served.run(place)
    await follower.telling(1)
    again = await stream(served, after=_forged([0, []])).begun()
    await closed(follower, again)

    assert follower.told() == again.told() == [(own, "NotStarted")]
    assert foreign not in follower.body + again.body


async def test_a_removed_member_hears_nothing_more(served: Served, place: Place) -> None:
    reader = await served.grant(place, "reader", Role.VIEWER)
    follower = await stream(served, token=reader).begun()
    await served.run(place)
    await follower.telling(1)
    role = f"/v1/workspaces/{place.workspace}/roleAssignments/{served.user_id('reader')}"
    deleted = await served.call("DELETE", role)
    await follower.beat()

    id = await served.run(place)
    await follower.beat()
    again = await stream(served, after=follower.last_id, token=reader).begun()
    await closed(follower, again)

    assert deleted.status == 200
    assert len(follower.told()) == 1
    assert id not in follower.body + again.body


async def test_who_gets_a_role_while_listening_hears_from_then_on(served: Served, place: Place) -> None:
    follower = await stream(served, token=served.token("reader")).begun()
    await served.run(place)
    await served.grant(place, "reader", Role.VIEWER)
    await follower.beat()

    id = await served.run(place)
    told = await follower.telling(1)
    await closed(follower)

    assert told == [(id, "NotStarted")]


async def test_scopes_of_an_item_type_hear_of_that_type(served: Served, place: Place) -> None:
    notebook = Place(place.workspace, await served.item(place.workspace, "n", item_type="Notebook"))
    follower = await stream(served, token=served.token("admin", "Notebook.Read.All")).begun()

    await served.run(place)
    id = await served.run(notebook, "RunNotebook")
    told = await follower.telling(1)
    await closed(follower)

    assert told == [(id, "NotStarted")]


@pytest.mark.parametrize(("scope", "status"), [("Item.Execute.All", 403), ("Item.Read.All", 200)])
async def test_listening_takes_a_scope_that_reads(served: Served, scope: str, status: int) -> None:
    follower = stream(served, token=served.token("admin", scope))
    await settled()
    await closed(follower)

    assert (await follower.answer()).status == status


async def test_there_is_no_stream_without_a_token(served: Served) -> None:
    answer = await served.send("GET", EVENTS, None)

    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == "Bearer"


async def test_a_token_that_ends_ends_the_stream(served: Served, place: Place) -> None:
    token = served.token()
    follower = await stream(served, token=token).begun()
    served.clock.time += timedelta(hours=2)

    await follower.ended()
    again = await served.call("GET", EVENTS, token=token)

    assert follower.told() == []
    assert (again.status, again.json()["errorCode"]) == (401, "TokenExpired")
    assert served.waits.busy == 0


# ---- what ends it, and what keeps it


async def test_a_quiet_stream_says_now_and_then_that_it_lives(served: Served) -> None:
    follower = await stream(served).begun()

    async with asyncio.timeout(10):
        await follower.until(BEAT * 2)
    await closed(follower)

    assert follower.events() == []


async def test_a_client_that_goes_away_leaves_nothing_behind(served: Served) -> None:
    follower = await stream(served).begun()

    await closed(follower)

    assert served.waits.busy == 0


async def test_a_server_that_stops_ends_all_streams(served: Served, place: Place) -> None:
    streams = [await stream(served).begun() for _ in range(3)]

    served.waits.end()
    for one in streams:
        await one.ended()
    late = stream(served)
    await late.ended()

    assert (await late.answer()).status == 200
    assert late.told() == []


async def test_a_reader_that_is_too_slow_is_cut_off(
    served: Served, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_PENDING", 5)
    follower = await stream(served).begun()
    first = await served.run(place)
    await follower.telling(1)

    follower.stop_reading()
    for _ in range(20):
        await served.run(place)
    await settled()
    follower.read_on()
    await follower.ended()
    again = await stream(served, after=follower.last_id).begun()
    await closed(again)

    assert len(follower.told()) < 20
    assert set(dict(follower.told() + again.told())) >= {first}
    assert len(dict(follower.told() + again.told())) == 21


async def test_streams_count_among_what_one_identity_may_wait_for(served: Served, place: Place) -> None:
    streams = [await stream(served).begun() for _ in range(100)]

    refused = await served.call("GET", EVENTS)
    wait = await served.call("POST", f"{place.jobs}/ForecastAsync/instances", headers={"Prefer": "wait=9"})
    await closed(*streams)

    assert (refused.status, refused.json()["errorCode"]) == (429, "RequestBlocked")
    assert int(str(refused.header("Retry-After"))) >= 1
    assert wait.status == 429


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_there_is_nothing_else_at_the_address(served: Served, method: str) -> None:
    assert (await served.call(method, EVENTS)).status == 405
