"""Asks Fabric, or a weft in its place, what a job's user may do with the job's item: `resolvePermissions`.

Source: Microsoft Fabric REST API, workload control; contracts/workload.md 2.
"""

from __future__ import annotations

import ssl
from typing import Final
from urllib.parse import quote

import msgspec
from aiohttp.abc import AbstractResolver

from weft.catalog.addresses import checked
from weft.catalog.tokens import TokenSource
from weft.engine.jobs import Job, JobError
from weft.outgoing import Transport, Unreachable

CONTROL_SCOPE: Final = "https://analysis.windows.net/powerbi/api/.default"
ANSWER_BYTES: Final = 64 * 1024
ANSWER_SECONDS: Final = 10.0
CONNECTIONS: Final = 64
MOST_PERMISSIONS: Final = 100

_LONGEST_TEXT: Final = 1000


class _Resolved(msgspec.Struct, frozen=True):
    permissions: list[str]


class _Told(msgspec.Struct, frozen=True, rename="camel"):
    error_code: str = ""
    message: str = ""


class ResolvedPermissions:
    """*core*: the base URL of the Fabric API, without `/v1`.

    `start` it before the first call, and `close` it at the end.
    """

    def __init__(
        self,
        core: str,
        tokens: TokenSource,
        *,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        """Raises AddressRefused."""
        checked(core)
        self._core = core.rstrip("/")
        self._tokens = tokens
        self._transport = Transport(
            tls=tls,
            resolver=resolver,
            seconds=seconds,
            answer_bytes=ANSWER_BYTES,
            connections=CONNECTIONS,
        )

    async def start(self) -> None:
        await self._transport.start()

    async def close(self) -> None:
        await self._transport.close()

    async def permissions(self, job: Job) -> tuple[str, ...] | JobError:
        subject = await self._tokens.token(job, CONTROL_SCOPE, as_app=False)
        if isinstance(subject, JobError):
            return subject
        app = await self._tokens.token(job, CONTROL_SCOPE, as_app=True)
        if isinstance(app, JobError):
            return app
        header = f'SubjectAndAppToken1.0 subjectToken="{subject.text}", appToken="{app.text}"'
        return await self._asked(job, header)

    async def _asked(self, job: Job, authorization: str) -> tuple[str, ...] | JobError:
        labels = job.labels
        path = (
            f"/v1/workload-control/workspaces/{quote(labels['workspace'], safe='')}"
            f"/items/{quote(labels['item'], safe='')}/resolvePermissions"
        )
        headers = {
            "Authorization": authorization,
            "x-ms-client-tenant-id": labels.get("tenant", ""),
            "ActivityId": labels.get("activity_id", ""),
            "RequestId": labels.get("request_id", ""),
        }
        try:
            answer = await self._transport.exchange("GET", self._core + path, headers=headers)
        except Unreachable as why:
            return _unavailable(str(why))
        if answer.status == 200:
            return _resolved(answer.body)
        return _refused(answer.status, answer.headers.get("Retry-After"), answer.body)


def _resolved(content: bytes) -> tuple[str, ...] | JobError:
    try:
        found = msgspec.json.decode(content, type=_Resolved).permissions
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _unavailable("an answer that is not the contract's")
    if len(found) > MOST_PERMISSIONS:
        return _unavailable(f"an answer of {len(found)} permissions")
    return tuple(found)


def _refused(status: int, retry_after: str | None, content: bytes) -> JobError:
    """Return the error of the service in its own words, as far as it has any."""
    if status == 429 or status >= 500:
        later = f"; it asks to wait {retry_after[:40]} s" if retry_after else ""
        return _unavailable(f"status {status}{later}")
    try:
        told = msgspec.json.decode(content, type=_Told)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = _Told()
    why = f"The permissions of the job's user were not told: status {status}. {told.message[:_LONGEST_TEXT]}"
    return JobError(told.error_code[:100] or "PermissionsRefused", why.strip(), "External", is_permanent=True)


def _unavailable(reason: str) -> JobError:
    why = f"The permissions of the job's user are not known: {reason}."
    return JobError("PermissionsUnavailable", why, "External", is_permanent=False)
