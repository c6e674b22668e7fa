"""The way to workloads, shared by all that call them: finds a backend, proves who calls, and sends."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING
from uuid import uuid4

from weft.catalog.item_types import Backend, Contract
from weft.engine.ports import Clock
from weft.runners import workload_remote_calls, workload_wdk
from weft.runners.workload_answers import Said, Silence
from weft.runners.workload_endpoint import Credentials, Endpoint, Person
from weft.runners.workload_request import Request, Requests
from weft.runners.workload_resolution import Resolutions
from weft.settings import CallerSettings

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

    from weft.runners.workload_http import WorkloadHttp

REQUESTS: dict[Contract, Requests] = {Contract.WDK: workload_wdk, Contract.REMOTE: workload_remote_calls}

CONNECT_SHARE = 0.5  # of a call's time; a connection that was never made proves that nothing was delivered


class Line:
    """One HTTP client and one memory of resolved endpoints; `close` when the last call is over."""

    def __init__(
        self,
        settings: CallerSettings,
        *,
        credentials: Credentials,
        clock: Clock,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """*resolver* finds the addresses of names; None: as the machine does."""
        self.clock = clock
        self._call_seconds = settings.call_timeout.total_seconds()
        self._credentials = credentials
        self._resolver = resolver
        self._resolutions = Resolutions(settings, clock=clock, ask=self._ask_where)
        self._http: WorkloadHttp | None = None
        self._opening = asyncio.Lock()
        self._is_closed = False

    async def open(self) -> WorkloadHttp:
        """Load the HTTP client beside the loop, which takes a while, and make it ready; once."""
        async with self._opening:
            if self._http is None:
                make = await asyncio.to_thread(_http_client)
                self._http = make(connect_seconds=self._call_seconds * CONNECT_SHARE, resolver=self._resolver)
            return self._http

    async def close(self) -> None:
        self._is_closed = True
        await self._resolutions.close()
        async with self._opening:
            if self._http is not None:
                await self._http.close()

    async def call(
        self,
        endpoint: Endpoint,
        request: Request,
        person: Person,
        *,
        by: float,
        activity: str = "",
        reads_success: bool = True,
    ) -> Said | Silence:
        """Send *request* for *person*, and return what is answered before loop time *by*.

        *activity* names what several calls belong to; "": a call of its own. *reads_success*: whether the
        body of a 2xx is wanted.
        """
        backend = endpoint.backend
        base = backend.url
        if backend.resolves is not None:
            found = await self._resolutions.base_url(backend, person.tenant, by=by)
            if isinstance(found, Silence):
                return found
            base = found
        headers = self._headers(backend, person, activity)
        headers["x-ms-client-tenant-id"] = person.tenant
        url = base + request.path
        said = await self._send(url, request, headers, endpoint.tls, by=by, reads_success=reads_success)
        if isinstance(said, Silence) and not said.arrived:
            self._resolutions.doubt(backend, person.tenant)
        return said

    async def _ask_where(
        self, backend: Backend, tenant: str, request: Request, *, by: float
    ) -> Said | Silence:
        """Call an endpoint resolution service: for nobody, and without the header that names the tenant."""
        headers = self._headers(backend, Person(tenant), "")
        return await self._send(backend.url, request, headers, None, by=by, reads_success=True)

    async def _send(
        self,
        url: str,
        request: Request,
        headers: dict[str, str],
        tls: ssl.SSLContext | None,
        *,
        by: float,
        reads_success: bool,
    ) -> Said | Silence:
        if self._is_closed:
            return Silence("this server is stopping", arrived=False)
        if request.body is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        http = self._http or await self.open()
        return await http.exchange(
            request.method,
            url,
            headers=headers,
            body=request.body,
            tls=tls,
            by=by,
            reads_success=reads_success,
        )

    def _headers(self, backend: Backend, person: Person, activity: str) -> dict[str, str]:
        request_id = str(uuid4())
        return {
            "Authorization": self._credentials.authorization(backend, person),
            "ActivityId": activity or request_id,
            "RequestId": request_id,
        }


def _http_client() -> type[WorkloadHttp]:
    from weft.runners.workload_http import WorkloadHttp  # noqa: PLC0415 - see `Line.open`

    return WorkloadHttp
