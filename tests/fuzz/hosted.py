"""Good requests to a host of workloads, in the contracts of both kits."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from tests.fuzz import workload as fuzzed
from tests.fuzz.answers import Answer
from tests.fuzz.bends import TEXTS, Bend, Header, as_json
from tests.fuzz.core import few_uuids
from tests.fuzz.message import Request
from tests.torture.workload import ITEM_TYPE

HOOKED_OFTEN: Final = 0.15
"""Of the calls of an item's life; each starts a process."""

NEVER_DELETED: Final = "10000000-0000-4000-8000-000000000000"
LIFE: Final = (200, 400, 404, 409, 503)
CONTEXT: Final = ("EndpointName", "TenantRegion", "WorkspaceRegion", "TenantId")


class HostRequests:
    """*headers* authorise for the workload without hooks, *hooked* for the one with them."""

    def __init__(
        self,
        chance: random.Random,
        *,
        headers: Sequence[Header],
        hooked: Sequence[Header],
        others: Sequence[str],
    ) -> None:
        self._chance = chance
        self._headers = tuple(headers)
        self._hooked = tuple(hooked)
        self._others = others

    @property
    def bends(self) -> Sequence[Bend]:
        return (self._foreign_caller, self._odd_part, self._other_type)

    def hear(self, request: Request, answer: Answer) -> None:
        pass

    def good(self) -> Request:
        (kind,) = self._chance.choices(
            (self._wdk_job, self._remote_job, self._wdk_item, self._remote_item, self._resolution),
            weights=(5, 3, 4, 4, 1),
        )
        return kind()

    def good_create(self) -> Request:
        """Return the create of a job that every server must take."""
        place = f"/workload/workspaces/{few_uuids(self._chance)}/items/{ITEM_TYPE}/{NEVER_DELETED}"
        path = f"{place}/jobTypes/quick/instances/{few_uuids(self._chance)}"
        return self._request("POST", path, {"invokeType": "Manual"}, (202, 409))

    # ---- what is asked

    def _wdk_job(self) -> Request:
        kind = self._chance.choice(("quick", "fails"))
        path = f"{self._place_of_jobs()}/jobTypes/{kind}/instances/{few_uuids(self._chance)}"
        dice = self._chance.random()
        if dice < 0.5:
            body = {"invokeType": "Scheduled", "creationPayload": {"priority": "low", "numbers": [1, 2.5]}}
            return self._request("POST", path, body)
        if dice < 0.75:
            return self._request("GET", path)
        return self._request("POST", f"{path}/cancel")

    def _remote_job(self) -> Request:
        known = self._chance.random() < 0.8
        item_type, kind = (ITEM_TYPE, "quick") if known else (fuzzed.ITEM_TYPE, "typed")
        body: dict[str, Any] = {"jobType": kind, "jobInstanceId": few_uuids(self._chance)}
        name = self._chance.choice(("onCreateJobInstance", "onGetJobInstanceStatus", "onCancelJobInstance"))
        if name == "onCreateJobInstance":
            body["executionData"] = self._chance.choice(({"amount": 1}, {"amount": 2, "colour": "é"}))
        place = self._place_of_jobs() if known else self._place(item_type)
        return self._request("POST", f"{place}/jobs/{name}", body, (200, 201, 404, 409), item_type)

    def _wdk_item(self) -> Request:
        item_type = self._item_type()
        item, name = self._place(item_type), self._name()
        known: tuple[tuple[str, str, Any], ...] = (
            ("POST", item, {"displayName": name, "description": "d", "creationPayload": {"a": [1]}}),
            ("POST", item, {"displayName": "same"}),
            ("PATCH", item, {"displayName": name}),
            ("PATCH", item, {"description": None, "updatePayload": {"b": {"c": 1.5}}}),
            ("GET", f"{item}/payload", None),
            ("GET", f"{item}/payload", None),
            ("DELETE", item, None),
        )
        return self._request(*self._chance.choice(known), LIFE, item_type)

    def _remote_item(self) -> Request:
        item_type = self._item_type()
        definition = {"definition": {"parts": [self._part()]}}
        known: tuple[tuple[str, Any], ...] = (
            ("OnCreateItem", definition),
            ("OnUpdateItem", definition),
            ("OnUpdateItem", {}),
            ("OnDeleteItem", {"deleteType": "Soft"}),
            ("OnDeleteItem", {"deleteType": "Hard"}),
            ("OnDeleteItem", None),
            ("OnRestoreItem", {}),
        )
        name, body = self._chance.choice(known)
        return self._request("POST", f"{self._place(item_type)}/{name}", body, LIFE, item_type)

    def _resolution(self) -> Request:
        names = self._chance.sample(CONTEXT, self._chance.randrange(len(CONTEXT) + 1))
        body = {"context": [{"name": name, "value": "x"} for name in names]}
        path = self._chance.choice(("/workload/resolve", "/workload/resolve-endpoint"))
        return self._request("POST", path, body, (200,))

    # ---- what bends them

    def _foreign_caller(self, request: Request) -> Request:
        kept = tuple(header for header in request.headers if header[0] != "Authorization")
        return replace(request, headers=(*kept, ("Authorization", self._chance.choice(self._others))))

    def _odd_part(self, request: Request) -> Request:
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            return request
        if not isinstance(body, dict):
            return request
        names = ("path", "payload", "payloadType", "other")
        part = self._part() | {self._chance.choice(names): self._chance.choice((*TEXTS, None, 1, [], "QQ"))}
        parts = [part] * self._chance.choice((0, 1, 1, 2, 300))
        return replace(request, body=as_json({**body, "definition": {"parts": parts}}))

    def _other_type(self, request: Request) -> Request:
        other = self._chance.choice((fuzzed.ITEM_TYPE, ITEM_TYPE.upper(), "None.Such", "x" * 400))
        return replace(request, path=request.path.replace(ITEM_TYPE, other))

    # ---- inside

    def _request(
        self,
        method: str,
        path: str,
        body: Any = None,
        expected: tuple[int, ...] = (),
        item_type: str = ITEM_TYPE,
    ) -> Request:
        headers = self._headers if item_type == ITEM_TYPE else self._hooked
        return Request(method, path, headers, b"" if body is None else as_json(body), "", expected)

    def _item_type(self) -> str:
        return fuzzed.ITEM_TYPE if self._chance.random() < HOOKED_OFTEN else ITEM_TYPE

    def _place(self, item_type: str) -> str:
        chance = self._chance
        return f"/workload/workspaces/{few_uuids(chance)}/items/{item_type}/{few_uuids(chance)}"

    def _place_of_jobs(self) -> str:
        """Return any item, or often one that stays, so that requests meet its jobs."""
        if self._chance.random() < 0.4:
            return self._place(ITEM_TYPE)
        return f"/workload/workspaces/{NEVER_DELETED}/items/{ITEM_TYPE}/{NEVER_DELETED}"

    def _part(self) -> dict[str, Any]:
        content = base64.b64encode(str(self._chance.random()).encode()).decode()
        return {"path": "a.json", "payload": content, "payloadType": "InlineBase64"}

    def _name(self) -> str:
        return f"{self._chance.choice(('n', 'no'))} {self._chance.randrange(5)}"
