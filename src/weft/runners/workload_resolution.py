"""Where a backend is that only its endpoint resolution service knows: asked, checked, and remembered.

A token is sent to the address that comes back, so an answer is only believed where it names the host of the
service itself, or one that the settings list.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from weft.catalog.addresses import is_loopback
from weft.catalog.item_types import Backend
from weft.contracts.workload import ResolutionContext
from weft.engine.ports import Clock
from weft.runners.workload_answers import Said, Silence, members_of, seconds_of
from weft.runners.workload_request import Request, encoded
from weft.settings import CallerSettings

log = logging.getLogger(__name__)

SHORTEST_SECONDS = 60.0
LONGEST_SECONDS = 24 * 3600.0
URL_CHARACTERS = 2048
ENDPOINT_NAME = "Workload"

_ABSOLUTE = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::(?P<port>\d{1,5}))?"
    r"(?P<path>(?:/[\w.~!$&'()*+,;=:@%-]*)*)",
    re.ASCII | re.IGNORECASE,
)


class Ask(Protocol):
    async def __call__(
        self, backend: Backend, tenant: str, request: Request, *, by: float
    ) -> Said | Silence: ...


@dataclass(slots=True)
class _Known:
    """*asked_at* and *until* are loop times. *is_doubted*: nobody could be reached there."""

    url: str
    asked_at: float
    until: float
    is_doubted: bool = False


class UrlRefused(ValueError):
    """An endpoint resolution service named an address to which no token may be sent."""


class Resolutions:
    """Remembers, for each backend and tenant, what its service said; one question at a time each."""

    def __init__(self, settings: CallerSettings, *, clock: Clock, ask: Ask) -> None:
        self._settings = settings
        self._clock = clock
        self._ask = ask
        self._known: dict[tuple[Backend, str], _Known] = {}
        self._asked: dict[tuple[Backend, str], asyncio.Task[str | Silence]] = {}

    async def close(self) -> None:
        for task in tuple(self._asked.values()):
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)

    async def base_url(self, backend: Backend, tenant: str, *, by: float) -> str | Silence:
        """Return where *backend* is for *tenant*; Silence, not arrived, where that cannot be found out."""
        key = (backend, tenant)
        known = self._fresh(key)
        if known is not None and not known.is_doubted:
            return known.url
        asked = self._asked.get(key) or self._begin(key)
        done, _ = await asyncio.wait([asked], timeout=max(0.0, by - _now()))
        answer = asked.result() if done and not asked.cancelled() else _unresolved("no answer in time")
        if isinstance(answer, Silence) and (known := self._fresh(key)):
            known.asked_at, known.is_doubted = _now(), False
            return known.url
        return answer

    def doubt(self, backend: Backend, tenant: str) -> None:
        """Ask again before the next call, for the backend may have moved; what is known stays valid."""
        known = self._fresh((backend, tenant))
        if known is not None and _now() - known.asked_at >= SHORTEST_SECONDS:
            known.is_doubted = True

    def _fresh(self, key: tuple[Backend, str]) -> _Known | None:
        known = self._known.get(key)
        return known if known is not None and _now() < known.until else None

    def _begin(self, key: tuple[Backend, str]) -> asyncio.Task[str | Silence]:
        task = asyncio.create_task(self._resolve(*key), name=f"resolve {key[0].workload}")
        self._asked[key] = task
        task.add_done_callback(lambda _: self._asked.pop(key))
        return task

    async def _resolve(self, backend: Backend, tenant: str) -> str | Silence:
        by = _now() + self._settings.call_timeout.total_seconds()
        said = await self._ask(backend, tenant, self._request(backend, tenant), by=by)
        try:
            answer = said if isinstance(said, Silence) else self._read(said, backend)
        except UrlRefused as refused:
            answer = _unresolved(str(refused))
        if isinstance(answer, Silence):
            log.warning("no endpoint resolved", extra={"workload": backend.workload, "reason": answer.reason})
            return Silence(answer.reason, arrived=False, retry_after=answer.retry_after)
        url, seconds = answer
        self._remember((backend, tenant), url, seconds)
        return url

    def _remember(self, key: tuple[Backend, str], url: str, seconds: float) -> None:
        now = _now()
        self._known = {each: known for each, known in self._known.items() if now < known.until}
        self._known[key] = _Known(url, now, now + seconds)

    def _request(self, backend: Backend, tenant: str) -> Request:
        values = {
            ResolutionContext.ENDPOINT_NAME: ENDPOINT_NAME,
            ResolutionContext.TENANT_REGION: self._settings.tenant_region,
            ResolutionContext.WORKSPACE_REGION: self._settings.workspace_region,
            ResolutionContext.TENANT_ID: tenant,
        }
        wanted = [name for name in ResolutionContext if name in (backend.resolves or ())]
        context = [{"name": name.value, "value": values[name]} for name in wanted]
        return Request("POST", "", encoded({"context": context}))

    def _read(self, said: Said, backend: Backend) -> tuple[str, float] | Silence:
        if not said.is_success:
            return _unresolved(f"it answered {said.status}", seconds_of(said.retry_after, self._clock.now()))
        members = members_of(said.body or b"")
        if members is None:
            return _unresolved("its answer is no JSON object of a fitting size")
        url = checked_url(members.get("url"), service=backend.url, listed=self._settings.resolved_hosts)
        return url, seconds_of_ttl(members.get("ttlinminutes"))


def checked_url(url: object, *, service: str, listed: tuple[str, ...]) -> str:
    """Return the base URL, without a slash at its end, that a *service* may send us to.

    It is absolute, http or https, and has no user, query or fragment. Its host is that of the service (any
    loopback address where the service has one), or one of *listed*. http is for loopback, or for where the
    service itself is called through http. Raises UrlRefused.
    """
    match = _ABSOLUTE.fullmatch(url) if isinstance(url, str) and len(url) <= URL_CHARACTERS else None
    if match is None or not 0 < int(match["port"] or 1) <= 65535:
        # It is not told which: there may be a password in it.
        raise UrlRefused("its url is no absolute http or https URL without user, query and fragment")
    host, asked = _host(match["host"]), urlsplit(service)
    asked_host = _host(asked.hostname or "")
    is_near = is_loopback(host) and is_loopback(asked_host)
    if not (is_near or host == asked_host or _is_listed(host, listed)):
        raise UrlRefused(f"its url names {host!r}, neither its own host nor one of caller.resolved_hosts")
    if match["scheme"].lower() == "http" and asked.scheme != "http" and not is_loopback(host):
        raise UrlRefused(f"its url asks for http to {host!r}, where tokens would go without TLS")
    return match[0].rstrip("/")


def seconds_of_ttl(minutes: object) -> float:
    """Return for how long an answer is kept: what it says, within a minute and a day; a minute if nothing."""
    if isinstance(minutes, bool) or not isinstance(minutes, int | float):
        return SHORTEST_SECONDS
    return min(max(60.0 * min(minutes, 10**6), SHORTEST_SECONDS), LONGEST_SECONDS)


def _is_listed(host: str, listed: tuple[str, ...]) -> bool:
    """*listed*: hosts, and domains as `*.contoso.com`, which stands for every name below it."""
    names = [name.lower() for name in listed]
    return any(host.endswith(name[1:]) if name.startswith("*.") else host == _host(name) for name in names)


def _host(text: str) -> str:
    return text.lower().strip("[]").rstrip(".")


def _unresolved(reason: str, retry_after: float | None = None) -> Silence:
    return Silence(f"no endpoint was resolved: {reason}", arrived=False, retry_after=retry_after)


def _now() -> float:
    return asyncio.get_running_loop().time()
