"""Good requests to the sign-in service: tokens in every form, and the documents; and what answers must be."""

from __future__ import annotations

import base64
import json
import random
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote_plus

from tests.fuzz.answers import Answer, core_envelope, is_of_no_face
from tests.fuzz.bends import TEXTS, Bend, with_header
from tests.fuzz.message import Request
from weft.auth.apps import Apps
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.contracts.hosts import LOGIN_HOSTS
from weft.engine.clock import SystemClock

APPS: Final = 12
REMEMBERED: Final = 30
ON_MAIN_LISTENER: Final = 0.4
FORM: Final = "application/x-www-form-urlencoded"
JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPES: Final = (
    "https://api.fabric.microsoft.com/.default", "https://storage.azure.com/.default",
    "https://storage.azure.com//.default", "https://analysis.windows.net/powerbi/api/.default",
)  # fmt: skip
PERSONAL: Final = (
    *SCOPES, f"{SCOPES[0]} offline_access openid profile", "https://api.fabric.microsoft.com/Item.Read.All",
)  # fmt: skip
ODD_SCOPES: Final = (
    "", ".default", "openid", "https://graph.microsoft.com/.default", "a/b c/d", "/", "//", "x" * 9000,
    "api://none/.default",
)  # fmt: skip
NAMES: Final = (
    "grant_type", "client_id", "scope", "resource", "assertion", "refresh_token", "requested_token_use",
    "client_info", "client_assertion", "claims", "",
)  # fmt: skip
TAKES_TOKENS: Final = ("assertion", "refresh_token", "client_assertion")
_TOKEN_PATH: Final = re.compile(r"(?:/issuer)?/[^/]+/oauth2/(?:v2\.0/)?token", re.IGNORECASE)
_TOLD: Final = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{40,}|weft1\.[\w-]{40,}", re.ASCII)


@dataclass(frozen=True)
class Client:
    id: str
    secret: str
    assertion: str


@dataclass(frozen=True)
class Clients:
    """Registered apps: several, for too many wrong secrets keep one out for a minute."""

    tenant: str
    all: tuple[Client, ...]

    @classmethod
    def register(cls, data: Path) -> Clients:
        home = Home.open(data)
        issuer, apps = Issuer(Keys.open(data), SystemClock(), home), Apps(data, home.tenant)
        made = [apps.create(f"fuzz {number}") for number in range(APPS)]
        return cls(
            home.tenant,
            tuple(
                Client(app.client_id, secret, issuer.core_token("ada", audience=app.client_id))
                for app, secret in made
            ),
        )

    def told_in(self, text: str) -> bool:
        """Return whether *text* holds a secret, or any token."""
        return _TOLD.search(text) is not None or any(client.secret in text for client in self.all)

    def proves(self, request: Request) -> bool:
        """Return whether *request* holds the secret of an app."""
        held = unquote_plus(request.body.decode("latin-1")) + "".join(
            _decoded(value) for value in request.header("Authorization")
        )
        return any(client.secret in held for client in self.all)


class LoginRequests:
    """*address* is that of the main listener, which has the token endpoint of the local issuer too."""

    def __init__(self, chance: random.Random, clients: Clients, address: str) -> None:
        self._chance = chance
        self._clients = clients
        self._address = address
        self._renewable: deque[tuple[Client, str]] = deque(maxlen=REMEMBERED)

    @property
    def bends(self) -> Sequence[Bend]:
        return (self._odd_field, self._odd_field, self._twice_field, self._basic, self._other_tenant)

    def hear(self, request: Request, answer: Answer) -> None:
        """Remember what can be renewed, and by whom."""
        if answer.status != 200 or not answer.body or b"refresh_token" not in answer.body:
            return
        for client in self._clients.all:
            if client.id.encode() in request.body:
                self._renewable.append((client, json.loads(answer.body)["refresh_token"]))

    def good(self) -> Request:
        return self._document() if self._chance.random() < 0.25 else self._token()

    # ---- what is asked

    def _token(self) -> Request:
        client = self._chance.choice(self._clients.all)
        v1 = self._chance.random() < 0.2
        kind = self._chance.choice((self._to_app, self._on_behalf, self._renewal))
        fields, expected = kind(client)
        if v1:
            fields |= {"resource": "https://storage.azure.com", "scope": "openid"}
        tenant = self._clients.tenant if kind == self._to_app else self._tenant()
        path = f"/{tenant}/oauth2/{'' if v1 else 'v2.0/'}token"
        body = "&".join(f"{name}={quote_plus(value)}" for name, value in fields.items()).encode()
        return self._request("POST", path, body, "", expected)

    def _to_app(self, client: Client) -> tuple[dict[str, str], tuple[int, ...]]:
        fields = {"grant_type": "client_credentials", "scope": self._chance.choice(SCOPES)}
        return fields | _who(client), (200, 429)

    def _on_behalf(self, client: Client) -> tuple[dict[str, str], tuple[int, ...]]:
        fields = {
            "grant_type": JWT_BEARER,
            "requested_token_use": "on_behalf_of",
            "assertion": client.assertion,
            "scope": self._chance.choice(PERSONAL),
            "client_info": "1",
        }
        return fields | _who(client), (200, 429)

    def _renewal(self, client: Client) -> tuple[dict[str, str], tuple[int, ...]]:
        at, scope = self._chance.random(), self._chance.choice(PERSONAL)
        known = self._renewable
        client, token = known[int(at * len(known))] if known else (client, "weft1." + "A" * 80)
        fields = {"grant_type": "refresh_token", "refresh_token": token, "scope": scope}
        return fields | _who(client), (200, 400, 429)

    def _document(self) -> Request:
        tenant = self._tenant()
        known = (
            (f"/{tenant}/v2.0/.well-known/openid-configuration", ""),
            (f"/{tenant}/discovery/v2.0/keys", ""),
            (f"/{tenant}/.well-known/openid-configuration", ""),
            (f"/{tenant}/discovery/keys", ""),
            ("/common/discovery/instance", f"authorization_endpoint={quote(self._endpoint(), safe='')}"),
        )
        path, query = self._chance.choice(known)
        return self._request(self._chance.choice(("GET", "GET", "HEAD")), path, b"", query, ())

    # ---- what bends them

    def _odd_field(self, request: Request) -> Request:
        name = self._chance.choice(NAMES)
        token = self._chance.choice(self._clients.all).assertion if name in TAKES_TOKENS else ""
        value = self._chance.choice((*TEXTS, *ODD_SCOPES, token))
        parts = [part for part in request.body.split(b"&") if not part.startswith(name.encode() + b"=")]
        odd = f"{name}={quote_plus(value, errors='replace')}".encode()
        return replace(request, body=b"&".join((*parts, odd)))

    def _twice_field(self, request: Request) -> Request:
        many = self._chance.choice((1, 1, 70))
        return replace(request, body=b"&".join((request.body, *[b"scope=x"] * many)))

    def _basic(self, request: Request) -> Request:
        client = self._chance.choice(self._clients.all)
        id, secret = self._chance.choice(((client.id, client.secret), ("é", "\0"), (client.id, "")))
        text = base64.b64encode(f"{quote(id)}:{quote(secret)}".encode()).decode()
        value = self._chance.choice(
            (f"Basic {text}", f"basic {text}x", "Basic", f"Bearer {client.assertion}")
        )
        parts = [part for part in request.body.split(b"&") if not part.startswith(b"client_")]
        return with_header(replace(request, body=b"&".join(parts)), "Authorization", value)

    def _other_tenant(self, request: Request) -> Request:
        start, slash, rest = request.path.removeprefix("/issuer").removeprefix("/").partition("/")
        prefix = "/issuer" if request.path.startswith("/issuer") else ""
        other = self._chance.choice(
            ("contoso.onmicrosoft.com", "consumers", start.upper(), "%00", "é", "a b")
        )
        return replace(request, path=f"{prefix}/{other}{slash}{rest}")

    # ---- inside

    def _request(self, method: str, path: str, body: bytes, query: str, expected: tuple[int, ...]) -> Request:
        main = self._chance.random() < ON_MAIN_LISTENER
        host = self._address if main else self._chance.choice((LOGIN_HOSTS[0], *LOGIN_HOSTS))
        headers = [("Host", host)]
        if body:
            headers.append(("Content-Type", FORM))
        path = f"/issuer{path}" if main else path
        return Request(method, path, tuple(headers), body, query, expected, fabric=not main)

    def _tenant(self) -> str:
        return self._chance.choice((self._clients.tenant, "common", "organizations"))

    def _endpoint(self) -> str:
        host = self._chance.choice((*LOGIN_HOSTS, "evil.example"))
        return f"https://{host}/{self._clients.tenant}/oauth2/v2.0/authorize"


def _who(client: Client) -> dict[str, str]:
    return {"client_id": client.id, "client_secret": client.secret}


def _decoded(value: str) -> str:
    try:
        return unquote_plus(base64.b64decode(value.partition(" ")[2]).decode("latin-1"))
    except ValueError:
        return ""


def login_fault(request: Request, answer: Answer, clients: Clients) -> str:
    """Return what is wrong with an answer of the sign-in service, or nothing."""
    if answer.status >= 500 or 300 <= answer.status < 400:
        return f"a {answer.status}"
    # What is below /issuer and is no endpoint belongs to no face.
    if is_of_no_face(request, answer) or (not request.fabric and core_envelope(answer)):
        return ""
    if request.method == "HEAD":
        return f"a body in answer to HEAD: {answer.body!r}" if answer.body else ""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return f"no JSON in a {answer.status}: {answer.body[:100]!r}"
    if answer.status < 300:
        return _success_fault(request, answer, body, clients)
    return _error_fault(answer, body, clients)


def _success_fault(request: Request, answer: Answer, body: Any, clients: Clients) -> str:
    if not isinstance(body, dict) or "no-store" not in answer.headers.get("cache-control", ""):
        return f"a {answer.status} that may be kept, or is no object"
    if not _TOKEN_PATH.fullmatch(request.path):
        return "a token is told in a document" if "access_token" in body else ""
    if body.get("token_type") != "Bearer" or not body.get("access_token"):
        return f"no token in a {answer.status}"
    return "" if clients.proves(request) else "a token is given to somebody without a secret"


def _error_fault(answer: Answer, body: Any, clients: Clients) -> str:
    if not isinstance(body, dict) or not isinstance(body.get("error"), str):
        return f"no envelope in a {answer.status}: {body!r:.200}"
    codes = body.get("error_codes")
    if not isinstance(codes, list) or len(codes) != 1:
        return f"no code in a {answer.status}: {body!r:.200}"
    if not str(body.get("error_description")).startswith(f"AADSTS{codes[0]}: "):
        return f"the description does not say {codes[0]}: {body!r:.200}"
    if not all(isinstance(body.get(name), str) for name in ("timestamp", "trace_id", "correlation_id")):
        return f"no trace in a {answer.status}: {body!r:.200}"
    return f"a secret is told in a {answer.status}" if clients.told_in(answer.body.decode("latin-1")) else ""
