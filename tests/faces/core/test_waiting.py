"""`Prefer: wait=N`: an answer that comes when the job has ended, and what ends the wait before."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.faces.core.held import Held, settled
from tests.faces.core.serving import OUTCOMES, Place, Served
from weft.catalog.model import Role
from weft.faces.core.doors import envelope
from weft.faces.core.wishes import Preferences, preferences
from weft.faces.doors import Doors

WAIT = {"Prefer": "wait=60"}
RUN = "calculateForecast/instances"


async def test_a_look_waits_for_the_end_of_the_job(served: Served, place: Place) -> None:
    id = await served.run(place)
    look = Held(served, "GET", place.instance(id), headers=WAIT)
    await settled()
    answered_before = look.is_answered

    await served.ended(OUTCOMES["Completed"])
    answer = await look.answer()

    assert not answered_before
    assert (answer.status, answer.json()["status"]) == (200, "Completed")
    assert answer.header("Preference-Applied") == "wait=60"
    assert answer.header("Retry-After") is None


async def test_a_look_at_what_has_ended_is_answered_at_once(served: Served, place: Place) -> None:
    id = await served.run(place)
    await served.ended(OUTCOMES["Failed"])

    answer = await served.call("GET", place.instance(id), headers=WAIT)

    assert (answer.json()["status"], answer.header("Preference-Applied")) == ("Failed", "wait=60")


async def test_after_the_time_the_answer_is_that_of_a_job_under_way(served: Served, place: Place) -> None:
    id = await served.run(place)

    answer = await Held(served, "GET", place.instance(id), headers={"Prefer": "wait=1"}).answer()

    assert (answer.json()["status"], answer.header("Preference-Applied")) == ("NotStarted", "wait=1")
    assert answer.header("Retry-After") == "60"


async def test_details_wait_too(served: Served, place: Place) -> None:
    id = await served.run(place)
    look = Held(served, "GET", f"/weft{place.instance(id)}", headers=WAIT)
    await settled()

    await served.ended(OUTCOMES["Completed"])

    assert (await look.answer()).json()["result"] == {"mape": 4.5}


async def test_a_run_waits_for_the_end_and_its_answer_stays_empty(served: Served, place: Place) -> None:
    run = Held(served, "POST", f"{place.jobs}/{RUN}", headers=WAIT)
    await settled()
    answered_before = run.is_answered

    await served.ended(OUTCOMES["Completed"])
    answer = await run.answer()

    assert not answered_before
    assert (answer.status, answer.body) == (202, b"")
    assert answer.header("Preference-Applied") == "wait=60"
    assert str(answer.header("Location")).endswith(str(answer.header("x-ms-job-id")))


async def test_a_run_returns_the_instance_to_who_prefers_it(served: Served, place: Place) -> None:
    run = Held(served, "POST", f"{place.jobs}/{RUN}", headers={"Prefer": "return=representation, wait=60"})
    await settled()
    await served.ended(OUTCOMES["Completed"])

    answer = await run.answer()

    assert (answer.status, answer.json()["status"]) == (202, "Completed")
    assert answer.json()["id"] == answer.header("x-ms-job-id")
    assert answer.header("Preference-Applied") == "wait=60, return=representation"


async def test_a_run_returns_the_instance_without_a_wait(served: Served, place: Place) -> None:
    prefer = {"Prefer": "return=representation"}

    answer = await served.call("POST", f"{place.jobs}/{RUN}", headers=prefer)

    assert (answer.status, answer.json()["status"]) == (202, "NotStarted")
    assert answer.header("Preference-Applied") == "return=representation"


async def test_who_may_run_and_not_read_is_shown_nothing(served: Served, place: Place) -> None:
    token = served.token("admin", "Item.Execute.All")
    prefer = {"Prefer": "return=representation"}

    answer = await served.call("POST", f"{place.jobs}/{RUN}", headers=prefer, token=token)

    assert (answer.status, answer.body, answer.header("Preference-Applied")) == (202, b"", None)


@pytest.mark.parametrize(
    ("header", "wish"),
    [
        ("wait=10", Preferences(10)),
        ('WAIT = "10"; foo=bar, wait=20', Preferences(10)),
        ("respond-async, wait=301", Preferences(300)),
        ("wait=" + "9" * 400, Preferences(300)),
        ('x="a, wait=9", return=representation', Preferences(0, represent=True)),
        ("return=minimal", Preferences()),
        ("wait=-1", Preferences()),
        ("wait=1.5", Preferences()),
        ("wait=٣", Preferences()),
        ("wait", Preferences()),
        (",,,=;", Preferences()),
        ('"', Preferences()),
        ("wait=10, " + "x" * 2000, Preferences()),
        ('"\\' * 500, Preferences()),
    ],
)
def test_a_preference_is_read_as_the_rfc_says_and_what_is_none_is_passed_over(
    header: str, wish: Preferences
) -> None:
    assert preferences({"headers": [(b"prefer", header.encode("utf-8"))]}) == wish


def test_preferences_of_several_headers_count_together() -> None:
    headers = [(b"prefer", b"wait=7"), (b"host", b"x"), (b"prefer", b"return=representation")]

    assert preferences({"headers": headers}) == Preferences(7, represent=True)


@pytest.mark.parametrize("header", ["wait=-1", "wait=soon", "respond-async", ""])
async def test_an_answer_to_a_preference_that_is_none_is_as_without_it(
    served: Served, place: Place, header: str
) -> None:
    answer = await served.call("POST", f"{place.jobs}/{RUN}", headers={"Prefer": header})

    assert (answer.status, answer.body, answer.header("Preference-Applied")) == (202, b"", None)


async def test_a_client_that_goes_away_ends_its_wait_at_once(served: Served, place: Place) -> None:
    id = await served.run(place)
    look = Held(served, "GET", place.instance(id), headers=WAIT)
    await settled()

    look.leave()
    await asyncio.wait_for(look.task, timeout=5)

    assert not look.is_answered
    assert served.waits.busy == 0


async def test_a_client_that_goes_away_leaves_its_run_behind(served: Served, place: Place) -> None:
    run = Held(served, "POST", f"{place.jobs}/{RUN}", headers=WAIT)
    await settled()

    run.leave()
    await asyncio.wait_for(run.task, timeout=5)

    assert len((await served.call("GET", f"{place.jobs}/instances")).json()["value"]) == 1


async def test_one_wait_too_many_of_an_identity_is_told_to_come_back_and_runs_nothing(
    served: Served, place: Place
) -> None:
    id = await served.run(place)
    reader = await served.grant(place, "reader", Role.VIEWER)
    looks = [Held(served, "GET", place.instance(id), headers=WAIT) for _ in range(100)]
    await settled()
    before = served.dump()

    run = await served.call("POST", f"{place.jobs}/{RUN}", headers=WAIT)
    look = await served.call("GET", place.instance(id), headers=WAIT)
    without_wait = await served.call("GET", place.instance(id))
    other = Held(served, "GET", place.instance(id), headers=WAIT, token=reader)
    await settled()
    others_wait_goes_on = not other.is_answered
    unchanged = served.dump() == before
    await served.ended(OUTCOMES["Completed"])
    answers = [await held.answer() for held in (*looks, other)]
    after = await served.call("GET", place.instance(id), headers=WAIT)

    for refused in (run, look):
        assert (refused.status, refused.json()["errorCode"]) == (429, "RequestBlocked")
        assert int(str(refused.header("Retry-After"))) >= 1
        assert refused.json()["isRetriable"] is True
    assert unchanged
    assert without_wait.status == 200
    assert others_wait_goes_on
    assert {answer.status for answer in answers} == {200}
    assert after.status == 200


async def test_a_server_that_stops_answers_all_who_wait(served: Served, place: Place) -> None:
    id = await served.run(place)
    look = Held(served, "GET", place.instance(id), headers=WAIT)
    run = Held(served, "POST", f"{place.jobs}/{RUN}", headers=WAIT)
    await settled()

    served.waits.end()
    answers = [await asyncio.wait_for(held.answer(), timeout=5) for held in (look, run)]
    late = await Held(served, "GET", place.instance(id), headers=WAIT).answer()

    assert [answer.status for answer in (*answers, late)] == [200, 202, 200]
    assert [answer.header("Preference-Applied") for answer in (*answers, late)] == [None, None, None]
    assert late.header("Retry-After") == "60"


async def test_who_was_removed_during_a_wait_is_told_nothing(served: Served, place: Place) -> None:
    id = await served.run(place)
    reader = await served.grant(place, "reader", Role.VIEWER)
    look = Held(served, "GET", place.instance(id), headers=WAIT, token=reader)
    await settled()
    with served.writing() as database:
        database.execute("DELETE FROM roles WHERE principal = ?", (served.user_id("reader"),))

    await served.ended(OUTCOMES["Completed"])
    answer = await look.answer()

    assert (answer.status, answer.json()["errorCode"]) == (404, "WorkspaceNotFound")


async def test_a_run_whose_caller_was_removed_during_the_wait_is_accepted_and_not_shown(
    served: Served, place: Place
) -> None:
    runner = await served.grant(place, "runner", Role.CONTRIBUTOR)
    prefer = {"Prefer": "wait=60, return=representation"}
    run = Held(served, "POST", f"{place.jobs}/{RUN}", headers=prefer, token=runner)
    await settled()
    with served.writing() as database:
        database.execute("DELETE FROM roles WHERE principal = ?", (served.user_id("runner"),))

    await served.ended(OUTCOMES["Completed"])
    answer = await run.answer()

    assert (answer.status, answer.body, answer.header("Preference-Applied")) == (202, b"", "wait=60")


async def test_a_token_that_ends_during_a_wait_is_refused_at_its_end(served: Served, place: Place) -> None:
    id = await served.run(place)
    look = Held(served, "GET", place.instance(id), headers=WAIT)
    await settled()
    served.clock.time += timedelta(hours=2)

    await served.ended(OUTCOMES["Completed"])
    answer = await look.answer()

    assert (answer.status, answer.json()["errorCode"]) == (401, "TokenExpired")


async def test_a_job_that_goes_with_its_item_ends_the_wait(served: Served, place: Place) -> None:
    id = await served.run(place)
    look = Held(served, "GET", place.instance(id), headers=WAIT)
    await settled()

    deleted = await served.call("DELETE", place.path)
    answer = await look.answer()

    assert deleted.status == 200
    assert answer.status in (200, 404)  # seen as Cancelled, or just after its item was gone


@pytest.mark.parametrize("target", ["{jobs}/instances/{id}", "{path}/jobs/instances/nonsense"])
async def test_a_wait_for_what_is_not_there_is_no_wait(served: Served, place: Place, target: str) -> None:
    unknown = target.format(jobs=place.jobs, path=place.path, id="00000000-0000-0000-0000-00000000dead")

    answer = await served.call("GET", unknown, headers=WAIT)

    assert answer.status in (400, 404)
    assert served.waits.busy == 0


async def test_who_waits_takes_no_room_among_the_requests_that_are_served(
    served: Served, place: Place
) -> None:
    doors = Doors(served.app, default=envelope, requests_at_once=1)
    id = await served.run(place)
    look = Held(served, "GET", place.instance(id), app=doors, headers=WAIT)
    await settled()

    other = Held(served, "GET", place.instance(id), app=doors)
    await served.ended(OUTCOMES["Completed"])

    assert (await other.answer()).status == 200
    assert (await look.answer()).status == 200
