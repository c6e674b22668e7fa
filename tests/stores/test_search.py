"""Jobs are found across scopes: by every filter, in every order, page by page, and never a foreign one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import apsw
import pytest

from tests.stores.builders import NOW, QUEUE, a_claim, a_job, after, an_end, an_ended_job, keep
from weft.engine.jobs import Job, JobError, JobKey
from weft.engine.lifecycle import State
from weft.engine.ports import Found, JobStore, Place, Search, Span
from weft.stores.sqlite import searching
from weft.stores.sqlite.database import open_writer
from weft.stores.sqlite.jobs import insert

FAMILY = "core/w1"
LABELS = {"item_type": "Notebook", "invoke_type": "Manual", "item_name": "Sales", "user_name": "Ada"}


def a_search(**given: Any) -> Search:
    search = Search(queue=QUEUE, families=(FAMILY,))
    return replace(search, **given)


async def keep_member(store: JobStore, *, scope: str = f"{FAMILY}/i1", **given: Any) -> Job:
    """Keep a job that a search finds."""
    job = an_ended_job if given.get("state", State.ACCEPTED).is_final else a_job
    made = job(**{"family": scope.rpartition("/")[0], "labels": LABELS} | given)
    kept = await store.insert(replace(made, key=JobKey(scope, made.key.id)))
    assert kept is not None
    return kept


async def all_pages(store: JobStore, search: Search) -> list[Job]:
    found: list[Job] = []
    while True:
        page = await store.search(search)
        found += page.jobs
        if page.onward is None:
            return found
        search = replace(search, after=page.onward)


def ids(jobs: Sequence[Job]) -> list[str]:
    return [job.key.id for job in jobs]


# ---- what is found


async def test_a_job_is_found_as_it_was_kept_but_for_payload_and_result(store: JobStore) -> None:
    error = JobError("TooLate", "the data was not there", details=())
    kept = await keep_member(
        store, state=State.FAILED, error=error, payload=b"x" * 5000, result=b"[1]", unique="u"
    )

    found = await store.search(a_search())

    assert found == Found([replace(kept, payload=b"", result=None)], None)


async def test_nothing_is_found_of_another_family_or_without_one(store: JobStore) -> None:
    await keep_member(store, scope="core/w2/i1")
    await keep(store, key=JobKey(f"{FAMILY}/i1", "without"))
    await keep_member(store, scope="core/w11/i1")

    assert await store.search(a_search()) == Found([], None)
    assert await store.search(a_search(families=("core/unknown",))) == Found([], None)
    assert await store.search(a_search(families=())) == Found([], None)


async def test_nothing_is_found_of_another_queue(store: JobStore) -> None:
    await keep_member(store, queue="other")

    assert (await store.search(a_search())).jobs == []
    assert (await store.search(a_search(scopes=(f"{FAMILY}/i1",)))).jobs == []


async def test_of_scopes_only_their_jobs_are_found(store: JobStore) -> None:
    wanted = await keep_member(store, scope=f"{FAMILY}/i1")
    await keep_member(store, scope=f"{FAMILY}/i2")

    assert ids((await store.search(a_search(scopes=(f"{FAMILY}/i1",)))).jobs) == ids([wanted])
    assert (await store.search(a_search(scopes=()))).jobs == []


async def test_a_family_is_known_from_its_first_job_on_whatever_was_in_the_scope_before(
    store: JobStore,
) -> None:
    await keep(store, key=JobKey(f"{FAMILY}/i1", "without"))

    first, second = [await keep_member(store, scope=f"{FAMILY}/i1") for _ in range(2)]

    assert ids((await store.search(a_search(oldest_first=True))).jobs) == ids([first, second])


async def test_a_family_that_is_not_the_scope_above_is_a_mistake(store: JobStore) -> None:
    with pytest.raises(ValueError, match="not the scope above"):
        await store.insert(a_job(family="core/w2"))


async def test_of_a_closed_scope_only_what_lives_is_found(store: JobStore) -> None:
    live = await keep_member(store)
    await keep_member(store, state=State.COMPLETED)
    other = await keep_member(store, scope=f"{FAMILY}/i2", state=State.COMPLETED)

    await store.close_scope(f"{FAMILY}/i1")

    assert set(ids(await all_pages(store, a_search()))) == set(ids([live, other]))
    assert ids(await all_pages(store, a_search(scopes=(f"{FAMILY}/i1",)))) == ids([live])


async def test_a_job_is_found_by_its_start_once_it_has_begun_and_by_its_end_once_it_has_ended(
    store: JobStore,
) -> None:
    first = await keep_member(store)
    second = await keep_member(store, submitted_at=after(1), available_at=after(60))
    [started] = await store.claim(a_claim(now=after(5)))
    assert started.key == first.key

    assert ids((await store.search(a_search())).jobs) == ids([first, second])
    assert (await store.search(a_search(by_end=True))).jobs == []

    await store.move(an_end(started))

    assert ids((await store.search(a_search(by_end=True))).jobs) == ids([first])


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ({"states": frozenset({State.FAILED})}, {"state": State.FAILED}),
        ({"kinds": ("TRAIN",)}, {"kind": "train"}),
        ({"labels": {"item_type": ("Lakehouse", "Other")}}, {"labels": LABELS | {"item_type": "Lakehouse"}}),
        (
            {"labels": {"item_type": ("Lakehouse",), "invoke_type": ("Scheduled",)}},
            {"labels": LABELS | {"item_type": "Lakehouse", "invoke_type": "Scheduled"}},
        ),
        ({"started": Span(since=after(10))}, {"submitted_at": after(10)}),
        ({"started": Span(until=NOW)}, {"submitted_at": NOW - timedelta(microseconds=1)}),
        ({"started": Span(since=after(10))}, {"submitted_at": NOW, "started_at": after(11)}),
        ({"ended": Span(since=after(10))}, {"state": State.COMPLETED, "ended_at": after(10)}),
        ({"ended": Span(until=NOW)}, {"state": State.COMPLETED, "ended_at": NOW - timedelta(seconds=1)}),
        ({"text": "NEEDLE"}, {"key": JobKey("", "a-needle")}),
        ({"text": "needle"}, {"kind": "ANeedle"}),
        ({"text": "needle"}, {"labels": LABELS | {"item_name": "a Needle\t"}}),
        ({"text": "nee dle"}, {"labels": LABELS | {"user_name": "Nee Dle"}}),
        ({"text": "Needle"}, {"state": State.FAILED, "error": JobError("needle", "")}),
        ({"text": "needle"}, {"state": State.FAILED, "error": JobError("", "no NEEDLE here")}),
        ({"text": "50%"}, {"labels": LABELS | {"item_name": "50% off"}}),
        ({"text": "_"}, {"labels": LABELS | {"item_name": "a_b"}}),
        ({"text": 'b\\"'}, {"labels": LABELS | {"item_name": 'a\\b\\"c'}}),
        ({"text": "GRÜN"}, {"labels": LABELS | {"item_name": "grüne Zahlen"}}),
        ({"text": "ärger"}, {"state": State.FAILED, "error": JobError("", "viel ÄRGER")}),
    ],
)
async def test_each_filter_finds_what_it_names_and_nothing_else(
    store: JobStore, wanted: dict[str, Any], given: dict[str, Any]
) -> None:
    await keep_member(store, state=State.COMPLETED, labels=LABELS | {"item_name": "grXne bb 500"})
    await keep_member(store, labels=LABELS | {"hidden": "needle 50% _ GRÜN"})
    right = await keep_member(store, **given)
    search = a_search(text_labels=("item_name", "user_name"), **wanted)

    for by_scope in (None, (f"{FAMILY}/i1",)):
        assert ids(await all_pages(store, replace(search, scopes=by_scope))) == ids([right])


# ---- order and pages


def expected(jobs: Sequence[Job], search: Search) -> list[str]:
    def place(job: Job) -> Any:
        return (job.ended_at if search.by_end else job.started_at or job.submitted_at, job.number)

    fits = [
        job
        for job in jobs
        if job.family
        and (job.family in search.families if search.scopes is None else job.key.scope in search.scopes)
        and (not search.states or job.state in search.states)
        and (not search.kinds or job.kind in search.kinds)
        and not (search.by_end and job.ended_at is None)
        and (search.started.since is None or (job.started_at or job.submitted_at) >= search.started.since)
        and (search.started.until is None or (job.started_at or job.submitted_at) < search.started.until)
        and (search.ended.since is None or (job.ended_at is not None and job.ended_at >= search.ended.since))
        and (search.ended.until is None or (job.ended_at is not None and job.ended_at < search.ended.until))
        and search.text in job.labels["item_name"]
    ]
    return ids(sorted(fits, key=place, reverse=not search.oldest_first))


def many_jobs(chance: random.Random, count: int) -> list[Job]:
    """Return jobs of three families, many of them at the same instant."""
    made = []
    for _ in range(count):
        state = chance.choice(list(State))
        job = an_ended_job() if state.is_final else a_job()
        submitted_at = after(chance.randrange(6))
        scope = f"core/w{chance.choice([1, 1, 1, 2, 3])}/i{chance.randrange(3)}"
        made.append(
            replace(
                job,
                key=JobKey(scope, job.key.id),
                family=scope.rpartition("/")[0],
                state=state,
                kind=chance.choice(["train", "score"]),
                submitted_at=submitted_at,
                started_at=chance.choice([None, submitted_at + timedelta(seconds=chance.randrange(4))]),
                ended_at=after(chance.randrange(12)) if state.is_final else None,
                labels=LABELS | {"item_name": chance.choice(["sales", "costs"])},
            )
        )
    return made


def any_search(chance: random.Random) -> Search:
    def span() -> Span:
        bounds = [None, None, after(chance.randrange(12))]
        return Span(chance.choice(bounds), chance.choice(bounds))

    return a_search(
        families=chance.choice(
            [("core/w1",), ("core/w1", "core/w2"), ("core/w3", "core/w2", "core/unknown")]
        ),
        scopes=chance.choice([None, None, ("core/w1/i0",), ("core/w1/i1", "core/w2/i2")]),
        states=frozenset(chance.sample(list(State), chance.choice([0, 0, 1, 3]))),
        kinds=chance.choice([(), ("train",)]),
        text=chance.choice(["", "", "sal"]),
        text_labels=("item_name",),
        started=span(),
        ended=chance.choice([Span(), span()]),
        by_end=chance.choice([False, True]),
        oldest_first=chance.choice([False, True]),
        limit=chance.choice([1, 3, 7, 1000]),
    )


async def test_pages_of_any_search_are_what_a_plain_filter_and_a_sort_give(store: JobStore) -> None:
    chance = random.Random(1)
    kept = [job for one in many_jobs(chance, 300) if (job := await store.insert(one)) is not None]

    for _ in range(300):
        search = any_search(chance)
        assert ids(await all_pages(store, search)) == expected(kept, search), search


async def test_a_page_that_has_looked_at_enough_ends_short_and_the_next_goes_on(path: Any) -> None:
    chance = random.Random(2)
    with open_writer(path) as db:
        kept = [job for one in many_jobs(chance, 300) if (job := insert(db, one)) is not None]
        short = 0
        for _ in range(200):
            search = wanted = any_search(chance)
            found: list[Job] = []
            while True:
                page = searching.search(db, search, most_looked_at=10)
                found += page.jobs
                if page.onward is None:
                    break
                short += len(page.jobs) < search.limit
                search = replace(search, after=page.onward)
            assert ids(found) == expected(kept, wanted), wanted
    db.close()
    assert short > 100


async def test_a_page_looks_at_a_bounded_number_of_jobs_whatever_the_filter(path: Any) -> None:
    db = open_writer(path)
    with db:
        for number in range(2000):
            insert(db, a_job(key=JobKey("core/w1/i1", str(number)), family="core/w1", labels=LABELS))
    looked_at: list[int] = []

    def note(cursor: apsw.Cursor, statement: str, bindings: Any) -> bool:
        if statement == searching.SQL["fitting"]:
            looked_at.append(bindings["numbers"].count(",") + 1)
        return True

    db.exec_trace = note
    page = searching.search(db, a_search(text="nowhere"), most_looked_at=500)

    db.close()
    assert page.jobs == []
    assert page.onward is not None
    assert 0 < sum(looked_at) <= 500


@pytest.mark.parametrize("by_end", [False, True])
@pytest.mark.parametrize("oldest_first", [False, True])
async def test_pages_hold_no_job_twice_while_others_come_and_go(
    store: JobStore, by_end: bool, oldest_first: bool
) -> None:
    old = [await keep_member(store, state=State.COMPLETED, ended_at=after(n // 3)) for n in range(30)]
    search = a_search(by_end=by_end, oldest_first=oldest_first, limit=4)
    seen: list[Job] = []
    new: set[str] = set()

    while True:
        page = await store.search(search)
        seen += page.jobs
        if page.onward is None:
            break
        # The job that the next page goes on behind is deleted, and new ones come at both ends and elsewhere.
        await store.delete(page.jobs[-1].key)
        for at, scope in ((after(-1), f"{FAMILY}/i1"), (after(4), f"{FAMILY}/i2"), (after(5), "core/w2/i1")):
            if len(new) < 30:
                made = await keep_member(
                    store, scope=scope, state=State.COMPLETED, submitted_at=at, ended_at=at
                )
                new.add(made.key.id)
        search = replace(search, after=page.onward)

    assert len(ids(seen)) == len(set(ids(seen)))
    assert {job.key.scope.rpartition("/")[0] for job in seen} == {FAMILY}
    assert set(ids(old)) <= set(ids(seen))


async def test_a_place_beyond_the_wanted_time_finds_nothing(store: JobStore) -> None:
    await keep_member(store)
    before, later = Place(after(-100), 1), Place(after(100), 1)

    assert (await store.search(a_search(after=before))).jobs == []
    assert len((await store.search(a_search(after=later))).jobs) == 1
    assert (await store.search(a_search(after=later, started=Span(until=NOW)))).jobs == []
    assert (
        await store.search(a_search(after=before, oldest_first=True, started=Span(since=after(1))))
    ).jobs == []


# ---- by key


async def test_known_jobs_are_found_by_key_and_others_are_not(store: JobStore) -> None:
    one = await keep_member(store, payload=b"x" * 5000)
    hosted = await keep(store, key=JobKey("workload/t/w", "j"))

    found = await store.known([one.key, hosted.key, JobKey(one.key.scope, "unknown"), JobKey("a/b", "j")])

    assert found == {
        one.key: replace(one, payload=b""),
        hosted.key: replace(hosted, payload=b""),
    }
    assert await store.known([]) == {}
