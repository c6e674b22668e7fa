"""The backend beside which weft's host is measured: what the usual sample of a workload does, and no more.

FastAPI, one asyncio task a job, and a folder of JSON files a job, written without fsync. A create answers 202
before anything is kept; a read looks into the files. Both tokens of each request are verified with PyJWT, as
the sample does; with BENCH_REMEMBERS set they are remembered, as weft does.
"""

import asyncio
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel

from bench.tokens import public_key, verifier
from weft.auth.home import Home
from weft.auth.subject_and_app import resource_id
from weft.examples import forecast

DATA = Path(os.environ["BENCH_DATA"])
REMEMBERS = bool(os.environ.get("BENCH_REMEMBERS"))
JOBS = DATA / "jobs"
INSTANCE = "/workload/workspaces/{workspace}/items/{item_type}/{item}/jobTypes/{job_type}/instances/{id}"
HEADER = re.compile(r'SubjectAndAppToken1\.0 subjectToken="(eyJ[\w\-._]+)", appToken="(eyJ[\w\-._]+)"')

key = public_key(DATA)
audience = resource_id(Home.open(DATA).tenant, forecast.workload.name)
remembering = verifier(DATA)
app = FastAPI()
tasks: set[asyncio.Task[None]] = set()


class CreateRequest(BaseModel):
    invokeType: str  # noqa: N815 - the contract's spelling
    creationPayload: dict[str, Any] | None = None  # noqa: N815


class State(BaseModel):
    status: str
    startTimeUtc: str | None = None  # noqa: N815
    endTimeUtc: str | None = None  # noqa: N815


def _tenant(request: Request) -> str:
    try:
        return _remembered(request) if REMEMBERS else _verified(request)
    except Exception as refused:
        raise HTTPException(401) from refused


def _remembered(request: Request) -> str:
    headers = request.headers
    return remembering.verify(
        headers.getlist("authorization"), headers.getlist("x-ms-client-tenant-id")
    ).tenant


def _verified(request: Request) -> str:
    found = HEADER.fullmatch(request.headers["authorization"])
    if found is None:
        raise ValueError("unexpected token format")
    subject, by_app = (
        jwt.decode(token, key, algorithms=["RS256"], audience=audience) for token in found.groups()
    )
    tenant: str = request.headers["x-ms-client-tenant-id"]
    if by_app["idtyp"] != "app" or "scp" in by_app or subject["tid"] != tenant:
        raise ValueError("the tokens do not go together")
    if "FabricWorkloadControl" not in subject["scp"].split() or subject["appid"] != by_app["appid"]:
        raise ValueError("the subject token is for something else")
    return tenant


Tenant = Annotated[str, Depends(_tenant)]


@app.post(INSTANCE, status_code=202)
async def create(tenant: Tenant, item: UUID, id: UUID, body: CreateRequest) -> Response:
    task = asyncio.create_task(_run(_folder(tenant, item, id), body))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return Response(status_code=202)


@app.get(INSTANCE)
async def state(tenant: Tenant, item: UUID, id: UUID) -> State:
    folder = _folder(tenant, item, id)
    try:
        job = json.loads((folder / "job.json").read_text())
    except FileNotFoundError:
        raise HTTPException(404) from None
    is_done = (folder / "result.json").exists()
    return State(status="Completed" if is_done else "InProgress", startTimeUtc=job["startTimeUtc"])


async def _run(folder: Path, request: CreateRequest) -> None:
    folder.mkdir(parents=True)
    started_at = datetime.now(UTC).isoformat()
    job = {"invokeType": request.invokeType, "startTimeUtc": started_at, "isCanceled": False}
    (folder / "job.json").write_text(json.dumps(job))
    payload = request.creationPayload or {}
    if "seconds" in payload:
        await asyncio.sleep(payload["seconds"])
    (folder / "result.json").write_text(json.dumps({"value": 1}))


def _folder(tenant: str, item: UUID, id: UUID) -> Path:
    return JOBS / tenant / str(item) / str(id)
