"""A workload's backend after the Workload Development Kit: FastAPI, jobs in memory, Entra's public keys.

Its settings are its own: PUBLISHER_TENANT_ID, AUDIENCE (the resource id of its app) and PORT. Entra's address
is not among them: keys come from login.microsoftonline.com, as in the published samples.
"""

import asyncio
import os
import re
from datetime import UTC, datetime
from typing import Annotated, Any

import jwt
import requests
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse

PUBLISHER_TENANT = os.environ["PUBLISHER_TENANT_ID"]
AUDIENCE = os.environ["AUDIENCE"]
OPENID_CONFIGURATION = "https://login.microsoftonline.com/common/.well-known/openid-configuration"
FABRIC_APPS = {"00000009-0000-0000-c000-000000000000", "d2450708-699c-41e3-8077-b0c8341509aa"}
TOKENS = re.compile(
    r'^SubjectAndAppToken1\.0 subjectToken="(eyJ[\w\-\._]+)?", appToken="(eyJ[\w\-\._]+)"$', re.ASCII
)
ITEM_TYPE = "Org.Weaving.Cloth"

items: dict[str, dict[str, Any]] = {}
jobs: dict[str, dict[str, Any]] = {}
works: dict[str, asyncio.Task[None]] = {}
calls: list[str] = []


def entra_key(kid: str) -> Any:
    keys_url = requests.get(OPENID_CONFIGURATION, timeout=5).json()["jwks_uri"]
    for key in requests.get(keys_url, timeout=5).json()["keys"]:
        if key["kid"] == kid:
            return jwt.PyJWK.from_dict(key).key
    raise HTTPException(401, "unknown signing key")


def claims_of(token: str) -> dict[str, Any]:
    key = entra_key(jwt.get_unverified_header(token)["kid"])
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], audience=AUDIENCE, leeway=60)
    if claims["ver"] != "1.0" or claims["iss"] != f"https://sts.windows.net/{claims['tid']}/":
        raise HTTPException(401, "unexpected issuer")
    if claims["appid"] not in FABRIC_APPS:
        raise HTTPException(401, "not called by Fabric")
    return claims


def authenticate(request: Request, tenant: str, needs_subject: bool) -> None:
    found = TOKENS.match(request.headers.get("authorization", ""))
    if found is None or (needs_subject and not found[1]):
        raise HTTPException(401, "unexpected token format")
    by_app = claims_of(found[2])
    if by_app["idtyp"] != "app" or "scp" in by_app or by_app["tid"] != PUBLISHER_TENANT:
        raise HTTPException(401, "bad app token")
    if not found[1]:
        return
    subject = claims_of(found[1])
    if subject["tid"] != tenant or subject["appid"] != by_app["appid"] or "idtyp" in subject:
        raise HTTPException(401, "bad subject token")
    if "FabricWorkloadControl" not in subject["scp"].split():
        raise HTTPException(401, "bad scope")


def caller(
    request: Request,
    tenant: Annotated[str, Header(alias="x-ms-client-tenant-id")],
    activity: Annotated[str, Header(alias="ActivityId")],
    request_id: Annotated[str, Header(alias="RequestId")],
) -> None:
    calls.append(f"{request.method} {request.url.path.split('/', 2)[2]}")
    authenticate(request, tenant, needs_subject=request.method != "DELETE")


router = APIRouter(prefix="/workload", dependencies=[Depends(caller)])
ITEM = "/workspaces/{workspace}/items/{item_type}/{item}"
JOB = ITEM + "/jobTypes/{job_type}/instances/{job}"


def refusal(status: int, code: str, message: str) -> JSONResponse:
    body = {"errorCode": code, "message": message, "source": "User", "isPermanent": True}
    return JSONResponse(body, status)


@router.post(ITEM)
async def create_item(item: str, request: Request) -> Any:
    body = await request.json()
    if (body.get("creationPayload") or {}).get("colour") == "mauve":
        return refusal(400, "NoSuchColour", "Nobody weaves mauve.")
    items[item] = {"name": body["displayName"], "payload": body.get("creationPayload")}
    return {}


@router.patch(ITEM)
async def update_item(item: str, request: Request) -> Any:
    body = await request.json()
    if body.get("displayName"):
        items[item]["name"] = body["displayName"]
    return {}


@router.delete(ITEM)
async def delete_item(item: str) -> Any:
    items.pop(item, None)
    return {}


@router.get(ITEM + "/payload")
async def item_payload(item: str) -> Any:
    return {"itemPayload": items[item]["payload"]}


@router.post(JOB, status_code=202)
async def create_job(job: str, item: str, job_type: str, request: Request) -> Any:
    if item not in items:
        return refusal(404, "ItemNotFound", "no such item")
    body = await request.json()
    jobs[job] = {"status": "InProgress", "startTimeUtc": now(), "payload": body.get("creationPayload")}
    works[job] = asyncio.create_task(weave(job, body.get("creationPayload") or {}))
    return None


@router.get(JOB)
async def job_state(job: str) -> Any:
    return state(job) if job in jobs else refusal(404, "JobInstanceNotFound", "no such job")


@router.post(JOB + "/cancel")
async def cancel_job(job: str) -> Any:
    if job not in jobs:
        return refusal(404, "JobInstanceNotFound", "no such job")
    if jobs[job]["status"] == "InProgress":
        works[job].cancel()
        jobs[job].update(status="Cancelled", endTimeUtc=now())
    return state(job)


async def weave(job: str, payload: dict[str, Any]) -> None:
    await asyncio.sleep(payload.get("seconds", 0))
    if payload.get("fails"):
        error = {"errorCode": "ThreadBroke", "message": "the warp is torn", "source": "System"}
        jobs[job].update(status="Failed", endTimeUtc=now(), errorDetails=error)
    else:
        jobs[job].update(status="Completed", endTimeUtc=now())


def state(job: str) -> dict[str, Any]:
    return {name: value for name, value in jobs[job].items() if name != "payload"}


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


app = FastAPI()
app.include_router(router)


@app.get("/seen")
async def seen() -> Any:
    """For the tests: what has been called, and what came with it."""
    return {"calls": calls, "items": items, "jobs": jobs}


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]), log_level="warning")
