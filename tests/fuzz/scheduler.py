"""Good requests to what is around Core's jobs: schedules, roles, folders, webhooks, headers and more."""

from __future__ import annotations

import base64
import json
import random
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, urlsplit

from tests.fuzz.answers import Answer
from tests.fuzz.bends import TEXTS, Bend, Header, as_json, with_header
from tests.fuzz.core import few_uuids
from tests.fuzz.message import Request
from weft.catalog.addresses import is_loopback

REMEMBERED: Final = 30
SECRET: Final = b"whsec_"
BEGINS: Final = "2026-01-31T00:00:00"
WHEN: Final[tuple[dict[str, Any], ...]] = (
    {"type": "Cron", "interval": 5_000},
    {"type": "Daily", "times": ["00:30", "23:59"]},
    {"type": "Weekly", "times": ["12:00"], "weekdays": ["Monday", "Sunday"]},
    {"type": "Monthly", "times": ["6:00"], "recurrence": 2,
     "occurrence": {"occurrenceType": "DayOfMonth", "dayOfMonth": 31}},
    {"type": "Monthly", "times": ["6:00"], "recurrence": 1,
     "occurrence": {"occurrenceType": "OrdinalWeekday", "weekIndex": "Fifth", "weekday": "Friday"}},
)  # fmt: skip
ODD_TIMES: Final = (
    "0001-01-01T00:00:00",
    "9999-12-31T23:59:59",
    "2026-02-30T00:00:00",
    "2026-01-31T24:00:00",
)
ZONES: Final = ("UTC", "Central Standard Time", "Romance Standard Time", "Europe/Berlin", "../UTC", "Factory")
ODD_HEADERS: Final = (
    ("Prefer", "wait=1, wait=300"), ("Prefer", "wait=-1"), ("Prefer", 'wait="1"; a="b,c"'),
    ("Prefer", ';,=,"'),
    ("Prefer", "return=representation; x"), ("Prefer", "wait=" + "9" * 2000),
    ("Idempotency-Key", '"a\\"b"'), ("Idempotency-Key", '"'), ("Idempotency-Key", "x" * 256),
    ("Idempotency-Key", ""), ("Repeatability-Request-ID", "other"),
    ("Last-Event-ID", "bnVsbA"), ("Last-Event-ID", "W10"), ("Last-Event-ID", "WzEsWy0xXV0"),
    ("Last-Event-ID", "WzkyMjMzNzIwMzY4NTQ3NzU4MDgsW11d"), ("Last-Event-ID", "!"),
)  # fmt: skip
PARAMETERS: Final = (
    "maxResults=1", "maxResults=0", "status=Failed,completed", "status=Nothing", "sort=endTimeUtc",
    "text=%25_",
    "startedAfter=2026-01-31T07:30:00Z", "startedBefore=0001-01-01T00:00:00%2B23:59", "itemType=Notebook",
    "invokeType=Scheduled", "jobType=quick", "endedAfter=9999-12-31T23:59:59-23:59", "text=%F0%9F%98%80",
)  # fmt: skip
NOTEBOOKS: Final = (
    '{"cells": [{"cell_type": "code", "source": ["x = 1\\n", "x"]}], "nbformat": 4, "nbformat_minor": 5}',
    '{"cells": [{"cell_type": "markdown", "source": "# a"}, {"cell_type": "raw"}], "metadata": {"a": []}}',
    '{"cells": [{"cell_type": "code", "source": 1, "metadata": {"tags": ["parameters", 1]}}]}',
    '{"cells": 1}', "{}", "[]", "", "\ud7ff", '{"cells": [' + '{"a":' * 300,
    '{"cells": [[]], "metadata": null}',
    "# Fabric notebook source\n\n# METADATA ***\n\n# META {\n\n# CELL ***\n\nx = 1\n\n# MARKDOWN ***\n# a\n",
    "# Fabric notebook source\r\n# PARAMETERS CELL ****\r\n# MAGIC %%sql\r\n", "x = 1",
)  # fmt: skip
ODD_URLS: Final = (
    "http://169.254.169.254/latest", "https://evil.example/", "http://127.0.0.1@evil.example/",
    "http://0x7f000001/", "http://2130706433/", "http://[::ffff:10.0.0.1]/", "file:///etc/passwd",
    "http://127.0.0.1:99999/", "http://127.0.0.1.evil.example/", "http://localhost\\@evil.example/",
)  # fmt: skip


class SchedulerRequests:
    """*item* is known, below /v1, and *users* can be given roles; webhooks go to *receiver*, on loopback.

    *faults*: what was answered that cannot be right whatever was asked before.
    """

    def __init__(
        self,
        chance: random.Random,
        *,
        headers: Sequence[Header],
        others: Sequence[str],
        item: str,
        users: Sequence[str],
        receiver: str,
    ) -> None:
        self.faults: list[str] = []
        self.secrets: set[str] = set()
        self._chance = chance
        self._headers = tuple(headers)
        self._others = others
        self._users = users
        self._receiver = receiver
        self._item = item
        self._workspace = item.partition("/items/")[0]
        self._known: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        self._runs: dict[tuple[str, str, bytes], str] = {}

    @property
    def bends(self) -> Sequence[Bend]:
        return (
            self._foreign_caller, self._odd_header, self._odd_header, self._odd_when, self._odd_url,
            self._own_query,
        )  # fmt: skip

    def good(self) -> Request:
        (kind,) = self._chance.choices(
            (self._schedules, self._of_schedule, self._roles, self._folders, self._webhooks,
             self._runs_of_item, self._instances, self._collections, self._operations, self._events,
             self._beside),
            weights=(3, 5, 3, 4, 3, 6, 5, 5, 3, 1, 2),
        )  # fmt: skip
        return kind()

    def hear(self, request: Request, answer: Answer) -> None:
        """Remember what was made, and look whether it may be so."""
        location = answer.headers.get("location", "")
        if answer.status in (201, 202) and location:
            path = urlsplit(location).path
            listed, _, id = path.rpartition("/")
            self._known[listed.rpartition("/")[2].lower()].append(path)
            if listed.endswith("/jobs/instances"):
                self._hear_run(request, path)
                self._known["ids"].append(id)
        if answer.status == 201 and request.path.endswith("/notebooks"):
            self._known["notebooks"].append(f"{request.path}/{json.loads(answer.body)['id']}")
        if answer.is_stream:
            self._known["positions"] += [
                line[4:].decode() for line in answer.body.split(b"\n") if line.startswith(b"id: ")
            ]
        if "/webhooks" in request.path.lower():
            self._hear_webhook(request, answer)

    def _hear_run(self, request: Request, path: str) -> None:
        keys = [
            value
            for name in ("Idempotency-Key", "Repeatability-Request-ID")
            for value in request.header(name)
        ]
        if len(keys) != 1 or request.header("Authorization") != [dict(self._headers)["Authorization"]]:
            return
        asked = (f"{request.path}?{request.query}", keys[0], request.body)
        if (known := self._runs.setdefault(asked, path)) != path:
            self.faults.append(f"the key {keys[0]!r} has two jobs: {known} and {path}")

    def _hear_webhook(self, request: Request, answer: Answer) -> None:
        is_creation = answer.status == 201 and request.method == "POST"
        if SECRET in answer.body and not is_creation:
            self.faults.append(f"the secret of a webhook is told: {request.method} {request.path}")
        if is_creation:
            made = json.loads(answer.body)
            self.secrets.add(made["secret"])
            if not is_loopback(urlsplit(made["url"]).hostname or ""):
                self.faults.append(f"a webhook may go to {made['url']}")

    # ---- what is asked

    def _schedules(self) -> Request:
        path = f"{self._item}/jobs/{self._chance.choice(('quick', 'fails'))}/schedules"
        if self._chance.random() < 0.5:
            return self._request("GET", path, None, (200,))
        return self._request("POST", path, self._schedule(), (201, 400))

    def _of_schedule(self) -> Request:
        path = self._any("schedules", f"{self._item}/jobs/quick/schedules")
        extra = path.replace("/v1/", "/weft/v1/", 1)
        return self._one_of(
            ("GET", path, None, (200, 404)),
            ("PATCH", path, self._schedule(), (200, 404)),
            ("DELETE", path, None, (200, 404)),
            ("GET", f"{extra}/occurrences", None, (200, 404)),
            ("GET", f"{extra}/upcoming?limit={self._chance.randrange(1, 101)}", None, (200, 404)),
        )

    def _schedule(self) -> dict[str, Any]:
        configuration = {
            **self._chance.choice(WHEN),
            "startDateTime": self._chance.choice((BEGINS, "2030-01-31T00:00:00Z")),
            "endDateTime": "2040-01-31T00:00:00.5",
            "localTimeZoneId": self._chance.choice(ZONES[:3]),
        }
        body: dict[str, Any] = {"enabled": self._chance.random() < 0.7, "configuration": configuration}
        return {**body, "executionData": {"a": 1}} if self._chance.random() < 0.5 else body

    def _roles(self) -> Request:
        user = self._chance.choice(self._users)
        path = f"{self._workspace}/roleAssignments"
        role = self._chance.choice(("Member", "Contributor", "Viewer"))
        given = {"principal": {"id": user, "type": "User"}, "role": role}
        return self._one_of(
            ("GET", path, None, (200,)),
            ("POST", path, given, (201, 409)),
            ("GET", f"{path}/{user}", None, (200, 404)),
            ("PATCH", f"{path}/{user}", {"role": role}, (200, 404)),
            ("DELETE", f"{path}/{user}", None, (200, 404)),
        )

    def _folders(self) -> Request:
        path = f"{self._workspace}/folders"
        folder, into = self._any("folders", path), self._any("folders", path).rpartition("/")[2]
        name = f"f {self._chance.randrange(40)}"
        return self._one_of(
            ("GET", f"{path}?recursive=false", None, (200,)),
            ("GET", f"{path}?rootFolderId={into}", None, (200, 404)),
            ("POST", path, {"displayName": name}, ()),
            ("POST", path, {"displayName": name, "parentFolderId": into}, ()),
            ("GET", folder, None, (200, 404)),
            ("PATCH", folder, {"displayName": name}, ()),
            ("POST", f"{folder}/move", {"targetFolderId": into}, ()),
            ("POST", f"{folder}/move", None, ()),
            ("DELETE", folder, None, ()),
            ("POST", f"{self._item}/move", {"targetFolderId": into}, ()),
            ("GET", f"{self._workspace}/items?recursive=false&rootFolderId={into}", None, (200, 404)),
        )

    def _webhooks(self) -> Request:
        path = f"{self._workspace}/webhooks"
        webhook = self._any("webhooks", path)
        wanted = {"url": self._receiver, "statuses": ["Completed", "Failed"], "itemId": None}
        return self._one_of(
            ("GET", path, None, (200,)),
            ("POST", path, wanted, (201, 400)),
            ("GET", webhook, None, (200, 404)),
            ("PATCH", webhook, {"enabled": self._chance.random() < 0.5}, (200, 404)),
            ("PATCH", webhook, {"url": self._receiver, "statuses": ["Cancelled"]}, (200, 404)),
            ("GET", f"{webhook}/deliveries", None, (200, 404)),
            ("DELETE", webhook, None, (200, 404)),
        )

    def _runs_of_item(self) -> Request:
        jobs = f"{self._item}/jobs"
        instance = self._any("instances", f"{jobs}/instances")
        shown = instance.replace("/v1/", "/weft/v1/", 1)
        body = {"executionData": {"a": self._chance.randrange(2)}}
        request = self._one_of(
            ("POST", f"{jobs}/quick/instances", body, ()),
            ("POST", f"{jobs}/instances?jobType=quick", body, ()),
            ("GET", instance, None, (200, 404)),
            ("GET", shown, None, (200, 404)),
            ("GET", f"{shown}/logs?after=0", None, (200, 404)),
            ("POST", f"{instance}/rerun", None, ()),
            ("POST", f"{instance}/cancel", None, ()),
        )
        if self._chance.random() < 0.4:
            request = with_header(
                request, "Prefer", self._chance.choice(("wait=1", "wait=2, return=representation"))
            )
        if request.method == "POST" and self._chance.random() < 0.5:
            request = with_header(request, "Idempotency-Key", f"key-{self._chance.randrange(20)}")
        return request

    def _instances(self) -> Request:
        item, workspace = self._item.rpartition("/")[2], self._workspace.rpartition("/")[2]
        if self._chance.random() < 0.4:
            ids = [*self._known["ids"], few_uuids(self._chance)]
            names = [{"workspaceId": workspace, "itemId": item, "id": id} for id in ids[-5:]]
            return self._request("POST", "/v1/jobs/instances/bulkGet", {"instances": names}, (200,))
        chosen = self._chance.sample(PARAMETERS, self._chance.choice((0, 1, 2)))
        query = "&".join([*chosen, f"workspaceId={workspace}"][self._chance.randrange(2) :])
        return self._request("GET", f"/v1/jobs/instances?{query}", None, ())

    def _collections(self) -> Request:
        path = f"{self._workspace}/notebooks"
        notebook = self._any("notebooks", path)
        named = {"displayName": f"n {self._chance.random()}"}
        return self._one_of(
            ("GET", path, None, (200,)),
            ("POST", path, named, (201, 202)),
            ("POST", path, {**named, "definition": self._notebook()}, ()),
            ("POST", f"{notebook}/updateDefinition", {"definition": self._notebook()}, ()),
            ("POST", f"{notebook}/getDefinition", None, ()),
            ("POST", f"{self._workspace}/lakehouses", named, ()),
            ("GET", notebook, None, (200, 404)),
            ("PATCH", notebook, {"description": "d"}, (200, 404)),
            ("POST", f"{notebook}/getDefinition?format=ipynb", None, ()),
            ("GET", f"{notebook}/jobs/execute/instances/{few_uuids(self._chance)}?beta=true", None, ()),
            ("GET", f"{notebook}/jobs/RunNotebook/schedules", None, ()),
            ("DELETE", notebook, None, (200, 404)),
        )

    def _notebook(self) -> dict[str, Any]:
        """Return a definition that nobody runs, for it is converted when it is read."""
        content = self._chance.choice(NOTEBOOKS).encode()
        path = f"notebook-content.{self._chance.choice(('ipynb', 'py'))}"
        part = {"path": path, "payload": base64.b64encode(content).decode(), "payloadType": "InlineBase64"}
        return {"parts": [part]}

    def _operations(self) -> Request:
        operation = self._any("operations", "/v1/operations")
        exported = {"mode": self._chance.choice(("All", "Selected"))}
        return self._one_of(
            ("GET", operation, None, (200, 404)),
            ("GET", f"{operation}/result", None, ()),
            ("POST", f"{self._workspace}/items/bulkExportDefinitions?beta=true", exported, ()),
        )

    def _events(self) -> Request:
        request = self._request("GET", "/v1/jobs/instances/events", None, (200,))
        positions = self._known["positions"]
        if positions and self._chance.random() < 0.5:
            return with_header(request, "Last-Event-ID", self._chance.choice(positions))
        return request

    def _beside(self) -> Request:
        """Capacities; and the clock, which nobody here has the scope for."""
        return self._one_of(
            ("GET", "/v1/capacities", None, (200,)),
            ("GET", f"/v1/capacities/{few_uuids(self._chance)}", None, (403,)),
            ("POST", f"{self._workspace}/unassignFromCapacity", None, ()),
            ("GET", "/weft/v1/clock", None, (403,)),
            ("POST", "/weft/v1/clock/advance", {"seconds": 1}, (403,)),
        )

    # ---- what bends them

    def _foreign_caller(self, request: Request) -> Request:
        return with_header(request, "Authorization", self._chance.choice(self._others))

    def _odd_header(self, request: Request) -> Request:
        return replace(request, headers=(*request.headers, self._chance.choice(ODD_HEADERS)))

    def _odd_when(self, request: Request) -> Request:
        """Give one member of a schedule's configuration another value."""
        try:
            configuration = json.loads(request.body)["configuration"]
        except (ValueError, RecursionError, KeyError, TypeError):
            return request
        if not isinstance(configuration, dict) or not configuration:
            return request
        member = self._chance.choice(list(configuration))
        odd = {"localTimeZoneId": ZONES, "startDateTime": ODD_TIMES, "endDateTime": ODD_TIMES}
        value: Any = self._chance.choice((*odd.get(member, ()), *TEXTS, 0, [], {}, None, 10**400))
        body = {"enabled": True, "configuration": {**configuration, member: value}}
        return replace(request, body=as_json(body))

    def _odd_url(self, request: Request) -> Request:
        if "/webhooks" not in request.path:
            return request
        return replace(request, body=as_json({"url": self._chance.choice((*ODD_URLS, *TEXTS))}))

    def _own_query(self, request: Request) -> Request:
        name, _, _ = self._chance.choice(PARAMETERS).partition("=")
        value = quote(self._chance.choice(TEXTS)[:2000].encode("utf-8", "surrogatepass"))
        return replace(request, query=f"{name}={value}")

    # ---- inside

    def _any(self, kind: str, listed: str) -> str:
        """Return one that was made, or in its place one of few ids."""
        known = self._known[kind]
        at = self._chance.random()
        return known[int(at * len(known))] if known and at < 0.9 else f"{listed}/{few_uuids(self._chance)}"

    def _one_of(self, *known: tuple[str, str, Any, tuple[int, ...]]) -> Request:
        return self._request(*self._chance.choice(known))

    def _request(self, method: str, target: str, body: Any, expected: tuple[int, ...]) -> Request:
        path, _, query = target.partition("?")
        raw = b"" if body is None else as_json(body)
        return Request(method, path, self._headers, raw, query, expected)
