"""Good requests to Core: workspaces, items with all that can be given to them, jobs, and permissions."""

from __future__ import annotations

import base64
import json
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from tests.fuzz import workload as fuzzed
from tests.fuzz.answers import Answer
from tests.fuzz.bends import TEXTS, Bend, Header, as_json
from tests.fuzz.message import Request
from tests.torture.workload import ITEM_TYPE
from weft.contracts.hosts import CORE_HOST

REMEMBERED: Final = 30
MADE: Final = (200, 201, 400, 404)
PATHS: Final = ("a.json", ".platform", "a/b.json", "..", "/etc/passwd", "a\\b", "", "x" * 1025, "é", "A.json")
QUERIES: Final = ("format=json", "format=", "updateMetadata=true", "updateMetadata=false", "beta=true")


class CoreRequests:
    """*headers* authorise, and so do *control* where a workload calls; *item* is known, below /v1.

    Where *fabric* is set they go to Core's own name.
    """

    def __init__(
        self,
        chance: random.Random,
        *,
        headers: Sequence[Header],
        control: Sequence[Header],
        others: Sequence[str],
        item: str,
        fabric: bool = False,
    ) -> None:
        self._chance = chance
        own = dict(headers) | ({"Host": CORE_HOST} if fabric else {})
        self._headers = tuple(own.items())
        self._control = tuple((own | dict(control)).items())
        self._others = others
        self._fabric = fabric
        self._item = item
        self._workspace = item.partition("/items/")[0]
        self._items: deque[str] = deque(maxlen=REMEMBERED)

    @property
    def bends(self) -> Sequence[Bend]:
        return (self._foreign_caller, self._odd_definition, self._odd_payload, self._own_query)

    def hear(self, request: Request, answer: Answer) -> None:
        """Remember the item that was made."""
        if answer.status == 201 and request.path.endswith("/items"):
            self._items.append(f"{self._workspace}/items/{json.loads(answer.body)['id']}")

    def good(self) -> Request:
        (kind,) = self._chance.choices(
            (self._of_jobs, self._of_workspaces, self._creation, self._of_item, self._permissions),
            weights=(4, 2, 3, 6, 1),
        )
        return kind()

    # ---- what is asked

    def _of_jobs(self) -> Request:
        jobs, id = f"{self._item}/jobs", self._uuid()
        known: tuple[tuple[str, str, Any], ...] = (
            ("POST", f"{jobs}/quick/instances", {"executionData": {"a": 1}}),
            ("POST", f"{jobs}/instances?jobType=fails", None),
            ("GET", f"{jobs}/instances", None),
            ("GET", f"{jobs}/instances/{id}", None),
            ("POST", f"{jobs}/instances/{id}/cancel", None),
        )
        return self._request(*self._chance.choice(known))

    def _of_workspaces(self) -> Request:
        known: tuple[tuple[str, str, Any], ...] = (
            ("GET", "/v1/workspaces", None),
            ("POST", "/v1/workspaces", {"displayName": self._name(), "description": "d"}),
            ("GET", self._workspace, None),
            ("GET", f"{self._workspace}/items", None),
            ("GET", f"{self._workspace}/items?type={ITEM_TYPE}", None),
        )
        return self._request(*self._chance.choice(known))

    def _creation(self) -> Request:
        body = self._chance.choice(
            (
                {"type": ITEM_TYPE},
                {"type": ITEM_TYPE, "description": "d", "creationPayload": {"a": [1, None]}},
                {"type": ITEM_TYPE, "definition": self._definition()},
                {"type": fuzzed.ITEM_TYPE, "creationPayload": {"a": 1}},
            )
        )
        expected = (201, 404) if body["type"] == ITEM_TYPE else MADE
        whole = {"displayName": self._name(), **body}
        return self._request("POST", f"{self._workspace}/items", whole, expected)

    def _of_item(self) -> Request:
        item = self._any_item()
        definition = {"definition": self._definition()}
        known: tuple[tuple[str, str, Any, tuple[int, ...]], ...] = (
            ("GET", item, None, (200, 404)),
            ("PATCH", item, {"displayName": self._name()}, MADE),
            ("PATCH", item, {"description": "other"}, MADE),
            ("POST", f"{item}/getDefinition", None, (200, 404)),
            ("POST", f"{item}/updateDefinition", definition, MADE),
            ("POST", f"{item}/updateDefinition?updateMetadata=false", definition, MADE),
            ("DELETE", item if item != self._item else f"{self._workspace}/items/{self._uuid()}", None,
             (200, 404, 409)),
        )  # fmt: skip
        return self._request(*self._chance.choice(known))

    def _permissions(self) -> Request:
        path = self._any_item().replace("/v1/", "/v1/workload-control/", 1) + "/resolvePermissions"
        return replace(self._request("GET", path, None, (200, 404)), headers=self._control)

    # ---- what bends them

    def _foreign_caller(self, request: Request) -> Request:
        kept = tuple(header for header in request.headers if header[0] != "Authorization")
        return replace(request, headers=(*kept, ("Authorization", self._chance.choice(self._others))))

    def _odd_definition(self, request: Request) -> Request:
        part = {
            "path": self._chance.choice(PATHS),
            "payload": self._chance.choice((*TEXTS, "QQ==", "QQ", "QQ==\n", "A" * 70_000)),
            "payloadType": self._chance.choice(("InlineBase64", "inlinebase64", "VsoGit", "", 1)),
        }
        parts = [part] * self._chance.choice((0, 1, 1, 2))
        return self._with_member(
            request, "definition", {"parts": parts, "format": self._chance.choice(TEXTS)}
        )

    def _odd_payload(self, request: Request) -> Request:
        odd: Any = self._chance.choice(([], "x", 1, {}, {"a": 2**63}, {"a": 1e300}, {"": {"\u2028": ""}}))
        return self._with_member(request, self._chance.choice(("creationPayload", "executionData")), odd)

    def _own_query(self, request: Request) -> Request:
        return replace(request, query=self._chance.choice(QUERIES))

    # ---- inside

    def _request(self, method: str, target: str, body: Any, expected: tuple[int, ...] = ()) -> Request:
        path, _, query = target.partition("?")
        raw = b"" if body is None else as_json(body)
        return Request(method, path, self._headers, raw, query, expected, fabric=self._fabric)

    @staticmethod
    def _with_member(request: Request, name: str, value: object) -> Request:
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            return request
        return replace(request, body=as_json({**body, name: value})) if isinstance(body, dict) else request

    def _definition(self) -> dict[str, Any]:
        content = base64.b64encode(str(self._chance.random()).encode()).decode()
        return {"parts": [{"path": "a.json", "payload": content, "payloadType": "InlineBase64"}]}

    def _any_item(self) -> str:
        """Return a known item, more often one that was made here; by a chance that no answer changes."""
        at = self._chance.random()
        made = [*self._items, self._item]
        return made[int(at * len(made))]

    def _name(self) -> str:
        return f"{self._chance.choice(('n', 'n', 'no'))} {self._chance.random()}"

    def _uuid(self) -> str:
        return few_uuids(self._chance)


def few_uuids(chance: random.Random) -> str:
    """Return one of few ids, so that requests meet what others made."""
    return f"00000000-0000-4000-8000-{chance.randrange(50):012}"
