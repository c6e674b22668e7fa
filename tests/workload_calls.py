"""Calls of the Workload contract to an ASGI application in the same process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.engine.clock import SystemClock


def headers(data: Path, workload: str) -> dict[str, str]:
    """Return what Fabric sends, signed with the key of the data directory."""
    home = Home.open(data)
    issuer = Issuer(Keys.open(data), SystemClock(), home)
    return {
        "Authorization": issuer.subject_and_app(workload, "admin", tenant=home.tenant),
        "x-ms-client-tenant-id": home.tenant,
        "ActivityId": str(uuid4()),
        "RequestId": str(uuid4()),
    }


def client(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


def instance(item_type: str, job_type: str) -> str:
    return f"/workspaces/{uuid4()}/items/{item_type}/{uuid4()}/jobTypes/{job_type}/instances/{uuid4()}"


async def until_ended(http: httpx.AsyncClient, path: str, sent: dict[str, str]) -> Any:
    """Return the state of a job that has ended."""
    async with asyncio.timeout(30):
        while True:
            state = (await http.get(path, headers=sent)).json()
            if state["status"] in ("Completed", "Failed", "Cancelled"):
                return state
            await asyncio.sleep(0.02)
