"""Tokens for running jobs from Entra, or another issuer that speaks like it, through Microsoft's own library.

MSAL is imported late (`weft[entra]`) and works in threads; its requests go through our transport, and to the
configured authority only.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import ssl
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from aiohttp.abc import AbstractResolver

from weft.auth.errors import EntraMissing
from weft.auth.jwks import WELL_KNOWN
from weft.auth.sealed import SubjectSeal
from weft.catalog.addresses import checked
from weft.catalog.tokens import CONSENT_NEEDED, Token, auth_ui_required, nobody
from weft.engine.jobs import Job, JobError
from weft.engine.ports import Clock
from weft.outgoing import Response, Transport, Unreachable

ENTRA: Final = "https://login.microsoftonline.com"  # MSAL takes https only, and knows this one without asking
EXCHANGE_SECONDS: Final = 8.0
THREADS: Final = 8
MOST_USERS: Final = 512
DOCUMENT_GOOD_FOR: Final = timedelta(hours=24)

_UI_REQUIRED: Final = frozenset(
    {"invalid_grant", "interaction_required", "consent_required", "login_required"}
)
_BUSY: Final = frozenset({"temporarily_unavailable", "server_error", "service_unavailable"})
_TOKEN = re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*)*")
_TOO_MANY: Final = '{"error":"temporarily_unavailable","error_description":"status 429"}'
_LONGEST_MESSAGE: Final = 2000
_DOCUMENTS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class EntraApp:
    """The workload's app: *tenant* is the one that publishes it, *authority* what stands before a tenant."""

    client_id: str
    client_secret: str = field(repr=False)
    tenant: str
    authority: str = ENTRA


def authority_of(issuer: str) -> str:
    """Return what stands before the tenant in the address of an issuer. Raises AddressRefused."""
    checked(issuer)
    base = issuer.removesuffix(WELL_KNOWN).rstrip("/").removesuffix("/v2.0")
    return base.rpartition("/")[0]


class EntraTokens:
    """On-behalf-of tokens of the jobs' users, and client-credentials tokens of the workload's app.

    A user's refresh token is kept in memory, so that a job gets tokens long after the subject token of its
    create call has expired; where it is lost, that subject token is used again. `start` it before the first
    call, and `close` it at the end.
    """

    def __init__(
        self,
        app: EntraApp,
        seal: SubjectSeal,
        clock: Clock,
        *,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        seconds: float = EXCHANGE_SECONDS,
    ) -> None:
        """Raises AddressRefused."""
        checked(app.authority)
        self._app = app
        self._seal = seal
        self._clock = clock
        self._transport = Transport(tls=tls, resolver=resolver, seconds=seconds)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="weft entra")
        self._clients: OrderedDict[tuple[str, str], _Client] = OrderedDict()
        self._new_client: Callable[..., Any] = _not_started

    async def start(self) -> None:
        """Raises EntraMissing."""
        try:
            msal = await asyncio.to_thread(importlib.import_module, "msal")
        except ImportError:
            raise EntraMissing from None
        self._new_client = msal.ConfidentialClientApplication
        await self._transport.start()
        loop = asyncio.get_running_loop()
        self._http = _Requests(self._transport, loop, self._app.authority.rstrip("/"), self._clock)

    async def close(self) -> None:
        await self._transport.close()  # what threads wait for then ends
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def token(self, job: Job, scope: str, as_app: bool) -> Token | JobError:
        scopes = scope.split()
        if not _are_of_one_resource(scopes):
            why = f"{scope!r} is no scope of one resource, such as 'https://storage.azure.com/.default'."
            return JobError("InvalidScope", why, "User", is_permanent=True)
        if as_app:
            return await self._asked(self._client(self._app.tenant, ""), scopes, "")
        tenant, user = job.labels.get("tenant", ""), job.labels.get("user", "")
        if not tenant or not user:
            return nobody(scope)
        subject = self._seal.subject_token(job.labels, job.key.id)
        return await self._asked(self._client(tenant, user), scopes, subject)

    def _client(self, tenant: str, user: str) -> _Client:
        key = (tenant, user)
        client = self._clients.setdefault(key, _Client(tenant, is_app=not user))
        self._clients.move_to_end(key)
        if len(self._clients) > MOST_USERS:
            self._clients.popitem(last=False)
        return client

    async def _asked(self, client: _Client, scopes: list[str], subject: str) -> Token | JobError:
        loop = asyncio.get_running_loop()
        try:
            async with client.lock:
                result = await loop.run_in_executor(self._threads, self._ask, client, scopes, subject)
        except Exception as fault:  # whatever the answer of a stranger makes the library raise
            return _unavailable(self._told(fault) or type(fault).__name__)
        return self._answer(result, scopes)

    def _ask(self, client: _Client, scopes: list[str], subject: str) -> Mapping[str, Any] | None:
        """Return what MSAL returns; runs in a thread."""
        if client.msal is None:
            client.msal = self._new_client(
                self._app.client_id,
                authority=f"{ENTRA}/{client.tenant}",
                client_credential=self._app.client_secret,
                instance_discovery=False,
                http_client=self._http,
            )
        return client.for_app(scopes) if client.is_app else client.on_behalf(scopes, subject)

    def _answer(self, result: Mapping[str, Any] | None, scopes: list[str]) -> Token | JobError:
        if result is None:
            why = "The token with which the job was created is not kept any more."
            return auth_ui_required(why, error="login_required", scopes=scopes)
        text, seconds = result.get("access_token"), result.get("expires_in")
        if isinstance(text, str) and text and isinstance(seconds, int):
            return Token(text, self._clock.now() + timedelta(seconds=min(max(seconds, 0), 86400 * 2)))
        return self._refused(result, scopes)

    def _refused(self, result: Mapping[str, Any], scopes: list[str]) -> JobError:
        error = self._told(result.get("error") or "an answer without a token")
        message = self._told(result.get("error_description") or error)
        if error in _BUSY:
            return _unavailable(message)
        if error not in _UI_REQUIRED:
            return JobError("TokenRefused", f"The issuer gave no token: {message}", "System", True)
        needs_consent = "consent_required" in (error, result.get("suberror"))
        if needs_consent and CONSENT_NEEDED not in message:
            message = f"{CONSENT_NEEDED}: {message}"
        claims = result.get("claims")
        return auth_ui_required(
            message, error=error, scopes=scopes, claims=claims if isinstance(claims, str) else ""
        )

    def _told(self, text: object) -> str:
        """Return *text* of the issuer as it may be shown: it must not give back what we sent."""
        hidden = _TOKEN.sub("(token)", str(text)[: 2 * _LONGEST_MESSAGE])
        return hidden.replace(self._app.client_secret, "(secret)")[:_LONGEST_MESSAGE]


class _Client:
    """MSAL for one user, or for the app: what is remembered of one is never looked up for another."""

    def __init__(self, tenant: str, *, is_app: bool) -> None:
        self.tenant = tenant
        self.is_app = is_app
        self.lock = asyncio.Lock()
        self.msal: Any = None

    def for_app(self, scopes: list[str]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.msal.acquire_token_for_client(scopes)
        return found

    def on_behalf(self, scopes: list[str], subject: str) -> Mapping[str, Any] | None:
        """Use what is remembered first: it lives longer than *subject*, the token of the create call."""
        found: Mapping[str, Any] | None = None
        for account in self.msal.get_accounts()[:1]:
            found = self.msal.acquire_token_silent_with_error(scopes, account=account)
        if subject and (found is None or "access_token" not in found):
            found = self.msal.acquire_token_on_behalf_of(subject, scopes)
        return found


class _Requests:
    """MSAL's requests: from a thread over our transport, to the configured authority in place of Entra's."""

    def __init__(
        self, transport: Transport, loop: asyncio.AbstractEventLoop, authority: str, clock: Clock
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._authority = authority
        self._clock = clock
        self._documents: dict[str, tuple[_Said, datetime]] = {}

    def get(self, url: str, params: Mapping[str, str] | None = None, headers: Any = None, **_: Any) -> _Said:
        address = self._moved(url) + (f"?{urlencode(params)}" if params else "")
        known = self._documents.get(address)
        if known is not None and known[1] > self._clock.now():
            return known[0]
        said = _Said(self._exchange("GET", address, headers, None))
        if said.status_code == 200:
            said.text = self._back(said.text)
            if len(self._documents) >= _DOCUMENTS:
                self._documents.clear()
            self._documents[address] = (said, self._clock.now() + DOCUMENT_GOOD_FOR)
        return said

    def post(self, url: str, headers: Any = None, data: Mapping[str, Any] | None = None, **_: Any) -> _Said:
        form = {name: str(value) for name, value in (data or {}).items()}
        return _Said(self._exchange("POST", self._moved(url), headers, form))

    def close(self) -> None:
        return

    def _exchange(self, method: str, url: str, headers: Any, form: Mapping[str, str] | None) -> Response:
        sent = {name: str(value) for name, value in (headers or {}).items() if value is not None}
        exchange = self._transport.exchange(method, url, headers=sent, form=form)
        return asyncio.run_coroutine_threadsafe(exchange, self._loop).result()

    def _moved(self, url: str) -> str:
        if not url.startswith(f"{ENTRA}/"):
            raise Unreachable("an address beside the configured authority")
        return self._authority + url.removeprefix(ENTRA)

    def _back(self, document: str) -> str:
        """Return the discovery document with addresses as MSAL takes them."""
        members = msgspec.json.decode(document)
        if self._authority == ENTRA:
            return document
        for name, value in members.items():
            if isinstance(value, str) and value.startswith(f"{self._authority}/"):
                members[name] = ENTRA + value.removeprefix(self._authority)
        return msgspec.json.encode(members).decode()


class _Said:
    """An answer as MSAL reads it. It is a JSON object: what is none, MSAL would write into the log."""

    def __init__(self, answer: Response) -> None:
        self.status_code = answer.status
        self.headers = dict(answer.headers)
        self.text = answer.body.decode("utf-8", "replace")
        if answer.status == 429:
            self.text = _TOO_MANY  # MSAL waits as long as Retry-After says
        elif answer.status < 500:
            _check_object(answer)

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise Unreachable(f"status {self.status_code}")


def _are_of_one_resource(scopes: list[str]) -> bool:
    """As Entra sees it, the resource is what stands before the last slash of a scope."""
    parts = [scope.rpartition("/") for scope in scopes]
    return len({resource for resource, _, _ in parts}) == 1 and all(one[0] and one[2] for one in parts)


def _check_object(answer: Response) -> None:
    try:
        value = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Unreachable(f"status {answer.status}, and no JSON object")


def _unavailable(reason: str) -> JobError:
    return JobError(
        "TokenUnavailable", f"The token issuer gave no token now: {reason}", "System", is_permanent=False
    )


def _not_started(*_: Any, **__: Any) -> Any:
    raise Unreachable("it is not asked before start")
