"""A seeded generator of requests: each begins as a good one and is then bent in up to three places."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from tests.fuzz.bends import Bends, as_json
from tests.fuzz.message import Request
from tests.fuzz.twins import TwinsRequests
from tests.torture.workload import ITEM_TYPE


class Generator:
    """*core* and *host* are header lines that authorise; *item* is the path of a known item below /v1."""

    def __init__(
        self,
        chance: random.Random,
        *,
        core: Mapping[str, str],
        host: Mapping[str, str],
        item: str,
        address: str,
        twins: TwinsRequests,
    ) -> None:
        self._chance = chance
        self._core = (("Host", address), *core.items())
        self._host = (("Host", address), *host.items())
        self._item = item
        self._workspace = item.partition("/items/")[0]
        self._twins = twins
        self._bends = Bends(chance)

    def next(self) -> Request:
        """Return a request that was good and is bent in none to three places."""
        if self._chance.random() < 0.6:
            return self._bends.bend(self._twins.good(), self._twins.bends)
        good = self._chance.choice((self._good_host, self._good_core))()
        return self._bends.bend(good, (self._foreign_caller,))

    # ---- good requests

    def good_create(self) -> Request:
        body = as_json({"invokeType": "Manual"})
        return Request("POST", self._instance(), self._host, body, expected=(202, 409))

    def _good_host(self) -> Request:
        dice = self._chance.random()
        if dice < 0.5:
            body = {"invokeType": "Scheduled", "creationPayload": {"priority": "low", "numbers": [1, 2.5]}}
            return Request("POST", self._instance(), self._host, as_json(body))
        if dice < 0.75:
            return Request("GET", self._instance(), self._host)
        return Request("POST", f"{self._instance()}/cancel", self._host)

    def _good_core(self) -> Request:
        jobs = f"{self._item}/jobs"
        name = f"n {self._chance.random()}"
        known: tuple[tuple[str, str, Any], ...] = (
            ("POST", f"{jobs}/quick/instances", {"executionData": {"a": 1}}),
            ("POST", f"{jobs}/instances?jobType=fails", None),
            ("GET", f"{jobs}/instances", None),
            ("GET", f"{jobs}/instances/{self._uuid()}", None),
            ("POST", f"{jobs}/instances/{self._uuid()}/cancel", None),
            ("GET", "/v1/workspaces", None),
            ("POST", "/v1/workspaces", {"displayName": name, "description": "d"}),
            ("GET", self._workspace, None),
            ("GET", f"{self._workspace}/items", None),
            ("POST", f"{self._workspace}/items", {"displayName": name, "type": ITEM_TYPE}),
            ("GET", self._item, None),
        )
        method, target, body = self._chance.choice(known)
        path, _, query = target.partition("?")
        return Request(method, path, self._core, b"" if body is None else as_json(body), query)

    def _instance(self) -> str:
        workspace = self._uuid()
        kind = self._chance.choice(("quick", "fails"))
        return (
            f"/workload/workspaces/{workspace}/items/{ITEM_TYPE}/{self._uuid()}"
            f"/jobTypes/{kind}/instances/{self._uuid()}"
        )

    def _uuid(self) -> str:
        # Few ids, so that requests meet the jobs of others.
        return str(UUID(int=self._chance.randrange(50) << 64 | 0x4 << 76, version=4))

    def _foreign_caller(self, request: Request) -> Request:
        other = self._core if request.face == "workload" else self._host
        return replace(request, headers=other)
