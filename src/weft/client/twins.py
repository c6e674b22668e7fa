"""The client for Digital Twins: import jobs and deletions, and what is needed to look at what they did."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from weft.client.answers import Answer, Progress
from weft.client.base import Client
from weft.client.transport import BUSY, Reply, encode
from weft.client.watch import WaitPatience, Watch
from weft.contracts.twins import API_VERSIONS, DeleteJob, DeleteJobs, ImportJob, ImportJobs, Status

FINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})
ONCE = (HTTPStatus.TOO_MANY_REQUESTS,)
IMPORTS = "/jobs/imports"
DELETIONS = "/jobs/deletions"
ADDITIONS = "/weft/v1/twins"
CONTINUATION = "continuationToken"


class ImportDetails(ImportJob, kw_only=True):
    """An import job with what the published one has no place for. *attempt* grows when it is resumed."""

    progress: Progress | None = None
    attempt: int = 0

    @property
    def has_ended(self) -> bool:
        return self.status in FINAL


class Deletion(DeleteJob, kw_only=True):
    @property
    def has_ended(self) -> bool:
        return self.status in FINAL


class TwinsStats(Answer, frozen=True):
    """How many there are in the graph."""

    models: int
    twins: int
    relationships: int


class TwinsClient(Client):
    """Calls the data plane at *url* with a bearer *token*; an async context manager, or call `close`.

    Every call may raise ApiError, ServerUnreachable and UnreadableAnswer. *certificate*: a PEM file to trust
    in place of the machine's own, as `tls/cert.pem` of the server's data directory. Raises ValueError where
    *url* is no address, OSError where *certificate* is none.
    """

    # ---- imports

    async def add_import(self, id: str, input: str, output: str) -> ImportJob:
        """Begin to import the blob *input*; its log goes to *output*, which is made anew.

        Both are URIs of blobs, or absolute paths on the server's machine. Never sent again after 503, for the
        job may have been kept: `import_job` shows whether it was.
        """
        body = {"inputBlobUri": input, "outputBlobUri": output}
        return (await self._call("PUT", _import(id), body=body, again_after=ONCE)).read(ImportJob)

    async def import_job(self, id: str) -> ImportJob:
        return (await self._call("GET", _import(id))).read(ImportJob)

    async def import_jobs(self) -> AsyncIterator[ImportJob]:
        """Yield all import jobs that are kept, oldest first."""
        async for page in self._pages(IMPORTS):
            for job in page.read(ImportJobs).value:
                yield job

    async def cancel_import(self, id: str) -> ImportJob:
        """Return once the wish is durable; the job is cancelled when nothing is written for it any more."""
        return (await self._call("POST", f"{_import(id)}/cancel")).read(ImportJob)

    async def delete_import(self, id: str) -> None:
        """Forget a job that has ended; what it imported stays."""
        await self._call("DELETE", _import(id), again_after=ONCE)

    async def details(self, id: str) -> ImportDetails:
        """Return an import job with its progress: an addition of weft."""
        return (await self._call("GET", _details(id))).read(ImportDetails)

    async def wait_for_import(
        self,
        id: str,
        *,
        patience: WaitPatience = WaitPatience(),  # noqa: B008 - a tuple
        told: Callable[[ImportDetails], None] | None = None,
    ) -> ImportDetails:
        """Return the job when it has ended; *told* hears of every look at it. Raises WaitTimedOut."""
        return await Watch(self._transport, _details(id), ImportDetails, _VERSION).until_ended(
            id, patience, told
        )

    # ---- deletions

    async def start_deletion(self, id: str | None = None, *, timeout_minutes: int | None = None) -> DeleteJob:
        """Begin to delete all models, twins and relationships; without *id* the server makes one."""
        headers = {} if id is None else {"operation-id": id}
        query = {} if timeout_minutes is None else {"timeoutInMinutes": str(timeout_minutes)}
        reply = await self._call("POST", DELETIONS, query=query, headers=headers, again_after=ONCE)
        return reply.read(DeleteJob)

    async def deletion(self, id: str) -> DeleteJob:
        return (await self._call("GET", _deletion(id))).read(DeleteJob)

    async def deletions(self) -> AsyncIterator[DeleteJob]:
        """Yield all deletion jobs that are kept, oldest first."""
        async for page in self._pages(DELETIONS):
            for job in page.read(DeleteJobs).value:
                yield job

    async def wait_for_deletion(
        self,
        id: str,
        *,
        patience: WaitPatience = WaitPatience(),  # noqa: B008 - a tuple
    ) -> Deletion:
        """Return the job when it has ended. Raises WaitTimedOut."""
        return await Watch(self._transport, _deletion(id), Deletion, _VERSION).until_ended(id, patience)

    # ---- the graph

    async def stats(self) -> TwinsStats:
        """Return how large the graph is: an addition of weft."""
        return (await self._call("GET", f"{ADDITIONS}/stats")).read(TwinsStats)

    async def query(self, text: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the results of a query in the query language of Digital Twins."""
        asked = {"query": text}
        while True:
            page = (await self._call("POST", "/query", body=asked, again_after=BUSY)).read(_Results)
            for result in page.value:
                yield result
            if page.continuation_token is None:
                return
            asked[CONTINUATION] = page.continuation_token

    async def twin(self, id: str) -> dict[str, Any]:
        return (await self._call("GET", f"/digitaltwins/{quote(id, safe='')}")).read(dict[str, Any])

    async def models(self, *, definitions: bool = False) -> AsyncIterator[dict[str, Any]]:
        """Yield the models; with *definitions* each has its interface as `model`."""
        query = {"includeModelDefinition": "true"} if definitions else {}
        async for page in self._pages("/models", query):
            for model in page.read(_Entries).value:
                yield model

    async def _pages(self, path: str, query: Mapping[str, str] | None = None) -> AsyncIterator[Reply]:
        """Yield all pages of a list. Only the link's token is followed: the link could point anywhere."""
        asked = dict(query or {})
        while True:
            reply = await self._call("GET", path, query=asked)
            yield reply
            token = _onward(reply.read(_Link).next_link)
            if token is None:
                return
            asked[CONTINUATION] = token

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        again_after: Collection[int] = BUSY,
    ) -> Reply:
        return await self._transport.call(
            method,
            path,
            query={**_VERSION, **(query or {})},
            body=None if body is None else encode(body),
            headers=headers or {},
            again_after=again_after,
        )


_VERSION: Mapping[str, str] = {"api-version": API_VERSIONS[0]}


class _Link(msgspec.Struct, rename="camel"):
    next_link: str | None = None


class _Entries(msgspec.Struct):
    value: list[dict[str, Any]]


class _Results(_Entries, rename="camel"):
    continuation_token: str | None = None


def _onward(link: str | None) -> str | None:
    return None if link is None else parse_qs(urlsplit(link).query).get(CONTINUATION, [None])[0]


def _import(id: str) -> str:
    return f"{IMPORTS}/{quote(id, safe='')}"


def _deletion(id: str) -> str:
    return f"{DELETIONS}/{quote(id, safe='')}"


def _details(id: str) -> str:
    return f"{ADDITIONS}/imports/{quote(id, safe='')}"
