"""Workloads mounted in an application of your own: `uvicorn --factory weft.examples.mounted:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from weft.settings import EXAMPLE_WORKLOAD
from weft.workload_host import host_app

if TYPE_CHECKING:
    from fastapi import FastAPI


def app(workloads: Sequence[str] = (EXAMPLE_WORKLOAD,), data: Path | None = None) -> FastAPI:
    """Return the application. *data*: whose keys sign the tokens, and where the host keeps its jobs."""
    from fastapi import FastAPI  # noqa: PLC0415 - weft itself does not need it

    host = host_app(workloads, data=data)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with host.running():
            yield

    application = FastAPI(lifespan=lifespan)

    @application.get("/hello")
    async def hello() -> dict[str, str]:
        return {"hello": "from the application"}

    application.mount("/workload", host)
    return application
