"""Users' tokens that the host keeps with jobs: sealed, and only where it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.routing import Router

from tests.faces.workload.house import (
    BODY_BYTES,
    FINANCE,
    HOSTING,
    ITEM,
    ITEM_TYPE,
    JOB,
    JOB_TYPE,
    WORKSPACE,
    House,
    Identity,
    body_of,
    finance,
    item_path,
    path_of,
)
from tests.transcripts.clients import InProcess
from tests.transcripts.player import Answer, Request
from weft.auth.sealed import SubjectSeal
from weft.auth.subject_and_app import subject_token_of
from weft.catalog import scopes
from weft.catalog.tokens import SUBJECT_LABEL
from weft.engine.clock import SystemClock
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.jobs import Job, JobKey
from weft.faces.routing import FaceMount
from weft.faces.workload.routes import WorkloadHost, routes
from weft.settings import Limits
from weft.stores.sqlite.store import SqliteStore

SEAL = SubjectSeal(b"s" * 32)


@dataclass
class Sealing:
    """A host that keeps users' tokens; its jobs wait for ever."""

    identity: Identity
    store: SqliteStore
    engine: Engine
    client: InProcess
    database: Path

    async def ask(self, path: str, body: bytes = b"", *, tokens: str = "", method: str = "POST") -> Answer:
        headers = [
            ("Authorization", tokens or self.tokens),
            ("x-ms-client-tenant-id", self.identity.home.tenant),
            ("Content-Type", "application/json"),
        ]
        return await self.client.send(Request(method, path, headers, body))

    @property
    def tokens(self) -> str:
        return self.identity.issuer.subject_and_app(FINANCE, "admin")


@pytest.fixture
async def sealing(tmp_path: Path, identity: Identity) -> AsyncIterator[Sealing]:
    database = tmp_path / "weft.db"
    store = SqliteStore.open(database, writes_waiting=1000)
    engine = Engine(store, SystemClock(), Events())
    host = WorkloadHost(
        engine,
        [finance()],
        identity.verifier,
        items=store,
        audiences=identity.audiences,
        limits=Limits(body_bytes=BODY_BYTES),
        settings=HOSTING,
        seal=SEAL,
    )
    client = InProcess(Router([FaceMount("/workload", routes(host))]))
    yield Sealing(identity, store, engine, client, database)
    await store.close()


async def the_job(house: Sealing | House) -> Job:
    tenant = house.identity.home.tenant
    scope = scopes.of_hosted(
        tenant=tenant, workspace=WORKSPACE, item_type=ITEM_TYPE, item=ITEM, job_type=JOB_TYPE
    )
    return await house.engine.get(JobKey(scope, JOB))


def everything_in(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


async def test_the_token_of_the_create_call_can_be_had_again(sealing: Sealing) -> None:
    subject = subject_token_of(sealing.tokens)

    assert (await sealing.ask(path_of(), body_of())).status == 202

    job = await the_job(sealing)
    assert subject.startswith("eyJ")
    assert SEAL.subject_token(job.labels, job.key.id) == subject


async def test_so_it_can_with_the_other_kit(sealing: Sealing) -> None:
    body = {"jobType": JOB_TYPE, "jobInstanceId": JOB}

    answer = await sealing.ask(item_path("/jobs/onCreateJobInstance"), json.dumps(body).encode())

    assert answer.status == 201
    job = await the_job(sealing)
    assert SEAL.subject_token(job.labels, job.key.id) == subject_token_of(sealing.tokens)


async def test_no_file_of_the_database_holds_a_token(sealing: Sealing) -> None:
    shown = [sealing.identity.issuer.subject_and_app(FINANCE, f"user {number}") for number in range(20)]
    for number, authorization in enumerate(shown):
        job = f"{number:08d}{JOB[8:]}"
        created = await sealing.ask(path_of(job=job), body_of(), tokens=authorization)
        assert created.status == 202
    await sealing.store.close()

    kept = await asyncio.to_thread(everything_in, sealing.database.parent)

    assert SUBJECT_LABEL.encode() in kept
    assert b"eyJ" not in kept
    for authorization in shown:
        signature = subject_token_of(authorization).rpartition(".")[2]
        assert signature.encode() not in kept


async def test_nothing_that_is_shown_of_a_job_holds_what_is_kept(sealing: Sealing) -> None:
    await sealing.ask(path_of(), body_of())
    kept = (await the_job(sealing)).labels[SUBJECT_LABEL]

    answers = [
        await sealing.ask(path_of(), method="GET"),
        await sealing.ask(path_of() + "/cancel"),
        await sealing.ask(path_of(), body_of()),
    ]

    for answer in answers:
        assert kept not in f"{answer}"
        assert SUBJECT_LABEL not in f"{answer}"


async def test_a_cancel_that_comes_before_its_create_keeps_no_token(sealing: Sealing) -> None:
    await sealing.ask(path_of() + "/cancel")

    assert SUBJECT_LABEL not in (await the_job(sealing)).labels


async def test_where_nothing_needs_it_no_token_is_kept_at_all(idle: House) -> None:
    await idle.create()

    assert SUBJECT_LABEL not in (await the_job(idle)).labels
