"""What only weft tells of imports and of the graph."""

from __future__ import annotations

from tests.faces.twins.reading_house import Reading
from weft.engine.jobs import Completed, Failed, JobError, Progress


async def test_the_graph_is_counted(house: Reading) -> None:
    assert await house.get("/weft/v1/twins/stats", version="") == {
        "models": 5,
        "twins": 5,
        "relationships": 5,
    }


async def test_an_import_shows_what_is_published_and_its_progress(house: Reading) -> None:
    await house.served.added("job1")
    job = await house.served.started()
    await house.served.engine.note_progress(job, Progress(3, 10, "Twins"))

    shown = await house.get("/weft/v1/twins/imports/job1", version="")

    published = await house.served.get("job1")
    assert shown == {**published, "progress": {"done": 3, "total": 10, "text": "Twins"}, "attempt": 1}


async def test_an_import_that_has_not_begun_has_no_progress(house: Reading) -> None:
    await house.served.added("job1")

    shown = await house.get("/weft/v1/twins/imports/job1", version="")

    assert (shown["status"], shown["progress"], shown["attempt"]) == ("notstarted", None, 0)
    assert "error" not in shown


async def test_an_import_that_failed_shows_why(house: Reading) -> None:
    await house.served.added("job1")
    await house.served.ended(Failed(JobError("ImportFinishedWithErrors", "2 of 3")))

    shown = await house.get("/weft/v1/twins/imports/job1", version="")

    assert shown["status"] == "failed"
    assert shown["error"] == {"code": "ImportFinishedWithErrors", "message": "2 of 3"}


async def test_an_import_that_succeeded_is_shown(house: Reading) -> None:
    await house.served.added("job1")
    await house.served.ended(Completed())

    assert (await house.get("/weft/v1/twins/imports/job1", version=""))["status"] == "succeeded"


async def test_an_unknown_import_is_not_found(house: Reading) -> None:
    assert (await house.get("/weft/v1/twins/imports/no", 404, version=""))["error"]["code"] == "JobNotFound"


async def test_the_published_version_may_be_named_all_the_same(house: Reading) -> None:
    assert (await house.get("/weft/v1/twins/stats"))["twins"] == 5


async def test_readers_may_look_and_nobody_else(house: Reading) -> None:
    reader = house.served.token("reader", "Read")
    nobody = house.served.token("nobody", "Other")

    await house.get("/weft/v1/twins/stats", version="", token=reader)
    await house.get("/weft/v1/twins/stats", 403, version="", token=nobody)
    await house.get("/weft/v1/twins/nothing", 404, version="")
