"""The schedules of an item: what is created, shown, changed and deleted, and what the additions tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.faces.core.scheduling import (
    CRON,
    DAILY,
    JOB_TYPE,
    MONTHLY,
    ORDINAL,
    OTHER_JOB_TYPE,
    WEEKLY,
    body,
    scheduled,
    schedules,
)
from tests.faces.core.serving import HOST, NOWHERE, Place, Served
from weft.catalog.model import Role
from weft.engine.schedules import Fate, Occurrence


@pytest.mark.parametrize("configuration", [CRON, DAILY, WEEKLY, MONTHLY, ORDINAL])
async def test_a_schedule_is_created_and_shown_as_it_was_sent(
    served: Served, place: Place, configuration: dict[str, Any]
) -> None:
    created = await served.call("POST", schedules(place), body(configuration))

    shown = created.json()
    assert created.status == 201
    assert created.header("Location") == f"http://{HOST}{schedules(place)}/{shown['id']}"
    assert list(shown) == ["id", "enabled", "createdDateTime", "configuration", "owner"]
    assert shown["createdDateTime"] == "2026-04-27T07:11:35.247"
    assert list(shown["configuration"].items()) == list(configuration.items())
    assert shown["owner"] == {"id": served.user_id("admin"), "type": "User"}
    got = await served.call("GET", f"{schedules(place)}/{shown['id']}")
    assert (got.status, got.json()) == (200, shown)


async def test_members_of_a_configuration_stay_as_they_were_sent_behind_the_type(
    served: Served, place: Place
) -> None:
    raw = (
        b'{"executionData": {"folds" : 2.0}, "enabled": false, "configuration": {"localTimeZoneId": "UTC", '
        b'"interval": 5, "later": {"b": [1.50], "a": null}, "startDateTime": "2026-05-01T00:00:00Z", '
        b'"type": "Cron", "endDateTime": "2026-05-01T00:00:01.5"}}'
    )

    created = await served.call("POST", schedules(place), raw=raw)

    assert created.status == 201
    assert (
        b'"configuration":{"type":"Cron","localTimeZoneId":"UTC","interval":5,'
        b'"later":{"b": [1.50], "a": null},'
        b'"startDateTime":"2026-05-01T00:00:00Z","endDateTime":"2026-05-01T00:00:01.5"}'
    ) in created.body
    assert created.body.endswith(b'"executionData":{"folds" : 2.0}}')


@pytest.mark.parametrize("nothing", [{}, {"executionData": None}])
async def test_execution_data_is_shown_only_where_it_was_given(
    served: Served, place: Place, nothing: dict[str, Any]
) -> None:
    created = await served.call("POST", schedules(place), body(**nothing))

    assert "executionData" not in created.json()


async def test_an_app_that_creates_a_schedule_owns_it_as_a_service_principal(
    served: Served, place: Place
) -> None:
    token = served.token("robot", app=True)
    await served.store.give_role(place.workspace, served.known(token), Role.CONTRIBUTOR)

    created = await served.call("POST", schedules(place), body(), token=token)

    assert created.json()["owner"] == {"id": served.known(token).id, "type": "ServicePrincipal"}


async def test_a_schedule_wholly_in_the_past_is_accepted(served: Served, place: Place) -> None:
    past = {**CRON, "startDateTime": "2024-01-23T00:00:00", "endDateTime": "2024-10-07T23:59:00"}

    address = await scheduled(served, place, past)

    assert (await served.call("GET", f"/weft{address}/upcoming")).json() == {"value": []}


async def test_a_job_type_in_any_case_is_one_and_the_same(served: Served, place: Place) -> None:
    created = await served.call("POST", schedules(place, "CALCULATEforecast"), body())

    id = created.json()["id"]
    assert str(created.header("Location")).endswith(f"/jobs/{JOB_TYPE}/schedules/{id}")
    for job_type in (JOB_TYPE, JOB_TYPE.lower(), JOB_TYPE.upper()):
        assert (await served.call("GET", f"{schedules(place, job_type)}/{id}")).status == 200
        listed = await served.call("GET", schedules(place, job_type))
        assert [one["id"] for one in listed.json()["value"]] == [id]


async def test_a_job_type_that_the_item_does_not_have_is_refused(served: Served, place: Place) -> None:
    answers = [
        await served.call("GET", schedules(place, "RunNotebook")),
        await served.call("POST", schedules(place, "RunNotebook"), body()),
    ]

    assert [(a.status, a.json()["errorCode"]) for a in answers] == [(400, "InvalidJobType")] * 2
    assert served.dump()["schedules"] == []


async def test_an_empty_list_has_just_a_value(served: Served, place: Place) -> None:
    answer = await served.call("GET", schedules(place))

    assert (answer.status, answer.body) == (200, b'{"value":[]}')


async def test_lists_go_on_where_their_pages_end(small_pages: Served) -> None:
    served = small_pages
    place = await served.place()
    made = [(await scheduled(served, place)).rpartition("/")[2] for _ in range(5)]
    await scheduled(served, place, job_type=OTHER_JOB_TYPE)

    seen: list[str] = []
    target = schedules(place)
    while target:
        page = (await served.call("GET", target)).json()
        seen += [one["id"] for one in page["value"]]
        assert ("continuationToken" in page) == ("continuationUri" in page)
        target = page.get("continuationUri", "").removeprefix(f"http://{HOST}")

    assert seen == made


async def test_s5_a_token_of_one_list_of_schedules_opens_no_other(small_pages: Served) -> None:
    served = small_pages
    place = await served.place()
    for job_type in (JOB_TYPE, JOB_TYPE, JOB_TYPE, OTHER_JOB_TYPE):
        await scheduled(served, place, job_type=job_type)
    token = (await served.call("GET", schedules(place))).json()["continuationToken"]

    other = await served.call("GET", f"{schedules(place, OTHER_JOB_TYPE)}?continuationToken={token}")
    instances = await served.call("GET", f"{place.jobs}/instances?continuationToken={token}")

    assert [other.status, instances.status] == [400, 400]


# ---- changes


async def test_an_update_replaces_all_but_id_and_date_and_may_change_the_kind(
    served: Served, place: Place
) -> None:
    address = await scheduled(served, place, CRON, executionData={"folds": 2})
    before = (await served.call("GET", address)).json()
    served.clock.time += timedelta(days=1)
    token = await served.grant(place, "colleague", Role.CONTRIBUTOR)

    changed = await served.call("PATCH", address, body(WEEKLY, enabled=False), token=token)

    shown = changed.json()
    assert changed.status == 200
    assert shown == {
        "id": before["id"],
        "enabled": False,
        "createdDateTime": before["createdDateTime"],
        "configuration": WEEKLY,
        "owner": {"id": served.user_id("colleague"), "type": "User"},
    }
    assert (await served.call("GET", address)).json() == shown


async def test_s15_what_only_the_server_says_is_not_taken_from_an_update(
    served: Served, place: Place
) -> None:
    address = await scheduled(served, place)
    before = (await served.call("GET", address)).json()
    forged: dict[str, Any] = {
        "id": NOWHERE,
        "owner": {"id": NOWHERE, "type": "Group"},
        "createdDateTime": "2020-01-01T00:00:00",
    }

    changed = await served.call("PATCH", address, body(DAILY, **forged))

    assert (changed.status, changed.json()) == (200, before)
    assert [one["id"] for one in (await served.call("GET", schedules(place))).json()["value"]] == [
        before["id"]
    ]


async def test_a_deleted_schedule_is_gone(served: Served, place: Place) -> None:
    address = await scheduled(served, place)

    deleted = await served.call("DELETE", address)

    assert (deleted.status, deleted.body) == (200, b"")
    assert deleted.header("Content-Type") == "application/octet-stream"
    again = [await served.call(method, address) for method in ("GET", "DELETE")]
    assert [(a.status, a.json()["message"]) for a in again] == [
        (404, "The requested item schedule not found")
    ] * 2


async def test_s4_a_schedule_is_not_found_under_another_job_type_item_or_workspace(
    served: Served, place: Place
) -> None:
    address = await scheduled(served, place)
    id = address.rpartition("/")[2]
    sibling = Place(place.workspace, await served.item(place.workspace, "costs"))
    elsewhere = await served.place("elsewhere")
    before = served.dump()

    for wrong in (
        schedules(place, OTHER_JOB_TYPE),
        schedules(place, "Gone"),
        schedules(sibling),
        schedules(elsewhere),
    ):
        for method, sent in (("GET", None), ("PATCH", body(enabled=False)), ("DELETE", None)):
            answer = await served.call(method, f"{wrong}/{id}", sent)
            unknown = await served.call(method, f"{wrong}/{NOWHERE}", sent)
            assert (answer.status, answer.json()["errorCode"]) == (404, "ScheduleNotFound")
            assert _without_request(answer.json()) == _without_request(unknown.json())
        for addition in ("upcoming", "occurrences"):
            assert (await served.call("GET", f"/weft{wrong}/{id}/{addition}")).status == 404
    assert served.dump() == before


def _without_request(error: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in error.items() if name != "requestId"}


async def test_s69_an_item_has_at_most_twenty_schedules_of_all_its_job_types(
    served: Served, place: Place
) -> None:
    for number in range(20):
        await scheduled(served, place, job_type=(JOB_TYPE, OTHER_JOB_TYPE)[number % 2])
    before = served.dump()

    refused = await served.call("POST", schedules(place), body())

    assert (refused.status, refused.json()["errorCode"]) == (400, "ScheduleExceedsLimit")
    assert served.dump() == before
    sibling = Place(place.workspace, await served.item(place.workspace, "costs"))
    await scheduled(served, sibling)


async def test_schedules_go_with_their_item(served: Served, place: Place) -> None:
    address = await scheduled(served, place)

    assert (await served.call("DELETE", place.path)).status == 200

    gone = await served.call("GET", address)
    assert (gone.status, gone.json()["errorCode"]) == (404, "ItemNotFound")
    assert served.dump()["schedules"] == []


@pytest.mark.parametrize("collection", ["items", "notebooks", "Notebooks"])
async def test_the_address_of_the_collection_of_its_type_means_the_item(
    served: Served, collection: str
) -> None:
    place = await served.place(item_type="Notebook")
    target = schedules(place, "RunNotebook").replace("/items/", f"/{collection}/")

    id = await served.made(target, body())

    shown = await served.call("GET", f"{target}/{id}")
    assert shown.json() == (await served.call("GET", f"{schedules(place, 'RunNotebook')}/{id}")).json()
    assert (await served.call("PATCH", f"{target}/{id}", body(CRON))).status == 200
    assert (await served.call("DELETE", f"{target}/{id}")).status == 200


async def test_a_job_goes_on_when_its_schedule_is_deleted(served: Served, place: Place) -> None:
    address = await scheduled(served, place, {**CRON, "startDateTime": "2026-01-01T00:00:00"})
    await served.scheduler.fire_due()
    job = await served.started()

    await served.call("DELETE", address)

    shown = (await served.call("GET", place.instance(job.key.id))).json()
    assert (shown["status"], shown["invokeType"]) == ("InProgress", "Scheduled")


async def test_s70_a_start_ten_years_ago_is_caught_up_with_once(served: Served, place: Place) -> None:
    await scheduled(served, place, {**CRON, "interval": 1, "startDateTime": "2016-04-27T00:00:00"})

    fired = [await served.scheduler.fire_due() for _ in range(3)]

    instances = (await served.call("GET", f"{place.jobs}/instances")).json()["value"]
    assert (sum(fired), len(instances)) == (1, 1)


async def test_a_disabled_schedule_does_not_fire_until_it_is_enabled(served: Served, place: Place) -> None:
    past = {**CRON, "startDateTime": "2026-01-01T00:00:00"}
    target = schedules(place)
    address = f"{target}/{await served.made(target, body(past, enabled=False))}"
    resting = await served.scheduler.fire_due()

    await served.call("PATCH", address, body(past))
    served.clock.time += timedelta(minutes=10)

    assert (resting, await served.scheduler.fire_due()) == (0, 1)


# ---- additions


async def test_the_next_occurrences_are_told_in_utc_and_in_the_schedules_zone(
    served: Served, place: Place
) -> None:
    address = await scheduled(served, place, {**DAILY, "startDateTime": "2026-10-24T00:00:00"})

    told = await served.call("GET", f"/weft{address}/upcoming?limit=3")

    assert told.json()["value"] == [
        {"dueUtc": "2026-10-24T05:00:00", "dueLocal": "2026-10-24T07:00:00+02:00"},
        {"dueUtc": "2026-10-24T17:00:00", "dueLocal": "2026-10-24T19:00:00+02:00"},
        {"dueUtc": "2026-10-25T06:00:00", "dueLocal": "2026-10-25T07:00:00+01:00"},
    ]


@pytest.mark.parametrize("limit", ["", "0", "-1", "101", "1.5", "x", "%EF%BC%91", "1&limit=2"])
async def test_a_limit_that_is_none_is_refused(served: Served, place: Place, limit: str) -> None:
    address = await scheduled(served, place)

    answer = await served.call("GET", f"/weft{address}/upcoming?limit={limit}")

    assert (answer.status, answer.json()["errorCode"]) == (400, "InvalidInput")
    assert "limit" in answer.json()["message"]


@pytest.mark.parametrize("configuration", [CRON, DAILY, WEEKLY, MONTHLY, ORDINAL])
@pytest.mark.parametrize(
    ("start", "end"),
    [("1900-01-01T00:00:00", "9000-12-31T23:59:59.9999999"), ("9000-12-31T23:59:58", "9000-12-31T23:59:59")],
)
async def test_the_widest_schedules_have_next_occurrences(
    served: Served, place: Place, configuration: dict[str, Any], start: str, end: str
) -> None:
    widest = {**configuration, "startDateTime": start, "endDateTime": end}
    if widest["type"] == "Cron":
        widest["interval"] = 5_270_400
    address = await scheduled(served, place, widest)

    told = await served.call("GET", f"/weft{address}/upcoming?limit=100")

    assert told.status == 200
    assert len(told.json()["value"]) <= 100


async def test_what_became_of_occurrences_is_told_page_by_page(small_pages: Served) -> None:
    served = small_pages
    place = await served.place()
    address = await scheduled(served, place, DAILY)
    [schedule] = await served.store.schedules(f"core/{place.workspace}/{place.item}", None, after=0, limit=9)
    due = datetime(2026, 5, 1, 5, tzinfo=UTC)
    missed = Occurrence(due=due, fate=Fate.MISSED, count=3, last=due + timedelta(hours=24))
    fired = [Occurrence(due=due + timedelta(hours=36 + n), fate=Fate.FIRED, job=NOWHERE) for n in (0, 1)]
    await served.store.fire(schedule, [missed, *fired], None)

    first = (await served.call("GET", f"/weft{address}/occurrences")).json()
    token = first["continuationToken"]
    second = (await served.call("GET", f"/weft{address}/occurrences?continuationToken={token}")).json()

    assert [one["dueUtc"] for one in first["value"]] == ["2026-05-02T18:00:00", "2026-05-02T17:00:00"]
    assert first["value"][0] == {
        "dueUtc": "2026-05-02T18:00:00",
        "state": "Fired",
        "jobInstanceId": NOWHERE,
        "count": 1,
        "lastDueUtc": "2026-05-02T18:00:00",
    }
    assert second == {
        "value": [
            {
                "dueUtc": "2026-05-01T05:00:00",
                "state": "Missed",
                "jobInstanceId": None,
                "count": 3,
                "lastDueUtc": "2026-05-02T05:00:00",
            }
        ]
    }
