"""Queries over HTTP: what they find, how they are counted, cut and continued."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faces.twins.reading_house import (
    DEVICE,
    OFFICE,
    ROOM,
    SPACE,
    TWINS,
    Link,
    Reading,
    interface,
    reading,
    twin,
)
from tests.faces.twins.serving import ELSEWHERE, Identity
from weft.stores.sqlite.graph import store
from weft.twins.graph import Model

ALL = "SELECT * FROM digitaltwins"

FOUND = {
    "$dtId = 'room1'": ["room1"],
    "$dtId = 'ROOM1'": [],
    "$dtId != 'room1'": ["building", "office", "room2", "thermo"],
    "$dtId IN ['room2', 'nobody', 'office']": ["office", "room2"],
    "$dtId > 'o' AND $dtId < 's'": ["office", "room1", "room2"],
    f"$metadata.$model = '{ROOM}'": ["room1", "room2"],
    f"$metadata.$model != '{ROOM}'": ["building", "office", "thermo"],
    "name = 'Office'": ["office"],
    "name = 'office'": [],
    "name != 'Office'": ["building", "room1", "room2"],
    "NOT name = 'Office'": ["building", "room1", "room2"],
    "area = 30": ["office", "room2"],
    "area = 30.0": ["office", "room2"],
    "area >= 20 AND area <= 30": ["office", "room1", "room2"],
    "area > 1e3": ["building"],
    "area = '30'": [],
    "area != '30'": [],
    "area IN [20, 1200.5]": ["building", "room1"],
    "area NIN [20, 30]": ["building"],
    "occupied = true": ["room1"],
    "occupied != true": ["room2"],
    "occupied = 1": [],
    "thermostat.target > 20": ["room1"],
    "target = 20": ["thermo"],
    "IS_DEFINED(thermostat)": ["office", "room1", "room2"],
    "IS_OBJECT(thermostat) AND NOT IS_DEFINED(thermostat.target)": ["office"],
    "IS_DEFINED(thermostat.target.more)": [],
    "NOT IS_DEFINED(name)": ["thermo"],
    "IS_NUMBER(area) AND IS_STRING(name) AND IS_BOOL(occupied)": ["room1", "room2"],
    "IS_PRIMITIVE(thermostat)": [],
    "IS_NULL(name)": [],
    "STARTSWITH($dtId, 'room')": ["room1", "room2"],
    "ENDSWITH(name, '1')": ["room1"],
    "CONTAINS(name, 'oo')": ["room1", "room2"],
    "CONTAINS(name, '%')": [],
    "name = 'Room 1' OR serial = 't-1'": ["room1", "thermo"],
    f"IS_OF_MODEL('{SPACE}')": ["building", "office", "room1", "room2"],
    f"IS_OF_MODEL('{SPACE}', exact)": ["building"],
    f"IS_OF_MODEL('{ROOM}')": ["office", "room1", "room2"],
    f"IS_OF_MODEL('{DEVICE}')": ["thermo"],
    f"IS_OF_MODEL('{DEVICE}', exact)": [],
    "IS_OF_MODEL('dtmi:com:example:Nothing;1')": [],
    f"NOT IS_OF_MODEL('{ROOM}')": ["building", "thermo"],
    f"IS_OF_MODEL('{ROOM}') AND (area < 30 OR IS_OF_MODEL('{OFFICE}'))": ["office", "room1"],
    "$dtId = '\\'; DROP TABLE twins; --'": [],
}
OF_RELATIONSHIPS = {
    "$sourceId = 'building'": ["to-1", "to-2", "to-office"],
    "$targetId = 'room1'": ["to-1"],
    "$relationshipId = 'to-thermo'": ["to-thermo", "to-thermo"],
    "$relationshipName = 'feeds' AND $sourceId != 'room1'": ["to-thermo"],
    "$relationshipName NIN ['feeds']": ["to-1", "to-2", "to-office"],
    "since = '2020-01-01'": ["to-1"],
    "NOT IS_DEFINED(since) AND $sourceId = 'building'": ["to-2", "to-office"],
}


@pytest.mark.parametrize("where", FOUND)
async def test_twins_are_found_by_what_they_are_and_have(still_house: Reading, where: str) -> None:
    assert sorted(await still_house.ids(where)) == FOUND[where]


@pytest.mark.parametrize("where", FOUND)
async def test_what_is_found_can_be_counted(still_house: Reading, where: str) -> None:
    answer = await still_house.query(f"SELECT COUNT() FROM digitaltwins WHERE {where}")

    assert answer.json() == {"value": [{"COUNT": len(FOUND[where])}]}


@pytest.mark.parametrize("where", OF_RELATIONSHIPS)
async def test_relationships_are_found_by_their_ends_and_properties(still_house: Reading, where: str) -> None:
    assert sorted(await still_house.ids(where, "relationships")) == OF_RELATIONSHIPS[where]


async def test_a_query_without_a_condition_finds_all(still_house: Reading) -> None:
    twins = await still_house.query(ALL)
    links = await still_house.query("SELECT * FROM relationships")

    assert sorted(one["$dtId"] for one in twins.json()["value"]) == sorted(str(one["$dtId"]) for one in TWINS)
    assert len(links.json()["value"]) == 5
    assert list(twins.json()) == ["value"]


async def test_what_a_query_finds_is_what_a_get_answers(still_house: Reading) -> None:
    [found] = await still_house.found("SELECT * FROM digitaltwins WHERE $dtId = 'room1'")
    [link] = await still_house.found("SELECT * FROM relationships WHERE $targetId = 'room1'")

    assert found == await still_house.get("/digitaltwins/room1")
    assert link == await still_house.get("/digitaltwins/building/relationships/to-1")


async def test_the_name_of_a_collection_as_a_column_wraps_what_is_found(still_house: Reading) -> None:
    found = await still_house.found("SELECT Room FROM digitaltwins Room WHERE Room.$dtId = 'room1'")

    assert found == [{"Room": await still_house.get("/digitaltwins/room1")}]


async def test_an_answer_says_what_the_query_charge_is(still_house: Reading) -> None:
    answer = await still_house.query(ALL)

    assert float(str(answer.header("query-charge"))) > 0


async def test_all_is_counted_without_a_condition(still_house: Reading) -> None:
    twins = await still_house.query("SELECT COUNT() FROM digitaltwins")
    links = await still_house.query("SELECT COUNT() FROM relationships")

    assert twins.json() == {"value": [{"COUNT": 5}]}
    assert links.json() == {"value": [{"COUNT": 5}]}


@pytest.mark.parametrize(("top", "size"), [(1, None), (3, None), (3, 1), (3, 2), (3, 3), (4, 3), (100, 2)])
async def test_top_cuts_whatever_the_pages(still_house: Reading, top: int, size: int | None) -> None:
    found = await still_house.found(f"SELECT TOP({top}) * FROM digitaltwins", size=size)

    assert len(found) == len({one["$dtId"] for one in found}) == min(top, 5)


async def test_nothing_follows_the_last_of_the_top(still_house: Reading) -> None:
    first = await still_house.query("SELECT TOP(3) * FROM digitaltwins", size=2)
    second = await still_house.query(continued=first.json()["continuationToken"], size=1)

    assert len(second.json()["value"]) == 1
    assert "continuationToken" not in second.json()


@pytest.mark.parametrize("size", [1, 2, 5, 6, 10**6])
async def test_pages_hold_as_many_as_asked_and_lead_to_the_end(still_house: Reading, size: int) -> None:
    sizes: list[int] = []
    token = None
    while token or not sizes:
        page = (await still_house.query(ALL, size=size, continued=token)).json()
        token = page.get("continuationToken")
        sizes.append(len(page["value"]))

    assert sum(sizes) == 5
    assert all(one == size for one in sizes[:-1])
    assert sizes[-1] > 0


async def test_a_page_has_at_most_a_thousand(house: Reading) -> None:
    await house.put_twins([twin(f"many-{number}", SPACE) for number in range(1000)])

    pages = [await house.query(ALL), await house.query(ALL, size=5000)]

    assert [len(page.json()["value"]) for page in pages] == [1000, 1000]
    assert len(await house.found(ALL)) == 1005


async def test_a_token_alone_goes_on_and_the_query_beside_it_is_ignored(still_house: Reading) -> None:
    first = await still_house.query(ALL, size=2)
    token = first.json()["continuationToken"]

    alone = await still_house.served.call("POST", "/query", {"continuationToken": token})
    beside = await still_house.query("SELECT COUNT() FROM relationships", continued=token)

    assert alone.json() == beside.json()
    assert len(alone.json()["value"]) == 3


async def test_a_token_is_good_for_its_caller_only(still_house: Reading) -> None:
    token = (await still_house.query(ALL, size=2)).json()["continuationToken"]

    other = await still_house.query(ALL, continued=token, token=still_house.served.token("other"))

    assert (other.status, other.json()["error"]["code"]) == (400, "BadRequest")


async def test_a_token_is_good_for_its_server_only(
    house: Reading, tmp_path: Path, identity: Identity
) -> None:
    token = (await house.query(ALL, size=2)).json()["continuationToken"]
    (tmp_path / "other").mkdir()

    async with reading(tmp_path / "other", identity, secret=b"another secret") as other:
        answer = await other.query(ALL, continued=token)

    assert (answer.status, answer.json()["error"]["code"]) == (400, "BadRequest")


async def test_no_character_of_a_token_can_be_changed(still_house: Reading) -> None:
    token = (await still_house.query(ALL, size=2)).json()["continuationToken"]

    for at in range(len(token)):
        edited = token[:at] + ("B" if token[at] == "A" else "A") + token[at + 1 :]
        answer = await still_house.query(continued=edited)
        assert (answer.status, answer.json()["error"]["code"]) == (400, "BadRequest"), at


async def test_the_token_of_a_list_is_none_of_a_query(small_house: Reading) -> None:
    page = await small_house.get("/models")
    token = page["nextLink"].rpartition("continuationToken=")[2]

    answer = await small_house.query(ALL, continued=token)

    assert (answer.status, answer.json()["error"]["code"]) == (400, "BadRequest")


async def test_the_token_of_one_list_is_none_of_another(small_house: Reading) -> None:
    page = await small_house.get("/digitaltwins/building/relationships")
    token = page["nextLink"].rpartition("continuationToken=")[2]

    for target in (
        "/models",
        "/digitaltwins/room1/relationships",
        "/digitaltwins/building/incomingrelationships",
        "/digitaltwins/building/relationships?relationshipName=contains",
    ):
        mark = "&" if "?" in target else "?"
        error = (await small_house.get(f"{target}{mark}continuationToken={token}", 400))["error"]
        assert error["code"] == "InvalidArgument"
        assert "continuationToken" in error["message"]


async def test_what_comes_later_is_found_on_later_pages(house: Reading) -> None:
    token = (await house.query(ALL, size=4)).json()["continuationToken"]
    await house.put_twins([twin("late", SPACE)])

    rest = await house.query(continued=token)

    assert "late" in [one["$dtId"] for one in rest.json()["value"]]


async def test_a_model_that_comes_later_counts_as_of_its_kind(house: Reading) -> None:
    hall = "dtmi:com:example:Hall;1"
    kind = f"IS_OF_MODEL('{ROOM}')"
    assert len(await house.ids(kind)) == 3

    await house.put_models([interface(hall, extends=ROOM)])
    await house.put_twins([twin("hall", hall)])

    assert sorted(await house.ids(kind)) == ["hall", "office", "room1", "room2"]


async def test_names_may_be_any_that_a_relationship_has(house: Reading) -> None:
    await house.put_links([Link("room1", "odd", "room2", "isPartOf", '{"note": "it\\u0027s"}')])

    assert await house.ids("note = 'it\\'s'", "relationships") == ["odd"]


async def test_a_query_that_takes_too_long_is_given_up(tmp_path: Path, identity: Identity) -> None:
    limits = store.Limits(query_seconds=-1.0)
    async with reading(tmp_path, identity, limits=limits) as house:
        await house.put_twins([twin(f"many-{number}", SPACE, name="x") for number in range(2000)])

        answer = await house.query("SELECT * FROM digitaltwins WHERE CONTAINS(name, 'y')")

    assert (answer.status, answer.json()["error"]["code"]) == (400, "TimeoutError")


async def test_readers_may_query_and_nobody_else(still_house: Reading) -> None:
    readers = await still_house.query(ALL, token=still_house.served.token("reader", "Read"))
    others = await still_house.query(ALL, token=still_house.served.token("other", "Other"))
    foreign = await still_house.query(ALL, token=still_house.served.token(tenant=ELSEWHERE))

    assert (readers.status, others.status, foreign.status) == (200, 403, 404)


async def test_where_too_many_lists_and_queries_wait_others_are_told_to_come_again(
    house: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_WAITING", 0)

    targets = ["/models", "/digitaltwins/building/relationships", "/digitaltwins/room1/incomingrelationships"]
    answers = [await house.served.call("GET", target) for target in targets]
    answers += [await house.query(ALL), await house.query("SELECT COUNT() FROM digitaltwins")]

    assert [answer.status for answer in answers] == [429] * len(answers)
    assert {answer.json()["error"]["code"] for answer in answers} == {"ServerBusy"}
    assert {answer.header("Retry-After") for answer in answers} == {"1"}
    await house.get("/digitaltwins/building")
    await house.get("/digitaltwins/building/relationships/to-1")
    await house.get(f"/models/{ROOM}")


async def test_queries_do_not_wait_without_bound_for_models_that_are_being_learnt(
    house: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = asyncio.Event()
    models = house.graph.models

    async def slow(*, after: int, limit: int) -> Sequence[Model]:
        await release.wait()
        return await models(after=after, limit=limit)

    monkeypatch.setattr(house.graph, "models", slow)
    asked = f"SELECT * FROM digitaltwins WHERE IS_OF_MODEL('{ROOM}')"
    waiting = [asyncio.ensure_future(house.query(asked)) for _ in range(18)]
    done, _ = await asyncio.wait(waiting, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    release.set()
    statuses = [answer.status for answer in await asyncio.gather(*waiting)]

    assert [task.result().status for task in done] == [429]
    assert sorted(statuses) == [200] * 17 + [429]
