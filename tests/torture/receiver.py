"""A receiver of webhooks on loopback: refuses now and then, checks signatures, notes what was told."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from tests.torture.ledger import Ledger

REFUSED = 0.05


class Receiver:
    """*secret* is that of the one webhook; *told*: the end that was told of each job instance."""

    def __init__(self, ledger: Ledger, chance: random.Random) -> None:
        self.secret = ""
        self.told: dict[str, str] = {}
        self.ledger = ledger
        self._chance = chance
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Return the address that deliveries are to be sent to."""
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        _, port = self._runner.addresses[0][:2]
        return f"http://127.0.0.1:{port}/hook"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self._chance.random() < REFUSED:
            self.ledger.counts["deliveries refused"] += 1
            return web.Response(status=503)
        self.take(request.headers, body)
        return web.Response(status=204)

    def take(self, headers: Mapping[str, str], body: bytes) -> None:
        """Note one delivery, and what is wrong with it."""
        try:
            Webhook(self.secret).verify(body, dict(headers), json_parse=False)
        except WebhookVerificationError as wrong:
            self.ledger.violation("a delivery is not signed", f"{wrong}: {body[:300]!r}")
            return
        instance = json.loads(body)["data"]
        id, status = instance["id"], instance["status"]
        if (before := self.told.setdefault(id, status)) != status:
            self.ledger.violation("two ends were told of a job", f"{id}: {before}, then {status}")
        self.ledger.counts["deliveries taken"] += 1
