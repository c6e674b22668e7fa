"""A data directory as it is after a long life: workspaces, items, and very many instances that have ended.

Workspaces and items are made through the API. The instances are written straight into the store, in large
transactions that are not brought to the disk: through the API a million of them would take half an hour.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from bench import servers, tokens, workload
from bench.servers import Server
from weft.catalog.item_types import Dedup
from weft.catalog.model import Item
from weft.contracts.core import InvokeType
from weft.engine.jobs import Job, JobError
from weft.engine.lifecycle import State
from weft.examples import forecast
from weft.faces.core.runs import Run, new_job
from weft.stores.sqlite import jobs
from weft.stores.sqlite.database import open_writer

WORKSPACES = 10
ITEMS = 20
DAYS = 7
AT_ONCE = 250_000
CACHE_KIB = 1536 * 1024
RARE_TEXT = "licence of the solver"
ONE_IN = 5_000

STATES: Mapping[State, int] = {State.COMPLETED: 90, State.FAILED: 7, State.CANCELLED: 2, State.DEDUPED: 1}
JOB_TYPES = {forecast.ITEM_TYPE: forecast.JOB_TYPE, workload.ITEM_TYPE: "noop"}


@dataclass(frozen=True, slots=True)
class History:
    """*items* are [workspace, item] ids."""

    data: Path
    count: int
    items: list[tuple[str, str]]


def history(data: Path, count: int) -> History:
    """Return the history in *data*, which is made where it is not there yet."""
    note = data.with_suffix(".json")
    if not note.exists():
        items = _places(data)
        _write(data, count, items)
        note.write_text(json.dumps([(item.workspace, item.id) for item in items]))
    return History(data, count, [(workspace, item) for workspace, item in json.loads(note.read_text())])


def _places(data: Path) -> list[Item]:
    with servers.weft(data) as server:
        headers = tokens.core_headers(data)
        made = []
        for number in range(WORKSPACES):
            workspace = _made(server, headers, "/v1/workspaces", {"displayName": f"Department {number}"})
            for place in range(ITEMS):
                item_type = list(JOB_TYPES)[place % len(JOB_TYPES)]
                body = {"displayName": f"Plan {place} of department {number}", "type": item_type}
                id = _made(server, headers, f"/v1/workspaces/{workspace}/items", body)
                made.append(_item(workspace, id, item_type, body["displayName"]))
        return made


def _item(workspace: str, id: str, item_type: str, name: str) -> Item:
    return Item(
        id=id,
        workspace=workspace,
        type=item_type,
        display_name=name,
        description=None,
        created_at=datetime.now(UTC),
    )


def _made(server: Server, headers: Mapping[str, str], path: str, body: Mapping[str, str]) -> str:
    status, _, content = server.call("POST", path, headers, body)
    if status != 201:
        raise RuntimeError(f"{path} answered {status} {content}")
    return str(content["id"])


def _write(data: Path, count: int, items: list[Item]) -> None:
    db = open_writer(data / "weft.db")
    # A store that is not whole is made anew: nothing needs to survive here, and no page is written twice.
    db.pragma("journal_mode", "off")
    db.pragma("synchronous", "off")
    db.pragma("cache_size", -CACHE_KIB)
    ended = _ended_jobs(count, items)
    for start in range(0, count, AT_ONCE):
        with db:
            for _ in range(min(AT_ONCE, count - start)):
                jobs.insert(db, next(ended))
    db.close()


def _ended_jobs(count: int, items: list[Item]) -> Iterator[Job]:
    """Yield jobs in the order of their submit, spread over the last days; some items are far busier."""
    chance = random.Random(1)
    now = datetime.now(UTC)
    busy = [1 / (1 + place % ITEMS) for place in range(len(items))]
    states, weights = list(STATES), list(STATES.values())
    users = [(str(UUID(int=chance.getrandbits(128), version=4)), f"user{number:02}") for number in range(50)]
    for number in range(count):
        submitted_at = now - timedelta(days=DAYS) * ((count - number) / count)
        item = chance.choices(items, busy)[0]
        user, name = chance.choice(users)
        run = Run(
            item=item,
            job_type=JOB_TYPES[item.type],
            payload=b'{"horizonDays": 28, "seed": %d}' % number,
            invoke_type=InvokeType.MANUAL if chance.random() < 0.3 else InvokeType.SCHEDULED,
            dedup=Dedup.NONE,
            tenant="",
            user=user,
            user_name=name,
            request_id=str(UUID(int=chance.getrandbits(128), version=4)),
        )
        yield _ended(
            run, chance, submitted_at, chance.choices(states, weights)[0], is_rare=number % ONE_IN == 7
        )


def _ended(run: Run, chance: random.Random, submitted_at: datetime, state: State, *, is_rare: bool) -> Job:
    new = new_job(run, str(UUID(int=chance.getrandbits(128), version=4)))
    started_at = submitted_at + timedelta(seconds=chance.random() * 5)
    reason = f"The {RARE_TEXT} has expired" if is_rare else "No data for the last week"
    return Job(
        key=new.key,
        queue=new.queue,
        kind=new.kind,
        payload=new.payload,
        labels=new.labels,
        fingerprint=new.fingerprint,
        submitted_by=new.submitted_by,
        when_lost=new.when_lost,
        family=new.family,
        state=State.FAILED if is_rare else state,
        submitted_at=submitted_at,
        available_at=submitted_at,
        started_at=started_at,
        ended_at=started_at + timedelta(seconds=chance.expovariate(1 / 60)),
        attempt=1,
        error=JobError("DataMissing", reason) if is_rare or state is State.FAILED else None,
    )
