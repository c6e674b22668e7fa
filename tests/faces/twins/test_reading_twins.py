"""Twins and relationships, read back."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.faces.twins.reading_house import ROOM, SPACE, Link, Reading, twin
from tests.faces.twins.serving import HOST, VERSION

ETAG = re.compile(r'W/"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"')
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")


def times_in(metadata: Any) -> list[str]:
    """Return all times of *metadata*, wherever they are."""
    if isinstance(metadata, dict):
        return [time for member in metadata.values() for time in times_in(member)]
    return [metadata] if TIME.fullmatch(str(metadata)) else []


async def test_a_twin_is_composed_as_the_service_does(house: Reading) -> None:
    answer = await house.served.call("GET", "/digitaltwins/building")

    twin = answer.json()
    changed = twin["$metadata"]["$lastUpdateTime"]
    assert answer.status == 200
    assert ETAG.fullmatch(twin["$etag"])
    assert answer.header("ETag") == twin["$etag"]
    assert TIME.fullmatch(changed)
    assert twin == {
        "$dtId": "building",
        "$etag": twin["$etag"],
        "name": "Main building",
        "area": 1200.5,
        "$metadata": {
            "$model": SPACE,
            "$lastUpdateTime": changed,
            "name": {"lastUpdateTime": changed},
            "area": {"lastUpdateTime": changed},
        },
    }
    assert list(twin) == ["$dtId", "$etag", "name", "area", "$metadata"]


async def test_a_component_carries_metadata_of_its_own(house: Reading) -> None:
    twin = await house.get("/digitaltwins/room1")

    changed = twin["$metadata"]["$lastUpdateTime"]
    assert twin["thermostat"] == {
        "target": 21.5,
        "$metadata": {"$lastUpdateTime": changed, "target": {"lastUpdateTime": changed}},
    }
    assert list(twin["$metadata"]) == ["$model", "$lastUpdateTime", "name", "area", "occupied"]


async def test_an_empty_component_is_there(house: Reading) -> None:
    twin = await house.get("/digitaltwins/office")

    assert list(twin["thermostat"]) == ["$metadata"]
    assert list(twin["thermostat"]["$metadata"]) == ["$lastUpdateTime"]


async def test_what_another_instance_exported_is_told_as_ours_but_for_the_source_time(house: Reading) -> None:
    foreign = "1999-01-01T00:00:00Z"
    await house.put_twins(
        [
            {
                "$dtId": "copied",
                "$etag": 'W/"foreign"',
                "$metadata": {
                    "$model": ROOM,
                    "$lastUpdateTime": foreign,
                    "name": {"lastUpdateTime": foreign, "sourceTime": "2020-02-02T02:02:02Z"},
                    "gone": {"lastUpdateTime": foreign},
                },
                "name": "x",
                "thermostat": {
                    "$metadata": {
                        "$lastUpdateTime": foreign,
                        "target": {"lastUpdateTime": foreign, "sourceTime": "2021-01-01T00:00:00Z"},
                    },
                    "target": 1,
                },
            }
        ]
    )

    twin = await house.get("/digitaltwins/copied")

    changed = twin["$metadata"]["$lastUpdateTime"]
    inner = twin["thermostat"]["$metadata"]
    assert ETAG.fullmatch(twin["$etag"])
    assert foreign not in json.dumps(twin)
    assert twin["$metadata"]["name"] == {"sourceTime": "2020-02-02T02:02:02Z", "lastUpdateTime": changed}
    assert inner["target"] == {"sourceTime": "2021-01-01T00:00:00Z", "lastUpdateTime": changed}
    assert "gone" not in twin["$metadata"]


@pytest.mark.parametrize(
    "value",
    [
        "123456789012345678901234567890",
        "1.0",
        "1e2",
        "-0.0",
        "0.1000000000000000055511151231257827",
        '{"a":{"b":[1,2.50,null]},"c":{}}',
        "[1,[2]]",
        '"\\u00e4\\ud83d\\ude80"',
        "null",
        "true",
    ],
)
async def test_values_come_back_as_they_were_written(house: Reading, value: str) -> None:
    body = f'{{"$dtId":"exact","$metadata":{{"$model":"{SPACE}"}},"value": {value} }}'
    await house.put_body("exact", SPACE, body)

    answer = await house.served.call("GET", "/digitaltwins/exact")

    assert f'"value":{value},"$metadata"'.encode() in answer.body


@pytest.mark.parametrize(
    ("id", "path"),
    [
        ("a b", "a%20b"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("🚀", "%F0%9F%9A%80"),
        ("'; DROP TABLE twins; --", "%27%3B%20DROP%20TABLE%20twins%3B%20--"),
        ("50%", "50%25"),
        ("a?b#c", "a%3Fb%23c"),
        ("a+b", "a+b"),
        ("x" * 128, "x" * 128),
    ],
)
async def test_ids_are_decoded_once(house: Reading, id: str, path: str) -> None:
    await house.put_twins([twin(id, SPACE)])

    assert (await house.get(f"/digitaltwins/{path}"))["$dtId"] == id


async def test_a_relationship_shows_its_ends_and_its_properties(house: Reading) -> None:
    answer = await house.served.call("GET", "/digitaltwins/building/relationships/to-1")

    relationship = answer.json()
    assert answer.status == 200
    assert ETAG.fullmatch(relationship["$etag"])
    assert answer.header("ETag") == relationship["$etag"]
    assert relationship == {
        "$relationshipId": "to-1",
        "$etag": relationship["$etag"],
        "$sourceId": "building",
        "$relationshipName": "contains",
        "$targetId": "room1",
        "since": "2020-01-01",
    }


async def test_a_relationship_without_properties_has_none(house: Reading) -> None:
    relationship = await house.get("/digitaltwins/building/relationships/to-2")

    assert list(relationship) == [
        "$relationshipId",
        "$etag",
        "$sourceId",
        "$relationshipName",
        "$targetId",
    ]


async def test_relationships_of_two_twins_may_have_one_id(house: Reading) -> None:
    one = await house.get("/digitaltwins/room1/relationships/to-thermo")
    other = await house.get("/digitaltwins/office/relationships/to-thermo")

    assert (one["$sourceId"], other["$sourceId"]) == ("room1", "office")
    assert one["$etag"] != other["$etag"]


async def test_the_relationships_of_a_twin_are_listed(house: Reading) -> None:
    page = await house.get("/digitaltwins/building/relationships")

    found = {one["$relationshipId"]: one for one in page["value"]}
    assert sorted(found) == ["to-1", "to-2", "to-office"]
    assert found["to-1"] == await house.get("/digitaltwins/building/relationships/to-1")
    assert page["nextLink"] is None


async def test_relationships_are_listed_by_name(house: Reading) -> None:
    await house.put_links([Link("building", "extra", "thermo", "feeds")])

    page = await house.get("/digitaltwins/building/relationships?relationshipName=feeds")
    none = await house.get("/digitaltwins/building/relationships?relationshipName=Feeds")

    assert [one["$relationshipId"] for one in page["value"]] == ["extra"]
    assert none["value"] == []


async def test_incoming_relationships_say_where_they_come_from(house: Reading) -> None:
    page = await house.get("/digitaltwins/thermo/incomingrelationships")

    assert page["nextLink"] is None
    assert sorted(page["value"], key=lambda one: str(one["$sourceId"])) == [
        {
            "$relationshipId": "to-thermo",
            "$sourceId": source,
            "$relationshipName": "feeds",
            "$relationshipLink": f"/digitaltwins/{source}/relationships/to-thermo",
        }
        for source in ("office", "room1")
    ]


async def test_the_link_of_an_incoming_relationship_can_be_followed(house: Reading) -> None:
    await house.put_twins([twin("a b%", SPACE)])
    await house.put_links([Link("a b%", "r ü", "thermo")])

    page = await house.get("/digitaltwins/thermo/incomingrelationships")
    link = page["value"][-1]["$relationshipLink"]

    assert (await house.get(link))["$relationshipId"] == "r ü"


async def test_a_twin_without_relationships_has_empty_lists(house: Reading) -> None:
    assert (await house.get("/digitaltwins/thermo/relationships"))["value"] == []
    assert (await house.get("/digitaltwins/building/incomingrelationships"))["value"] == []


@pytest.mark.parametrize(
    ("target", "count"),
    [
        ("/digitaltwins/building/relationships", 3),
        ("/digitaltwins/building/relationships?relationshipName=contains", 3),
        ("/digitaltwins/thermo/incomingrelationships", 2),
    ],
)
async def test_lists_of_relationships_come_in_pages(small_house: Reading, target: str, count: int) -> None:
    found: list[str] = []
    onward: str | None = target
    while onward:
        page = await small_house.get(onward, version="" if found else VERSION)
        assert len(page["value"]) <= 1
        found += [json.dumps(one) for one in page["value"]]
        onward = page["nextLink"] and page["nextLink"].removeprefix(f"http://{HOST}")

    assert len(found) == len(set(found)) == count


@pytest.mark.parametrize(
    ("target", "code", "named"),
    [
        ("/digitaltwins/nobody", "DigitalTwinNotFound", "nobody"),
        ("/digitaltwins/Building", "DigitalTwinNotFound", "Building"),
        ("/digitaltwins/nobody/relationships", "DigitalTwinNotFound", "nobody"),
        ("/digitaltwins/nobody/relationships/to-1", "DigitalTwinNotFound", "nobody"),
        ("/digitaltwins/nobody/incomingrelationships", "DigitalTwinNotFound", "nobody"),
        ("/digitaltwins/building/relationships/nothing", "RelationshipNotFound", "nothing"),
        ("/digitaltwins/room1/relationships/to-1", "RelationshipNotFound", "to-1"),
    ],
)
async def test_what_is_not_there_is_named(house: Reading, target: str, code: str, named: str) -> None:
    answer = await house.served.call("GET", target)

    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (404, code)
    assert answer.header("x-ms-error-code") == code
    assert named in error["message"]
