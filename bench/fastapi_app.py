"""The app beside which weft is measured: FastAPI, SQLAlchemy and aiosqlite, storing the same job.

It does what weft's host does at a create and at a read, and no more: the same tokens through the same cached
check, the same body, one row, and the commit before the answer (WAL, `synchronous=FULL`). It runs no jobs.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel
from sqlalchemy import JSON, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bench.tokens import verifier

DATA = Path(os.environ["BENCH_DATA"])
PATH = "/workload/workspaces/{workspace}/items/{item_type}/{item}/jobTypes/{job_type}/instances/{id}"

engine = create_async_engine(f"sqlite+aiosqlite:///{DATA / 'jobs.db'}", connect_args={"timeout": 30})
sessions = async_sessionmaker(engine, expire_on_commit=False)
check = verifier(DATA)


class Base(DeclarativeBase):
    pass


class Job(Base):
    __tablename__ = "jobs"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    workspace: Mapped[str] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    item_type: Mapped[str]
    job_type: Mapped[str]
    invoke_type: Mapped[str]
    payload: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    status: Mapped[str]
    user: Mapped[str]
    submitted_at: Mapped[datetime]


class CreateRequest(BaseModel):
    invokeType: str  # noqa: N815 - the contract's spelling
    creationPayload: dict[str, Any] | None = None  # noqa: N815


class State(BaseModel):
    status: str


@event.listens_for(engine.sync_engine, "connect")
def _durable(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


async def _session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


async def _caller(request: Request) -> tuple[str, str]:
    """Return tenant and user of the caller."""
    headers = request.headers
    try:
        caller = check.verify(headers.getlist("authorization"), headers.getlist("x-ms-client-tenant-id"))
    except Exception as refused:
        raise HTTPException(401) from refused
    return caller.tenant, str(caller.user)


app = FastAPI(lifespan=_lifespan)
Session = Annotated[AsyncSession, Depends(_session)]
Caller = Annotated[tuple[str, str], Depends(_caller)]


@app.post(PATH, status_code=202)
async def create(  # noqa: PLR0913, PLR0917 - the path has so many parts
    workspace: str, item_type: str, item: str, job_type: str, id: str,
    body: CreateRequest, session: Session, caller: Caller,
) -> Response:  # fmt: skip
    row = {
        "tenant": caller[0],
        "workspace": workspace,
        "item": item,
        "id": id,
        "item_type": item_type,
        "job_type": job_type,
        "invoke_type": body.invokeType,
        "payload": body.creationPayload,
        "status": "NotStarted",
        "user": caller[1],
        "submitted_at": datetime.now(UTC),
    }
    await session.execute(insert(Job).values(row).on_conflict_do_nothing())
    await session.commit()
    return Response(status_code=202)


@app.get(PATH)
async def state(workspace: str, item: str, id: str, session: Session, caller: Caller) -> State:
    job = await session.get(Job, (caller[0], workspace, item, id))
    if job is None:
        raise HTTPException(404)
    return State(status=job.status)
