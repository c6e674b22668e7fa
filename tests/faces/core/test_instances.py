"""Job instances are found across workspaces, those of the caller and no others; many are read at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

import pytest

from tests.faces.core.serving import FORECAST, NOWHERE, OUTCOMES, Place, Served
from tests.faces.core.test_isolation import refused
from weft.catalog.model import Role
from weft.engine.jobs import Failed, JobError

FIND = "/v1/jobs/instances"
BULK = f"{FIND}/bulkGet"


async def find(served: Served, *, token: str | None = None, **filters: Any) -> dict[str, Any]:
    answer = await served.call("GET", f"{FIND}?{urlencode(filters)}", token=token)
    assert answer.status == 200, answer.body
    page: dict[str, Any] = answer.json()
    return page


def ids(page: dict[str, Any]) -> list[str]:
    return [entry["id"] for entry in page["value"]]


async def several(served: Served, place: Place, count: int) -> list[str]:
    """Run jobs a second apart; return their ids, the newest first."""
    made = []
    for _ in range(count):
        made.append(await served.run(place))
        served.clock.time += timedelta(seconds=1)
    return made[::-1]


# ---- what an entry says


async def test_an_entry_is_the_instance_and_where_it_belongs(served: Served, place: Place) -> None:
    id = await served.run(place)
    await served.ended(Failed(JobError("TooLate", "no data")))
    alone = (await served.call("GET", place.instance(id))).json()

    page = await find(served)

    [entry] = page["value"]
    added = {
        "workspaceId": place.workspace,
        "itemType": FORECAST,
        "itemDisplayName": "sales",
        "submittedBy": {"id": served.user_id("admin"), "displayName": "admin"},
    }
    assert entry["failureReason"].pop("requestId") != alone["failureReason"].pop("requestId")
    assert entry == alone | added
    assert list(entry) == [*alone, *added]
    assert list(page) == ["value"]


# ---- whose


async def test_instances_of_all_workspaces_of_the_caller_are_found_and_no_others(served: Served) -> None:
    ours, theirs = await served.place("ours"), await served.place("theirs", token=served.token("other"))
    shared = await served.place("shared", token=served.token("other"))
    first = await served.run(ours)
    await served.run(theirs, token=served.token("other"))
    served.clock.time += timedelta(seconds=1)
    second = await served.run(shared, token=served.token("other"))

    assert ids(await find(served)) == [first]
    await served.grant(shared, "admin", Role.VIEWER)

    assert ids(await find(served)) == [second, first]
    assert ids(await find(served, workspaceId=f"{ours.workspace},{theirs.workspace}")) == [first]
    assert ids(await find(served, itemId=f"{ours.item},{theirs.item}")) == [first]


async def test_a_role_that_is_taken_hides_the_instances_at_once(served: Served) -> None:
    place = await served.place("theirs", token=served.token("other"))
    id = await served.run(place, token=served.token("other"))
    viewer = await served.grant(place, "viewer", Role.VIEWER)
    assert ids(await find(served, token=viewer)) == [id]

    await served.store.take_role(place.workspace, served.user_id("viewer"))

    assert await find(served, token=viewer) == {"value": []}


@pytest.mark.parametrize("name", ["workspaceId", "itemId"])
async def test_a_foreign_filter_answers_exactly_as_an_unknown_one(
    served: Served, place: Place, name: str
) -> None:
    await served.run(place)
    stranger = served.token("stranger")

    foreign = place.workspace if name == "workspaceId" else place.item
    assert await find(served, token=stranger, **{name: foreign}) == {"value": []}
    assert await find(served, token=stranger, **{name: NOWHERE}) == {"value": []}
    assert await find(served, **{name: NOWHERE}) == {"value": []}


async def test_a_user_of_another_tenant_with_a_role_finds_nothing(served: Served, place: Place) -> None:
    await served.run(place)
    other_tenant = str(uuid4())
    token = served.token("admin", tenant=other_tenant)
    await served.grant(place, "admin", Role.ADMIN)

    assert await find(served, token=token) == {"value": []}


async def test_scopes_of_one_type_reach_the_instances_of_that_type(served: Served, place: Place) -> None:
    notebook = Place(place.workspace, await served.item(place.workspace, "nb", item_type="Notebook"))
    await served.run(place)
    id = await served.run(notebook, "RunNotebook")

    only = served.token("admin", "Notebook.Read.All")
    assert ids(await find(served, token=only)) == [id]
    assert ids(await find(served, token=only, itemType="Notebook,DataPipeline")) == [id]
    assert await find(served, token=only, itemType=FORECAST) == {"value": []}
    forecasts = served.token("admin", f"{FORECAST}.ReadWrite.All")
    assert len(ids(await find(served, token=forecasts))) == 1


async def test_other_scopes_find_nothing(served: Served, place: Place) -> None:
    await served.run(place)

    answer = await served.call("GET", FIND, token=served.token("admin", "Item.Execute.All"))
    assert refused(answer, 403, "InsufficientScopes")
    assert await find(served, token=served.token("admin", "Workspace.Read.All")) == {"value": []}


async def test_instances_of_a_deleted_item_are_gone_as_the_item_is(served: Served, place: Place) -> None:
    await served.run(place)
    await served.ended(OUTCOMES["Completed"])
    other = Place(place.workspace, await served.item(place.workspace, "other"))
    id = await served.run(other)

    assert (await served.call("DELETE", place.path)).status == 200

    assert ids(await find(served)) == [id]
    assert await find(served, itemId=place.item) == {"value": []}


# ---- filters and order


async def test_each_filter_lets_through_what_it_names(served: Served, place: Place) -> None:
    notebook = Place(
        place.workspace, await served.item(place.workspace, "Grüne Tabelle", item_type="Notebook")
    )
    first = await served.run(place)
    served.clock.time += timedelta(hours=1)
    await served.ended(Failed(JobError("TooLate", "The data was not there")))
    second = await served.run(notebook, "RunNotebook")
    both = [second, first]

    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, both),
        ({"workspaceId": place.workspace.upper()}, both),
        ({"itemId": f"{place.item},{notebook.item}"}, both),
        ({"itemId": notebook.item}, [second]),
        ({"itemType": "notebook"}, [second]),
        ({"itemType": "Unknown"}, []),
        ({"jobType": "runnotebook"}, [second]),
        ({"jobType": "calculateForecast,RunNotebook"}, both),
        ({"status": "notstarted"}, [second]),
        ({"status": "Failed,NotStarted"}, both),
        ({"status": "Completed"}, []),
        ({"invokeType": "Manual"}, both),
        ({"invokeType": "Scheduled"}, []),
        ({"startedAfter": "2026-04-27T08:00:00Z"}, both),
        ({"startedBefore": "2026-04-27T10:00:00+02:00"}, []),
        ({"startedAfter": "2026-04-27T08:11:35.247"}, both),
        ({"startedAfter": "2026-04-27T08:11:35.2471"}, []),
        ({"endedAfter": "2026-04-27T08:11:35.247Z"}, [first]),
        ({"endedBefore": "2026-04-27T08:11:35.247Z"}, []),
        ({"text": "DATA WAS"}, [first]),
        ({"text": "toolate"}, [first]),
        ({"text": "GRÜNE"}, [second]),
        ({"text": "ADMIN"}, both),
        ({"text": second[4:20]}, [second]),
        ({"text": place.workspace}, []),
        ({"text": "admin", "status": "Failed", "itemType": "Notebook"}, []),
    ]
    for filters, expected in cases:
        assert ids(await find(served, **filters)) == expected, filters


async def test_instances_are_sorted_as_wished_and_by_end_only_those_that_have_one(
    served: Served, place: Place
) -> None:
    first = await served.run(place)
    started = await served.started()
    served.clock.time += timedelta(seconds=1)
    second = await served.run(place)
    await served.ended(OUTCOMES["Completed"])
    served.clock.time += timedelta(seconds=1)
    await served.engine.finish(started, OUTCOMES["Completed"], cancel_wins=False)
    live = await served.run(place)

    assert ids(await find(served)) == [live, second, first]
    assert ids(await find(served, sort="startTimeUtc")) == [first, second, live]
    assert ids(await find(served, sort="-endTimeUtc")) == [first, second]
    assert ids(await find(served, sort="ENDTIMEUTC")) == [second, first]


# ---- pages


async def pages(served: Served, **filters: Any) -> list[list[str]]:
    """Return the ids of each page; both ways to go on lead to the same."""
    got = []
    page = await find(served, **filters)
    while True:
        got.append(ids(page))
        if "continuationToken" not in page:
            return got
        by_token = await find(served, **filters, continuationToken=page["continuationToken"])
        parts = urlsplit(page["continuationUri"])
        answer = await served.call("GET", f"{parts.path}?{parts.query}")
        assert by_token["value"] == answer.json()["value"]
        page = by_token


async def test_pages_meet_without_gap_or_overlap(served: Served, place: Place) -> None:
    made = await several(served, place, 5)

    assert await pages(served, maxResults=2) == [made[:2], made[2:4], made[4:]]
    assert await pages(served, maxResults=5) == [made]
    assert await pages(served, maxResults=2, sort="startTimeUtc", text="Sales") == [
        made[:2:-1],
        made[2:0:-1],
        made[:1],
    ]


async def test_a_token_older_than_a_deleted_workspace_gives_no_duplicate_and_no_foreign_row(
    served: Served, place: Place
) -> None:
    made = await several(served, place, 3)
    gone = await served.place("gone")
    await served.run(gone)
    page = await find(served, maxResults=2)
    assert ids(page)[1:] == made[:1]

    assert (await served.call("DELETE", f"/v1/workspaces/{gone.workspace}")).status == 200
    await served.run(await served.place("theirs", token=served.token("x")), token=served.token("x"))
    await served.run(place)

    rest = await find(served, maxResults=2, continuationToken=page["continuationToken"])
    assert ids(rest) == made[1:]


async def token_of(served: Served, **filters: Any) -> str:
    token: str = (await find(served, **filters, maxResults=1))["continuationToken"]
    return token


async def test_a_token_is_good_for_its_caller_and_its_filters_alone(served: Served, place: Place) -> None:
    await several(served, place, 3)
    viewer = await served.grant(place, "viewer", Role.VIEWER)
    token = await token_of(served, text="sales")
    before = served.dump()

    for how, filters in [
        (viewer, {"text": "sales"}),
        (None, {}),
        (None, {"text": "sale"}),
        (None, {"text": "sales", "sort": "startTimeUtc"}),
        (None, {"text": "sales", "status": "NotStarted"}),
    ]:
        query = urlencode(filters | {"continuationToken": token})
        answer = await served.call("GET", f"{FIND}?{query}", token=how)
        assert refused(answer, 400, "InvalidInput"), filters
        assert "continuationToken" in answer.json()["message"]
    other_list = await served.call("GET", f"{place.jobs}/instances?continuationToken={token}")
    assert refused(other_list, 400, "InvalidInput")
    assert ids(await find(served, text="sales", continuationToken=token, maxResults=3))
    assert served.dump() == before


async def test_a_token_that_is_edited_by_one_bit_is_refused(served: Served, place: Place) -> None:
    await several(served, place, 2)
    token = await token_of(served)

    for at in range(len(token)):
        edited = token[:at] + ("B" if token[at] != "B" else "C") + token[at + 1 :]
        answer = await served.call("GET", f"{FIND}?continuationToken={quote(edited)}")
        assert refused(answer, 400, "InvalidInput"), at


@pytest.mark.parametrize("token", ["", "A", "A" * 32, "A" * 44, "A" * 45, "=" * 44, "é" * 44, "A" * 5000])
async def test_a_token_that_was_never_given_is_refused(served: Served, token: str) -> None:
    answer = await served.call("GET", f"{FIND}?continuationToken={quote(token)}")

    assert refused(answer, 400, "InvalidInput")


# ---- bad input

BAD_PARAMETERS = [
    ("workspaceId", "x"),
    ("workspaceId", ""),
    ("workspaceId", f"{NOWHERE},"),
    ("workspaceId", f"{{{NOWHERE}}}"),
    ("workspaceId", ",".join([NOWHERE] * 101)),
    ("itemId", "not-a-uuid"),
    ("itemId", f"{NOWHERE} {NOWHERE}"),
    ("itemType", ","),
    ("itemType", "a" * 257),
    ("itemType", "a\x00b"),
    ("jobType", " "),
    ("jobType", "a\nb"),
    ("status", "Running"),
    ("status", "Completed;Failed"),
    ("status", "Completed,"),
    ("invokeType", "OnDemand"),
    ("startedAfter", "yesterday"),
    ("startedAfter", "2026-04-27"),
    ("startedBefore", "2026-13-01T00:00:00Z"),
    ("startedBefore", "2026-04-27T25:00:00Z"),
    ("endedAfter", "2026-04-27T00:00:00+25:00"),
    ("endedAfter", "0001-01-01T00:00:00+10:00"),
    ("endedBefore", "1714201895"),
    ("endedBefore", ""),
    ("text", ""),
    ("text", "  "),
    ("text", "x" * 257),
    ("text", "a\x1bb"),
    ("sort", "name"),
    ("sort", "startTimeUtc,endTimeUtc"),
    ("sort", ""),
    ("maxResults", "0"),
    ("maxResults", "-1"),
    ("maxResults", "1001"),
    ("maxResults", "1000000000"),
    ("maxResults", "1.5"),
    ("maxResults", "abc"),
    ("maxResults", "٣"),
    ("maxResults", ""),
    ("statuss", "Failed"),
    ("MaxResults", "5"),
    ("$filter", "status eq 'Failed'"),
]


@pytest.mark.parametrize(("name", "value"), BAD_PARAMETERS)
async def test_a_bad_parameter_is_refused_by_name_and_value_and_changes_nothing(
    served: Served, place: Place, name: str, value: str
) -> None:
    await served.run(place)
    before = served.dump()

    answer = await served.call("GET", f"{FIND}?{urlencode({name: value})}")

    assert refused(answer, 400, "InvalidInput")
    [detail] = answer.json()["moreDetails"]
    assert detail["relatedResource"] == {"resourceId": name, "resourceType": "Parameter"}
    assert name in detail["message"]
    assert served.dump() == before


async def test_a_parameter_that_is_given_twice_is_refused(served: Served) -> None:
    answer = await served.call("GET", f"{FIND}?status=Failed&status=Completed")

    assert refused(answer, 400, "InvalidInput")


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH"])
async def test_other_methods_are_not_allowed(served: Served, method: str) -> None:
    assert refused(await served.call(method, FIND), 405, "MethodNotAllowed")


# ---- many at once


def name_of(place: Place, id: str) -> dict[str, str]:
    return {"workspaceId": place.workspace, "itemId": place.item, "id": id}


async def bulk(served: Served, names: Sequence[dict[str, str]], token: str | None = None) -> list[Any]:
    answer = await served.call("POST", BULK, {"instances": names}, token=token)
    assert answer.status == 200, answer.body
    value: list[Any] = answer.json()["value"]
    return value


async def test_many_are_read_in_the_order_of_the_request(served: Served, place: Place) -> None:
    other = await served.place("other")
    made = [
        (place, await served.run(place)),
        (other, await served.run(other)),
        (place, await served.run(place)),
    ]
    names = [name_of(*one) for one in made] * 2

    value = await bulk(served, names)

    assert [entry["id"] for entry in value] == [name["id"] for name in names]
    listed = {entry["id"]: entry for entry in (await find(served))["value"]}
    assert value == [listed[name["id"]] for name in names]


async def test_what_is_not_found_is_told_as_a_get_of_it_would_be(served: Served, place: Place) -> None:
    id = await served.run(place)
    theirs = await served.place("theirs", token=served.token("other"))
    foreign = await served.run(theirs, token=served.token("other"))
    wrong = [
        name_of(theirs, foreign),
        name_of(Place(NOWHERE, place.item), id),
        name_of(Place(place.workspace, theirs.item), foreign),
        name_of(Place(place.workspace, NOWHERE), id),
        name_of(place, foreign),
        name_of(place, NOWHERE),
    ]

    value = await bulk(served, [*wrong, name_of(place, id)])

    assert value[-1]["id"] == id
    for name, entry in zip(wrong, value, strict=False):
        path = Place(name["workspaceId"], name["itemId"]).instance(name["id"])
        alone = (await served.call("GET", path)).json()
        assert alone.pop("requestId") != entry["error"].pop("requestId")
        assert entry == {**name, "error": alone}


async def test_a_foreign_instance_answers_in_bulk_as_one_of_an_unknown_workspace(
    served: Served, place: Place
) -> None:
    id = await served.run(place)
    unknown = {"workspaceId": NOWHERE, "itemId": place.item, "id": id}

    foreign, missing = await bulk(served, [name_of(place, id), unknown], served.token("stranger"))

    told = foreign["error"]["message"].replace(place.workspace, NOWHERE)
    assert {**foreign, "workspaceId": NOWHERE, "error": {**foreign["error"], "message": told}} == missing


async def test_scopes_of_another_type_are_told_for_each_instance(served: Served, place: Place) -> None:
    id = await served.run(place)

    [entry] = await bulk(served, [name_of(place, id)], served.token("admin", "Notebook.Read.All"))

    assert entry["error"]["errorCode"] == "InsufficientScopes"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, "body"),
        ({}, "instances"),
        ({"instances": None}, "instances"),
        ({"instances": {}}, "instances"),
        ({"instances": [1]}, "instances[0]"),
        ({"instances": [{"workspaceId": NOWHERE, "itemId": NOWHERE}]}, "instances[0].id"),
        (
            {"instances": [{"workspaceId": NOWHERE, "itemId": NOWHERE, "id": "x"}]},
            "instances[0].id",
        ),
        (
            {"instances": [{"workspaceId": "x", "itemId": NOWHERE, "id": NOWHERE}]},
            "instances[0].workspaceId",
        ),
        (
            {"instances": [{"workspaceId": NOWHERE, "itemId": 5, "id": NOWHERE}]},
            "instances[0].itemId",
        ),
        ({"instances": [{"workspaceId": "", "itemId": "", "id": ""}] * 1001}, "instances"),
    ],
)
async def test_a_bad_body_is_refused_by_field_and_changes_nothing(
    served: Served, body: Any, field: str
) -> None:
    before = served.dump()

    answer = await served.call("POST", BULK, body)

    assert refused(answer, 400, "InvalidInput")
    assert answer.json()["moreDetails"][0]["relatedResource"]["resourceId"] == field
    assert served.dump() == before


async def test_no_instance_is_read_for_an_empty_list(served: Served) -> None:
    assert await bulk(served, []) == []
