"""A process that writes to a store and says on standard output what was acknowledged, until it is killed.

Run with the store's path and a prefix for its job ids; each line is a verb and a job id, or a number.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from tests.stores.builders import a_claim, a_job, after, an_end, an_ended_job
from weft.engine.jobs import Job, JobError, JobKey
from weft.engine.lifecycle import State
from weft.stores.sqlite import SqliteStore

CALLERS = 8
ROUNDS = 500


def say(*words: object) -> None:
    """Write one line whole: a line that is out was acknowledged before."""
    os.write(sys.stdout.fileno(), (" ".join(map(str, words)) + "\n").encode())


async def submit(store: SqliteStore, id: str) -> None:
    await store.insert(a_job(key=JobKey("kept", id), payload=id.encode() * 100))
    say("kept", id)


async def work(store: SqliteStore, id: str) -> None:
    for job in await store.claim(a_claim(worker=id, limit=1)):
        say("claimed", job.key.id)
        if await store.move(an_end(job)) is not None:
            say("ended", job.key.id)


async def prune(store: SqliteStore, id: str) -> None:
    for number in range(3):
        await store.insert(an_ended_job(key=JobKey("old", f"{id}-{number}"), ended_at=after(-1000)))
    say("pruned", await store.prune(after(-999), 1000))


def as_duplicate(job: Job, winner: JobKey) -> Job:
    ended = replace(job, state=State.DEDUPED, ended_at=job.submitted_at)
    return replace(ended, error=JobError("Duplicate", winner.id))


async def submit_twice(store: SqliteStore, id: str) -> None:
    """Submit two jobs of one unique key at once: say which one lives, and which one is its duplicate."""
    jobs = [a_job(key=JobKey("unique", f"{id}-{one}"), queue="unique", unique=id) for one in "ab"]
    for kept in await asyncio.gather(*(store.insert(job, None, as_duplicate) for job in jobs)):
        if kept is not None:
            say("deduped" if kept.error else "won", kept.key.id)


async def again_and_again(store: SqliteStore, prefix: str, act: Callable[..., Awaitable[None]]) -> None:
    for number in range(ROUNDS):
        await act(store, f"{prefix}-{number}")


async def main(path: Path, prefix: str) -> None:
    store = SqliteStore.open(path, writes_waiting=1000)
    say("open", prefix)
    async with asyncio.TaskGroup() as callers:
        for number in range(CALLERS):
            callers.create_task(again_and_again(store, f"{prefix}-{number}", submit))
        callers.create_task(again_and_again(store, f"{prefix}-w", work))
        callers.create_task(again_and_again(store, f"{prefix}-p", prune))
        callers.create_task(again_and_again(store, f"{prefix}-u", submit_twice))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
